//! Conversations as they are answered.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::conversations::draft::UsageBody;
use crate::api::training::wire::RecordBody;
use crate::domain::analysis::TrainingRecord;
use crate::domain::clock::Timestamp;
use crate::domain::conversation::{ConversationStatus, Outcome, Speaker, Turn};
use crate::domain::language::Language;
use crate::store::conversations::StoredConversation;

/// A conversation in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Conversation)]
pub struct ConversationItem {
    /// Turnwise's id.
    id: Uuid,
    /// The caller's id.
    external_id: String,
    /// The phone platform's id of the call.
    #[schema(required)]
    call_id: Option<String>,
    /// Which agent spoke.
    agent_id: String,
    /// `phone`, `chat` or the like.
    channel: String,
    /// As analysed; as given while it is not analysed yet.
    #[schema(required, value_type = Option<String>)]
    language: Option<Language>,
    /// As analysed; as given while it is not analysed yet.
    #[schema(required)]
    category: Option<String>,
    /// As analysed; as given while it is not analysed yet.
    #[schema(required)]
    outcome: Option<Outcome>,
    /// The user's rating, 1 to 5.
    #[schema(required)]
    satisfaction: Option<i64>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    ended_at: Timestamp,
    /// How long it took.
    duration_s: f64,
    /// How many turns it has, as received.
    turn_count: usize,
    /// Where it stands on its way through learning.
    status: ConversationStatus,
    /// Why learning failed, when it did.
    #[schema(required)]
    failure: Option<String>,
    /// 1, and one more for each replacement.
    version: i64,
    /// When this version was received.
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// When all of it was learned from.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    processed_at: Option<Timestamp>,
}

/// A conversation with everything about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConversationDetail)]
pub struct ConversationBody {
    #[serde(flatten)]
    item: ConversationItem,
    /// Tokens and cost of the agent's language model.
    #[schema(required)]
    usage: Option<UsageBody>,
    /// What the caller keeps with it.
    #[schema(value_type = Option<std::collections::BTreeMap<String, Value>>, required)]
    metadata: Value,
    /// What was said, as received.
    turns: Vec<TurnBody>,
    /// What analysis found; null until it has run.
    #[schema(required)]
    record: Option<RecordBody>,
}

/// One turn, as received.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Turn)]
pub struct TurnBody {
    /// Position in the conversation, from 0.
    ordinal: usize,
    /// Who said it.
    speaker: Speaker,
    /// What was said.
    text: String,
    /// When it was said.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// The retrieval that helped with it.
    #[schema(required)]
    retrieval_id: Option<Uuid>,
}

impl ConversationItem {
    /// A conversation, with its training record when there is one.
    pub fn new(stored: &StoredConversation, record: Option<&TrainingRecord>) -> Self {
        let conversation = &stored.conversation;
        Self {
            id: conversation.id.0,
            external_id: conversation.external_id.clone(),
            call_id: conversation.call_id.clone(),
            agent_id: conversation.agent_id.clone(),
            channel: conversation.channel.clone(),
            language: record.map(|record| record.language.clone()).or_else(|| conversation.language.clone()),
            category: record.map(|record| record.category.clone()).or_else(|| conversation.category.clone()),
            outcome: record.map(|record| record.outcome).or(conversation.outcome),
            satisfaction: conversation.satisfaction,
            started_at: conversation.started_at,
            ended_at: conversation.ended_at,
            duration_s: conversation.duration_s(),
            turn_count: conversation.turns.len(),
            status: stored.status,
            failure: stored.failure.clone(),
            version: stored.version,
            received_at: stored.received_at,
            processed_at: stored.processed_at,
        }
    }
}

impl ConversationBody {
    /// A conversation, with its training record when there is one.
    pub fn new(stored: StoredConversation, record: Option<TrainingRecord>) -> Self {
        Self {
            item: ConversationItem::new(&stored, record.as_ref()),
            usage: stored.conversation.usage.map(UsageBody::from),
            metadata: stored.conversation.metadata,
            turns: stored.conversation.turns.into_iter().map(TurnBody::from).collect(),
            record: record.map(RecordBody::from),
        }
    }
}

impl From<Turn> for TurnBody {
    fn from(turn: Turn) -> Self {
        Self {
            ordinal: turn.ordinal,
            speaker: turn.speaker,
            text: turn.text,
            at: turn.at,
            retrieval_id: turn.retrieval_id.map(|id| id.0),
        }
    }
}
