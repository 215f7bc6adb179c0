//! `POST /training/knowledge-base/{id}/record_usage/`: an entry was used, and whether that led to success.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::fields::FieldChecks;
use crate::api::json::JsonBody;
use crate::api::knowledge::wire::SuccessBody;
use crate::domain::ids::{EntryId, RetrievalId};

/// A use of an entry.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UsageRequest, example = json!({"success": true, "retrieval_id": "01a205c1-1395-7709-b7d2-8909f9a470df"}))]
pub struct UsageRequest {
    /// Whether it led to success; without it the outcome of the conversation decides, as far as it is known.
    success: Option<bool>,
    /// The retrieval that showed it, and no other: told again, it replaces what was told.
    retrieval_id: Option<String>,
    /// The conversation, by the caller's id or Turnwise's; without a retrieval, an entry counts once in it.
    #[schema(max_length = 200)]
    conversation_id: Option<String>,
}

/// How the entry stands now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedUsage)]
pub struct RecordedBody {
    /// The entry.
    id: Uuid,
    /// The same as `success.rate`.
    success_rate: f64,
    /// How often it led to success.
    success: SuccessBody,
}

/// Record that an entry was used
///
/// Agents whose conversations are handed in need not: what they said of what they were shown is told from their words.
/// What is recorded here is believed before that. With neither `retrieval_id` nor `conversation_id` every call counts.
#[utoipa::path(post, path = "/training/knowledge-base/{id}/record_usage/", tag = "training",
    params(("id" = Uuid, Path, description = "The entry.")), request_body = UsageRequest, responses(
        (status = 200, description = "It is counted.", body = RecordedBody),
        (status = 404, description = "There is no such entry, or no such retrieval.", body = ErrorBody),
    ))]
pub async fn record_usage(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<UsageRequest>,
) -> Result<Json<RecordedBody>, ApiError> {
    let entry = id.parse::<Uuid>().map_err(|_| ApiError::not_found("knowledge entry", &id))?;
    let mut checks = FieldChecks::default();
    let retrieval = body.retrieval_id.as_deref().and_then(|text| match text.parse::<Uuid>() {
        Ok(id) => Some(RetrievalId(id)),
        Err(_) => {
            checks.refuse("retrieval_id", "must be the retrieval_id of an answer");
            None
        }
    });
    let conversation = checks.name("conversation_id", body.conversation_id.as_deref());
    checks.finish()?;

    let services = api.services()?;
    let (learner, retriever) = (Arc::clone(&services.learner), Arc::clone(&services.retriever));
    let record = async move {
        // What was shown a moment ago may still wait to be written.
        retriever.flush_exposures().await;
        learner.record_usage(&caller.tenant, EntryId(entry), body.success, (retrieval, conversation)).await
    };
    let entry = to_the_end(record).await?;
    let success = entry.success();
    Ok(Json(RecordedBody { id: entry.id.0, success_rate: success.rate, success: SuccessBody::from(success) }))
}
