//! Search by meaning for people: over knowledge and over conversations. Records no exposure.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::domain::analysis::Chunk;
use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Conversation, Outcome, Speaker, Turn};
use crate::domain::ids::{ChunkId, ConversationId, EntryId, TenantId};
use crate::domain::knowledge::{Entry, EntryStatus, KnowledgeType};
use crate::domain::language::Language;
use crate::domain::query::{ContextTurn, QueryText};
use crate::domain::ranking::{Calibration, exemplar_hit, fuse, rank_by_success};
use crate::embedding::embedder::Role;
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::index::point::{Filter, Search};
use crate::retrieval::Retriever;
use crate::store::conversations::StoredConversation;

/// Points that are looked at for every result that is wanted: several may belong to one entry or conversation.
const FACTOR: usize = 8;

/// What to search for among entries.
#[derive(Clone, Debug, Default)]
pub struct KnowledgeSearch {
    /// Only this kind.
    pub knowledge_type: Option<KnowledgeType>,
    /// Only this category.
    pub category: Option<String>,
    /// Only this language.
    pub language: Option<Language>,
    /// Only these statuses; empty: all that are not retired.
    pub statuses: Vec<EntryStatus>,
    /// How many at most.
    pub limit: usize,
}

/// An entry that a search found.
#[derive(Clone, Debug)]
pub struct FoundEntry {
    /// The entry.
    pub entry: Arc<Entry>,
    /// Fused score, 0 to 1.
    pub score: f64,
    /// Cosine of its nearest exemplar.
    pub similarity: f64,
}

/// What to search for among conversations.
#[derive(Clone, Debug, Default)]
pub struct ConversationSearch {
    /// Only this category.
    pub category: Option<String>,
    /// Only this outcome.
    pub outcome: Option<Outcome>,
    /// Only this language.
    pub language: Option<Language>,
    /// Begun at this moment or later.
    pub from: Option<Timestamp>,
    /// Begun before this moment.
    pub to: Option<Timestamp>,
    /// How many at most.
    pub limit: usize,
}

/// A turn inside a chunk that matched.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MatchingTurn {
    /// Its ordinal.
    pub ordinal: usize,
    /// Who said it.
    pub speaker: Speaker,
    /// What was said.
    pub text: String,
}

/// A conversation that a search found.
#[derive(Clone, Debug)]
pub struct FoundConversation {
    /// The conversation.
    pub stored: StoredConversation,
    /// The turns of its best chunk.
    pub turns: Vec<MatchingTurn>,
    /// Cosine of that chunk.
    pub similarity: f64,
}

impl Retriever {
    /// Entries whose exemplars mean what `query` says.
    ///
    /// # Errors
    /// When the model, the index or the database fails: a person can wait and try again.
    pub async fn search_knowledge(
        &self,
        tenant: &TenantId,
        query: &QueryText,
        wanted: &KnowledgeSearch,
    ) -> Result<Vec<FoundEntry>, Error> {
        let generation = self.engine.generations.first();
        let statuses = if wanted.statuses.is_empty() {
            EntryStatus::ALL.iter().copied().filter(|status| *status != EntryStatus::Retired).collect()
        } else {
            wanted.statuses.clone()
        };
        let filter = Filter {
            statuses: statuses.clone(),
            knowledge_type: wanted.knowledge_type,
            category: wanted.category.clone(),
            languages: wanted.language.iter().flat_map(super::readable).collect(),
            ..Filter::default()
        };
        let search = Search { filter, limit: wanted.limit * FACTOR, deadline: None };
        let vector = generation.embedder.embed_one(Lane::Live, Role::Query, query.as_str(), None).await?.vector;
        let language = wanted.language.clone().unwrap_or_else(Language::undetermined);
        let dense = generation.exemplars.search_dense(tenant, generation.meaning(&vector), &search).await?;
        let lexical = generation.exemplars.search_lexical(tenant, query.as_str(), &language, &search).await?;
        let hits = |hits: &[crate::index::point::Hit]| -> Vec<_> {
            hits.iter().map(|hit| exemplar_hit(hit.id, hit.owner, hit.score)).collect()
        };
        let rules = self.rules();
        let calibration = Calibration::of_model(&generation.embedder.spec().name);
        let candidates = fuse(&hits(&dense), &hits(&lexical), &calibration, &rules);
        let ids: Vec<EntryId> = candidates.iter().map(|candidate| candidate.entry).collect();
        let entries = self.engine.entries.entries(&self.engine.store, tenant, &ids).await?;
        let found: Vec<_> = candidates
            .into_iter()
            .filter_map(|candidate| Some((candidate, Arc::clone(entries.get(&candidate.entry)?))))
            .filter(|(_, entry)| statuses.contains(&entry.status))
            .collect();
        let ranked = rank_by_success(found, |entry| entry.posterior.mean(), &rules);
        let found = ranked.into_iter().take(wanted.limit).map(|(candidate, entry)| FoundEntry {
            entry,
            score: candidate.score,
            similarity: candidate.similarity,
        });
        Ok(found.collect())
    }

