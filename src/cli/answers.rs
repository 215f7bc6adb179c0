//! What a command is told, in the shape of the HTTP API: read from a server's answer, or made from what the services
//! say, so that printing does not care which of them it was.

use serde::{Deserialize, Serialize};

use crate::domain::analysis::TrainingRecord;
use crate::domain::conversation::{ConversationStatus, Outcome, Speaker};
use crate::domain::knowledge::{EntryStatus, KnowledgeType};
use crate::domain::query::{OfferedEntry, Timings};
use crate::domain::success::SuccessRate;
use crate::retrieval::answer::RetrievalAnswer;
use crate::retrieval::search::{FoundConversation, FoundEntry};

/// The answer to a retrieval.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Retrieved {
    /// To be given back with the agent's turn.
    pub retrieval_id: String,
    /// What the user seems to want.
    pub intent: Option<Intent>,
    /// The entries, best first.
    pub results: Vec<RetrievedEntry>,
    /// Whether nothing is offered.
    pub abstained: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is missing in the answer.
    #[serde(default)]
    pub degraded: Vec<String>,
    /// Where the time went.
    pub timings_us: Timings,
}

/// What the user seems to want.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// Such as `pricing`.
    pub name: String,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
}

/// An entry that is offered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RetrievedEntry {
    /// Its id.
    pub knowledge_id: String,
    /// Its kind.
    pub knowledge_type: KnowledgeType,
    /// Its category.
    pub category: String,
    /// Its heading.
    pub title: String,
    /// What to say or do.
    pub content: String,
    /// What it was ranked by.
    pub score: f64,
    /// Cosine of the utterance and the matched one.
    pub similarity: f64,
    /// The learned utterance that was nearest.
    pub matched_utterance: String,
    /// How often it led to success.
    pub success: SuccessRate,
}

/// An entry that a search found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SearchedEntry {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub knowledge_type: KnowledgeType,
    /// Its category.
    pub category: String,
    /// Its heading.
    pub title: String,
    /// What to say or do.
    pub content: String,
    /// Whether it is offered.
    pub status: EntryStatus,
    /// How often it led to success.
    pub success: SuccessRate,
    /// What it was ranked by.
    pub score: f64,
    /// Cosine of its nearest learned utterance.
    pub similarity: f64,
}

/// A conversation that a search found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SearchedConversation {
    /// The conversation.
    pub conversation: ConversationHead,
    /// The turns that matched.
    pub turns: Vec<SearchedTurn>,
    /// Cosine of these turns.
    pub similarity: f64,
}

/// What a conversation is known by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConversationHead {
    /// Turnwise's id.
    pub id: String,
    /// The caller's own id.
    pub external_id: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// How it ended.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// Its category.
    #[serde(default)]
    pub category: Option<String>,
}

/// A turn that matched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SearchedTurn {
    /// Its ordinal.
    pub ordinal: usize,
    /// Who said it.
    pub speaker: Speaker,
    /// What was said.
    pub text: String,
}

/// What became of a conversation that was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Turnwise's id.
    pub id: String,
    /// What it did.
    pub change: Change,
    /// Where the conversation stands now.
    pub status: ConversationStatus,
}

/// What handing in a conversation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created,
    /// It was there with other content.
    Replaced,
    /// It was there, exactly so.
    None,
}

/// How far the learning from a conversation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not done yet.
    Unfinished,
    /// Done.
    Learned,
    /// Given up, and why.
    Failed(String),
    /// Erased meanwhile.
    Gone,
}

impl Standing {
    /// The standing that a status means.
    pub fn of(status: ConversationStatus, failure: Option<String>) -> Self {
        match status {
            ConversationStatus::Received | ConversationStatus::Processing => Self::Unfinished,
            ConversationStatus::Processed => Self::Learned,
            ConversationStatus::Failed => Self::Failed(failure.unwrap_or_else(|| "no reason was noted".to_owned())),
        }
    }
}

impl From<RetrievalAnswer> for Retrieved {
    fn from(answer: RetrievalAnswer) -> Self {
        Self {
            retrieval_id: answer.retrieval_id.to_string(),
            intent: answer.intent.map(|intent| Intent { name: intent.name, confidence: intent.confidence }),
            results: answer.results.into_iter().map(RetrievedEntry::from).collect(),
            abstained: answer.abstained,
            reason: answer.reason.map(|reason| reason.to_string()),
            degraded: answer.degraded.iter().map(ToString::to_string).collect(),
            timings_us: answer.timings,
        }
    }
}

impl From<OfferedEntry> for RetrievedEntry {
    fn from(entry: OfferedEntry) -> Self {
        Self {
            knowledge_id: entry.knowledge_id.to_string(),
            knowledge_type: entry.knowledge_type,
            category: entry.category,
            title: entry.title,
            content: entry.content,
            score: entry.score,
            similarity: entry.similarity,
            matched_utterance: entry.matched_utterance,
            success: entry.success,
        }
    }
}

impl From<FoundEntry> for SearchedEntry {
    fn from(found: FoundEntry) -> Self {
        let entry = &found.entry;
        Self {
            id: entry.id.to_string(),
            knowledge_type: entry.knowledge_type,
            category: entry.category.clone(),
            title: entry.title.clone(),
            content: entry.content.clone(),
            status: entry.status,
            success: entry.success(),
            score: found.score,
            similarity: found.similarity,
        }
    }
}

impl SearchedConversation {
    /// What was found, as analysed where it was.
    pub fn new(found: FoundConversation, record: Option<&TrainingRecord>) -> Self {
        let conversation = found.stored.conversation;
        let turns = found.turns.into_iter();
        Self {
            conversation: ConversationHead {
                id: conversation.id.to_string(),
                external_id: conversation.external_id,
                started_at: conversation.started_at.to_string(),
                outcome: record.map(|record| record.outcome).or(conversation.outcome),
                category: record.map(|record| record.category.clone()).or(conversation.category),
            },
            turns: turns
                .map(|turn| SearchedTurn { ordinal: turn.ordinal, speaker: turn.speaker, text: turn.text })
                .collect(),
            similarity: found.similarity,
        }
    }
}
