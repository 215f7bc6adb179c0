//! OpenAI chat messages: logs, or training files for fine-tuning.
//!
//! An item is `{"messages":[…]}` or a bare list of messages. Beside the messages it may have an id (`external_id`,
//! `conversation_id` or `id`), times (`started_at`, `ended_at`, `created_at`, `created` or `timestamp`), `metadata`, and
//! the fields of a conversation by their own names. Every other field is passed over, since logs have many.
//! Guarantees: no message is lost. A call of a tool becomes a turn of the tool, with its name and arguments.

use serde::Deserialize;
use serde_json::Value;

use crate::cli::convert::{moment_of_number, parse_moment, turn_parts};
use crate::cli::json_items::explain;
use crate::domain::conversation::Usage;
use crate::domain::draft::{ConversationDraft, TurnDraft};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chat {
    external_id: Option<Id>,
    conversation_id: Option<Id>,
    id: Option<Id>,
    started_at: Option<Moment>,
    ended_at: Option<Moment>,
    created_at: Option<Moment>,
    created: Option<Moment>,
    timestamp: Option<Moment>,
    messages: Option<Vec<Message>>,
    agent_id: Option<String>,
    call_id: Option<String>,
    caller_id: Option<String>,
    channel: Option<String>,
    language: Option<String>,
    category: Option<String>,
    outcome: Option<String>,
    satisfaction: Option<i64>,
    usage: Option<Tokens>,
    metadata: Value,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "an id must be a text or a whole number")]
enum Id {
    Text(String),
    Number(i64),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a time must be a text or a number")]
enum Moment {
    Text(String),
    Number(f64),
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: i64,
    #[serde(default)]
    completion_tokens: i64,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    audio: Option<Value>,
    #[serde(default)]
    tool_calls: Option<Vec<Value>>,
    #[serde(default)]
    function_call: Option<Value>,
}

/// Whether this element of a list is a message, so that the list is one conversation.
pub(super) fn is_message(element: &str) -> bool {
    #[derive(Deserialize)]
    struct Shape {
        role: Option<serde::de::IgnoredAny>,
        messages: Option<serde::de::IgnoredAny>,
    }
    let shape = |element| serde_json::from_str::<Shape>(element);
    element.starts_with('{') && shape(element).is_ok_and(|shape| shape.role.is_some() && shape.messages.is_none())
}

/// Reads one chat.
pub(super) fn draft_of(text: &str) -> Result<ConversationDraft, String> {
    let chat = match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str::<Chat>(text),
        Some(b'[') => serde_json::from_str(text).map(|messages| Chat { messages: Some(messages), ..Chat::default() }),
        _ => return Err("must be an object with messages, or a list of messages".to_owned()),
    };
    let chat = chat.map_err(|error| explain(&error))?;
    let Some(messages) = chat.messages else { return Err("messages: must be a list of messages".to_owned()) };

    let mut turns = Vec::with_capacity(messages.len());
    for (ordinal, message) in messages.into_iter().enumerate() {
        push_turns(&mut turns, ordinal, message)?;
    }
    let started_at = chat.started_at.or(chat.created_at).or(chat.created).or(chat.timestamp);
    Ok(ConversationDraft {
        external_id: chat.external_id.or(chat.conversation_id).or(chat.id).map(text_of_id).unwrap_or_default(),
        call_id: chat.call_id,
        caller_id: chat.caller_id,
        agent_id: chat.agent_id.unwrap_or_default(),
        channel: chat.channel.unwrap_or_default(),
        language: chat.language,
        category: chat.category,
        started_at: text_of_moment("the start", started_at)?,
        ended_at: text_of_moment("ended_at", chat.ended_at)?,
        turns,
        outcome: chat.outcome,
        satisfaction: chat.satisfaction,
        usage: chat.usage.map(|tokens| Usage {
            prompt_tokens: tokens.prompt_tokens,
            completion_tokens: tokens.completion_tokens,
            cost_usd: 0.0,
        }),
        metadata: chat.metadata,
        ..ConversationDraft::default()
    })
}

/// A message is what it says, and then what it calls. One that only calls says nothing.
fn push_turns(turns: &mut Vec<TurnDraft>, ordinal: usize, message: Message) -> Result<(), String> {
    let said = said(ordinal, &message)?;
    let calls: Vec<Value> = message.tool_calls.into_iter().flatten().chain(message.function_call).collect();
    let field = format!("messages[{ordinal}].role");
    if !said.is_empty() || calls.is_empty() {
        turns.push(turn(&field, &message.role, said)?);
    }
    for call in &calls {
        turns.push(turn(&field, "tool", text_of_call(call))?);
    }
    Ok(())
}

fn turn(field: &str, speaker: &str, text: String) -> Result<TurnDraft, String> {
    let (speaker, text) = turn_parts(field, speaker, text)?;
    Ok(TurnDraft { speaker: speaker.as_str().to_owned(), text, ..TurnDraft::default() })
}

/// The text of a message: its content, or the texts of its parts joined by a space, or its refusal, or what its audio
/// says. Images and files have none.
fn said(ordinal: usize, message: &Message) -> Result<String, String> {
    let text = match &message.content {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(text_of_part).collect::<Vec<_>>().join(" "),
        _ => return Err(format!("messages[{ordinal}].content: must be a text, a list of parts or null")),
    };
    if !text.is_empty() {
        return Ok(text);
    }
    let spoken = || message.audio.as_ref()?.get("transcript")?.as_str().map(str::to_owned);
    Ok(message.refusal.clone().or_else(spoken).unwrap_or_default())
}

fn text_of_part(part: &Value) -> Option<&str> {
    match part {
        Value::String(text) => Some(text),
        _ => part.get("text").or_else(|| part.get("refusal")).or_else(|| part.get("transcript"))?.as_str(),
    }
}

/// A call as `name(arguments)`; one of another shape as its JSON.
fn text_of_call(call: &Value) -> String {
    let inner = call.get("function").or_else(|| call.get("custom")).unwrap_or(call);
    let Some(name) = inner.get("name").and_then(Value::as_str) else { return call.to_string() };
    match inner.get("arguments").or_else(|| inner.get("input")) {
        None | Some(Value::Null) => format!("{name}()"),
        Some(Value::String(arguments)) => format!("{name}({arguments})"),
        Some(arguments) => format!("{name}({arguments})"),
    }
}

fn text_of_id(id: Id) -> String {
    match id {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    }
}

fn text_of_moment(field: &str, moment: Option<Moment>) -> Result<String, String> {
    let read = match moment {
        None => return Ok(String::new()),
        Some(Moment::Text(text)) => parse_moment(&text),
        Some(Moment::Number(number)) => moment_of_number(number),
    };
    read.map(|moment| moment.to_string())
        .ok_or_else(|| format!("{field}: must be a time such as 2026-09-01T10:00:00Z, or seconds since 1970"))
}
