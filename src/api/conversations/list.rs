//! `GET /conversations/`: the last received first.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::conversations::wire::ConversationItem;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::paging::{List, PagingParams};
use crate::api::params::ListParams;
use crate::domain::conversation::{ConversationStatus, Outcome};
use crate::domain::ids::ConversationId;
use crate::store::conversations::{ConversationFilter, ConversationOrder};

/// Which conversations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConversationParams {
    /// Where they stand.
    #[param(value_type = Option<ConversationStatus>)]
    status: Option<String>,
    /// How they ended: as analysed, or as given while they are not analysed yet.
    #[param(value_type = Option<Outcome>)]
    outcome: Option<String>,
    /// Their category, likewise.
    category: Option<String>,
    /// Their language, likewise.
    language: Option<String>,
    /// Which agent spoke.
    agent_id: Option<String>,
    /// `phone`, `chat` or the like.
    channel: Option<String>,
    /// Begun at this moment or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Begun before this moment.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Words that each stand in `external_id` or `call_id`; for a search by meaning see `search`.
    #[param(max_length = 200)]
    search: Option<String>,
    /// By what they are ordered, the least of it first, and the most of it first with a `-` before; `-received_at` when missing.
    #[param(inline, value_type = Option<ConversationOrder>)]
    ordering: Option<String>,
}

impl ConversationParams {
    fn check(&self) -> Result<ConversationFilter, ApiError> {
        let mut checks = FieldChecks::default();
        let filter = ConversationFilter {
            status: checks.word("status", self.status.as_deref()),
            outcome: checks.word("outcome", self.outcome.as_deref()),
            category: checks.name("category", self.category.as_deref()),
            language: checks.language("language", self.language.as_deref()),
            agent_id: checks.name("agent_id", self.agent_id.as_deref()),
            channel: checks.name("channel", self.channel.as_deref()),
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

/// List conversations
///
/// The last received first unless `ordering` says otherwise, without their turns.
#[utoipa::path(get, path = "/conversations/", tag = "conversations", params(ConversationParams, PagingParams),
    responses((status = 200, description = "One page.", body = List<ConversationItem>)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    params: ListParams<ConversationParams>,
) -> Result<Json<List<ConversationItem>>, ApiError> {
    let filter = params.filter.check()?;
    let store = &api.services()?.engine.store;
    let page = store.list_conversations(&caller.tenant, &filter, &params.paging.request()).await?;
    let ids: Vec<ConversationId> = page.items.iter().map(|stored| stored.conversation.id).collect();
    let records = store.records_of(&caller.tenant, &ids).await?;
    let records: HashMap<ConversationId, _> =
        records.into_iter().map(|record| (record.conversation_id, record)).collect();
    let items = page.items.iter().map(|stored| ConversationItem::new(stored, records.get(&stored.conversation.id)));
    Ok(Json(params.paging.answer(&params.url, &page, items.collect())))
}
