//! `POST /jobs/{id}/retry/`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::jobs::job_id;
use crate::api::jobs::wire::JobBody;
use crate::engine::queue::retry_job;

/// Run a job again
///
/// One that is dead or cancelled is queued again, with all its attempts before it.
#[utoipa::path(post, path = "/jobs/{id}/retry/", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job.")),
    responses(
        (status = 200, description = "The job, queued.", body = JobBody),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It is neither dead nor cancelled, or the same work is queued already.", body = ErrorBody),
    ))]
pub async fn retry(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<JobBody>, ApiError> {
    let id = job_id(&name)?;
    let engine = Arc::clone(&api.services()?.engine);
    let job = to_the_end(async move { retry_job(&engine, &caller.tenant, id).await }).await?;
    Ok(Json(JobBody::from(&job)))
}
