//! `POST /retrieve/`: what an agent asks on every turn.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Extension, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::json::JsonBody;
use crate::api::knowledge::wire::SuccessBody;
use crate::api::observe::RequestInfo;
use crate::domain::deserialize::{object, objects};
use crate::domain::draft::{MAX_TURN_CHARS, parse_speaker};
use crate::domain::knowledge::KnowledgeType;
use crate::domain::query::{
    ContextTurn, Exposure, Limit, MAX_CONTEXT_TURNS, OfferedEntry, QueryText, RetrievalQuery, Timings,
};
use crate::retrieval::answer::{Abstention, Degradation, Intent, RetrievalAnswer};

/// One question of an agent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RetrieveRequest, example = json!({
    "utterance": "and how much is that per month?", "conversation_id": "call-20260901-17", "turn": 4,
    "context": [{"speaker": "user", "text": "tell me about the premium plan"}], "render": {"max_tokens": 400}
}))]
pub struct RetrieveBody {
    /// What the user just said; 1 to 10000 characters; control characters are taken out.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 10000)]
    utterance: String,
    /// The conversation, by the caller's id or Turnwise's. It need not be known yet: usually the call is still running.
    #[schema(max_length = 200)]
    conversation_id: Option<String>,
    /// Ordinal of the turn in the conversation, from 0.
    #[schema(minimum = 0, maximum = 1_000_000)]
    turn: Option<i64>,
    /// Earlier turns, the oldest first; they count when the utterance alone is not clear. Of more than 50 the last 50
    /// are read.
    #[serde(default, deserialize_with = "objects")]
    #[schema(nullable)]
    context: Vec<ContextBody>,
    /// Only entries of this kind; `response_template` and `support_pattern` are read as `response_pattern`.
    #[schema(value_type = Option<KnowledgeType>)]
    knowledge_type: Option<String>,
    /// Only entries of this category.
    #[schema(min_length = 1, max_length = 200)]
    category: Option<String>,
    /// Only entries in this language, a BCP 47 tag (`ur` also finds `ur-Latn`; a region does not count).
    language: Option<String>,
    /// How many entries at most.
    #[schema(minimum = 1, maximum = 50, default = 3)]
    limit: Option<i64>,
    /// After so many milliseconds the answer is worth nothing any more: what is late then is left out, and named in
    /// `degraded`.
    #[schema(minimum = 1, maximum = 60_000)]
    deadline_ms: Option<i64>,
    /// Asks for `prompt_block`.
    #[serde(default, deserialize_with = "object")]
    render: Option<RenderBody>,
}

/// One earlier turn.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ContextTurn)]
pub struct ContextBody {
    /// `user`, `agent`, `system`, `tool`, or what other platforms call them.
    speaker: String,
    /// What was said.
    #[schema(max_length = 20000)]
    text: String,
}

/// How to render results for a prompt.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Render)]
pub struct RenderBody {
    /// The most tokens of the block.
    #[schema(minimum = 16, maximum = 8192)]
    max_tokens: i64,
}

/// What is known that helps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetrieveAnswer)]
pub struct AnswerBody {
    /// To be given back with the agent's turn, when the conversation is handed in.
    retrieval_id: Uuid,
    /// What the user seems to want, when that is clear enough.
    #[schema(required)]
    intent: Option<IntentBody>,
    /// The entries, best first.
    results: Vec<ResultBody>,
    /// The results as one text, ready to be put into a prompt: delimited, and marked as reference, not as instruction.
    /// There whenever `render` was given; empty when nothing is offered (`abstained`), or when not one of the results
    /// fits into `max_tokens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_block: Option<String>,
    /// Whether nothing is offered.
    abstained: bool,
    /// Why nothing is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Abstention>,
    /// What is missing in this answer, because it was late or failed.
    degraded: Vec<Degradation>,
    /// Where the time went, in microseconds.
    timings_us: TimingsBody,
}

/// What the user seems to want.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Intent)]
pub struct IntentBody {
    /// Such as `pricing`.
    name: String,
    /// How sure that is, 0 to 1.
    confidence: f64,
}

/// An entry that is offered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetrievedEntry)]
pub struct ResultBody {
    /// The entry's id.
    knowledge_id: Uuid,
    /// Its kind.
    knowledge_type: KnowledgeType,
    /// Its category.
    category: String,
    /// Its heading.
    title: String,
    /// What to say or do.
    content: String,
    /// What it was ranked by, 0 to 1: meaning and words.
    score: f64,
    /// Cosine of the utterance and the nearest learned one.
    similarity: f64,
    /// The nearest learned utterance.
    matched_utterance: String,
    /// How often it led to success.
    success: SuccessBody,
}

/// Where the time went, in microseconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Timings)]
pub struct TimingsBody {
    /// Turning text into vectors.
    embed: u64,
    /// Searching the index.
    search: u64,
    /// Fusing, ranking and reading the entries.
    rank: u64,
    /// From the parsed request to the answer.
    total: u64,
}

