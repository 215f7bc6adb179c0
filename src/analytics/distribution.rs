//! Distributions over training data, and how they went over time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::analytics::{Analytics, share};
use crate::domain::conversation::Outcome;
use crate::domain::ids::TenantId;
use crate::domain::period::{PeriodKind, Span};
use crate::engine::error::Error;
use crate::store::distributions::{FactFilter, OutcomeInSpan, RecordGroup, SCORE_BINS};
use crate::store::facts::TermKind;

/// The most key phrases, intents, categories, languages and channels that are told; the rarest are left out.
const MAX_TERMS: usize = 50;
/// The most periods of a trend; the earliest are left out.
const MAX_PERIODS: i64 = 100;

/// A word and how many records have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The word.
    pub name: String,
    /// How many records.
    pub count: i64,
}

/// Means of the quality measures, over records that are not excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QualityMeans {
    /// User turns.
    pub user_turns: Option<f64>,
    /// Agent turns.
    pub agent_turns: Option<f64>,
    /// Share of the words that the agent said, 0 to 1.
    pub talk_ratio: Option<f64>,
    /// How far the need was met, 0 to 1.
    pub resolution: Option<f64>,
    /// Share of turns that repeat an earlier one, 0 to 1.
    pub repetition: Option<f64>,
    /// Mean similarity of replies to what had just been said, 0 to 1.
    pub response_relevance: Option<f64>,
}

/// One period of a trend.
#[derive(Clone, Debug, PartialEq)]
pub struct TrendPoint {
    /// Its first moment, as RFC 3339 with the offset of the time zone.
    pub period_start: String,
    /// Records of conversations that began in it.
    pub records: i64,
    /// `successful` among `successful`, `unsuccessful` and `partial`.
    pub success_rate: Option<f64>,
    /// Mean success score of those that are not excluded.
    pub average_success_score: Option<f64>,
}

/// What the records that pass a filter are like together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// How many they are, excluded ones included.
    pub records: i64,
    /// By how they ended; every outcome is there.
    pub outcomes: BTreeMap<Outcome, i64>,
    /// `successful` among `successful`, `unsuccessful` and `partial`.
    pub success_rate: Option<f64>,
    /// Mean success score of those that are not excluded.
    pub average_success_score: Option<f64>,
    /// By category, the most frequent first.
    pub categories: Vec<Counted>,
    /// By language, the most frequent first.
    pub languages: Vec<Counted>,
    /// By channel, the most frequent first.
    pub channels: Vec<Counted>,
    /// By intent, the most frequent first.
    pub user_intents: Vec<Counted>,
    /// By key phrase, the most frequent first.
    pub key_phrases: Vec<Counted>,
    /// How many of those that are not excluded have a success score in each tenth, from 0 to 1.
    pub success_scores: [i64; SCORE_BINS],
    /// Means of the quality measures.
    pub quality: QualityMeans,
    /// Over time, the earliest first, without gaps.
    pub trend: Vec<TrendPoint>,
}

impl Analytics {
    /// What the records that pass the filter are like together, and over periods of this kind.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn distribution(
        &self,
        tenant: &TenantId,
        filter: &FactFilter,
        kind: PeriodKind,
    ) -> Result<Distribution, Error> {
        let store = &self.engine.store;
        let terms = |kind| async move { Ok::<_, Error>(store.record_terms(tenant, filter, kind, MAX_TERMS).await?) };
        let groups = async { Ok::<_, Error>(store.record_groups(tenant, filter).await?) };
        // Each walks through much; they do not wait for each other.
        let (groups, user_intents, key_phrases, trend) = tokio::try_join!(
            groups,
            terms(TermKind::Intent),
            terms(TermKind::Phrase),
            self.trend(tenant, filter, kind)
        )?;
        Ok(Distribution {
            user_intents: most_frequent(user_intents),
            key_phrases: most_frequent(key_phrases),
            trend,
            ..Distribution::of_groups(&groups)
        })
    }

    async fn trend(&self, tenant: &TenantId, filter: &FactFilter, kind: PeriodKind) -> Result<Vec<TrendPoint>, Error> {
        let Some((first, last)) = self.engine.store.record_extent(tenant, filter).await? else {
            return Ok(Vec::new());
        };
        let calendar = self.calendar(tenant);
        let last = calendar.number_at(kind, last);
        let first = calendar.number_at(kind, first).max(last - MAX_PERIODS + 1);
        let spans: Vec<Span> = (first..=last).map(|number| calendar.span(kind, number)).collect();
        let found = self.engine.store.record_trend(tenant, filter, &spans).await?;

        let mut tallies = vec![Tally::default(); spans.len()];
        for OutcomeInSpan { span, outcome, records, success_score } in found {
            if let Some(tally) = tallies.get_mut(span) {
                tally.add(outcome, records, success_score);
            }
        }
        let point = |(span, tally): (&Span, &Tally)| TrendPoint {
            period_start: calendar.label(span.start),
            records: tally.records,
            success_rate: tally.success_rate(),
            average_success_score: tally.average_success_score(),
        };
        Ok(spans.iter().zip(&tallies).map(point).collect())
    }
}

