//! `/metrics`: everything that was counted, and how the queue stands at this moment.

use std::collections::BTreeSet;
use std::sync::Mutex;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::code::Code;
use crate::api::error::ApiError;
use crate::telemetry;

/// The type of Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Kinds and states that were told before: what is no longer in the queue is told as 0, not left as it was.
static TOLD: Mutex<BTreeSet<(String, &'static str)>> = Mutex::new(BTreeSet::new());

/// Metrics for Prometheus
///
/// Of the whole installation, so only for admins of the tenant `default`.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "Prometheus' text format.", body = String, content_type = "text/plain")))]
pub async fn metrics(State(api): State<Api>, caller: Caller) -> Result<Response, ApiError> {
    if !caller.is_operator() {
        return Err(ApiError::new(
            Code::Forbidden,
            "these are the metrics of all tenants: for admins of the tenant default",
        ));
    }
    tell_queue(&api).await?;
    if let Some(memory) = memory_stats::memory_stats() {
        metrics::gauge!("turnwise_resident_memory_bytes").set(memory.physical_mem as f64);
    }
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], telemetry::render_metrics()).into_response())
}

async fn tell_queue(api: &Api) -> Result<(), ApiError> {
    let engine = &api.services()?.engine;
    let now = engine.now();
    let counts = engine.store.queue_stats().await?;
    let mut told = TOLD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for (kind, state) in told.iter() {
        set(kind, state, 0, 0.0);
    }
    for one in counts {
        let behind_s = (now.as_millis() - one.oldest_run_at.as_millis()).max(0) as f64 / 1000.0;
        set(&one.kind, one.state.as_str(), one.count, behind_s);
        told.insert((one.kind, one.state.as_str()));
    }
    Ok(())
}

fn set(kind: &str, state: &'static str, count: i64, behind_s: f64) {
    metrics::gauge!("turnwise_queue_jobs", "kind" => kind.to_owned(), "state" => state).set(count as f64);
    metrics::gauge!("turnwise_queue_behind_s", "kind" => kind.to_owned(), "state" => state).set(behind_s);
}
