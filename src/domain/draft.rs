//! A conversation as callers send it, and the one door through which it becomes a [`Conversation`].
//!
//! Guarantees: whatever passes [`ConversationDraft::check`] fits the tables and the limits below; whatever does not is
//! answered with every wrong field at once, not only the first.

use std::ops::Range;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Conversation, Outcome, Speaker, Turn, Usage};
use crate::domain::deserialize::{object, objects, whole_number};
use crate::domain::error::FieldError;
use crate::domain::ids::{ConversationId, RetrievalId};
use crate::domain::language::Language;

/// The most turns that one conversation may have.
pub const MAX_TURNS: usize = 2_000;
/// The most characters that one turn may have.
pub const MAX_TURN_CHARS: usize = 20_000;
/// The most bytes that the metadata of a conversation may take as JSON.
pub const MAX_METADATA_BYTES: usize = 16_384;
/// The most characters of ids, channels and categories.
const MAX_NAME_CHARS: usize = 200;
/// When a conversation can have been: 1970 to 2199. Other years are mistakes, and one of them spoils every average.
const YEARS: Range<Timestamp> = Timestamp::from_millis(0)..Timestamp::from_millis(7_258_118_400_000);
/// External ids under which a conversation could not be asked for: a path of its own, and what clients take out of
/// paths.
const UNREACHABLE: [&str; 3] = ["search", ".", ".."];

/// One finished conversation as it arrives: over HTTP, or as a line of an ingested file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationDraft {
    /// The caller's own id, unique per tenant.
    pub external_id: String,
    /// The phone platform's id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The number or name of who called; kept as a keyed hash only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<String>,
    /// Which agent spoke.
    pub agent_id: String,
    /// `phone`, `chat` or the like.
    pub channel: String,
    /// BCP 47 tag; recognised when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The caller's own category, such as `sales`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339, not before `started_at`.
    pub ended_at: String,
    /// What was said.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<TurnDraft>,
    /// The same as OpenAI chat messages; either this or `turns`.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<MessageDraft>,
    /// How it ended, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The user's rating, 1 to 5.
    #[serde(default, deserialize_with = "whole_number", skip_serializing_if = "Option::is_none")]
    pub satisfaction: Option<i64>,
    /// Tokens and cost of the agent's model.
    #[serde(default, deserialize_with = "object", skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Anything the caller wants to keep with it; an object.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub metadata: serde_json::Value,
}

/// One turn as it arrives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnDraft {
    /// `user`, `agent`, `system`, `tool`, or the name that another platform uses for them.
    pub speaker: String,
    /// What was said.
    pub text: String,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The retrieval that helped with this turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval_id: Option<String>,
}

/// One OpenAI chat message as it arrives; what Turnwise does not know (names, tool calls) is ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MessageDraft {
    /// `user`, `assistant`, `system`, `developer`, `tool`, `function`.
    pub role: String,
    /// A text, or a list of parts of which the texts are taken; `null` for a bare tool call.
    #[serde(default)]
    pub content: serde_json::Value,
}

/// Key of the hash that stands for a caller (HMAC-SHA256).
pub struct CallerKey(Vec<u8>);

