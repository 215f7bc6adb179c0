//! `GET /gaps/`: what matters most first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::gaps::wire::GapBody;
use crate::api::gaps::with_utterances;
use crate::api::paging::{List, PagingParams};
use crate::api::params::ListParams;
use crate::domain::gaps::GapStatus;
use crate::store::gaps::{GapFilter, GapOrder};

/// Which gaps.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GapParams {
    /// What became of them.
    #[param(value_type = Option<GapStatus>)]
    status: Option<String>,
    /// The language in which they are asked; a region does not count.
    language: Option<String>,
    /// Words that all stand in the title.
    #[param(max_length = 200)]
    search: Option<String>,
    /// By what they are ordered, the least of it first, and the most of it first with a `-` before; `-score` when missing.
    #[param(inline, value_type = Option<GapOrder>)]
    ordering: Option<String>,
}

impl GapParams {
    fn check(&self) -> Result<GapFilter, ApiError> {
        let mut checks = FieldChecks::default();
        let filter = GapFilter {
            status: checks.word("status", self.status.as_deref()),
            language: checks.language("language", self.language.as_deref()).map(|language| language.without_region()),
            search: checks.name("search", self.search.as_deref()),
            order: checks.word("ordering", self.ordering.as_deref()),
        };
        checks.finish()?;
        Ok(filter)
    }
}

/// List gaps
///
/// What users asked and found nothing useful for, clustered: what was asked often, failed and cost much comes first. New
/// ones are looked for by a schedule.
#[utoipa::path(get, path = "/gaps/", tag = "gaps", params(GapParams, PagingParams),
    responses((status = 200, description = "One page.", body = List<GapBody>)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    params: ListParams<GapParams>,
) -> Result<Json<List<GapBody>>, ApiError> {
    let filter = params.filter.check()?;
    let store = &api.services()?.engine.store;
    let mut page = store.list_gaps(&caller.tenant, &filter, &params.paging.request()).await?;
    let mut results = Vec::with_capacity(page.items.len());
    for gap in std::mem::take(&mut page.items) {
        results.push(with_utterances(store, &caller.tenant, gap).await?);
    }
    Ok(Json(params.paging.answer(&params.url, &page, results)))
}
