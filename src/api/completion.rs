//! Work that must reach its end although the caller has gone.

use std::future::Future;

use tracing::Instrument;

use crate::api::error::ApiError;
use crate::engine::error::Error;

/// Runs `work` to its end, also when the request is dropped: a caller who hangs up between a commit and what follows it
/// in memory would leave the two apart.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::spawn(work.in_current_span()).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(ApiError::internal("the work of a request panicked")),
    }
}
