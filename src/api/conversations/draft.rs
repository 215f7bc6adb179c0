//! A conversation as it is handed in. Whatever is required may be missing here, so that it is told together with all
//! else that is wrong.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::conversation::Usage;
use crate::domain::deserialize::{object, objects, whole_number};
use crate::domain::draft::{ConversationDraft, MessageDraft, TurnDraft};

/// One finished conversation. Either `turns` or `messages`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConversationDraft, example = json!({
    "external_id": "call-20260901-17", "caller_id": "+15550100", "agent_id": "front-desk", "channel": "phone",
    "language": "en", "started_at": "2026-09-01T10:00:00Z", "ended_at": "2026-09-01T10:02:30Z",
    "turns": [
        {"speaker": "user", "text": "how much is the premium plan"},
        {"speaker": "agent", "text": "The premium plan is 49 dollars a month, with everything included."},
        {"speaker": "user", "text": "great, sign me up"},
        {"speaker": "agent", "text": "Done. You will get a confirmation by mail."}
    ],
    "outcome": "successful", "satisfaction": 5
}))]
pub struct ConversationBody {
    /// The caller's own id, unique among its conversations; 1 to 200 characters, but not `search`, `.` or `..`, at which
    /// no path would find it. Where a path takes either id, Turnwise's wins over one of the caller's that is the same.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 200)]
    external_id: String,
    /// The phone platform's id of the call.
    #[schema(min_length = 1, max_length = 200)]
    call_id: Option<String>,
    /// The number or name of who called. Only a keyed hash of it is kept, to tell callers apart.
    #[schema(min_length = 1, max_length = 200)]
    caller_id: Option<String>,
    /// Which agent spoke.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 200)]
    agent_id: String,
    /// `phone`, `chat` or the like.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 200)]
    channel: String,
    /// BCP 47 tag such as `en` or `ur-Latn`; recognised when missing.
    language: Option<String>,
    /// The caller's own category, such as `sales`; found out when missing.
    #[schema(min_length = 1, max_length = 200)]
    category: Option<String>,
    /// When it began, RFC 3339, in the years 1970 to 2199.
    #[serde(default)]
    #[schema(required = true, format = DateTime)]
    started_at: String,
    /// When it ended, RFC 3339, not before `started_at`.
    #[serde(default)]
    #[schema(required = true, format = DateTime)]
    ended_at: String,
    /// What was said, in order; stored as received.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 2000, nullable)]
    turns: Vec<TurnBody>,
    /// The same as OpenAI chat messages, instead of `turns`.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 2000, nullable)]
    messages: Vec<MessageBody>,
    /// How it ended: `successful`, `unsuccessful`, `partial`, `unknown` or `excluded` (voicemail, never connected);
    /// found out when missing.
    #[schema(value_type = Option<crate::domain::conversation::Outcome>)]
    outcome: Option<String>,
    /// The user's rating.
    #[serde(default, deserialize_with = "whole_number")]
    #[schema(minimum = 1, maximum = 5)]
    satisfaction: Option<i64>,
    /// Tokens and cost of the agent's language model.
    #[serde(default, deserialize_with = "object")]
    usage: Option<UsageBody>,
    /// Anything to be kept with it, at most 16384 bytes.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Value>>)]
    metadata: Value,
}

/// One turn.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TurnDraft)]
pub struct TurnBody {
    /// `user`, `agent`, `system`, `tool`, or what other platforms call them (`human`, `customer`, `assistant`, `bot`,
    /// `ai`, …).
    #[serde(default)]
    #[schema(required = true)]
    speaker: String,
    /// What was said.
    #[schema(max_length = 20000)]
    text: String,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    at: Option<String>,
    /// The retrieval that helped with this turn.
    #[schema(format = Uuid)]
    retrieval_id: Option<String>,
}

/// One OpenAI chat message; what is not named here is ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MessageDraft)]
pub struct MessageBody {
    /// `user`, `assistant`, `system`, `developer`, `tool`, `function`.
    #[serde(default)]
    #[schema(required = true)]
    role: String,
    /// A text, or a list of parts of which the texts are taken; null for a bare tool call.
    #[serde(default)]
    content: Value,
}

/// Tokens and cost of the agent's language model.
#[derive(Clone, Copy, Debug, Deserialize, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Usage)]
pub struct UsageBody {
    /// Tokens that it read.
    #[serde(default)]
    #[schema(minimum = 0)]
    prompt_tokens: i64,
    /// Tokens that it wrote.
    #[serde(default)]
    #[schema(minimum = 0)]
    completion_tokens: i64,
    /// Price of both in US dollars.
    #[serde(default)]
    #[schema(minimum = 0)]
    cost_usd: f64,
}

impl From<ConversationBody> for ConversationDraft {
    fn from(body: ConversationBody) -> Self {
        Self {
            external_id: body.external_id,
            call_id: body.call_id,
            caller_id: body.caller_id,
            agent_id: body.agent_id,
            channel: body.channel,
            language: body.language,
            category: body.category,
            started_at: body.started_at,
            ended_at: body.ended_at,
            turns: body.turns.into_iter().map(TurnDraft::from).collect(),
            messages: body.messages.into_iter().map(MessageDraft::from).collect(),
            outcome: body.outcome,
            satisfaction: body.satisfaction,
            usage: body.usage.map(Usage::from),
            metadata: body.metadata,
        }
    }
}

impl From<TurnBody> for TurnDraft {
    fn from(turn: TurnBody) -> Self {
        Self { speaker: turn.speaker, text: turn.text, at: turn.at, retrieval_id: turn.retrieval_id }
    }
}

impl From<MessageBody> for MessageDraft {
    fn from(message: MessageBody) -> Self {
        Self { role: message.role, content: message.content }
    }
}

impl From<UsageBody> for Usage {
    fn from(body: UsageBody) -> Self {
        Self { prompt_tokens: body.prompt_tokens, completion_tokens: body.completion_tokens, cost_usd: body.cost_usd }
    }
}

impl From<Usage> for UsageBody {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            cost_usd: usage.cost_usd,
        }
    }
}
