//! `POST /training/training-data/process_conversation/`: learn from one conversation, with labels that the caller gives.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::conversations::draft::{MessageBody, TurnBody, UsageBody};
use crate::api::conversations::find;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::fields::FieldChecks;
use crate::api::json::JsonBody;
use crate::api::observe::RequestInfo;
use crate::api::training::wire::RecordBody;
use crate::api::{Api, PREFIX};
use crate::domain::conversation::{ConversationStatus, Outcome, Usage};
use crate::domain::deserialize::{object, objects, whole_number};
use crate::domain::draft::{ConversationDraft, MessageDraft, TurnDraft};
use crate::domain::ids::{ConversationId, TenantId};
use crate::domain::training::Labels;
use crate::engine::error::Error;
use crate::learning::accept::Replace;
use crate::learning::relearning::ProcessRequest;
use crate::store::Store;
use crate::store::conversations::StoredConversation;

/// The most intents that a caller may give.
const MAX_INTENTS: usize = 20;
/// How often the conversation is looked at while somebody waits for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A conversation that is there, by `conversation_id`; or a whole one, with the fields of `POST /conversations/`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProcessRequest, example = json!({"conversation_id": "call-20260901-17", "conversation_category": "sales",
    "outcome": "successful", "user_intents": ["booking", "information"]}))]
pub struct ProcessBody {
    /// The conversation, by the caller's id or Turnwise's.
    #[schema(min_length = 1, max_length = 200)]
    conversation_id: Option<String>,
    /// The phone platform's id of the call.
    #[schema(min_length = 1, max_length = 200)]
    call_id: Option<String>,
    /// Its category; kept, and believed before what analysis finds.
    #[schema(min_length = 1, max_length = 200)]
    conversation_category: Option<String>,
    /// How it ended, as the caller says.
    #[schema(value_type = Option<Outcome>)]
    outcome: Option<String>,
    /// What the user wanted; kept, and believed before what analysis finds.
    #[schema(max_items = 20)]
    user_intents: Option<Vec<String>>,
    /// `true` answers with the finished record, if it is finished within `server.request_timeout_ms`.
    #[schema(default = false)]
    wait: Option<bool>,
    /// `true` learns from it anew although it is learned from and nothing has changed.
    #[schema(default = false)]
    relearn: Option<bool>,
    /// Of a whole conversation: the caller's own id.
    #[schema(min_length = 1, max_length = 200)]
    external_id: Option<String>,
    /// Of a whole conversation: who called.
    #[schema(min_length = 1, max_length = 200)]
    caller_id: Option<String>,
    /// Of a whole conversation: which agent spoke.
    #[schema(min_length = 1, max_length = 200)]
    agent_id: Option<String>,
    /// Of a whole conversation: `phone`, `chat` or the like.
    #[schema(min_length = 1, max_length = 200)]
    channel: Option<String>,
    /// Of a whole conversation: BCP 47 tag.
    language: Option<String>,
    /// Of a whole conversation: the caller's own category.
    #[schema(min_length = 1, max_length = 200)]
    category: Option<String>,
    /// Of a whole conversation: when it began, RFC 3339.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// Of a whole conversation: when it ended, RFC 3339.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Of a whole conversation: what was said, in order.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 2000, nullable)]
    turns: Vec<TurnBody>,
    /// Of a whole conversation: the same as OpenAI chat messages.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 2000, nullable)]
    messages: Vec<MessageBody>,
    /// Of a whole conversation: the user's rating.
    #[serde(default, deserialize_with = "whole_number")]
    #[schema(minimum = 1, maximum = 5)]
    satisfaction: Option<i64>,
    /// Of a whole conversation: tokens and cost of the agent's language model.
    #[serde(default, deserialize_with = "object")]
    usage: Option<UsageBody>,
    /// Of a whole conversation: anything to be kept with it.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Value>>)]
    metadata: Value,
}

/// That a conversation is being learned from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProcessedConversation)]
pub struct ProcessingBody {
    /// Turnwise's id of the conversation.
    conversation_id: Uuid,
    /// Where it stands.
    status: ConversationStatus,
}

/// Which conversation, as a caller says it.
enum Named {
    ByName(String),
    Whole(Box<ConversationDraft>),
}

/// Which conversation: one that is there, or one that comes with the request.
enum Source {
    Known(ConversationId),
    Whole(Box<ConversationDraft>),
}

