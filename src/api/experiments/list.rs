//! `GET /experiments/`: the last made first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::experiments::wire::ExperimentBody;
use crate::api::fields::FieldChecks;
use crate::api::paging::{List, PagingParams};
use crate::api::params::ListParams;
use crate::domain::experiment::{ExperimentKind, ExperimentStatus};
use crate::store::experiments::ExperimentFilter;
use crate::store::page::CreatedOrder;

/// Which experiments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExperimentParams {
    /// What their arms differ in.
    #[param(value_type = Option<ExperimentKind>)]
    kind: Option<String>,
    /// Where they stand.
    #[param(value_type = Option<ExperimentStatus>)]
    status: Option<String>,
    /// Words that all stand in the name.
    #[param(max_length = 200)]
    search: Option<String>,
    /// By what they are ordered, the least of it first, and the most of it first with a `-` before; `-created_at` when missing.
    #[param(inline, value_type = Option<CreatedOrder>)]
    ordering: Option<String>,
}

/// List experiments
///
/// The last made first, also those that have ended.
#[utoipa::path(get, path = "/experiments/", tag = "experiments", params(ExperimentParams, PagingParams),
    responses((status = 200, description = "One page.", body = List<ExperimentBody>)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    params: ListParams<ExperimentParams>,
) -> Result<Json<List<ExperimentBody>>, ApiError> {
    let mut checks = FieldChecks::default();
    let filter = ExperimentFilter {
        kind: checks.word("kind", params.filter.kind.as_deref()),
        status: checks.word("status", params.filter.status.as_deref()),
        search: checks.name("search", params.filter.search.as_deref()),
        order: checks.word("ordering", params.filter.ordering.as_deref()),
    };
    checks.finish()?;
    let store = &api.services()?.engine.store;
    let page = store.list_experiments(&caller.tenant, &filter, &params.paging.request()).await?;
    Ok(Json(params.paging.answer_each(&params.url, page, ExperimentBody::from)))
}
