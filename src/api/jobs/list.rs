//! `GET /jobs/`: the last queued first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::jobs::wire::JobBody;
use crate::api::paging::{List, PagingParams};
use crate::api::params::ListParams;
use crate::store::jobs::{JobFilter, JobState};
use crate::store::page::CreatedOrder;

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobParams {
    /// Where they stand.
    #[param(value_type = Option<JobState>)]
    state: Option<String>,
    /// What is done.
    kind: Option<String>,
    /// Queued at this moment or later, RFC 3339.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Queued before this moment, RFC 3339.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Words that each stand in `kind` or `last_error`.
    #[param(max_length = 200)]
    search: Option<String>,
    /// By what they are ordered, the least of it first, and the most of it first with a `-` before; `-created_at` when missing.
    #[param(inline, value_type = Option<CreatedOrder>)]
    ordering: Option<String>,
}

impl JobParams {
    fn check(&self) -> Result<JobFilter, ApiError> {
        let mut checks = FieldChecks::default();
        let filter = JobFilter {
            state: checks.word("state", self.state.as_deref()),
            kind: checks.name("kind", self.kind.as_deref()),
            from: checks.time("from", self.from.as_deref()),
            to: checks.time("to", self.to.as_deref()),
            search: checks.name("search", self.search.as_deref()),
            order: checks.word("ordering", self.ordering.as_deref()),
        };
        checks.ordered(("from", filter.from), ("to", filter.to));
        checks.finish()?;
        Ok(filter)
    }
}

/// List jobs
///
/// Those of the key's tenant; what is done or cancelled is kept for some days, what is dead until somebody runs it again.
#[utoipa::path(get, path = "/jobs/", tag = "jobs", params(JobParams, PagingParams),
    responses((status = 200, description = "One page.", body = List<JobBody>)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    params: ListParams<JobParams>,
) -> Result<Json<List<JobBody>>, ApiError> {
    let filter = params.filter.check()?;
    let store = &api.services()?.engine.store;
    let page = store.list_jobs(&caller.tenant, &filter, &params.paging.request()).await?;
    let results = page.items.iter().map(JobBody::from).collect();
    Ok(Json(params.paging.answer(&params.url, &page, results)))
}
