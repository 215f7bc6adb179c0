//! `POST /outcomes/`: how a conversation ended, when that is known later or by somebody else.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::json::JsonBody;
use crate::api::observe::RequestInfo;
use crate::domain::conversation::{Outcome, OutcomeSource};
use crate::domain::deserialize::whole_number;
use crate::store::outcomes::ToldOutcome;

/// How a conversation ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OutcomeRequest, example = json!({"conversation_id": "call-20260901-17", "outcome": "successful",
    "satisfaction": 5, "source": "platform"}))]
pub struct OutcomeRequest {
    /// The conversation, by the caller's id or Turnwise's. It may still be running, and come later.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 200)]
    conversation_id: String,
    /// How it ended.
    #[serde(default)]
    #[schema(required = true, value_type = Outcome)]
    outcome: String,
    /// The user's rating. It counts before the one that was handed in with the conversation, whenever that was; without one,
    /// the rating that the source told before stays.
    #[serde(default, deserialize_with = "whole_number")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 5)]
    satisfaction: Option<i64>,
    /// Who says so; where several do, the caller is believed before the platform, that before a judge, and that before a
    /// rule. What one source says replaces what it said before.
    #[schema(value_type = Option<OutcomeSource>, default = "caller")]
    source: Option<String>,
    /// How sure that is.
    #[schema(minimum = 0, maximum = 1, default = 1)]
    confidence: Option<f64>,
}

/// What was taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TakenOutcome)]
pub struct TakenBody {
    /// The conversation, as it was named.
    conversation_id: String,
    /// How it ended.
    outcome: Outcome,
    /// Who says so.
    source: OutcomeSource,
    /// Whether the conversation is there already; else the outcome waits for it.
    is_known: bool,
}

impl OutcomeRequest {
    fn check(self) -> Result<(String, Outcome, OutcomeSource, Option<i64>, f64), ApiError> {
        let mut checks = FieldChecks::default();
        let name = checks.name("conversation_id", Some(self.conversation_id.as_str()));
        if self.conversation_id.is_empty() {
            checks.refuse("conversation_id", "is missing; name the conversation");
        }
        if self.outcome.is_empty() {
            checks.refuse("outcome", "is missing; say how the conversation ended");
        }
        let outcome = checks.word::<Outcome>("outcome", Some(self.outcome.as_str()).filter(|text| !text.is_empty()));
        let source = checks.word::<OutcomeSource>("source", self.source.as_deref());
        let satisfaction = checks.whole("satisfaction", self.satisfaction, 1..=5);
        let confidence = self.confidence.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&confidence) {
            checks.refuse("confidence", "must be 0 to 1");
        }
        checks.finish()?;
        let (Some(name), Some(outcome)) = (name, outcome) else {
            return Err(ApiError::internal("an outcome that passed its check is missing"));
        };
        Ok((name, outcome, source.unwrap_or(OutcomeSource::Caller), satisfaction, confidence))
    }
}

/// Say how a conversation ended
///
/// It counts for what the conversation is evidence for and for every entry that was used in it, also when it corrects what
/// was known; that is computed after the answer.
#[utoipa::path(post, path = "/outcomes/", tag = "training", request_body = OutcomeRequest,
    responses((status = 202, description = "It is kept, and what follows from it is computed.", body = TakenBody)))]
pub async fn tell(
    State(api): State<Api>,
    caller: Caller,
    Extension(request): Extension<RequestInfo>,
    JsonBody(body): JsonBody<OutcomeRequest>,
) -> Result<(StatusCode, Json<TakenBody>), ApiError> {
    let (conversation_id, outcome, source, satisfaction, confidence) = body.check()?;
    let services = api.services()?;
    let told = ToldOutcome {
        conversation_ref: conversation_id.clone(),
        source,
        outcome,
        satisfaction,
        confidence,
        told_at: services.engine.now(),
    };
    let learner = Arc::clone(&services.learner);
    let note = async move { learner.note_outcome(&caller.tenant, told, Some(request.id)).await };
    let is_known = to_the_end(note).await?;
    Ok((StatusCode::ACCEPTED, Json(TakenBody { conversation_id, outcome, source, is_known })))
}
