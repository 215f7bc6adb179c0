//! Training records as they are answered, under the names that existing callers know.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::analysis::{Quality, TrainingRecord};
use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Outcome, OutcomeSource};
use crate::domain::language::Language;

/// What analysis found in one conversation; redacted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrainingRecord)]
pub struct RecordBody {
    /// Its id.
    id: Uuid,
    /// The conversation's id.
    ai_conversation: Uuid,
    /// The phone platform's id of the call.
    #[schema(required)]
    call_id: Option<String>,
    /// Which agent spoke.
    agent_id: String,
    /// A few sentences of the conversation itself.
    conversation_summary: String,
    /// What it was about, most telling first.
    key_phrases: Vec<String>,
    /// What the user wanted, strongest first.
    user_intents: Vec<String>,
    /// `sales`, `support`, …
    conversation_category: String,
    /// How it ended.
    outcome: Outcome,
    /// Who said so.
    outcome_source: OutcomeSource,
    /// How sure that is, 0 to 1.
    outcome_confidence: f64,
    /// How successful it was, 0 to 1.
    success_score: f64,
    /// Measures of quality.
    quality: QualityBody,
    /// One sentence for each finding.
    reasons: BTreeMap<String, String>,
    /// What was learned from it, or why nothing was.
    learning: Vec<String>,
    /// Its language.
    #[schema(value_type = String)]
    language: Language,
    /// When the record was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// How well the agent did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quality)]
pub struct QualityBody {
    /// User turns; a burst counts once.
    user_turns: usize,
    /// Agent turns; a burst counts once.
    agent_turns: usize,
    /// Share of the words that the agent said, 0 to 1.
    talk_ratio: f64,
    /// How far the need was met, 0 to 1.
    resolution: f64,
    /// Share of turns that repeat an earlier one of the same speaker, 0 to 1.
    repetition: f64,
    /// Mean similarity of replies to what had just been said, 0 to 1.
    response_relevance: f64,
}

impl From<TrainingRecord> for RecordBody {
    fn from(record: TrainingRecord) -> Self {
        Self {
            id: record.id.0,
            ai_conversation: record.conversation_id.0,
            call_id: record.call_id,
            agent_id: record.agent_id,
            conversation_summary: record.summary,
            key_phrases: record.key_phrases,
            user_intents: record.user_intents,
            conversation_category: record.category,
            outcome: record.outcome,
            outcome_source: record.outcome_source,
            outcome_confidence: record.outcome_confidence,
            success_score: record.success_score,
            quality: QualityBody::from(record.quality),
            reasons: record.reasons,
            learning: record.learning,
            language: record.language,
            created_at: record.created_at,
        }
    }
}

impl From<Quality> for QualityBody {
    fn from(quality: Quality) -> Self {
        Self {
            user_turns: quality.user_turns,
            agent_turns: quality.agent_turns,
            talk_ratio: quality.talk_ratio,
            resolution: quality.resolution,
            repetition: quality.repetition,
            response_relevance: quality.response_relevance,
        }
    }
}
