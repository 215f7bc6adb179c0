//! `POST /experiments/{id}/start|stop/`.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::experiments::wire::ExperimentBody;
use crate::api::experiments::{experiment_id, experimenter};

/// Start an experiment
///
/// Conversations join it from their next retrieval on; in other processes a few seconds later. Starting it again changes
/// nothing.
#[utoipa::path(post, path = "/experiments/{id}/start/", tag = "experiments",
    params(("id" = uuid::Uuid, Path, description = "The experiment.")),
    responses(
        (status = 200, description = "It runs.", body = ExperimentBody),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It was stopped, or too many run.", body = ErrorBody),
    ))]
pub async fn start(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ExperimentBody>, ApiError> {
    let id = experiment_id(&name)?;
    let experimenter = experimenter(api.services()?);
    let started = to_the_end(async move { experimenter.start(&caller.tenant, id).await }).await?;
    Ok(Json(ExperimentBody::from(started)))
}

/// Stop an experiment
///
/// For good: conversations are answered as configured from their next retrieval on. Its results go on, with what is handed
/// in later. Stopping it again changes nothing.
#[utoipa::path(post, path = "/experiments/{id}/stop/", tag = "experiments",
    params(("id" = uuid::Uuid, Path, description = "The experiment.")),
    responses(
        (status = 200, description = "It is stopped.", body = ExperimentBody),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It never ran.", body = ErrorBody),
    ))]
pub async fn stop(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ExperimentBody>, ApiError> {
    let id = experiment_id(&name)?;
    let experimenter = experimenter(api.services()?);
    let stopped = to_the_end(async move { experimenter.stop(&caller.tenant, id).await }).await?;
    Ok(Json(ExperimentBody::from(stopped)))
}
