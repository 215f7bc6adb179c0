//! `DELETE /conversations/{id}/`: erase a conversation and what was learned from it alone.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::conversations::find;
use crate::api::error::{ApiError, ErrorBody};

/// Erase a conversation
///
/// It, and what was learned from it alone, is gone from the database and from the index when the answer comes.
#[utoipa::path(delete, path = "/conversations/{id}/", tag = "conversations",
    params(("id" = String, Path, description = "Turnwise's id or the caller's `external_id`.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "There is none.", body = ErrorBody),
    ))]
pub async fn erase(State(api): State<Api>, caller: Caller, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    let services = api.services()?;
    let found = find(&services.engine.store, &caller.tenant, &name).await?;
    let id = found.ok_or_else(|| ApiError::not_found("conversation", &name))?.conversation.id;
    let (learner, retriever) = (Arc::clone(&services.learner), Arc::clone(&services.retriever));
    let erase = async move {
        // Else an utterance of it that waits to be recorded would be written after the erasure.
        retriever.flush_exposures().await;
        learner.erase(&caller.tenant, id).await
    };
    to_the_end(erase).await?;
    Ok(StatusCode::NO_CONTENT)
}
