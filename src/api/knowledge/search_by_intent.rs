//! `GET /training/knowledge-base/search_by_intent/`: entries by what a user means. What existing agents ask on every turn:
//! for a key of the scope `agent` it is the retrieval of `/retrieve/`, with its exposure; for others it records none.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::knowledge::wire::EntryBody;
use crate::api::knowledge::with_evidence;
use crate::api::paging::{List, limit};
use crate::api::params::Params;
use crate::api::{Api, Services};
use crate::domain::ids::{EntryId, TenantId};
use crate::domain::knowledge::{Entry, EntryStatus, KnowledgeType};
use crate::domain::query::{Exposure, Limit, OfferedEntry, QueryText, RetrievalQuery};
use crate::retrieval::search::KnowledgeSearch;
use crate::store::keys::KeyScope;

/// What to search for: `q`, `intent`, or both as one text.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IntentParams {
    /// What a user says, in any words; 1 to 10000 characters.
    #[param(max_length = 10000)]
    q: Option<String>,
    /// An intent such as `pricing`; searched by meaning, like `q`.
    #[param(max_length = 10000)]
    intent: Option<String>,
    /// Their category.
    category: Option<String>,
    /// Their kind; `response_template` and `support_pattern` are read as `response_pattern`.
    #[param(value_type = Option<KnowledgeType>)]
    knowledge_type: Option<String>,
    /// Language of their content (`ur` also finds `ur-Latn`; a region does not count).
    language: Option<String>,
    /// Only this status; without it, all that are not retired.
    #[param(value_type = Option<EntryStatus>)]
    status: Option<String>,
    /// The conversation, by the caller's id or Turnwise's, which need not be known yet. With an agent's key, what is answered
    /// counts as shown in it.
    #[param(max_length = 200)]
    conversation_id: Option<String>,
    /// How many at most; an agent is answered at most 50.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// The same as `limit`.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    page_size: Option<String>,
}

/// An entry that a search found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundEntry {
    #[serde(flatten)]
    entry: EntryBody,
    /// What it was ranked by, 0 to 1: meaning and words.
    score: f64,
    /// Cosine of the query and the nearest exemplar.
    similarity: f64,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntentAnswer {
    #[serde(flatten)]
    list: List<FoundEntry>,
    /// For agents: to be given back with the agent's turn, when the conversation is handed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    retrieval_id: Option<Uuid>,
}

impl IntentParams {
    fn check(&self) -> Result<(QueryText, KnowledgeSearch), ApiError> {
        let mut checks = FieldChecks::default();
        // An intent is a name such as `login_problem`; its words are what is meant.
        let intent = self.intent.as_deref().map(|intent| intent.replace('_', " "));
        let query = match (&self.q, intent) {
            (Some(q), None) => checks.keep(QueryText::parse("q", q)),
            (None, Some(intent)) => checks.keep(QueryText::parse("intent", &intent)),
            (Some(q), Some(intent)) => checks.keep(QueryText::parse("q", &format!("{intent} {q}"))),
            (None, None) => {
                checks.refuse("q", "give q or intent: what to search for");
                None
            }
        };
        let limit = limit(&mut checks, self.limit.as_deref(), self.page_size.as_deref());
        let kind = self.knowledge_type.as_deref().map(KnowledgeType::parse_lenient).transpose();
        let wanted = KnowledgeSearch {
            knowledge_type: checks.keep(kind).flatten(),
            category: checks.name("category", self.category.as_deref()),
            language: checks.language("language", self.language.as_deref()),
            statuses: checks.word("status", self.status.as_deref()).into_iter().collect(),
            limit: usize::try_from(limit).unwrap_or_default(),
        };
        checks.finish()?;
        let query = query.ok_or_else(|| ApiError::internal("a query that passed its check is missing"))?;
        Ok((query, wanted))
    }

    /// The same as an agent's question on a turn.
    fn as_agent(&self, utterance: QueryText, wanted: KnowledgeSearch) -> Result<RetrievalQuery, ApiError> {
        let mut checks = FieldChecks::default();
        if wanted.statuses.iter().any(|status| *status != EntryStatus::Live) {
            checks.refuse("status", "must be live: an agent is offered nothing else");
        }
        let conversation_ref = checks.name("conversation_id", self.conversation_id.as_deref());
        let most = i64::try_from(wanted.limit.min(Limit::MAX)).unwrap_or_default();
        let limit = checks.keep(Limit::new(most));
        checks.finish()?;
        let limit = limit.ok_or_else(|| ApiError::internal("a limit that passed its check is missing"))?;
        Ok(RetrievalQuery {
            utterance,
            conversation_ref,
            turn: None,
            context: Vec::new(),
            knowledge_type: wanted.knowledge_type,
            category: wanted.category,
            language: wanted.language,
            limit,
            deadline: None,
            render_tokens: None,
            exposure: Exposure::Recorded,
        })
    }
}

/// Search knowledge by meaning
///
/// The best first. With an agent's key this is what `/retrieve/` answers: only what is live and near enough, ranked by
/// success among equals, and recorded as shown. With another key it finds whatever is not retired, and records nothing.
#[utoipa::path(get, path = "/training/knowledge-base/search_by_intent/", tag = "training", params(IntentParams),
    responses((status = 200, description = "All that was found.", body = IntentAnswer)))]
pub async fn search_by_intent(
    State(api): State<Api>,
    caller: Caller,
    Params(params): Params<IntentParams>,
) -> Result<Json<IntentAnswer>, ApiError> {
    let (query, wanted) = params.check()?;
    let services = api.services()?;
    if caller.scope == KeyScope::Agent {
        let asked = params.as_agent(query, wanted)?;
        return Ok(Json(offered(services, &caller.tenant, asked).await?));
    }
    let found = services.retriever.search_knowledge(&caller.tenant, &query, &wanted).await?;
    let scores: HashMap<EntryId, (f64, f64)> =
        found.iter().map(|found| (found.entry.id, (found.score, found.similarity))).collect();
    let entries: Vec<Entry> = found.iter().map(|found| Entry::clone(&found.entry)).collect();
    let ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
    let bodies = with_evidence(&services.engine.store, &caller.tenant, entries).await?;
    let results = ids.into_iter().zip(bodies).map(|(id, entry)| {
        let (score, similarity) = scores.get(&id).copied().unwrap_or_default();
        FoundEntry { entry, score, similarity }
    });
    Ok(Json(IntentAnswer { list: List::of_all(results.collect()), retrieval_id: None }))
}

/// What is offered to an agent, as entries.
async fn offered(services: &Services, tenant: &TenantId, query: RetrievalQuery) -> Result<IntentAnswer, ApiError> {
    let answer = services.retriever.retrieve(tenant, query).await?;
    let ids: Vec<EntryId> = answer.results.iter().map(|offered| offered.knowledge_id).collect();
    let store = &services.engine.store;
    let entries = services.engine.entries.entries(store, tenant, &ids).await?;
    // One may have been erased since it was offered.
    let (entries, offered): (Vec<Entry>, Vec<&OfferedEntry>) = answer
        .results
        .iter()
        .filter_map(|offered| Some((Entry::clone(entries.get(&offered.knowledge_id)?), offered)))
        .unzip();
    let bodies = with_evidence(store, tenant, entries).await?;
    let results = bodies.into_iter().zip(offered).map(|(entry, offered)| FoundEntry {
        entry,
        score: offered.score,
        similarity: offered.similarity,
    });
    Ok(IntentAnswer { list: List::of_all(results.collect()), retrieval_id: Some(answer.retrieval_id.0) })
}
