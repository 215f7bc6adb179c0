//! `GET /keys/`: the last made first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::keys::seen_by;
use crate::api::keys::wire::KeyBody;
use crate::api::paging::{List, PagingParams};
use crate::api::params::ListParams;
use crate::domain::ids::TenantId;
use crate::store::keys::{KeyFilter, KeyScope};
use crate::store::page::CreatedOrder;

/// Which keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KeyParams {
    /// Whose data they are for, among those that the caller sees.
    #[param(min_length = 1, max_length = 63, pattern = "^[a-z0-9_-]+$")]
    tenant: Option<String>,
    /// What they may do.
    #[param(value_type = Option<KeyScope>)]
    scope: Option<String>,
    /// Words that all stand in the name.
    #[param(max_length = 200)]
    search: Option<String>,
    /// By what they are ordered, the least of it first, and the most of it first with a `-` before; `-created_at` when missing.
    #[param(inline, value_type = Option<CreatedOrder>)]
    ordering: Option<String>,
}

impl KeyParams {
    fn check(&self) -> Result<KeyFilter, ApiError> {
        let mut checks = FieldChecks::default();
        let tenant = self.tenant.as_deref().map(TenantId::parse).transpose();
        let filter = KeyFilter {
            tenant: checks.keep(tenant).flatten(),
            scope: checks.word("scope", self.scope.as_deref()),
            search: checks.name("search", self.search.as_deref()),
            order: checks.word("ordering", self.ordering.as_deref()),
        };
        checks.finish()?;
        Ok(filter)
    }
}

/// List keys
///
/// Also those that are revoked or expired. Admins of the tenant `default` see the keys of all tenants, others those of
/// their own.
#[utoipa::path(get, path = "/keys/", tag = "keys", params(KeyParams, PagingParams),
    responses((status = 200, description = "One page.", body = List<KeyBody>)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    params: ListParams<KeyParams>,
) -> Result<Json<List<KeyBody>>, ApiError> {
    let filter = params.filter.check()?;
    let store = &api.services()?.engine.store;
    let page = store.list_keys(&seen_by(&caller), &filter, &params.paging.request()).await?;
    Ok(Json(params.paging.answer_each(&params.url, page, KeyBody::from)))
}
