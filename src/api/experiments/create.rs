//! `POST /experiments/`: make an experiment.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::ApiError;
use crate::api::experiments::experimenter;
use crate::api::experiments::wire::{ExperimentBody, SettingsBody};
use crate::api::fields::FieldChecks;
use crate::api::json::JsonBody;
use crate::api::{Api, PREFIX};
use crate::domain::deserialize::{object, objects};
use crate::domain::experiment::{ExperimentKind, ExperimentMetric, RetrievalFilter};
use crate::domain::experiment_arms::{ArmDraft, check_arms};
use crate::experiments::NewExperiment;

/// An experiment that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExperimentRequest, example = json!({
    "name": "tried or proven", "kind": "ranker", "metric": "success_rate",
    "arms": [{"name": "as configured", "share": 0.5, "settings": {}},
        {"name": "proven first", "share": 0.5, "settings": {"success_order": "lower_bound", "band": 0.05}}]
}))]
pub struct CreateBody {
    /// What people call it; 1 to 200 characters.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 200)]
    name: String,
    /// What its arms differ in.
    #[serde(default)]
    #[schema(required = true, value_type = ExperimentKind)]
    kind: String,
    /// 2 to 10 arms, whose shares add up to 1. The others are compared with the hold-out, or else with the first.
    #[serde(default, deserialize_with = "objects")]
    #[schema(required = true, min_items = 2, max_items = 10)]
    arms: Vec<NewArm>,
    /// What they are compared by.
    #[schema(value_type = Option<ExperimentMetric>, default = "success_rate")]
    metric: Option<String>,
    /// Which retrievals it takes; all that name a conversation when missing.
    #[serde(default, deserialize_with = "object")]
    filter: Option<NewFilter>,
}

/// An arm that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExperimentArmRequest)]
pub struct NewArm {
    /// What people call it; 1 to 100 characters, unique in the experiment.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 100)]
    name: String,
    /// Its share of the conversations, above 0 and below 1.
    #[serde(default)]
    #[schema(required = true, value_type = f64, minimum = 0, maximum = 1)]
    share: Option<f64>,
    /// How it is answered; as configured when missing.
    #[schema(value_type = Option<SettingsBody>)]
    settings: Option<Map<String, Value>>,
}

/// Which retrievals an experiment takes; what is left out does not filter.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExperimentRetrievalsRequest)]
pub struct NewFilter {
    /// The category that the agent asks for.
    #[schema(min_length = 1, max_length = 200)]
    category: Option<String>,
    /// The language that the agent asks for, a BCP 47 tag; a region does not count.
    language: Option<String>,
}

impl CreateBody {
    fn check(self) -> Result<NewExperiment, ApiError> {
        let mut checks = FieldChecks::default();
        let name = checks.name("name", Some(&self.name));
        let kind = checks.word::<ExperimentKind>("kind", Some(&self.kind));
        let metric = checks.word::<ExperimentMetric>("metric", self.metric.as_deref());
        let filter = self.filter.unwrap_or_default();
        let filter = RetrievalFilter {
            category: checks.name("filter.category", filter.category.as_deref()),
            language: checks.language("filter.language", filter.language.as_deref()),
        };
        let drafts: Vec<ArmDraft> = self.arms.into_iter().map(ArmDraft::from).collect();
        // What settings an arm may have, its kind says.
        let arms = kind.map(|kind| check_arms(kind, &drafts));
        if let Some(Err(errors)) = &arms {
            for error in errors {
                checks.refuse(error.field.as_str(), error.message.as_str());
            }
        }
        checks.finish()?;
        let (Some(name), Some(kind), Some(Ok(arms))) = (name, kind, arms) else {
            return Err(ApiError::internal("an experiment that passed its check has no name, kind or arms"));
        };
        let metric = metric.unwrap_or(ExperimentMetric::SuccessRate);
        Ok(NewExperiment { name, kind, metric, arms, filter })
    }
}

impl From<NewArm> for ArmDraft {
    fn from(arm: NewArm) -> Self {
        Self { name: arm.name, share: arm.share, settings: arm.settings.unwrap_or_default() }
    }
}

/// Make an experiment
///
/// It has no effect before it is started, and cannot be changed. While it runs, a conversation that a retrieval names is
/// assigned to an arm by hash and stays there; a conversation is in one experiment at most, the first started that takes its
/// retrieval. Retrievals without `conversation_id` join none.
#[utoipa::path(post, path = "/experiments/", tag = "experiments", request_body = CreateBody, responses(
    (status = 201, description = "The experiment, as a draft.", body = ExperimentBody,
        headers(("Location" = String, description = "Where it can be asked for."))),
))]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(body): JsonBody<CreateBody>,
) -> Result<Response, ApiError> {
    let wanted = body.check()?;
    let experimenter = experimenter(api.services()?);
    let made = to_the_end(async move { experimenter.create(&caller.tenant, wanted).await }).await?;
    let location = [(LOCATION, format!("{PREFIX}/experiments/{}/", made.id))];
    Ok((StatusCode::CREATED, location, Json(ExperimentBody::from(made))).into_response())
}
