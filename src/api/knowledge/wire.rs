//! Knowledge entries as they are answered, under the names that existing callers know.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::Outcome;
use crate::domain::knowledge::{Entry, EntryStatus, Evidence, KnowledgeType};
use crate::domain::language::Language;
use crate::domain::success::SuccessRate;

/// The most evidence that an entry shows; `evidence_count` says how much there is.
const MAX_EVIDENCE: usize = 20;

/// One reusable thing to say or do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KnowledgeEntry)]
pub struct EntryBody {
    /// Its id.
    id: Uuid,
    /// Its kind.
    knowledge_type: KnowledgeType,
    /// The category of the conversations that it came from.
    category: String,
    /// The intent that it serves.
    #[schema(required)]
    intent: Option<String>,
    /// A short heading.
    title: String,
    /// What to say or do.
    content: String,
    /// User utterances that it answers: examples, matched by meaning.
    trigger_phrases: Vec<String>,
    /// How often it led to success, 0 to 1: the same as `success.rate`.
    success_rate: f64,
    /// How often it led to success, with its interval.
    success: SuccessBody,
    /// Whether it is offered to agents.
    status: EntryStatus,
    /// Why it has this status, when that is not plain.
    #[schema(required)]
    status_reason: Option<String>,
    /// Language of the content.
    #[schema(value_type = String)]
    language: Language,
    /// Places in conversations that it was learned from or was given in, at most 20.
    evidence: Vec<EvidenceBody>,
    /// Conversations that gave this answer.
    evidence_count: i64,
    /// When it was first learned.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// How often something led to success: the mean of a Beta posterior and its 90 % credible interval.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Success)]
pub struct SuccessBody {
    /// The mean, 0 to 1.
    rate: f64,
    /// The lower end.
    low: f64,
    /// The upper end.
    high: f64,
    /// Times that it was used by an agent.
    uses: i64,
}

/// A place in a conversation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Evidence)]
pub struct EvidenceBody {
    /// The conversation's id.
    conversation_id: Uuid,
    /// Ordinal of the user turn.
    question_turn: usize,
    /// Ordinal of the agent turn that answered.
    answer_turn: usize,
    /// The success score of the conversation, 0 to 1.
    success_score: f64,
    /// How the conversation ended.
    outcome: Outcome,
}

impl EntryBody {
    /// An entry with its exemplars and its evidence.
    pub fn new(entry: Entry, trigger_phrases: Vec<String>, evidence: Vec<Evidence>) -> Self {
        let success = SuccessBody::from(entry.success());
        Self {
            id: entry.id.0,
            knowledge_type: entry.knowledge_type,
            category: entry.category,
            intent: entry.intent,
            title: entry.title,
            content: entry.content,
            trigger_phrases,
            success_rate: success.rate,
            success,
            status: entry.status,
            status_reason: entry.status_reason,
            language: entry.language,
            evidence: evidence.iter().take(MAX_EVIDENCE).map(EvidenceBody::from).collect(),
            evidence_count: entry.evidence_count,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
        }
    }
}

impl From<SuccessRate> for SuccessBody {
    fn from(success: SuccessRate) -> Self {
        Self { rate: success.rate, low: success.low, high: success.high, uses: success.uses }
    }
}

impl From<&Evidence> for EvidenceBody {
    fn from(evidence: &Evidence) -> Self {
        Self {
            conversation_id: evidence.conversation_id.0,
            question_turn: evidence.question_turn,
            answer_turn: evidence.answer_turn,
            success_score: evidence.success_score,
            outcome: evidence.outcome,
        }
    }
}
