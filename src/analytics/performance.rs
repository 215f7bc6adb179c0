//! Performance by day, week or month.

use crate::analytics::{Analytics, share};
use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::ids::TenantId;
use crate::domain::period::{PeriodKind, Span};
use crate::domain::satisfaction::estimate;
use crate::engine::error::Error;
use crate::store::measures::{MetricFilter, SpanSums};
use crate::store::page::{Cursor, Page, PageRequest};

word_enum!(
    /// In which order periods are wanted.
    PeriodOrder {
        /// The oldest first.
        PeriodStart = "period_start",
        /// The newest first.
        PeriodStartDown = "-period_start",
    }
);

/// The numbers of one period. Conversations belong to the period in which they began.
#[derive(Clone, Debug, PartialEq)]
pub struct PeriodMetrics {
    /// How long the period is.
    pub period: PeriodKind,
    /// Its first moment, as RFC 3339 with the offset of the time zone.
    pub period_start: String,
    /// Conversations, excluded ones included; they are in nothing below but tokens, cost and `retrievals`.
    pub conversations: i64,
    /// `successful` among `successful`, `unsuccessful` and `partial`.
    pub success_rate: Option<f64>,
    /// Turns of a conversation; a burst counts once.
    pub average_turns: Option<f64>,
    /// Seconds from start to end.
    pub average_duration_s: Option<f64>,
    /// Mean of the ratings that were given, 1 to 5.
    pub average_satisfaction: Option<f64>,
    /// Mean estimate for the analysed conversations without a rating, 1 to 5.
    pub estimated_satisfaction: Option<f64>,
    /// Tokens that agents' language models read.
    pub prompt_tokens: i64,
    /// Tokens that they wrote.
    pub completion_tokens: i64,
    /// What that cost, in US dollars.
    pub cost_usd: f64,
    /// Cost of the conversations that count, per successful one; `None` when no cost was given.
    pub cost_per_success_usd: Option<f64>,
    /// What agents asked.
    pub retrievals: i64,
    /// Share of retrievals that offered something.
    pub hit_rate: Option<f64>,
    /// Share of retrievals that offered nothing.
    pub abstention_rate: Option<f64>,
    /// Share of what was shown that the agent then said, of retrievals whose conversation has come.
    pub use_rate: Option<f64>,
    /// Half of the retrievals took at most so long, in milliseconds; within 5 %.
    pub retrieval_p50_ms: Option<f64>,
    /// 99 of 100 retrievals took at most so long, in milliseconds; within 5 %.
    pub retrieval_p99_ms: Option<f64>,
    /// Entries that had been made by the end of the period, of those that are there now.
    pub knowledge_entries: i64,
    /// Entries that were made in the period, of those that are there now.
    pub new_entries: i64,
}

