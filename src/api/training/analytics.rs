//! `GET /training/training-data/analytics/`: what training data are like together.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::analytics::distribution::{Counted, Distribution, QualityMeans, TrendPoint};
use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::params::Params;
use crate::domain::conversation::Outcome;
use crate::domain::period::PeriodKind;
use crate::store::distributions::{FactFilter, SCORE_BINS};

/// Which training records are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AnalyticsParams {
    /// Their `conversation_category`.
    category: Option<String>,
    /// Their language.
    language: Option<String>,
    /// Which agent spoke.
    agent_id: Option<String>,
    /// `phone`, `chat` or the like.
    channel: Option<String>,
    /// How the conversation ended.
    #[param(value_type = Option<Outcome>)]
    outcome: Option<String>,
    /// The conversation began at this moment or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// The conversation began before this moment.
    #[param(format = DateTime)]
    to: Option<String>,
    /// The steps of `trends`: `daily` without it.
    #[param(value_type = Option<PeriodKind>)]
    period: Option<String>,
}

/// What training records are like together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrainingAnalytics)]
pub struct AnalyticsBody {
    /// How many records there are, excluded ones included; those are in no rate, no mean and no histogram.
    total: i64,
    /// How many ended in each way.
    #[schema(value_type = BTreeMap<String, i64>)]
    outcomes: BTreeMap<Outcome, i64>,
    /// `successful` among `successful`, `unsuccessful` and `partial`.
    #[schema(required)]
    success_rate: Option<f64>,
    /// Mean success score, 0 to 1.
    #[schema(required)]
    average_success_score: Option<f64>,
    /// How many have each category; the most frequent first, at most 50.
    categories: Vec<CountedBody>,
    /// How many have each language; the most frequent first, at most 50.
    languages: Vec<CountedBody>,
    /// How many have each channel; the most frequent first, at most 50.
    channels: Vec<CountedBody>,
    /// How many have each intent; the most frequent first, at most 50.
    user_intents: Vec<CountedBody>,
    /// How many have each key phrase; the most frequent first, at most 50.
    key_phrases: Vec<CountedBody>,
    /// How many have a success score in each tenth.
    success_scores: Vec<BinBody>,
    /// Means of the quality measures.
    quality: QualityMeansBody,
    /// Over time, by when the conversations began: the last 100 periods, the earliest first, without gaps.
    trends: Vec<TrendBody>,
}

/// A word and how many records have it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Counted)]
pub struct CountedBody {
    /// The word.
    name: String,
    /// How many.
    count: i64,
}

/// A bin of a histogram.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bin)]
pub struct BinBody {
    /// From this on.
    low: f64,
    /// Below this; the last bin holds it too.
    high: f64,
    /// How many.
    count: i64,
}

/// Means of the quality measures; null while there is nothing to measure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QualityMeans)]
pub struct QualityMeansBody {
    /// User turns; a burst counts once.
    #[schema(required)]
    user_turns: Option<f64>,
    /// Agent turns; a burst counts once.
    #[schema(required)]
    agent_turns: Option<f64>,
    /// Share of the words that the agent said, 0 to 1.
    #[schema(required)]
    talk_ratio: Option<f64>,
    /// How far the need was met, 0 to 1.
    #[schema(required)]
    resolution: Option<f64>,
    /// Share of turns that repeat an earlier one of the same speaker, 0 to 1.
    #[schema(required)]
    repetition: Option<f64>,
    /// Mean similarity of replies to what had just been said, 0 to 1.
    #[schema(required)]
    response_relevance: Option<f64>,
}

/// One period of a trend.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrendPoint)]
pub struct TrendBody {
    /// When it begins, in the time zone of the metrics.
    #[schema(format = DateTime)]
    period_start: String,
    /// Records of conversations that began in it.
    total: i64,
    /// `successful` among `successful`, `unsuccessful` and `partial`.
    #[schema(required)]
    success_rate: Option<f64>,
    /// Mean success score, 0 to 1.
    #[schema(required)]
    average_success_score: Option<f64>,
}

impl AnalyticsParams {
    fn check(&self) -> Result<(FactFilter, PeriodKind), ApiError> {
        let mut checks = FieldChecks::default();
        let filter = FactFilter {
            category: checks.name("category", self.category.as_deref()),
            language: checks.language("language", self.language.as_deref()),
            agent_id: checks.name("agent_id", self.agent_id.as_deref()),
            channel: checks.name("channel", self.channel.as_deref()),
            outcome: checks.word("outcome", self.outcome.as_deref()),
            from: checks.time("from", self.from.as_deref()),
            to: checks.time("to", self.to.as_deref()),
        };
        let period = checks.word("period", self.period.as_deref());
        checks.ordered(("from", filter.from), ("to", filter.to));
        checks.finish()?;
        Ok((filter, period.unwrap_or(PeriodKind::Daily)))
    }
}

/// Analyse training data
///
/// Totals, distributions and trends over what analysis found in conversations.
#[utoipa::path(get, path = "/training/training-data/analytics/", tag = "training", params(AnalyticsParams),
    responses((status = 200, description = "The numbers of now.", body = AnalyticsBody)))]
pub async fn analytics(
    State(api): State<Api>,
    caller: Caller,
    Params(params): Params<AnalyticsParams>,
) -> Result<Json<AnalyticsBody>, ApiError> {
    let (filter, period) = params.check()?;
    let found = api.services()?.analytics.distribution(&caller.tenant, &filter, period).await?;
    Ok(Json(AnalyticsBody::from(found)))
}

impl From<Distribution> for AnalyticsBody {
    fn from(found: Distribution) -> Self {
        let counted = |words: Vec<Counted>| words.into_iter().map(CountedBody::from).collect();
        let edge = |bin: usize| bin as f64 / SCORE_BINS as f64;
        let bins = found.success_scores.into_iter().enumerate();
        Self {
            total: found.records,
            outcomes: found.outcomes,
            success_rate: found.success_rate,
            average_success_score: found.average_success_score,
            categories: counted(found.categories),
            languages: counted(found.languages),
            channels: counted(found.channels),
            user_intents: counted(found.user_intents),
            key_phrases: counted(found.key_phrases),
            success_scores: bins.map(|(bin, count)| BinBody { low: edge(bin), high: edge(bin + 1), count }).collect(),
            quality: QualityMeansBody::from(found.quality),
            trends: found.trend.into_iter().map(TrendBody::from).collect(),
        }
    }
}

impl From<Counted> for CountedBody {
    fn from(counted: Counted) -> Self {
        Self { name: counted.name, count: counted.count }
    }
}

impl From<QualityMeans> for QualityMeansBody {
    fn from(means: QualityMeans) -> Self {
        Self {
            user_turns: means.user_turns,
            agent_turns: means.agent_turns,
            talk_ratio: means.talk_ratio,
            resolution: means.resolution,
            repetition: means.repetition,
            response_relevance: means.response_relevance,
        }
    }
}

impl From<TrendPoint> for TrendBody {
    fn from(point: TrendPoint) -> Self {
        Self {
            period_start: point.period_start,
            total: point.records,
            success_rate: point.success_rate,
            average_success_score: point.average_success_score,
        }
    }
}
