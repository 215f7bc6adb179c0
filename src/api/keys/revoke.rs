//! `DELETE /keys/{id}/`: refuse a key from now on.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::keys::find;

/// Revoke a key
///
/// It opens nothing any more when the answer comes, in other processes after half a minute at the latest. It stays in
/// the list, and revoking it again changes nothing.
#[utoipa::path(delete, path = "/keys/{id}/", tag = "keys",
    params(("id" = String, Path, description = "The key's id.")),
    responses(
        (status = 204, description = "It is revoked."),
        (status = 404, description = "There is none.", body = ErrorBody),
    ))]
pub async fn revoke(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let key = find(&api, &caller, &id).await?;
    let (keys, now) = (Arc::clone(api.keys()?), api.0.clock.now());
    to_the_end(async move { Ok(keys.revoke(&key, now).await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}