impl Analytics {
    /// The periods that overlap `from` and `to`, whole ones, in this order. Without `from` they begin with what the
    /// tenant had first, without `to` they end now.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn performance(
        &self,
        tenant: &TenantId,
        kind: PeriodKind,
        filter: &MetricFilter,
        range: (Option<Timestamp>, Option<Timestamp>),
        order: PeriodOrder,
        page: &PageRequest,
    ) -> Result<Page<PeriodMetrics>, Error> {
        let (from, to) = range;
        let calendar = self.calendar(tenant);
        let from = match from {
            Some(from) => Some(from),
            None => self.engine.store.first_moment(tenant).await?,
        };
        let last = calendar.number_at(kind, to.map_or_else(|| self.engine.now(), |to| to.plus_millis(-1)));
        let first = from.map_or(last + 1, |from| calendar.number_at(kind, from));
        let count = (last - first + 1).max(0);

        let after = page.after.map(|after| calendar.number_at(kind, after.moment()));
        let (offset, limit) = (i64::from(page.offset), i64::from(page.limit));
        let (oldest, newest, end, is_more) = match order {
            PeriodOrder::PeriodStart => {
                let oldest = after.map_or(first, |after| first.max(after + 1)) + offset;
                let newest = last.min(oldest + limit - 1);
                (oldest, newest, newest, newest < last)
            }
            PeriodOrder::PeriodStartDown => {
                let newest = after.map_or(last, |after| last.min(after - 1)) - offset;
                let oldest = first.max(newest - limit + 1);
                (oldest, newest, oldest, oldest > first)
            }
        };
        let mut items = self.periods(tenant, kind, filter, oldest..=newest).await?;
        if order == PeriodOrder::PeriodStart {
            items.reverse();
        }
        let next = (!items.is_empty() && is_more).then(|| Cursor::behind(calendar.span(kind, end).start));
        Ok(Page { items, count, count_is_lower_bound: false, next })
    }

    /// The period that `to` ends or lies in (that of now without it), and then the one before.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn compared(
        &self,
        tenant: &TenantId,
        kind: PeriodKind,
        filter: &MetricFilter,
        to: Option<Timestamp>,
    ) -> Result<Vec<PeriodMetrics>, Error> {
        let calendar = self.calendar(tenant);
        let number = calendar.number_at(kind, to.map_or_else(|| self.engine.now(), |to| to.plus_millis(-1)));
        self.periods(tenant, kind, filter, number - 1..=number).await
    }

    /// These periods, the newest first.
    async fn periods(
        &self,
        tenant: &TenantId,
        kind: PeriodKind,
        filter: &MetricFilter,
        numbers: std::ops::RangeInclusive<i64>,
    ) -> Result<Vec<PeriodMetrics>, Error> {
        let calendar = self.calendar(tenant);
        let spans: Vec<Span> = numbers.map(|number| calendar.span(kind, number)).collect();
        let Some(oldest) = spans.first() else { return Ok(Vec::new()) };
        let mut entries = self.engine.store.entries_before(tenant, filter, oldest.start).await?;
        let sums = self.engine.store.rolled_span_sums(tenant, filter, &calendar, &spans).await?;
        let mut periods = Vec::with_capacity(spans.len());
        for (span, sums) in spans.iter().zip(&sums) {
            entries += sums.new_entries;
            periods.push(PeriodMetrics::new(kind, calendar.label(span.start), sums, entries));
        }
        periods.reverse();
        Ok(periods)
    }
}

impl PeriodMetrics {
    fn new(period: PeriodKind, period_start: String, sums: &SpanSums, knowledge_entries: i64) -> Self {
        Self {
            period,
            period_start,
            conversations: sums.conversations,
            success_rate: share(sums.successful as f64, sums.judged),
            average_turns: share(sums.turns as f64, sums.spoken),
            average_duration_s: share(sums.duration_ms as f64 / 1000.0, sums.spoken),
            average_satisfaction: share(sums.rating_sum as f64, sums.ratings),
            estimated_satisfaction: estimated_satisfaction(sums),
            prompt_tokens: sums.prompt_tokens,
            completion_tokens: sums.completion_tokens,
            cost_usd: sums.cost_usd,
            cost_per_success_usd: share(sums.counted_cost_usd, sums.successful).filter(|_| sums.priced > 0),
            retrievals: sums.retrievals,
            hit_rate: share((sums.counted_retrievals - sums.abstained) as f64, sums.counted_retrievals),
            abstention_rate: share(sums.abstained as f64, sums.counted_retrievals),
            use_rate: share(sums.used as f64, sums.shown),
            retrieval_p50_ms: sums.latency.quantile_ms(0.5),
            retrieval_p99_ms: sums.latency.quantile_ms(0.99),
            knowledge_entries,
            new_entries: sums.new_entries,
        }
    }

