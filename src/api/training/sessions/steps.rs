//! `POST /training/training-sessions/{id}/cancel|pause|resume/`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::observe::RequestInfo;
use crate::api::training::sessions::id_of;
use crate::api::training::sessions::wire::SessionBody;
use crate::learning::sessions::SessionStep;

/// Cancel a training session
///
/// It ends at once; conversations that it has queued already are still learned from.
#[utoipa::path(post, path = "/training/training-sessions/{id}/cancel/", tag = "training",
    params(("id" = String, Path, description = "The session's id.")),
    responses(
        (status = 200, description = "It is cancelled.", body = SessionBody),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It has ended otherwise.", body = ErrorBody),
    ))]
pub async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Extension(request): Extension<RequestInfo>,
    Path(id): Path<String>,
) -> Result<Json<SessionBody>, ApiError> {
    step(&api, caller, request, &id, SessionStep::Cancel).await
}

/// Pause a training session
///
/// It queues no further page; conversations that it has queued already are still learned from.
#[utoipa::path(post, path = "/training/training-sessions/{id}/pause/", tag = "training",
    params(("id" = String, Path, description = "The session's id.")),
    responses(
        (status = 200, description = "It is paused.", body = SessionBody),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It has ended.", body = ErrorBody),
    ))]
pub async fn pause(
    State(api): State<Api>,
    caller: Caller,
    Extension(request): Extension<RequestInfo>,
    Path(id): Path<String>,
) -> Result<Json<SessionBody>, ApiError> {
    step(&api, caller, request, &id, SessionStep::Pause).await
}

/// Resume a training session
///
/// It goes on where it was; one that was paused before its moment waits for that.
#[utoipa::path(post, path = "/training/training-sessions/{id}/resume/", tag = "training",
    params(("id" = String, Path, description = "The session's id.")),
    responses(
        (status = 200, description = "It goes on.", body = SessionBody),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It has ended.", body = ErrorBody),
    ))]
pub async fn resume(
    State(api): State<Api>,
    caller: Caller,
    Extension(request): Extension<RequestInfo>,
    Path(id): Path<String>,
) -> Result<Json<SessionBody>, ApiError> {
    step(&api, caller, request, &id, SessionStep::Resume).await
}

async fn step(
    api: &Api,
    caller: Caller,
    request: RequestInfo,
    id: &str,
    step: SessionStep,
) -> Result<Json<SessionBody>, ApiError> {
    let id = id_of(id)?;
    let learner = Arc::clone(&api.services()?.learner);
    let work = async move { learner.step_session(&caller.tenant, id, step, Some(request.id)).await };
    Ok(Json(SessionBody::from(to_the_end(work).await?)))
}
