//! `GET /keys/{id}/`: one key, without what opens.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::keys::find;
use crate::api::keys::wire::KeyBody;

/// Look at a key
///
/// What it may do, when it was last used, and until when it opens.
#[utoipa::path(get, path = "/keys/{id}/", tag = "keys",
    params(("id" = String, Path, description = "The key's id.")),
    responses(
        (status = 200, description = "The key, without what opens.", body = KeyBody),
        (status = 404, description = "There is none.", body = ErrorBody),
    ))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Result<Json<KeyBody>, ApiError> {
    Ok(Json(find(&api, &caller, &id).await?.into()))
}
