//! What analysis finds in one conversation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Outcome, OutcomeSource};
use crate::domain::ids::{ConversationId, RecordId};
use crate::domain::language::Language;

/// How well the agent did, measured; every number has its reason in [`TrainingRecord::reasons`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// User turns (bursts count once).
    pub user_turns: usize,
    /// Agent turns (bursts count once).
    pub agent_turns: usize,
    /// Share of the words that the agent said, 0 to 1.
    pub talk_ratio: f64,
    /// How far the need was resolved, 0 to 1.
    pub resolution: f64,
    /// Share of turns that repeat an earlier turn of the same speaker, 0 to 1.
    pub repetition: f64,
    /// Mean similarity of agent replies to what the user had just said, 0 to 1.
    pub response_relevance: f64,
}

/// What analysis found in one conversation. REST name: training data.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingRecord {
    /// Its id, derived from the conversation.
    pub id: RecordId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The phone platform's id of the call.
    pub call_id: Option<String>,
    /// Which agent spoke.
    pub agent_id: String,
    /// A few sentences of the conversation itself; redacted.
    pub summary: String,
    /// What it was about, most telling first; redacted.
    pub key_phrases: Vec<String>,
    /// What the user wanted, strongest first.
    pub user_intents: Vec<String>,
    /// `sales`, `support`, …: given, or that of the strongest intent.
    pub category: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Who said so.
    pub outcome_source: OutcomeSource,
    /// How sure that is, 0 to 1.
    pub outcome_confidence: f64,
    /// How successful it was, 0 to 1.
    pub success_score: f64,
    /// Measures of quality.
    pub quality: Quality,
    /// One sentence for each finding: `outcome`, `category`, `intents`, `talk_ratio`, …
    pub reasons: BTreeMap<String, String>,
    /// What was learned from it, or why nothing was; empty until distillation has run.
    pub learning: Vec<String>,
    /// The language, given or recognised.
    pub language: Language,
    /// Which version of the pipeline made it.
    pub pipeline_version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A piece of a conversation, embedded for search by meaning over conversations.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Its id, and that of its point.
    pub id: crate::domain::ids::ChunkId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Position in the conversation, from 0.
    pub ordinal: usize,
    /// Ordinal of the first turn in it.
    pub first_turn: usize,
    /// Ordinal of the last turn in it.
    pub last_turn: usize,
    /// Its text, with speakers; redacted.
    pub text: String,
}