impl CallerKey {
    /// A key of any length; 32 random bytes are right.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The hash under which this caller is known: the same person, never the number.
    pub fn hash(&self, caller_id: &str) -> String {
        // HMAC takes a key of any length, so this cannot fail.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(caller_id.trim().as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

impl ConversationDraft {
    /// Checks everything and makes the conversation, with `id` as its own id.
    ///
    /// # Errors
    /// Every field that is wrong, with what is expected instead.
    pub fn check(self, id: ConversationId, callers: &CallerKey) -> Result<Conversation, Vec<FieldError>> {
        let content_hash = self.content_hash(callers);
        let mut wrong = Vec::new();
        check_external_id(&mut wrong, "external_id", &self.external_id);
        check_name(&mut wrong, "agent_id", &self.agent_id);
        check_name(&mut wrong, "channel", &self.channel);
        for (field, value) in [("call_id", &self.call_id), ("caller_id", &self.caller_id), ("category", &self.category)]
        {
            if let Some(value) = value {
                check_name(&mut wrong, field, value);
            }
        }

        let language = keep(&mut wrong, self.language.as_deref().map(Language::parse).transpose()).flatten();
        let outcome = keep(&mut wrong, self.outcome.as_deref().map(str::parse::<Outcome>).transpose()).flatten();
        let started_at = keep(&mut wrong, parse_time("started_at", &self.started_at));
        let ended_at = keep(&mut wrong, parse_time("ended_at", &self.ended_at));
        if let (Some(start), Some(end)) = (started_at, ended_at)
            && end < start
        {
            wrong.push(FieldError::new("ended_at", "must not be before started_at"));
        }
        if self.satisfaction.is_some_and(|rating| !(1..=5).contains(&rating)) {
            wrong.push(FieldError::new("satisfaction", "must be 1 to 5"));
        }
        check_usage(&mut wrong, self.usage.as_ref());
        check_metadata(&mut wrong, &self.metadata);

        let turns = match (self.turns.is_empty(), self.messages.is_empty()) {
            (false, false) => {
                wrong.push(FieldError::new("messages", "give either turns or messages, not both"));
                Vec::new()
            }
            (false, true) => check_turns(&mut wrong, self.turns),
            (true, false) => check_turns_of_messages(&mut wrong, self.messages),
            (true, true) => {
                wrong.push(FieldError::new("turns", "must hold at least one turn"));
                Vec::new()
            }
        };

        let (Some(started_at), Some(ended_at), true) = (started_at, ended_at, wrong.is_empty()) else {
            return Err(wrong);
        };
        Ok(Conversation {
            id,
            external_id: self.external_id.trim().to_owned(),
            call_id: self.call_id,
            caller_hash: self.caller_id.map(|caller| callers.hash(&caller)),
            agent_id: self.agent_id,
            channel: self.channel,
            language,
            category: self.category,
            started_at,
            ended_at,
            outcome,
            satisfaction: self.satisfaction,
            usage: self.usage,
            metadata: self.metadata,
            content_hash,
            turns,
        })
    }

    /// Hash of all that was given. The caller goes in as its keyed hash, so that the plain one leaves no trace.
    fn content_hash(&self, callers: &CallerKey) -> String {
        let mut given = self.clone();
        given.caller_id = self.caller_id.as_deref().map(|caller| callers.hash(caller));
        let bytes = serde_json::to_vec(&given).unwrap_or_default();
        hex::encode(Sha256::digest(bytes))
    }
}

/// Reads who spoke, in the words of this and of other platforms.
///
/// # Errors
/// When the word is not known.
pub fn parse_speaker(field: &str, word: &str) -> Result<Speaker, FieldError> {
    match word.trim().to_ascii_lowercase().as_str() {
        "user" | "human" | "customer" | "caller" | "client" | "visitor" | "lead" => Ok(Speaker::User),
        "agent" | "assistant" | "bot" | "ai" | "model" | "representative" | "operator" => Ok(Speaker::Agent),
        "system" | "developer" => Ok(Speaker::System),
        "tool" | "function" | "tool_call" | "tool_calls" | "tool_call_invocation" | "tool_call_result" => {
            Ok(Speaker::Tool)
        }
        _ => Err(FieldError::new(
            field,
            "must be user, agent, system or tool (human, customer, assistant, bot, ai and the like are understood)",
        )),
    }
}

/// Checks the caller's own id of a conversation, as it stands in this field.
pub(super) fn check_external_id(wrong: &mut Vec<FieldError>, field: &str, value: &str) {
    check_name(wrong, field, value);
    if UNREACHABLE.contains(&value.trim()) {
        let reason = "must not be 'search', '.' or '..': at such a path no conversation could be asked for";
        wrong.push(FieldError::new(field, reason));
    }
}

/// Checks a name: 1 to 200 characters, none of them a control character.
pub(super) fn check_name(wrong: &mut Vec<FieldError>, field: &str, value: &str) {
    let length = value.trim().chars().count();
    if length == 0 || length > MAX_NAME_CHARS || value.chars().any(char::is_control) {
        wrong.push(FieldError::new(
            field,
            format!("must be 1 to {MAX_NAME_CHARS} characters without control characters"),
        ));
    }
}

/// Reads a moment in RFC 3339 that is no mistake.
pub(super) fn parse_time(field: &str, text: &str) -> Result<Timestamp, FieldError> {
    let moment = Timestamp::parse(text)
        .ok_or_else(|| FieldError::new(field, "must be a time such as 2026-09-01T10:00:00Z (RFC 3339)"))?;
    if !YEARS.contains(&moment) {
        return Err(FieldError::new(field, "must lie in the years 1970 to 2199"));
    }
    Ok(moment)
}

fn check_usage(wrong: &mut Vec<FieldError>, usage: Option<&Usage>) {
    let Some(usage) = usage else { return };
    if usage.prompt_tokens < 0 || usage.completion_tokens < 0 {
        wrong.push(FieldError::new("usage", "token counts must not be negative"));
    }
    if !usage.cost_usd.is_finite() || usage.cost_usd < 0.0 {
        wrong.push(FieldError::new("usage.cost_usd", "must be a number of at least 0"));
    }
}

fn check_metadata(wrong: &mut Vec<FieldError>, metadata: &serde_json::Value) {
    if !metadata.is_null() && !metadata.is_object() {
        wrong.push(FieldError::new("metadata", "must be an object"));
    }
    let text = metadata.to_string();
    if text.len() > MAX_METADATA_BYTES {
        wrong.push(FieldError::new("metadata", format!("must be at most {MAX_METADATA_BYTES} bytes as JSON")));
    }
    if text.contains("\\u0000") {
        wrong.push(FieldError::new("metadata", "must not hold the character U+0000"));
    }
}

fn check_turns(wrong: &mut Vec<FieldError>, drafts: Vec<TurnDraft>) -> Vec<Turn> {
    check_turn_count(wrong, "turns", drafts.len());
    let mut turns = Vec::with_capacity(drafts.len().min(MAX_TURNS));
    for (ordinal, draft) in drafts.into_iter().take(MAX_TURNS).enumerate() {
        let at = |name: &str| format!("turns[{ordinal}].{name}");
        let speaker = keep(wrong, parse_speaker(&at("speaker"), &draft.speaker));
        check_turn_text(wrong, &at("text"), &draft.text);
        let said_at = draft.at.as_deref().map(|text| parse_time(&at("at"), text));
        let said_at = keep(wrong, said_at.transpose()).flatten();
        let retrieval_id = draft.retrieval_id.as_deref().map(|text| {
            text.parse::<RetrievalId>()
                .map_err(|_| FieldError::new(at("retrieval_id"), "must be a retrieval_id that /retrieve/ answered"))
        });
        let retrieval_id = keep(wrong, retrieval_id.transpose()).flatten();
        if let Some(speaker) = speaker {
            turns.push(Turn { ordinal, speaker, text: draft.text, at: said_at, retrieval_id });
        }
    }
    turns
}

fn check_turns_of_messages(wrong: &mut Vec<FieldError>, messages: Vec<MessageDraft>) -> Vec<Turn> {
    check_turn_count(wrong, "messages", messages.len());
    let mut turns = Vec::with_capacity(messages.len().min(MAX_TURNS));
    for (ordinal, message) in messages.into_iter().take(MAX_TURNS).enumerate() {
        let at = |name: &str| format!("messages[{ordinal}].{name}");
        let speaker = keep(wrong, parse_speaker(&at("role"), &message.role));
        let text = keep(wrong, message_text(&at("content"), &message.content)).unwrap_or_default();
        check_turn_text(wrong, &at("content"), &text);
        if let Some(speaker) = speaker {
            turns.push(Turn { ordinal, speaker, text, at: None, retrieval_id: None });
        }
    }
    turns
}

/// The text of an OpenAI message, whose content is a string, a list of parts, or nothing.
fn message_text(field: &str, content: &serde_json::Value) -> Result<String, FieldError> {
    match content {
        serde_json::Value::Null => Ok(String::new()),
        serde_json::Value::String(text) => Ok(text.clone()),
        serde_json::Value::Array(parts) => {
            let mut texts = Vec::with_capacity(parts.len());
            for (at, part) in parts.iter().enumerate() {
                match part.as_object().map(|part| part.get("text")) {
                    Some(Some(serde_json::Value::String(text))) => texts.push(text.as_str()),
                    // A picture or the like.
                    Some(None | Some(serde_json::Value::Null)) => {}
                    Some(Some(_)) => return Err(FieldError::new(format!("{field}[{at}].text"), "must be a text")),
                    None => return Err(FieldError::new(format!("{field}[{at}]"), "must be an object")),
                }
            }
            Ok(texts.join(" "))
        }
        _ => Err(FieldError::new(field, "must be a text or a list of parts")),
    }
}

fn check_turn_count(wrong: &mut Vec<FieldError>, field: &str, count: usize) {
    if count > MAX_TURNS {
        wrong.push(FieldError::new(field, format!("must hold at most {MAX_TURNS} turns")));
    }
}

fn check_turn_text(wrong: &mut Vec<FieldError>, field: &str, text: &str) {
    if text.chars().count() > MAX_TURN_CHARS {
        wrong.push(FieldError::new(field, format!("must be at most {MAX_TURN_CHARS} characters")));
    }
    // PostgreSQL cannot store it, and no speaker can say it.
    if text.contains('\0') {
        wrong.push(FieldError::new(field, "must not hold the character U+0000"));
    }
}

/// Notes the error of a field and goes on, so that all of them are reported at once.
fn keep<T>(wrong: &mut Vec<FieldError>, result: Result<T, FieldError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            wrong.push(error);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn draft(turns: serde_json::Value) -> ConversationDraft {
        serde_json::from_value(serde_json::json!({
            "external_id": "c-1", "agent_id": "a", "channel": "phone", "caller_id": "+15550100",
            "started_at": "2026-09-01T10:00:00Z", "ended_at": "2026-09-01T10:05:00Z", "turns": turns,
        }))
        .expect("a draft")
    }

    fn check(draft: ConversationDraft) -> Result<Conversation, Vec<String>> {
        draft
            .check(ConversationId(Uuid::nil()), &CallerKey::new(b"key".to_vec()))
            .map_err(|wrong| wrong.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn role_names_of_other_platforms_are_understood() {
        let conversation = check(draft(serde_json::json!([
            {"speaker": "Customer", "text": "hi"}, {"speaker": "assistant", "text": "hello"},
        ])))
        .expect("a valid conversation");
        let speakers: Vec<Speaker> = conversation.turns.iter().map(|turn| turn.speaker).collect();
        assert_eq!(speakers, [Speaker::User, Speaker::Agent]);
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let mut draft = draft(serde_json::json!([
            {"speaker": "ghost", "text": "boo"}, {"speaker": "user", "text": "a\u{0}b", "at": "noon"},
        ]));
        draft.outcome = Some("great".to_owned());
        draft.satisfaction = Some(6);
        draft.ended_at = "2026-09-01T09:00:00Z".to_owned();
        draft.language = Some("english".to_owned());
        draft.metadata = serde_json::json!([1]);
        let fields = check(draft).expect_err("many errors");
        assert_eq!(
            fields,
            [
                "language",
                "outcome",
                "ended_at",
                "satisfaction",
                "metadata",
                "turns[0].speaker",
                "turns[1].text",
                "turns[1].at"
            ]
        );
    }

    #[test]
    fn openai_messages_serve_instead_of_turns() {
        let mut draft = draft(serde_json::json!([]));
        draft.messages = serde_json::from_value(serde_json::json!([
            {"role": "user", "content": [{"type": "text", "text": "what is it?"}]},
            {"role": "assistant", "content": null, "tool_calls": []},
            {"role": "assistant", "content": "29 dollars"},
        ]))
        .expect("messages");
        let conversation = check(draft).expect("a valid conversation");
        assert_eq!(conversation.turns[0].text, "what is it?");
        assert_eq!(conversation.turns[2].text, "29 dollars");
    }

    #[test]
    fn parts_of_a_message_are_objects_with_texts() {
        let fields = |content: serde_json::Value| {
            let mut draft = draft(serde_json::Value::Null);
            draft.messages = vec![MessageDraft { role: "user".to_owned(), content }];
            check(draft).map(|conversation| conversation.turns[0].text.clone())
        };
        let picture = serde_json::json!([{"type": "image_url", "image_url": {}}, {"type": "text", "text": "look"}]);
        assert_eq!(fields(picture), Ok("look".to_owned()));
        assert_eq!(fields(serde_json::json!([1, null])), Err(vec!["messages[0].content[0]".to_owned()]));
        assert_eq!(fields(serde_json::json!([{"text": 7}])), Err(vec!["messages[0].content[0].text".to_owned()]));
    }

    #[test]
    fn a_time_lies_in_our_age() {
        for (time, is_fine) in [
            ("1969-12-31T23:59:59Z", false),
            ("1970-01-01T00:00:00Z", true),
            ("2199-12-31T23:59:59Z", true),
            ("2200-01-01T00:00:00Z", false),
            ("0000-01-01T00:00:00Z", false),
            ("9999-01-01T00:00:00Z", false),
        ] {
            let mut draft = draft(serde_json::json!([{"speaker": "user", "text": "hi"}]));
            (draft.started_at, draft.ended_at) = (time.to_owned(), time.to_owned());
            let expected = if is_fine { vec![] } else { vec!["started_at".to_owned(), "ended_at".to_owned()] };
            assert_eq!(check(draft).err().unwrap_or_default(), expected, "{time}");
        }
    }

    #[test]
    fn an_external_id_that_no_path_reaches_is_refused() {
        for (id, is_fine) in [("search", false), (" . ", false), ("..", false), ("...", true), ("Search", true)] {
            let mut draft = draft(serde_json::json!([{"speaker": "user", "text": "hi"}]));
            draft.external_id = id.to_owned();
            assert_eq!(check(draft).is_ok(), is_fine, "{id}");
        }
    }

    #[test]
    fn the_caller_is_kept_as_a_keyed_hash_only() {
        let conversation = check(draft(serde_json::json!([{"speaker": "user", "text": "hi"}]))).expect("valid");
        let hash = conversation.caller_hash.clone().expect("a hash");
        assert!(!format!("{conversation:?}").contains("5550100"));
        assert_eq!(hash, CallerKey::new(b"key".to_vec()).hash(" +15550100"));
        assert_ne!(hash, CallerKey::new(b"other".to_vec()).hash("+15550100"));
    }
}
