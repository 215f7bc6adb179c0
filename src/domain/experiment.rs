//! Experiments: conversations are assigned to arms by hash, and each arm is answered in a way of its own.
//!
//! Guarantees: a conversation is in the same arm of an experiment whenever and wherever it is asked, because the arm is a
//! function of the two; in another experiment its arm has nothing to do with that one.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::dice::dice;
use crate::domain::ids::{ConversationId, EntryId, ExperimentId};
use crate::domain::language::Language;
use crate::domain::query::RetrievalQuery;
use crate::domain::ranking::SuccessOrder;

word_enum!(
    /// What the arms of an experiment differ in.
    ExperimentKind {
        /// One arm gets no knowledge: what is knowledge worth at all?
        Holdout = "holdout",
        /// How entries are ranked.
        Ranker = "ranker",
        /// From which similarity on something is offered.
        Threshold = "threshold",
        /// Which of some rival entries is offered.
        Entry = "entry",
    }
);

word_enum!(
    /// Where an experiment stands.
    ExperimentStatus {
        /// Made, and without effect.
        Draft = "draft",
        /// Conversations are assigned to its arms.
        Running = "running",
        /// At its end, for good.
        Stopped = "stopped",
    }
);

word_enum!(
    /// What the arms of an experiment are compared by.
    ExperimentMetric {
        /// `successful` among `successful`, `unsuccessful` and `partial`.
        SuccessRate = "success_rate",
        /// The ratings that users gave, 1 to 5.
        Satisfaction = "satisfaction",
        /// What a conversation cost, in US dollars; less is better.
        Cost = "cost",
        /// Turns of a conversation; fewer are better.
        Turns = "turns",
        /// Seconds from start to end; fewer are better.
        Duration = "duration",
    }
);

impl ExperimentMetric {
    /// Whether less of it is better.
    pub fn is_better_low(self) -> bool {
        matches!(self, Self::Cost | Self::Turns | Self::Duration)
    }
}

/// How an arm is answered; what is not set is as configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmSettings {
    /// It is offered nothing at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holdout: bool,
    /// By what entries within a band are ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_order: Option<SuccessOrder>,
    /// Scores within this distance (0 to 1) are a band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<f64>,
    /// Share of words in the fused score, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lexical_weight: Option<f64>,
    /// Added to the score of an entry in the language of the question, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_bonus: Option<f64>,
    /// Best cosine (-1 to 1) under which nothing is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// The entry of this arm, which the others are never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_id: Option<EntryId>,
}

/// One way of answering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What people call it; unique in its experiment.
    pub name: String,
    /// Share of the conversations, above 0 and below 1.
    pub share: f64,
    /// How it is answered.
    pub settings: ArmSettings,
}

/// Which retrievals an experiment takes; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrievalFilter {
    /// The category that the agent asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The language that the agent asked for; a region does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

/// A comparison of ways of answering, on conversations.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Its id.
    pub id: ExperimentId,
    /// What people call it.
    pub name: String,
    /// What its arms differ in.
    pub kind: ExperimentKind,
    /// Where it stands.
    pub status: ExperimentStatus,
    /// What its arms are compared by.
    pub metric: ExperimentMetric,
    /// Its arms, 2 to 10, whose shares add up to 1.
    pub arms: Vec<Arm>,
    /// Which retrievals it takes.
    pub filter: RetrievalFilter,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
}

impl Experiment {
    /// Whether a retrieval passes the filter.
    pub fn takes(&self, query: &RetrievalQuery) -> bool {
        let RetrievalFilter { category, language } = &self.filter;
        let speaks = |wanted: &Language| {
            query.language.as_ref().is_some_and(|asked| asked.without_region() == wanted.without_region())
        };
        (category.is_none() || *category == query.category) && language.as_ref().is_none_or(speaks)
    }

    /// The place of the arm of a conversation, as its agent names it, among the arms.
    pub fn place_of(&self, conversation_ref: &str) -> usize {
        let key = Uuid::new_v5(&self.id.0, conversation_ref.as_bytes()).as_u128();
        let drawn = dice([(key >> 64) as u64, key as u64]);
        let mut upto = 0.0;
        let place = self.arms.iter().position(|arm| {
            upto += arm.share;
            drawn < upto
        });
        // Shares add up to 1 but for rounding.
        place.unwrap_or(self.arms.len().saturating_sub(1))
    }

