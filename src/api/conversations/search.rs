//! `GET /conversations/search/`: conversations in which something like this was said.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::conversations::wire::ConversationItem;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::paging::{List, limit};
use crate::api::params::Params;
use crate::domain::conversation::{Outcome, Speaker};
use crate::domain::ids::ConversationId;
use crate::domain::query::QueryText;
use crate::retrieval::search::{ConversationSearch, MatchingTurn};

/// What to search for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchParams {
    /// What was said, in any words; 1 to 10000 characters.
    #[param(value_type = String, min_length = 1, max_length = 10000)]
    q: Option<String>,
    /// Their category.
    category: Option<String>,
    /// How they ended.
    #[param(value_type = Option<Outcome>)]
    outcome: Option<String>,
    /// Their language (`ur` also finds `ur-Latn`; a region does not count).
    language: Option<String>,
    /// Begun at this moment or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Begun before this moment.
    #[param(format = DateTime)]
    to: Option<String>,
    /// How many at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
}

/// A conversation that a search found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundConversation {
    /// The conversation.
    conversation: ConversationItem,
    /// The turns that matched, as received.
    turns: Vec<FoundTurn>,
    /// Cosine of these turns and the query.
    similarity: f64,
}

/// A turn that matched.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundTurn {
    /// Position in the conversation, from 0.
    ordinal: usize,
    /// Who said it.
    speaker: Speaker,
    /// What was said.
    text: String,
}

impl SearchParams {
    fn check(&self) -> Result<(QueryText, ConversationSearch), ApiError> {
        let mut checks = FieldChecks::default();
        let query = checks.keep(QueryText::parse("q", self.q.as_deref().unwrap_or_default()));
        let limit = limit(&mut checks, self.limit.as_deref(), None);
        let wanted = ConversationSearch {
            category: checks.name("category", self.category.as_deref()),
            outcome: checks.word("outcome", self.outcome.as_deref()),
            language: checks.language("language", self.language.as_deref()),
            from: checks.time("from", self.from.as_deref()),
            to: checks.time("to", self.to.as_deref()),
            limit: usize::try_from(limit).unwrap_or_default(),
        };
        checks.ordered(("from", wanted.from), ("to", wanted.to));
        checks.finish()?;
        let query = query.ok_or_else(|| ApiError::internal("a query that passed its check is missing"))?;
        Ok((query, wanted))
    }
}

/// Search conversations by meaning
///
/// The most similar first. Only what has been learned from is found.
#[utoipa::path(get, path = "/conversations/search/", tag = "conversations", params(SearchParams),
    responses((status = 200, description = "All that was found.", body = List<FoundConversation>)))]
pub async fn search(
    State(api): State<Api>,
    caller: Caller,
    Params(params): Params<SearchParams>,
) -> Result<Json<List<FoundConversation>>, ApiError> {
    let (query, wanted) = params.check()?;
    let services = api.services()?;
    let found = services.retriever.search_conversations(&caller.tenant, &query, &wanted).await?;
    let ids: Vec<ConversationId> = found.iter().map(|found| found.stored.conversation.id).collect();
    let records = services.engine.store.records_of(&caller.tenant, &ids).await?;
    let results = found.into_iter().map(|found| {
        let record = records.iter().find(|record| record.conversation_id == found.stored.conversation.id);
        FoundConversation {
            conversation: ConversationItem::new(&found.stored, record),
            turns: found.turns.into_iter().map(FoundTurn::from).collect(),
            similarity: found.similarity,
        }
    });
    Ok(Json(List::of_all(results.collect())))
}

impl From<MatchingTurn> for FoundTurn {
    fn from(turn: MatchingTurn) -> Self {
        Self { ordinal: turn.ordinal, speaker: turn.speaker, text: turn.text }
    }
}
