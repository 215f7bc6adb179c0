//! `GET /training/knowledge-base/`: entries, the newest first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::knowledge::wire::EntryBody;
use crate::api::knowledge::with_evidence;
use crate::api::paging::{List, PagingParams};
use crate::api::params::ListParams;
use crate::domain::knowledge::{EntryStatus, KnowledgeType};
use crate::store::entries::{EntryFilter, EntryOrder};

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntryParams {
    /// Their kind; `response_template` and `support_pattern` are read as `response_pattern`.
    #[param(value_type = Option<KnowledgeType>)]
    knowledge_type: Option<String>,
    /// Their category.
    category: Option<String>,
    /// Language of their content; a region does not count.
    language: Option<String>,
    /// Whether they are offered.
    #[param(value_type = Option<EntryStatus>)]
    status: Option<String>,
    /// Words that all stand in title or content; for a search by meaning see `search_by_intent`.
    #[param(max_length = 200)]
    search: Option<String>,
    /// The intent that they serve.
    intent: Option<String>,
    /// By what they are ordered, the least of it first, and the most of it first with a `-` before; `-created_at` when missing.
    #[param(inline, value_type = Option<EntryOrder>)]
    ordering: Option<String>,
}

impl EntryParams {
    fn check(&self) -> Result<EntryFilter, ApiError> {
        let mut checks = FieldChecks::default();
        let kind = self.knowledge_type.as_deref().map(KnowledgeType::parse_lenient).transpose();
        let filter = EntryFilter {
            knowledge_type: checks.keep(kind).flatten(),
            category: checks.name("category", self.category.as_deref()),
            intent: checks.name("intent", self.intent.as_deref()),
            language: checks.language("language", self.language.as_deref()).map(|language| language.without_region()),
            status: checks.word("status", self.status.as_deref()),
            search: checks.name("search", self.search.as_deref()),
            order: checks.word("ordering", self.ordering.as_deref()),
        };
        checks.finish()?;
        Ok(filter)
    }
}

/// List knowledge
///
/// Entries with their exemplars and their evidence, the newest first unless `ordering` says otherwise.
#[utoipa::path(get, path = "/training/knowledge-base/", tag = "training", params(EntryParams, PagingParams),
    responses((status = 200, description = "One page.", body = List<EntryBody>)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    params: ListParams<EntryParams>,
) -> Result<Json<List<EntryBody>>, ApiError> {
    let filter = params.filter.check()?;
    let store = &api.services()?.engine.store;
    let mut page = store.list_entries(&caller.tenant, &filter, &params.paging.request()).await?;
    let results = with_evidence(store, &caller.tenant, std::mem::take(&mut page.items)).await?;
    Ok(Json(params.paging.answer(&params.url, &page, results)))
}
