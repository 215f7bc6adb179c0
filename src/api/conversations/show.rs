//! `GET /conversations/{id}/`: one conversation with everything about it.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::conversations::find;
use crate::api::conversations::wire::ConversationBody;
use crate::api::error::{ApiError, ErrorBody};

/// Look at a conversation
///
/// With its turns as received, its status, and what analysis found.
#[utoipa::path(get, path = "/conversations/{id}/", tag = "conversations",
    params(("id" = String, Path, description = "Turnwise's id or the caller's `external_id`.")),
    responses(
        (status = 200, description = "The conversation.", body = ConversationBody),
        (status = 404, description = "There is none.", body = ErrorBody),
    ))]
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ConversationBody>, ApiError> {
    let store = &api.services()?.engine.store;
    let found = find(store, &caller.tenant, &name).await?;
    let stored = found.ok_or_else(|| ApiError::not_found("conversation", &name))?;
    let record = store.record_of(&caller.tenant, stored.conversation.id).await?;
    Ok(Json(ConversationBody::new(stored, record)))
}
