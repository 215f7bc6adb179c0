//! `GET /jobs/summary/`: how the queue stands.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::domain::clock::Timestamp;
use crate::store::jobs::JobState;

/// How the queue stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobSummary {
    /// How many there are, by kind and state; what there is none of is left out.
    counts: Vec<JobCountBody>,
    /// For how many seconds the oldest queued job has been there; null when none is queued.
    #[schema(required)]
    oldest_queued_s: Option<f64>,
    /// How many entries were shown to agents and given up, because no conversation came for them within
    /// `learning.exposure_wait_days`, or theirs had been learned from before: they count neither for nor against an entry.
    /// A conversation that comes later takes them back.
    expired_exposures: i64,
}

/// How many jobs of one kind are in one state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobCount)]
pub struct JobCountBody {
    /// What is done.
    kind: String,
    /// Where they stand.
    state: JobState,
    /// How many.
    count: i64,
    /// For how many seconds the oldest of them has been there.
    oldest_s: f64,
}

/// Summarise the queue
///
/// Of the key's tenant: how many jobs there are of each kind, how old they are, and since when the oldest waits; and how many
/// exposures wait no more.
#[utoipa::path(get, path = "/jobs/summary/", tag = "jobs",
    responses((status = 200, description = "The queue.", body = JobSummary)))]
pub async fn summary(State(api): State<Api>, caller: Caller) -> Result<Json<JobSummary>, ApiError> {
    let engine = &api.services()?.engine;
    let counted = engine.store.count_jobs(&caller.tenant).await?;
    let expired_exposures = engine.store.expired_exposures(&caller.tenant).await?;
    let now = engine.now();
    let age_s = |oldest: Timestamp| (now.as_millis() - oldest.as_millis()).max(0) as f64 / 1000.0;
    let oldest_queued = counted.iter().filter(|one| one.state == JobState::Queued).map(|one| one.oldest).min();
    let counts = counted.into_iter().map(|one| JobCountBody {
        kind: one.kind,
        state: one.state,
        count: one.count,
        oldest_s: age_s(one.oldest),
    });
    let oldest_queued_s = oldest_queued.map(age_s);
    Ok(Json(JobSummary { counts: counts.collect(), oldest_queued_s, expired_exposures }))
}
