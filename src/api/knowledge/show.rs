//! `GET /training/knowledge-base/{id}/`: one entry.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::knowledge::wire::EntryBody;
use crate::api::knowledge::{body_of, entry_id};

/// Look at an entry
///
/// With its exemplars and its evidence.
#[utoipa::path(get, path = "/training/knowledge-base/{id}/", tag = "training",
    params(("id" = uuid::Uuid, Path, description = "The entry.")),
    responses(
        (status = 200, description = "The entry.", body = EntryBody),
        (status = 404, description = "There is none.", body = ErrorBody),
    ))]
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<EntryBody>, ApiError> {
    let id = entry_id(&name)?;
    Ok(Json(body_of(&api.services()?.engine.store, &caller.tenant, id).await?))
}