impl Distribution {
    fn of_groups(groups: &[RecordGroup]) -> Self {
        let mut all = Self { outcomes: Outcome::ALL.iter().map(|outcome| (*outcome, 0)).collect(), ..Self::default() };
        let mut tally = Tally::default();
        let mut categories: BTreeMap<String, i64> = BTreeMap::new();
        let mut languages: BTreeMap<String, i64> = BTreeMap::new();
        let mut channels: BTreeMap<String, i64> = BTreeMap::new();
        for group in groups {
            tally.add(group.outcome, group.records, group.success_score);
            *all.outcomes.entry(group.outcome).or_default() += group.records;
            *categories.entry(group.category.clone()).or_default() += group.records;
            *languages.entry(group.language.clone()).or_default() += group.records;
            *channels.entry(group.channel.clone()).or_default() += group.records;
            if group.outcome != Outcome::Excluded {
                all.success_scores.iter_mut().zip(group.bins).for_each(|(all, records)| *all += records);
            }
        }
        all.records = tally.records;
        all.success_rate = tally.success_rate();
        all.average_success_score = tally.average_success_score();
        all.categories = most_frequent(categories);
        all.languages = most_frequent(languages);
        all.channels = most_frequent(channels);
        all.quality = quality_means(groups);
        all
    }
}

/// Counts of outcomes and what rates are made of.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    records: i64,
    /// Not excluded.
    counted: i64,
    judged: i64,
    successful: i64,
    /// Of those that count.
    success_score: f64,
}

impl Tally {
    fn add(&mut self, outcome: Outcome, records: i64, success_score: f64) {
        self.records += records;
        if outcome == Outcome::Excluded {
            return;
        }
        self.counted += records;
        self.success_score += success_score;
        if outcome != Outcome::Unknown {
            self.judged += records;
        }
        if outcome == Outcome::Successful {
            self.successful += records;
        }
    }

    fn success_rate(&self) -> Option<f64> {
        share(self.successful as f64, self.judged)
    }

    fn average_success_score(&self) -> Option<f64> {
        share(self.success_score, self.counted)
    }
}

/// The means over what was measured and is not excluded.
fn quality_means(groups: &[RecordGroup]) -> QualityMeans {
    let counted = || groups.iter().filter(|group| group.outcome != Outcome::Excluded);
    let measured: i64 = counted().map(|group| group.measured).sum();
    let mean = |measure: fn(&RecordGroup) -> f64| share(counted().map(measure).sum(), measured);
    QualityMeans {
        user_turns: mean(|group| group.user_turns as f64),
        agent_turns: mean(|group| group.agent_turns as f64),
        talk_ratio: mean(|group| group.talk_ratio),
        resolution: mean(|group| group.resolution),
        repetition: mean(|group| group.repetition),
        response_relevance: mean(|group| group.response_relevance),
    }
}

/// The most frequent first, then by name; both databases sort texts differently.
fn most_frequent(counts: impl IntoIterator<Item = (String, i64)>) -> Vec<Counted> {
    let mut counted: Vec<Counted> = counts.into_iter().map(|(name, count)| Counted { name, count }).collect();
    counted.sort_by(|one, other| (Reverse(one.count), &one.name).cmp(&(Reverse(other.count), &other.name)));
    counted.truncate(MAX_TERMS);
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(outcome: Outcome, category: &str, bin: usize, records: i64, success_score: f64) -> RecordGroup {
        let mut bins = [0; SCORE_BINS];
        bins[bin] = records;
        RecordGroup {
            outcome,
            category: category.to_owned(),
            language: "en".to_owned(),
            channel: "phone".to_owned(),
            bins,
            records,
            measured: records,
            success_score,
            user_turns: 3 * records,
            agent_turns: 2 * records,
            talk_ratio: 0.5 * records as f64,
            resolution: 0.25 * records as f64,
            repetition: 0.0,
            response_relevance: records as f64,
        }
    }

    #[test]
    fn excluded_records_are_counted_and_in_no_mean() {
        let all = Distribution::of_groups(&[
            group(Outcome::Successful, "sales", 9, 2, 1.9),
            group(Outcome::Unsuccessful, "support", 1, 1, 0.1),
            group(Outcome::Unknown, "sales", 5, 1, 0.5),
            group(Outcome::Excluded, "voicemail", 0, 6, 0.0),
        ]);
        assert_eq!((all.records, all.outcomes[&Outcome::Excluded], all.outcomes[&Outcome::Partial]), (10, 6, 0));
        assert!(all.success_rate.is_some_and(|rate| (rate - 2.0 / 3.0).abs() < 1e-9), "{all:?}");
        assert!(all.average_success_score.is_some_and(|score| (score - 0.625).abs() < 1e-9), "{all:?}");
        assert_eq!(all.success_scores, [0, 1, 0, 0, 0, 1, 0, 0, 0, 2]);
        let names: Vec<&str> = all.categories.iter().map(|counted| counted.name.as_str()).collect();
        assert_eq!(names, ["voicemail", "sales", "support"]);
        assert_eq!((all.quality.user_turns, all.quality.talk_ratio), (Some(3.0), Some(0.5)));
    }

    #[test]
    fn nothing_has_no_mean() {
        let none = Distribution::of_groups(&[]);
        assert_eq!((none.success_rate, none.average_success_score), (None, None));
        assert_eq!(none.quality, QualityMeans::default());
        assert_eq!(none.outcomes.len(), Outcome::ALL.len());
    }
}