    /// The place of the arm that the others are compared with: the hold-out, else the first one.
    pub fn control(&self) -> usize {
        self.arms.iter().position(|arm| arm.settings.holdout).unwrap_or(0)
    }

    /// The entries that the arm at this place is never shown: those of its rivals.
    pub fn hidden_from(&self, place: usize) -> Vec<EntryId> {
        let rivals = self.arms.iter().enumerate().filter(|(at, _)| *at != place);
        rivals.filter_map(|(_, arm)| arm.settings.entry_id).collect()
    }
}

/// That a conversation is in an arm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The experiment.
    pub experiment_id: ExperimentId,
    /// The conversation as the agent named it: by the caller's id or ours.
    pub conversation_ref: String,
    /// The name of the arm.
    pub arm: String,
    /// When its first retrieval was asked.
    pub assigned_at: Timestamp,
}

impl Assignment {
    /// The conversation's id of ours, if it may have been named by that.
    pub fn conversation_id(&self) -> Option<ConversationId> {
        self.conversation_ref.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::query::{Exposure, Limit, QueryText};

    fn experiment(number: u128, arms: &[(&str, f64)]) -> Experiment {
        let arm = |(name, share): &(&str, f64)| Arm {
            name: (*name).to_owned(),
            share: *share,
            settings: ArmSettings::default(),
        };
        Experiment {
            id: ExperimentId(Uuid::from_u128(number)),
            name: "a test".to_owned(),
            kind: ExperimentKind::Ranker,
            status: ExperimentStatus::Running,
            metric: ExperimentMetric::SuccessRate,
            arms: arms.iter().map(arm).collect(),
            filter: RetrievalFilter::default(),
            created_at: Timestamp::from_millis(0),
            started_at: None,
            stopped_at: None,
        }
    }

    #[test]
    fn conversations_are_spread_as_the_shares_say_and_stay_where_they_are() {
        let one = experiment(1, &[("a", 0.5), ("b", 0.3), ("c", 0.2)]);
        let other = experiment(2, &[("a", 0.5), ("b", 0.5)]);
        let mut counts = [[0_u32; 2]; 3];
        for number in 0..10_000 {
            let name = format!("call-{number}");
            assert_eq!(one.place_of(&name), one.place_of(&name));
            counts[one.place_of(&name)][other.place_of(&name)] += 1;
        }
        for (counts, share) in counts.iter().zip([0.5, 0.3, 0.2]) {
            // Of each arm of the one, half is in either arm of the other; four standard deviations are allowed.
            for count in counts {
                let expected = 10_000.0 * share / 2.0;
                assert!((f64::from(*count) - expected).abs() < 4.0 * expected.sqrt(), "{counts:?}");
            }
        }
    }

    #[test]
    fn an_experiment_takes_what_passes_its_filter() {
        let asked = |category: Option<&str>, language: Option<&str>| RetrievalQuery {
            utterance: QueryText::parse("q", "what does it cost").expect("a text"),
            conversation_ref: None,
            turn: None,
            context: Vec::new(),
            knowledge_type: None,
            category: category.map(str::to_owned),
            language: language.and_then(|tag| Language::parse(tag).ok()),
            limit: Limit::default(),
            deadline: None,
            render_tokens: None,
            exposure: Exposure::Recorded,
        };
        let mut one = experiment(1, &[("a", 0.5), ("b", 0.5)]);
        assert!(one.takes(&asked(None, None)) && one.takes(&asked(Some("sales"), Some("hi"))));
        one.filter.category = Some("sales".to_owned());
        assert!(one.takes(&asked(Some("sales"), None)) && !one.takes(&asked(None, None)));
        one.filter.language = Language::parse("en-GB").ok();
        assert!(one.takes(&asked(Some("sales"), Some("en-US"))));
        assert!(!one.takes(&asked(Some("sales"), None)) && !one.takes(&asked(Some("support"), Some("en"))));
    }

    #[test]
    fn an_arm_is_not_shown_the_entries_of_its_rivals() {
        let mut one = experiment(1, &[("a", 0.5), ("b", 0.5)]);
        let (a, b) = (EntryId(Uuid::from_u128(7)), EntryId(Uuid::from_u128(8)));
        (one.arms[0].settings.entry_id, one.arms[1].settings.entry_id) = (Some(a), Some(b));
        assert_eq!((one.hidden_from(0), one.hidden_from(1)), (vec![b], vec![a]));
        assert_eq!(one.control(), 0);
        one.arms[1].settings.holdout = true;
        assert_eq!(one.control(), 1);
    }
}
