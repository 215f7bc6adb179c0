//! `GET /training/training-data/{id}/`: one training record with its conversation.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::conversations::find;
use crate::api::conversations::wire::{ConversationItem, TurnBody};
use crate::api::error::{ApiError, ErrorBody};
use crate::api::training::wire::RecordBody;
use crate::domain::ids::{RecordId, TenantId};
use crate::store::Store;
use crate::store::conversations::StoredConversation;

/// A training record with the conversation that it was found in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrainingRecordDetail)]
pub struct RecordDetail {
    #[serde(flatten)]
    record: RecordBody,
    /// The conversation.
    conversation: ConversationItem,
    /// What was said in it, as received.
    turns: Vec<TurnBody>,
}

/// Look at a training record
///
/// With its conversation, key phrases, intents, quality measures and their reasons.
#[utoipa::path(get, path = "/training/training-data/{id}/", tag = "training",
    params(("id" = String, Path,
        description = "The record's id, or the conversation's: Turnwise's id or the caller's `external_id`.")),
    responses(
        (status = 200, description = "The record.", body = RecordDetail),
        (status = 404, description = "There is none, or the conversation is not analysed yet.", body = ErrorBody),
    ))]
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<RecordDetail>, ApiError> {
    let store = &api.services()?.engine.store;
    let missing = || ApiError::not_found("training record", &name);
    let stored = find_by_either(store, &caller.tenant, &name).await?.ok_or_else(missing)?;
    let record = store.record_of(&caller.tenant, stored.conversation.id).await?.ok_or_else(missing)?;
    let conversation = ConversationItem::new(&stored, Some(&record));
    let turns = stored.conversation.turns.into_iter().map(TurnBody::from).collect();
    Ok(Json(RecordDetail { record: RecordBody::from(record), conversation, turns }))
}

/// The conversation of the record with this id, else the one with this id.
async fn find_by_either(store: &Store, tenant: &TenantId, name: &str) -> Result<Option<StoredConversation>, ApiError> {
    if let Ok(id) = name.trim().parse::<RecordId>()
        && let Some(record) = store.record(tenant, id).await?
    {
        return Ok(store.conversation(tenant, record.conversation_id).await?);
    }
    Ok(find(store, tenant, name).await?)
}