impl RetrieveBody {
    /// Checks everything; deadlines count from `arrived`.
    fn check(self, arrived: Instant) -> Result<RetrievalQuery, ApiError> {
        let mut checks = FieldChecks::default();
        let utterance = checks.keep(QueryText::parse("utterance", &self.utterance));
        let conversation_ref = checks.name("conversation_id", self.conversation_id.as_deref());
        let turn = checks.whole("turn", self.turn, 0..=1_000_000);
        let context = check_context(&mut checks, self.context);
        let kind = self.knowledge_type.as_deref().map(KnowledgeType::parse_lenient).transpose();
        let knowledge_type = checks.keep(kind).flatten();
        let category = checks.name("category", self.category.as_deref());
        let language = checks.language("language", self.language.as_deref());
        let limit = checks.keep(self.limit.map(Limit::new).transpose()).flatten();
        let deadline_ms = checks.whole("deadline_ms", self.deadline_ms, 1..=60_000);
        let max_tokens = self.render.map(|render| render.max_tokens);
        let render_tokens = checks.whole("render.max_tokens", max_tokens, 16..=8192);
        checks.finish()?;
        Ok(RetrievalQuery {
            utterance: utterance.ok_or_else(|| ApiError::internal("an utterance that passed its check is missing"))?,
            conversation_ref,
            turn,
            context,
            knowledge_type,
            category,
            language,
            limit: limit.unwrap_or_default(),
            deadline: deadline_ms.map(|millis| arrived + Duration::from_millis(millis.unsigned_abs())),
            render_tokens: render_tokens.and_then(|tokens| usize::try_from(tokens).ok()),
            exposure: Exposure::Recorded,
        })
    }
}

/// The last turns of the context. An agent that sends all of a long call must not be refused in the middle of it.
fn check_context(checks: &mut FieldChecks, context: Vec<ContextBody>) -> Vec<ContextTurn> {
    let first = context.len().saturating_sub(MAX_CONTEXT_TURNS);
    let mut turns = Vec::with_capacity(context.len() - first);
    for (at, turn) in context.into_iter().enumerate().skip(first) {
        let speaker = checks.keep(parse_speaker(&format!("context[{at}].speaker"), &turn.speaker));
        if turn.text.chars().count() > MAX_TURN_CHARS {
            checks.refuse(format!("context[{at}].text"), format!("must be at most {MAX_TURN_CHARS} characters"));
        }
        if let Some(speaker) = speaker {
            turns.push(ContextTurn { speaker, text: turn.text });
        }
    }
    turns
}

/// Ask what is known
///
/// The nearest learned utterances decide, and among similar ones how often an entry led to success. When nothing is near
/// enough, nothing is offered and `reason` says why. A part that is late or fails is named in `degraded`; the rest
/// answers.
#[utoipa::path(post, path = "/retrieve/", tag = "retrieval", request_body = RetrieveBody,
    responses((status = 200, description = "What is known, or that nothing helps.", body = AnswerBody)))]
pub async fn retrieve(
    State(api): State<Api>,
    caller: Caller,
    Extension(request): Extension<RequestInfo>,
    JsonBody(body): JsonBody<RetrieveBody>,
) -> Result<Json<AnswerBody>, ApiError> {
    let query = body.check(request.arrived)?;
    let is_rendered = query.render_tokens.is_some();
    let mut answer = api.services()?.retriever.retrieve(&caller.tenant, query).await?;
    // Who asked for a text gets one, to append without a look at what it is.
    if is_rendered {
        answer.prompt_block.get_or_insert_default();
    }
    Ok(Json(AnswerBody::from(answer)))
}

impl From<RetrievalAnswer> for AnswerBody {
    fn from(answer: RetrievalAnswer) -> Self {
        Self {
            retrieval_id: answer.retrieval_id.0,
            intent: answer.intent.map(IntentBody::from),
            results: answer.results.into_iter().map(ResultBody::from).collect(),
            prompt_block: answer.prompt_block,
            abstained: answer.abstained,
            reason: answer.reason,
            degraded: answer.degraded,
            timings_us: TimingsBody::from(answer.timings),
        }
    }
}

impl From<Intent> for IntentBody {
    fn from(intent: Intent) -> Self {
        Self { name: intent.name, confidence: intent.confidence }
    }
}

impl From<OfferedEntry> for ResultBody {
    fn from(entry: OfferedEntry) -> Self {
        Self {
            knowledge_id: entry.knowledge_id.0,
            knowledge_type: entry.knowledge_type,
            category: entry.category,
            title: entry.title,
            content: entry.content,
            score: entry.score,
            similarity: entry.similarity,
            matched_utterance: entry.matched_utterance,
            success: SuccessBody::from(entry.success),
        }
    }
}

impl From<Timings> for TimingsBody {
    fn from(timings: Timings) -> Self {
        Self { embed: timings.embed, search: timings.search, rank: timings.rank, total: timings.total }
    }
}
