//! `GET /training/training-sessions/{id}/`: one session.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::training::sessions::id_of;
use crate::api::training::sessions::wire::SessionBody;

/// Look at a training session
///
/// How far it is, what it made and what failed.
#[utoipa::path(get, path = "/training/training-sessions/{id}/", tag = "training",
    params(("id" = String, Path, description = "The session's id.")),
    responses(
        (status = 200, description = "The session.", body = SessionBody),
        (status = 404, description = "There is none.", body = ErrorBody),
    ))]
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<SessionBody>, ApiError> {
    let found = api.services()?.engine.store.session(&caller.tenant, id_of(&id)?).await?;
    let session = found.ok_or_else(|| ApiError::not_found("training session", &id))?;
    Ok(Json(SessionBody::from(session)))
}