    /// Conversations in which something like `query` was said.
    ///
    /// # Errors
    /// As [`Retriever::search_knowledge`].
    pub async fn search_conversations(
        &self,
        tenant: &TenantId,
        query: &QueryText,
        wanted: &ConversationSearch,
    ) -> Result<Vec<FoundConversation>, Error> {
        let generation = self.engine.generations.first();
        let filter = Filter {
            category: wanted.category.clone(),
            outcome: wanted.outcome,
            languages: wanted.language.iter().flat_map(super::with_scripts).collect(),
            from: wanted.from,
            to: wanted.to,
            ..Filter::default()
        };
        let search = Search { filter, limit: wanted.limit * FACTOR, deadline: None };
        let vector = generation.embedder.embed_one(Lane::Live, Role::Query, query.as_str(), None).await?.vector;
        let hits = generation.chunks.search_dense(tenant, vector, &search).await?;
        let mut best: Vec<(ConversationId, ChunkId, f32)> = Vec::new();
        for hit in hits {
            let conversation = ConversationId(hit.owner);
            if best.len() < wanted.limit && !best.iter().any(|(known, ..)| *known == conversation) {
                best.push((conversation, ChunkId(hit.id), hit.score));
            }
        }
        let chunk_ids: Vec<ChunkId> = best.iter().map(|(_, chunk, _)| *chunk).collect();
        let chunks = self.engine.store.chunks(tenant, &chunk_ids).await?;
        let chunks: HashMap<ChunkId, Chunk> = chunks.into_iter().map(|chunk| (chunk.id, chunk)).collect();
        let ids: Vec<ConversationId> = best.iter().map(|(id, ..)| *id).collect();
        let stored = self.engine.store.conversations(tenant, &ids).await?;
        let mut stored: HashMap<ConversationId, StoredConversation> =
            stored.into_iter().map(|stored| (stored.conversation.id, stored)).collect();
        let found = best.into_iter().filter_map(|(id, chunk, score)| {
            // Either may have been erased since it was found.
            let (stored, chunk) = (stored.remove(&id)?, chunks.get(&chunk)?);
            let turns = matching_turns(&stored.conversation, chunk);
            Some(FoundConversation { stored, turns, similarity: f64::from(score) })
        });
        Ok(found.collect())
    }
}

fn matching_turns(conversation: &Conversation, chunk: &Chunk) -> Vec<MatchingTurn> {
    let spoken = |turn: &&Turn| matches!(turn.speaker, Speaker::User | Speaker::Agent);
    conversation
        .turns
        .iter()
        .filter(|turn| (chunk.first_turn..=chunk.last_turn).contains(&turn.ordinal))
        .filter(spoken)
        .map(|turn| MatchingTurn { ordinal: turn.ordinal, speaker: turn.speaker, text: turn.text.clone() })
        .collect()
}

/// An utterance behind the last few turns before it, as one text.
pub(super) fn in_context(utterance: &str, context: &[ContextTurn], turns: usize) -> String {
    let spoken: Vec<&str> = context
        .iter()
        .filter(|turn| matches!(turn.speaker, Speaker::User | Speaker::Agent))
        .map(|turn| turn.text.trim())
        .filter(|text| !text.is_empty())
        .collect();
    let recent = &spoken[spoken.len().saturating_sub(turns)..];
    let mut joined = recent.join(" ");
    joined.push(' ');
    joined.push_str(utterance);
    crate::domain::text::strip_injected(joined.trim())
}
