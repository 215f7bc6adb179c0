//! `GET /training/knowledge-base/search_by_intent/`: entries by what a user means. Records no exposure.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::knowledge::wire::EntryBody;
use crate::api::knowledge::with_evidence;
use crate::api::paging::{List, limit};
use crate::api::params::Params;
use crate::domain::ids::EntryId;
use crate::domain::knowledge::{Entry, EntryStatus, KnowledgeType};
use crate::domain::query::QueryText;
use crate::retrieval::search::KnowledgeSearch;

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
    /// How many at most.
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
}

/// Search knowledge by meaning
///
/// The best first. For people and for callers that have no conversation: nothing is recorded as shown to a user's
/// agent; that is what `/retrieve/` is for.
#[utoipa::path(get, path = "/training/knowledge-base/search_by_intent/", tag = "training", params(IntentParams),
    responses((status = 200, description = "All that was found.", body = List<FoundEntry>)))]
pub async fn search_by_intent(
    State(api): State<Api>,
    caller: Caller,
    Params(params): Params<IntentParams>,
) -> Result<Json<List<FoundEntry>>, ApiError> {
    let (query, wanted) = params.check()?;
    let services = api.services()?;
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
    Ok(Json(List::of_all(results.collect())))
}
