//! `POST /jobs/{id}/cancel/`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::jobs::job_id;
use crate::api::jobs::wire::JobBody;
use crate::engine::queue::cancel_job;

/// Cancel a job
///
/// Before it begins. A conversation whose learning stops by it is `failed`, and running the job again goes on with it.
#[utoipa::path(post, path = "/jobs/{id}/cancel/", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job.")),
    responses(
        (status = 200, description = "The job, cancelled.", body = JobBody),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It is not queued: a running one comes to its end.", body = ErrorBody),
    ))]
pub async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<JobBody>, ApiError> {
    let id = job_id(&name)?;
    let engine = Arc::clone(&api.services()?.engine);
    let job = to_the_end(async move { cancel_job(&engine, &caller.tenant, id).await }).await?;
    Ok(Json(JobBody::from(&job)))
}