    /// Every measure by its name, in the order of the fields.
    pub fn measures(&self) -> [(&'static str, Option<f64>); 18] {
        let count = |number: i64| Some(number as f64);
        [
            ("conversations", count(self.conversations)),
            ("success_rate", self.success_rate),
            ("average_turns", self.average_turns),
            ("average_duration_s", self.average_duration_s),
            ("average_satisfaction", self.average_satisfaction),
            ("estimated_satisfaction", self.estimated_satisfaction),
            ("prompt_tokens", count(self.prompt_tokens)),
            ("completion_tokens", count(self.completion_tokens)),
            ("cost_usd", Some(self.cost_usd)),
            ("cost_per_success_usd", self.cost_per_success_usd),
            ("retrievals", count(self.retrievals)),
            ("hit_rate", self.hit_rate),
            ("abstention_rate", self.abstention_rate),
            ("use_rate", self.use_rate),
            ("retrieval_p50_ms", self.retrieval_p50_ms),
            ("retrieval_p99_ms", self.retrieval_p99_ms),
            ("knowledge_entries", count(self.knowledge_entries)),
            ("new_entries", count(self.new_entries)),
        ]
    }
}

/// The estimate of means is the mean of estimates.
fn estimated_satisfaction(sums: &SpanSums) -> Option<f64> {
    let mean = |sum: f64| share(sum, sums.unrated);
    Some(estimate(mean(sums.unrated_success_score)?, mean(sums.unrated_resolution)?, mean(sums.unrated_repetition)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_rate_and_no_average() {
        let metrics = PeriodMetrics::new(PeriodKind::Daily, String::new(), &SpanSums::default(), 3);
        let known: Vec<&str> = metrics.measures().into_iter().filter_map(|(name, value)| value.map(|_| name)).collect();
        let counts = ["conversations", "prompt_tokens", "completion_tokens", "cost_usd", "retrievals"];
        assert_eq!(known, [&counts[..], &["knowledge_entries", "new_entries"]].concat());
        assert_eq!(metrics.knowledge_entries, 3);
    }

    #[test]
    fn a_rate_is_of_what_counts() {
        let sums = SpanSums {
            conversations: 6,
            spoken: 5,
            judged: 4,
            successful: 2,
            duration_ms: 25_000,
            cost_usd: 9.0,
            priced: 3,
            counted_cost_usd: 8.0,
            retrievals: 10,
            counted_retrievals: 8,
            abstained: 2,
            ..SpanSums::default()
        };
        let metrics = PeriodMetrics::new(PeriodKind::Daily, String::new(), &sums, 0);
        assert_eq!((metrics.success_rate, metrics.average_duration_s), (Some(0.5), Some(5.0)));
        assert_eq!((metrics.cost_usd, metrics.cost_per_success_usd), (9.0, Some(4.0)));
        assert_eq!((metrics.hit_rate, metrics.abstention_rate), (Some(0.75), Some(0.25)));
        let unpriced = PeriodMetrics::new(PeriodKind::Daily, String::new(), &SpanSums { priced: 0, ..sums }, 0);
        assert_eq!(unpriced.cost_per_success_usd, None);
    }

    #[test]
    fn an_estimate_is_of_those_that_nobody_rated() {
        let rated = SpanSums { spoken: 2, ratings: 2, rating_sum: 7, ..SpanSums::default() };
        let metrics = PeriodMetrics::new(PeriodKind::Daily, String::new(), &rated, 0);
        assert_eq!((metrics.average_satisfaction, metrics.estimated_satisfaction), (Some(3.5), None));
        let unrated = SpanSums {
            spoken: 2,
            unrated: 2,
            unrated_success_score: 2.0,
            unrated_resolution: 2.0,
            ..SpanSums::default()
        };
        let metrics = PeriodMetrics::new(PeriodKind::Daily, String::new(), &unrated, 0);
        assert_eq!(metrics.average_satisfaction, None);
        assert!(metrics.estimated_satisfaction.is_some_and(|rating| (rating - 5.0).abs() < 1e-9), "{metrics:?}");
    }
}
