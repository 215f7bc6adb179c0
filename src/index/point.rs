//! What goes into the index, what is asked of it, and what comes out.

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::Outcome;
use crate::domain::ids::TenantId;
use crate::domain::knowledge::{EntryStatus, KnowledgeType};
use crate::domain::language::Language;

/// One vector with its text and what it can be filtered by.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The exemplar or chunk.
    pub id: Uuid,
    /// Its embedding; cosine is what counts, so its length does not matter.
    pub vector: Arc<[f32]>,
    /// Its text, for search by words; not kept.
    pub text: String,
    /// What it can be filtered by.
    pub payload: Payload,
}

/// What a point can be filtered by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// The owner of the data.
    #[serde(deserialize_with = "tenant")]
    pub tenant: TenantId,
    /// The entry of an exemplar, the conversation of a chunk.
    pub owner: Uuid,
    /// The language of the text; also decides stop words and stemming.
    pub language: Language,
    /// The category of the entry or conversation.
    pub category: Option<String>,
    /// The status of the entry; `None` for chunks.
    pub status: Option<EntryStatus>,
    /// The kind of the entry; `None` for chunks.
    pub knowledge_type: Option<KnowledgeType>,
    /// How the conversation ended; `None` for exemplars.
    pub outcome: Option<Outcome>,
    /// When the conversation began; `None` for exemplars.
    pub started_at: Option<Timestamp>,
}

impl Payload {
    /// The payload of an exemplar of `entry`.
    pub fn exemplar(
        tenant: TenantId,
        entry: Uuid,
        language: Language,
        category: String,
        status: EntryStatus,
        knowledge_type: KnowledgeType,
    ) -> Self {
        Self {
            tenant,
            owner: entry,
            language,
            category: Some(category),
            status: Some(status),
            knowledge_type: Some(knowledge_type),
            outcome: None,
            started_at: None,
        }
    }

    /// The payload of a chunk of `conversation`.
    pub fn chunk(
        tenant: TenantId,
        conversation: Uuid,
        language: Language,
        category: String,
        outcome: Outcome,
        started_at: Timestamp,
    ) -> Self {
        Self {
            tenant,
            owner: conversation,
            language,
            category: Some(category),
            status: None,
            knowledge_type: None,
            outcome: Some(outcome),
            started_at: Some(started_at),
        }
    }
}

fn tenant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TenantId, D::Error> {
    TenantId::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// What a hit must be, besides of the tenant; what is empty or `None` does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// One of these statuses.
    pub statuses: Vec<EntryStatus>,
    /// This kind.
    pub knowledge_type: Option<KnowledgeType>,
    /// This category.
    pub category: Option<String>,
    /// One of these languages, by language and script (`en` is also `en-US`, but `ur` is not `ur-Latn`).
    pub languages: Vec<Language>,
    /// This outcome.
    pub outcome: Option<Outcome>,
    /// Begun at this moment or later.
    pub from: Option<Timestamp>,
    /// Begun before this moment.
    pub to: Option<Timestamp>,
}

/// How to search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// What a hit must be.
    pub filter: Filter,
    /// How many hits at most.
    pub limit: usize,
    /// When the answer is of no use any more; a search still in line then is not begun.
    pub deadline: Option<Instant>,
}

/// A point that was found. Equal scores are ordered by id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The exemplar or chunk.
    pub id: Uuid,
    /// Its entry or conversation.
    pub owner: Uuid,
    /// How well it fits: cosine, or BM25.
    pub score: f32,
}

/// A point and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct PointOwner {
    /// The exemplar or chunk.
    pub id: Uuid,
    /// The owner of the data.
    pub tenant: TenantId,
    /// Its entry or conversation.
    pub owner: Uuid,
    /// The status of its entry, as the index has it.
    pub status: Option<EntryStatus>,
}
