//! Training sessions: started, looked at, paused, resumed, cancelled.

pub(in crate::api) mod bulk;
pub(in crate::api) mod list;
pub(in crate::api) mod selection;
pub(in crate::api) mod show;
pub(in crate::api) mod start;
pub(in crate::api) mod steps;
pub(in crate::api) mod wire;

use crate::api::error::ApiError;
use crate::domain::ids::SessionId;

/// The id that a path names. What cannot be an id names none.
fn id_of(text: &str) -> Result<SessionId, ApiError> {
    text.trim().parse().map_err(|_| ApiError::not_found("training session", text))
}
