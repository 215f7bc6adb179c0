//! `GET /training/training-data/`: training records, the newest first.

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
use crate::api::training::wire::RecordBody;
use crate::domain::conversation::Outcome;
use crate::store::records::{RecordFilter, RecordOrder};

/// Which training records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecordParams {
    /// Their `conversation_category`.
    category: Option<String>,
    /// How the conversation ended.
    #[param(value_type = Option<Outcome>)]
    outcome: Option<String>,
    /// Its language.
    language: Option<String>,
    /// Which agent spoke.
    agent_id: Option<String>,
    /// A `success_score` of at least this.
    #[param(value_type = Option<f64>, minimum = 0, maximum = 1)]
    min_score: Option<String>,
    /// A `success_score` of at most this.
    #[param(value_type = Option<f64>, minimum = 0, maximum = 1)]
    max_score: Option<String>,
    /// Made at this moment or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Made before this moment.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Words that each stand in `conversation_summary`, `key_phrases`, `call_id` or the `external_id` of the conversation.
    #[param(max_length = 200)]
    search: Option<String>,
    /// By what they are ordered, the least of it first, and the most of it first with a `-` before; `-created_at` when missing.
    #[param(inline, value_type = Option<RecordOrder>)]
    ordering: Option<String>,
}

impl RecordParams {
    fn check(&self) -> Result<RecordFilter, ApiError> {
        let mut checks = FieldChecks::default();
        let filter = RecordFilter {
            category: checks.name("category", self.category.as_deref()),
            outcome: checks.word("outcome", self.outcome.as_deref()),
            language: checks.language("language", self.language.as_deref()),
            agent_id: checks.name("agent_id", self.agent_id.as_deref()),
            min_score: checks.share("min_score", self.min_score.as_deref()),
            max_score: checks.share("max_score", self.max_score.as_deref()),
            from: checks.time("from", self.from.as_deref()),
            to: checks.time("to", self.to.as_deref()),
            search: checks.name("search", self.search.as_deref()),
            order: checks.word("ordering", self.ordering.as_deref()),
        };
        checks.ordered(("min_score", filter.min_score), ("max_score", filter.max_score));
        checks.ordered(("from", filter.from), ("to", filter.to));
        checks.finish()?;
        Ok(filter)
    }
}

/// List training data
///
/// What analysis found in each conversation, the newest first unless `ordering` says otherwise.
#[utoipa::path(get, path = "/training/training-data/", tag = "training", params(RecordParams, PagingParams),
    responses((status = 200, description = "One page.", body = List<RecordBody>)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    params: ListParams<RecordParams>,
) -> Result<Json<List<RecordBody>>, ApiError> {
    let filter = params.filter.check()?;
    let store = &api.services()?.engine.store;
    let page = store.list_records(&caller.tenant, &filter, &params.paging.request()).await?;
    Ok(Json(params.paging.answer_each(&params.url, page, RecordBody::from)))
}
