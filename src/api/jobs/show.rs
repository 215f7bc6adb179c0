//! `GET /jobs/{id}/`: one job.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::jobs::job_id;
use crate::api::jobs::wire::JobBody;

/// Look at a job
///
/// Where it stands, and why it failed.
#[utoipa::path(get, path = "/jobs/{id}/", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job.")),
    responses(
        (status = 200, description = "The job.", body = JobBody),
        (status = 404, description = "There is none.", body = ErrorBody),
    ))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(name): Path<String>) -> Result<Json<JobBody>, ApiError> {
    let job = api.services()?.engine.store.job(&caller.tenant, job_id(&name)?).await?;
    let job = job.ok_or_else(|| ApiError::not_found("job", &name))?;
    Ok(Json(JobBody::from(&job)))
}
