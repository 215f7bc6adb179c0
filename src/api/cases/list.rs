//! `GET /cases/`: the last noticed first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::cases::wire::CaseBody;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::paging::{List, PagingParams};
use crate::api::params::ListParams;
use crate::domain::case_decision::CaseState;
use crate::domain::error::FieldError;
use crate::domain::ids::EntryId;
use crate::domain::knowledge::CaseKind;
use crate::store::cases::CaseFilter;
use crate::store::page::CreatedOrder;

/// Which cases.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CaseParams {
    /// Their kind.
    #[param(value_type = Option<CaseKind>)]
    kind: Option<String>,
    /// Whether they are decided.
    #[param(value_type = Option<CaseState>)]
    state: Option<String>,
    /// An entry that they are about.
    #[param(value_type = Option<uuid::Uuid>)]
    entry: Option<String>,
    /// Words that all stand in `detail`.
    #[param(max_length = 200)]
    search: Option<String>,
    /// By what they are ordered, the least of it first, and the most of it first with a `-` before; `-created_at` when missing.
    #[param(inline, value_type = Option<CreatedOrder>)]
    ordering: Option<String>,
}

impl CaseParams {
    fn check(&self) -> Result<CaseFilter, ApiError> {
        let mut checks = FieldChecks::default();
        let entry = self.entry.as_deref().map(|text| {
            text.trim().parse::<EntryId>().map_err(|_| FieldError::new("entry", "must be the id of an entry, a UUID"))
        });
        let filter = CaseFilter {
            kind: checks.word("kind", self.kind.as_deref()),
            state: checks.word("state", self.state.as_deref()),
            entry_id: checks.keep(entry.transpose()).flatten(),
            search: checks.name("search", self.search.as_deref()),
            order: checks.word("ordering", self.ordering.as_deref()),
        };
        checks.finish()?;
        Ok(filter)
    }
}

/// List cases
///
/// Near-duplicates, contradictions, entries that were held back and those whose success fell, the last noticed first.
#[utoipa::path(get, path = "/cases/", tag = "cases", params(CaseParams, PagingParams),
    responses((status = 200, description = "One page.", body = List<CaseBody>)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    params: ListParams<CaseParams>,
) -> Result<Json<List<CaseBody>>, ApiError> {
    let filter = params.filter.check()?;
    let store = &api.services()?.engine.store;
    let page = store.list_cases(&caller.tenant, &filter, &params.paging.request()).await?;
    Ok(Json(params.paging.answer_each(&params.url, page, CaseBody::from)))
}
