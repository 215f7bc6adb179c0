//! `GET /training/training-sessions/`: the last started first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::paging::{List, PagingParams};
use crate::api::params::ListParams;
use crate::api::training::sessions::wire::SessionBody;
use crate::domain::training::{SessionKind, SessionStatus};
use crate::store::sessions::{SessionFilter, SessionOrder};

/// Which sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionParams {
    /// What they do.
    #[param(value_type = Option<SessionKind>)]
    kind: Option<String>,
    /// Where they stand.
    #[param(value_type = Option<SessionStatus>)]
    status: Option<String>,
    /// Words that all stand in the name.
    #[param(max_length = 200)]
    search: Option<String>,
    /// By what they are ordered, the least of it first, and the most of it first with a `-` before; `-created_at` when missing.
    #[param(inline, value_type = Option<SessionOrder>)]
    ordering: Option<String>,
}

/// List training sessions
///
/// The last made first unless `ordering` says otherwise, with how far they are and what failed in them.
#[utoipa::path(get, path = "/training/training-sessions/", tag = "training", params(SessionParams, PagingParams),
    responses((status = 200, description = "One page.", body = List<SessionBody>)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    params: ListParams<SessionParams>,
) -> Result<Json<List<SessionBody>>, ApiError> {
    let mut checks = FieldChecks::default();
    let filter = SessionFilter {
        kind: checks.word("kind", params.filter.kind.as_deref()),
        status: checks.word("status", params.filter.status.as_deref()),
        search: checks.name("search", params.filter.search.as_deref()),
        order: checks.word("ordering", params.filter.ordering.as_deref()),
    };
    checks.finish()?;
    let store = &api.services()?.engine.store;
    let page = store.list_sessions(&caller.tenant, &filter, &params.paging.request()).await?;
    Ok(Json(params.paging.answer_each(&params.url, page, SessionBody::from)))
}