impl ProcessBody {
    /// The first field that only a whole conversation has.
    fn field_of_whole(&self) -> Option<&'static str> {
        let given = [
            ("external_id", self.external_id.is_some()),
            ("caller_id", self.caller_id.is_some()),
            ("agent_id", self.agent_id.is_some()),
            ("channel", self.channel.is_some()),
            ("language", self.language.is_some()),
            ("category", self.category.is_some()),
            ("started_at", self.started_at.is_some()),
            ("ended_at", self.ended_at.is_some()),
            ("turns", !self.turns.is_empty()),
            ("messages", !self.messages.is_empty()),
            ("satisfaction", self.satisfaction.is_some()),
            ("usage", self.usage.is_some()),
            ("metadata", !self.metadata.is_null()),
        ];
        given.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
    }

    fn check(self) -> Result<(Named, ProcessRequest), ApiError> {
        let mut checks = FieldChecks::default();
        let name = checks.name("conversation_id", self.conversation_id.as_deref());
        let of_whole = self.field_of_whole();
        match (&self.conversation_id, of_whole) {
            (None, None) => checks.refuse("conversation_id", "is missing; name a conversation, or hand in a whole one"),
            (Some(_), Some(field)) => {
                checks.refuse(field, "is of a whole conversation; leave it out, or conversation_id");
            }
            _ => {}
        }
        let call_id = checks.name("call_id", self.call_id.as_deref());
        let category = checks.name("conversation_category", self.conversation_category.as_deref());
        let outcome = checks.word::<Outcome>("outcome", self.outcome.as_deref());
        let given = self.user_intents.as_deref().unwrap_or_default();
        if given.len() > MAX_INTENTS {
            checks.refuse("user_intents", format!("must be at most {MAX_INTENTS} intents"));
        }
        let mut intents: Vec<String> = Vec::new();
        for (at, intent) in given.iter().enumerate().take(MAX_INTENTS) {
            let intent = checks.name(&format!("user_intents[{at}]"), Some(intent));
            if let Some(intent) = intent.filter(|intent| !intents.contains(intent)) {
                intents.push(intent);
            }
        }
        checks.finish()?;

        // The call of a whole conversation stands in the conversation itself.
        let call_label = call_id.filter(|_| name.is_some());
        let labels = Labels { call_id: call_label, category, intents };
        let wanted = ProcessRequest { labels, outcome, relearn: self.relearn.unwrap_or_default() };
        let named = match name {
            Some(name) => Named::ByName(name),
            None => Named::Whole(Box::new(self.draft())),
        };
        Ok((named, wanted))
    }

    fn draft(self) -> ConversationDraft {
        ConversationDraft {
            external_id: self.external_id.unwrap_or_default(),
            call_id: self.call_id,
            caller_id: self.caller_id,
            agent_id: self.agent_id.unwrap_or_default(),
            channel: self.channel.unwrap_or_default(),
            language: self.language,
            category: self.category,
            started_at: self.started_at.unwrap_or_default(),
            ended_at: self.ended_at.unwrap_or_default(),
            turns: self.turns.into_iter().map(TurnDraft::from).collect(),
            messages: self.messages.into_iter().map(MessageDraft::from).collect(),
            outcome: self.outcome,
            satisfaction: self.satisfaction,
            usage: self.usage.map(Usage::from),
            metadata: self.metadata,
        }
    }
}

/// Learn from a conversation
///
/// What is given wins over what analysis finds, also when the conversation is learned from again. One that is learned from
/// already is so anew only with `relearn`, or when what is given says something new; the same request again changes
/// nothing.
#[utoipa::path(post, path = "/training/training-data/process_conversation/", tag = "training",
    request_body = ProcessBody, responses(
        (status = 200, description = "With `wait`: the finished record.", body = RecordBody),
        (status = 202, description = "It is being learned from, or was already.", body = ProcessingBody,
            headers(("Location" = String, description = "Where its record can be asked for."))),
        (status = 404, description = "There is no such conversation.", body = ErrorBody),
        (status = 409, description = "A whole conversation is there with other content, or only its record was imported.",
            body = ErrorBody),
    ))]
pub async fn process_conversation(
    State(api): State<Api>,
    caller: Caller,
    Extension(request): Extension<RequestInfo>,
    JsonBody(body): JsonBody<ProcessBody>,
) -> Result<Response, ApiError> {
    let is_waited_for = body.wait.unwrap_or_default();
    let (named, wanted) = body.check()?;
    let services = api.services()?;
    let store = &services.engine.store;
    let (learner, retriever) = (Arc::clone(&services.learner), Arc::clone(&services.retriever));
    let source = match named {
        Named::Whole(draft) => Source::Whole(draft),
        Named::ByName(name) => {
            let found = find(store, &caller.tenant, &name).await?;
            Source::Known(found.ok_or_else(|| ApiError::not_found("conversation", &name))?.conversation.id)
        }
    };
    let (tenant, trace_id, arrived) = (caller.tenant.clone(), request.id, request.arrived);
    let work = async move {
        // What was shown on its last turn may still wait to be written, and is looked for when it is learned from.
        retriever.flush_exposures().await;
        let id = match source {
            Source::Known(id) => id,
            Source::Whole(draft) => learner.accept(&tenant, *draft, Replace::No, Some(trace_id.clone())).await?.id(),
        };
        let status = learner.process(&tenant, id, wanted, Some(trace_id)).await?;
        Ok::<_, Error>((id, status))
    };
    let (id, mut status) = to_the_end(work).await?;

    if is_waited_for {
        // A tenth of the time is left to answer in.
        let end = Instant::from_std(arrived) + api.0.settings.request_timeout * 9 / 10;
        let finished = wait_for(store, &caller.tenant, id, end).await?;
        let finished = finished.ok_or_else(|| ApiError::not_found("conversation", &id.to_string()))?;
        status = finished.status;
        if status == ConversationStatus::Processed
            && let Some(record) = store.record_of(&caller.tenant, id).await?
        {
            return Ok(Json(RecordBody::from(record)).into_response());
        }
    }
    let location = [(LOCATION, format!("{PREFIX}/training/training-data/{id}/"))];
    Ok((StatusCode::ACCEPTED, location, Json(ProcessingBody { conversation_id: id.0, status })).into_response())
}

/// The conversation when its learning has ended, or when it is too late to wait on; `None` when it was erased meanwhile.
async fn wait_for(
    store: &Store,
    tenant: &TenantId,
    id: ConversationId,
    end: Instant,
) -> Result<Option<StoredConversation>, ApiError> {
    loop {
        let stored = store.conversation(tenant, id).await?;
        let is_going_on = stored.as_ref().is_some_and(|stored| {
            matches!(stored.status, ConversationStatus::Received | ConversationStatus::Processing)
        });
        if !is_going_on || Instant::now() + LOOK_EVERY >= end {
            return Ok(stored);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
