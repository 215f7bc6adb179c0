//! Experiments as they are answered.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::experiment::{
    Arm, ArmSettings, Experiment, ExperimentKind, ExperimentMetric, ExperimentStatus, RetrievalFilter,
};
use crate::domain::language::Language;
use crate::domain::ranking::SuccessOrder;

/// A comparison of ways of answering, on conversations.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Experiment)]
pub struct ExperimentBody {
    /// Its id.
    id: Uuid,
    /// What people call it.
    name: String,
    /// What its arms differ in.
    kind: ExperimentKind,
    /// Where it stands.
    status: ExperimentStatus,
    /// What its arms are compared by.
    metric: ExperimentMetric,
    /// Its arms.
    arms: Vec<ArmBody>,
    /// Which retrievals it takes.
    filter: FilterBody,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it began to run; null before.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended; null before.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    stopped_at: Option<Timestamp>,
}

/// One way of answering.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExperimentArm)]
pub struct ArmBody {
    /// What people call it.
    name: String,
    /// Share of the conversations.
    share: f64,
    /// How it is answered.
    settings: SettingsBody,
}

/// How an arm is answered; what is not there is as configured. A `holdout` has `holdout`; a `ranker` `success_order`, `band`,
/// `lexical_weight` and `language_bonus`; a `threshold` `floor`; an `entry` `entry_id`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExperimentSettings)]
pub struct SettingsBody {
    /// It is offered nothing at all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    holdout: bool,
    /// By what entries within a band are ordered.
    #[serde(skip_serializing_if = "Option::is_none")]
    success_order: Option<SuccessOrder>,
    /// Scores within this distance are a band.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    band: Option<f64>,
    /// Share of words in the fused score.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    lexical_weight: Option<f64>,
    /// Added to the score of an entry in the language of the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    language_bonus: Option<f64>,
    /// Best cosine under which nothing is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -1, maximum = 1)]
    floor: Option<f64>,
    /// The entry of this arm, which the others are never shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_id: Option<Uuid>,
}

/// Which retrievals an experiment takes; what is null does not filter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExperimentRetrievals)]
pub struct FilterBody {
    /// The category that the agent asked for.
    #[schema(required)]
    category: Option<String>,
    /// The language that the agent asked for; a region does not count.
    #[schema(required, value_type = Option<String>)]
    language: Option<Language>,
}

impl From<Experiment> for ExperimentBody {
    fn from(experiment: Experiment) -> Self {
        Self {
            id: experiment.id.0,
            name: experiment.name,
            kind: experiment.kind,
            status: experiment.status,
            metric: experiment.metric,
            arms: experiment.arms.into_iter().map(ArmBody::from).collect(),
            filter: FilterBody::from(experiment.filter),
            created_at: experiment.created_at,
            started_at: experiment.started_at,
            stopped_at: experiment.stopped_at,
        }
    }
}

impl From<Arm> for ArmBody {
    fn from(arm: Arm) -> Self {
        Self { name: arm.name, share: arm.share, settings: SettingsBody::from(arm.settings) }
    }
}

impl From<ArmSettings> for SettingsBody {
    fn from(settings: ArmSettings) -> Self {
        Self {
            holdout: settings.holdout,
            success_order: settings.success_order,
            band: settings.band,
            lexical_weight: settings.lexical_weight,
            language_bonus: settings.language_bonus,
            floor: settings.floor,
            entry_id: settings.entry_id.map(|id| id.0),
        }
    }
}

impl From<RetrievalFilter> for FilterBody {
    fn from(filter: RetrievalFilter) -> Self {
        Self { category: filter.category, language: filter.language }
    }
}
