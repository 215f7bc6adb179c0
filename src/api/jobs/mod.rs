//! The queue, as its tenant's admins see it.

pub(super) mod cancel;
pub(super) mod list;
pub(super) mod retry;
pub(super) mod show;
pub(super) mod summary;
mod wire;

use crate::api::error::ApiError;
use crate::domain::ids::JobId;

/// The id that a path names; what cannot be one names no job.
fn job_id(name: &str) -> Result<JobId, ApiError> {
    name.parse().map_err(|_| ApiError::not_found("job", name))
}
