//! Probes, without a key: is the process alive, and may it be sent requests.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::error::{ApiError, ErrorBody};
use crate::domain::ids::TenantId;

/// How long the database may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// That all is well.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `live` or `ready`.
    #[schema(value_type = String)]
    status: &'static str,
}

/// Whether the process runs
///
/// Answers as long as the process can answer at all, also while it starts and stops.
#[utoipa::path(get, path = "/health/live", tag = "operation", security(()),
    responses((status = 200, description = "It runs.", body = Health)))]
pub async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

/// Whether requests may be sent
///
/// Answers 503, and in `message` what is missing, while the database, the models and the index are being opened, while
/// the process stops, and when the database does not answer.
#[utoipa::path(get, path = "/health/ready", tag = "operation", security(()), responses(
    (status = 200, description = "Requests may be sent.", body = Health),
    (status = 503, description = "Not now; `message` says what is missing.", body = ErrorBody),
))]
pub async fn ready(State(api): State<Api>) -> Result<Json<Health>, ApiError> {
    if api.0.stop.is_cancelled() {
        return Err(ApiError::unavailable("stopping: requests in work are being ended".to_owned()));
    }
    let engine = &api.services()?.engine;
    let tenant = TenantId::default_tenant();
    match tokio::time::timeout(PATIENCE, engine.store.count_keys(&tenant)).await {
        Ok(Ok(_)) => Ok(Json(Health { status: "ready" })),
        Ok(Err(_)) => Err(ApiError::unavailable("missing: the database cannot be read".to_owned())),
        Err(_) => Err(ApiError::unavailable(format!("missing: the database is silent for {PATIENCE:?}"))),
    }
}
