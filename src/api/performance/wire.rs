//! Performance metrics as they are asked for and answered.

use serde::Serialize;
use utoipa::ToSchema;

use crate::analytics::performance::PeriodMetrics;
use crate::domain::period::PeriodKind;

/// The numbers of one period. Excluded conversations (voicemail, never connected) are in no rate and no average; a rate
/// or an average of nothing is null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PerformanceMetric)]
pub struct MetricBody {
    /// How long the period is.
    period: PeriodKind,
    /// When it begins, in the time zone of the metrics.
    #[schema(format = DateTime)]
    period_start: String,
    /// Conversations that began in it, excluded ones included.
    conversations: i64,
    /// `successful` among `successful`, `unsuccessful` and `partial`.
    #[schema(required)]
    success_rate: Option<f64>,
    /// Turns of a conversation; a burst counts once.
    #[schema(required)]
    average_turns: Option<f64>,
    /// Seconds from start to end.
    #[schema(required)]
    average_duration_s: Option<f64>,
    /// Mean of the ratings that users gave, 1 to 5.
    #[schema(required)]
    average_satisfaction: Option<f64>,
    /// Mean estimate, from success and quality, for the conversations that nobody rated, 1 to 5.
    #[schema(required)]
    estimated_satisfaction: Option<f64>,
    /// Tokens that agents' language models read.
    prompt_tokens: i64,
    /// Tokens that they wrote.
    completion_tokens: i64,
    /// What that cost, in US dollars.
    cost_usd: f64,
    /// What a successful conversation cost, those without success included; null when no cost was given.
    #[schema(required)]
    cost_per_success_usd: Option<f64>,
    /// What agents asked, in excluded conversations too.
    retrievals: i64,
    /// Share of retrievals that offered something.
    #[schema(required)]
    hit_rate: Option<f64>,
    /// Share of retrievals that offered nothing.
    #[schema(required)]
    abstention_rate: Option<f64>,
    /// Share of shown exposures that were used.
    #[schema(required)]
    use_rate: Option<f64>,
    /// Half of the retrievals took at most so long, in milliseconds, within 5 %.
    #[schema(required)]
    retrieval_p50_ms: Option<f64>,
    /// 99 of 100 retrievals took at most so long, in milliseconds, within 5 %.
    #[schema(required)]
    retrieval_p99_ms: Option<f64>,
    /// Entries that had been made by the end of the period, of those that are there now.
    knowledge_entries: i64,
    /// Entries that were made in the period, of those that are there now.
    new_entries: i64,
}

impl MetricBody {
    /// The names of the fields, in their order.
    pub(super) const NAMES: [&str; 20] = [
        "period",
        "period_start",
        "conversations",
        "success_rate",
        "average_turns",
        "average_duration_s",
        "average_satisfaction",
        "estimated_satisfaction",
        "prompt_tokens",
        "completion_tokens",
        "cost_usd",
        "cost_per_success_usd",
        "retrievals",
        "hit_rate",
        "abstention_rate",
        "use_rate",
        "retrieval_p50_ms",
        "retrieval_p99_ms",
        "knowledge_entries",
        "new_entries",
    ];
}

impl From<PeriodMetrics> for MetricBody {
    fn from(metrics: PeriodMetrics) -> Self {
        Self {
            period: metrics.period,
            period_start: metrics.period_start,
            conversations: metrics.conversations,
            success_rate: metrics.success_rate,
            average_turns: metrics.average_turns,
            average_duration_s: metrics.average_duration_s,
            average_satisfaction: metrics.average_satisfaction,
            estimated_satisfaction: metrics.estimated_satisfaction,
            prompt_tokens: metrics.prompt_tokens,
            completion_tokens: metrics.completion_tokens,
            cost_usd: metrics.cost_usd,
            cost_per_success_usd: metrics.cost_per_success_usd,
            retrievals: metrics.retrievals,
            hit_rate: metrics.hit_rate,
            abstention_rate: metrics.abstention_rate,
            use_rate: metrics.use_rate,
            retrieval_p50_ms: metrics.retrieval_p50_ms,
            retrieval_p99_ms: metrics.retrieval_p99_ms,
            knowledge_entries: metrics.knowledge_entries,
            new_entries: metrics.new_entries,
        }
    }
}
