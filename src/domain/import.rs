//! What is taken over from another system: entries, and training records whose conversations stay behind.
//!
//! Guarantees: whatever passes `check` fits the tables; whatever does not is answered with every wrong field at once. The
//! same thing has the same key, so that taking it over again finds what it became. What a record tells of a conversation is
//! redacted as if it had been learned here; an entry is somebody's own text and stays as it is.

use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::analysis::{Quality, TrainingRecord};
use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Conversation, Outcome, OutcomeSource, word_enum};
use crate::domain::draft::{check_external_id, check_name, parse_time};
use crate::domain::entry_fields::{EntryFields, MAX_CONTENT_CHARS, MAX_PHRASE_CHARS, NewEntry, share};
use crate::domain::entry_version::EntrySnapshot;
use crate::domain::error::FieldError;
use crate::domain::ids::{ConversationId, RecordId};
use crate::domain::language::Language;
use crate::domain::language_recognition::recognise_text;
use crate::domain::redaction::Redactor;
use crate::domain::text::normalise;

/// The most entries and records that are taken over in one step.
pub const MAX_IMPORTS: usize = 200;
/// The most key phrases and intents of a record.
const MAX_TERMS: usize = 200;
/// The agent and the channel of a conversation of which only the record is known.
const IMPORTED: &str = "imported";
/// Where the key of an imported record stands in the metadata of its conversation.
const METADATA: (&str, &str) = ("imported", "key");

word_enum!(
    /// What became of something that was to be taken over.
    ImportStatus {
        /// It is new.
        Created = "created",
        /// It was taken over before, and is now as it was given.
        Updated = "updated",
        /// It is there already: exactly so, or as somebody here has changed it since.
        Unchanged = "unchanged",
        /// It cannot be taken over as it is.
        Invalid = "invalid",
    }
);

impl ImportStatus {
    /// Whether something became another.
    pub const fn is_change(self) -> bool {
        matches!(self, Self::Created | Self::Updated)
    }
}

/// An entry as it was given.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EntryImport {
    /// Its id where it comes from; without one, its kind, language, title and content tell whether it is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub fields: EntryFields,
    /// When it was made there, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// A training record as it was given.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RecordImport {
    /// Its id where it comes from; without one, its conversation tells whether it is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The id of its conversation there.
    pub ai_conversation: String,
    /// `sales`, `support`, …
    pub conversation_category: String,
    /// How the conversation ended.
    pub outcome: String,
    /// How successful it was, 0 to 1.
    pub success_score: f64,
    /// What it was about.
    pub key_phrases: Vec<String>,
    /// What the user wanted.
    pub user_intents: Vec<String>,
    /// A few sentences about it.
    pub conversation_summary: String,
    /// Its language, a BCP 47 tag; recognised when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// When it was made there, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// What is to be taken over in one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ImportBatch {
    /// Entries.
    pub entries: Vec<EntryImport>,
    /// Training records.
    pub records: Vec<RecordImport>,
}

/// An entry that can be taken over.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedEntry {
    /// What tells it from others.
    pub key: String,
    /// The entry.
    pub entry: NewEntry,
    /// Hash of all that was given of it.
    pub content_hash: String,
    /// When it was made where it comes from.
    pub created_at: Option<Timestamp>,
}

/// A training record that can be taken over.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedRecord {
    /// What tells it from others.
    pub key: String,
    /// The caller's id of its conversation.
    pub external_id: String,
    /// Hash of all that was given of it.
    pub content_hash: String,
    category: String,
    outcome: Outcome,
    success_score: f64,
    key_phrases: Vec<String>,
    user_intents: Vec<String>,
    summary: String,
    language: Language,
    created_at: Option<Timestamp>,
}

/// What became of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportResult {
    /// What.
    pub status: ImportStatus,
    /// The id of the entry, or of the record's conversation; `None` when it is invalid.
    pub id: Option<Uuid>,
    /// What is wrong with it; empty unless it is invalid.
    pub errors: Vec<FieldError>,
}

/// What became of a batch, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Of its entries.
    pub entries: Vec<ImportResult>,
    /// Of its records.
    pub records: Vec<ImportResult>,
}

impl EntryImport {
    /// The entry, if nothing is wrong with it.
    ///
    /// # Errors
    /// Every wrong or missing field.
    pub fn check(self) -> Result<ImportedEntry, Vec<FieldError>> {
        let mut wrong = check_key(self.key.as_ref());
        let created_at = moment(&mut wrong, self.created_at.as_deref());
        let entry = self.fields.new_entry().map_err(|errors| wrong.extend(errors)).ok();
        let Some(entry) = entry.filter(|_| wrong.is_empty()) else { return Err(wrong) };
        let key = self.key.map_or_else(|| own_key(entry.snapshot()), |key| key.trim().to_owned());
        let content_hash = hash(&serde_json::to_vec(entry.snapshot()).unwrap_or_default());
        Ok(ImportedEntry { key, entry, content_hash, created_at })
    }
}

impl RecordImport {
    /// The record, if nothing is wrong with it.
    ///
    /// # Errors
    /// Every wrong or missing field.
    pub fn check(self) -> Result<ImportedRecord, Vec<FieldError>> {
        let content_hash = hash(&serde_json::to_vec(&self).unwrap_or_default());
        let mut wrong = check_key(self.key.as_ref());
        check_external_id(&mut wrong, "ai_conversation", &self.ai_conversation);
        check_name(&mut wrong, "conversation_category", &self.conversation_category);
        let outcome = self.outcome.trim().to_lowercase().parse::<Outcome>();
        let outcome = outcome.map_err(|error| wrong.push(FieldError::new("outcome", error.message))).ok();
        let score = share("success_score", self.success_score);
        let success_score = score.map_err(|error| wrong.push(error)).ok();
        check_terms(&mut wrong, "key_phrases", &self.key_phrases);
        check_terms(&mut wrong, "user_intents", &self.user_intents);
        check_summary(&mut wrong, &self.conversation_summary);
        let given = self.language.as_deref().map(|tag| Language::parse(tag.trim())).transpose();
        let language = given.map_err(|error| wrong.push(error)).ok().flatten();
        let created_at = moment(&mut wrong, self.created_at.as_deref());
        let (Some(outcome), Some(success_score), true) = (outcome, success_score, wrong.is_empty()) else {
            return Err(wrong);
        };
        let external_id = self.ai_conversation.trim().to_owned();
        let said = || format!("{} {}", self.conversation_summary, self.key_phrases.join(". "));
        Ok(ImportedRecord {
            key: self.key.map_or_else(|| format!("ai_conversation/{external_id}"), |key| key.trim().to_owned()),
            content_hash,
            category: self.conversation_category.trim().to_owned(),
            outcome,
            success_score,
            language: language.map_or_else(|| recognise_text(&said()), |tag| tag.without_region()),
            key_phrases: self.key_phrases.iter().map(|phrase| Redactor::redact_utterance(phrase)).collect(),
            user_intents: self.user_intents,
            summary: Redactor::redact_utterance(&self.conversation_summary),
            created_at,
            external_id,
        })
    }
}

impl ImportedRecord {
    /// The conversation that the record stands on: without a turn, which no other conversation is.
    pub fn conversation(&self, id: ConversationId, now: Timestamp) -> Conversation {
        let began = self.created_at.map_or(now, |made| made.min(now));
        let (name, field) = METADATA;
        Conversation {
            id,
            external_id: self.external_id.clone(),
            call_id: None,
            caller_hash: None,
            agent_id: IMPORTED.to_owned(),
            channel: IMPORTED.to_owned(),
            language: Some(self.language.clone()),
            category: Some(self.category.clone()),
            started_at: began,
            ended_at: began,
            outcome: Some(self.outcome),
            satisfaction: None,
            usage: None,
            metadata: serde_json::json!({ name: { field: &self.key } }),
            content_hash: self.content_hash.clone(),
            turns: Vec::new(),
        }
    }

    /// The record of that conversation, as it was given.
    pub fn record(&self, conversation: &Conversation) -> TrainingRecord {
        let reason = |of: &str| (of.to_owned(), "given with the import".to_owned());
        let unmeasured = ("quality".to_owned(), "not measured: what was said was not taken over".to_owned());
        TrainingRecord {
            id: RecordId::derive(conversation.id),
            conversation_id: conversation.id,
            call_id: None,
            agent_id: conversation.agent_id.clone(),
            summary: self.summary.clone(),
            key_phrases: self.key_phrases.clone(),
            user_intents: self.user_intents.clone(),
            category: self.category.clone(),
            outcome: self.outcome,
            outcome_source: OutcomeSource::Caller,
            outcome_confidence: 1.0,
            success_score: self.success_score,
            quality: Quality::default(),
            reasons: ["outcome", "conversation_category", "user_intents"]
                .into_iter()
                .map(reason)
                .chain([unmeasured])
                .collect(),
            learning: vec!["taken over without what was said, so there is nothing to learn from".to_owned()],
            language: self.language.clone(),
            pipeline_version: 0,
            created_at: conversation.started_at,
        }
    }
}

impl ImportResult {
    /// It was taken over, or was there.
    pub fn taken(status: ImportStatus, id: Uuid) -> Self {
        Self { status, id: Some(id), errors: Vec::new() }
    }

    /// It cannot be taken over.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self { status: ImportStatus::Invalid, id: None, errors }
    }
}

impl ImportReport {
    /// How many of all have this status.
    pub fn count(&self, status: ImportStatus) -> usize {
        self.entries.iter().chain(&self.records).filter(|result| result.status == status).count()
    }
}

/// Whether only the record of a conversation was taken over: then nobody knows what was said in it.
pub fn is_record_alone(conversation: &Conversation) -> bool {
    conversation.turns.is_empty()
}

/// The key under which the record of a conversation was taken over; `None` when it was not.
pub fn key_of_record(conversation: &Conversation) -> Option<&str> {
    let (name, field) = METADATA;
    conversation.metadata.get(name)?.get(field)?.as_str()
}

/// What tells an entry without a key from others: its kind and language, and how title and content sound.
fn own_key(entry: &EntrySnapshot) -> String {
    let said = format!("{}\u{1f}{}", normalise(&entry.title), normalise(&entry.content));
    format!("{}/{}/{}", entry.knowledge_type, entry.language, hash(said.as_bytes()))
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn check_key(key: Option<&String>) -> Vec<FieldError> {
    let mut wrong = Vec::new();
    if let Some(key) = key {
        check_name(&mut wrong, "key", key);
    }
    wrong
}

fn moment(wrong: &mut Vec<FieldError>, given: Option<&str>) -> Option<Timestamp> {
    parse_time("created_at", given?.trim()).map_err(|error| wrong.push(error)).ok()
}

fn check_terms(wrong: &mut Vec<FieldError>, field: &str, terms: &[String]) {
    if terms.len() > MAX_TERMS {
        wrong.push(FieldError::new(field, format!("must hold at most {MAX_TERMS} texts")));
    }
    for (place, term) in terms.iter().take(MAX_TERMS).enumerate() {
        let length = term.chars().count();
        if term.trim().is_empty() || length > MAX_PHRASE_CHARS || term.chars().any(char::is_control) {
            let message = format!("must be 1 to {MAX_PHRASE_CHARS} characters without control characters");
            wrong.push(FieldError::new(format!("{field}[{place}]"), message));
        }
    }
}

fn check_summary(wrong: &mut Vec<FieldError>, summary: &str) {
    if summary.chars().count() > MAX_CONTENT_CHARS || summary.contains('\0') {
        let message = format!("must be at most {MAX_CONTENT_CHARS} characters, none of them U+0000");
        wrong.push(FieldError::new("conversation_summary", message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(title: &str, content: &str) -> EntryImport {
        let fields = EntryFields {
            knowledge_type: Some("support_pattern".to_owned()),
            category: Some("sales".to_owned()),
            title: Some(title.to_owned()),
            content: Some(content.to_owned()),
            trigger_phrases: Some(vec!["price".to_owned()]),
            language: Some("en".to_owned()),
            status: None,
            success_rate: Some(0.85),
        };
        EntryImport { key: None, fields, created_at: None }
    }

    fn record() -> RecordImport {
        RecordImport {
            key: Some("conversationtrainingdata/3".to_owned()),
            ai_conversation: "17".to_owned(),
            conversation_category: "sales".to_owned(),
            outcome: "Successful".to_owned(),
            success_score: 0.75,
            key_phrases: vec!["monthly price".to_owned()],
            user_intents: vec!["booking".to_owned(), "information".to_owned()],
            conversation_summary: "The user asked for the price.".to_owned(),
            language: Some("en-GB".to_owned()),
            created_at: Some("2024-05-01T10:00:00Z".to_owned()),
        }
    }

    #[test]
    fn an_entry_without_a_key_is_known_by_how_it_sounds() {
        let first = entry("What does it cost?", "29 dollars.").check().expect("it is whole");
        let same = entry("what  does it COST", "29 dollars").check().expect("it is whole");
        let other = entry("What does it cost?", "39 dollars.").check().expect("it is whole");
        assert_eq!(first.key, same.key);
        assert_ne!(first.content_hash, same.content_hash);
        assert_ne!(first.key, other.key);
        let named = EntryImport { key: Some(" 7 ".to_owned()), ..entry("a", "b") }.check().expect("it is whole");
        assert_eq!(named.key, "7");
        assert_eq!(first.entry.snapshot().prior_rate, Some(0.85));
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        let fields = |wrong: Vec<FieldError>| wrong.into_iter().map(|error| error.field).collect::<Vec<_>>();
        let mut given = EntryImport { key: Some(String::new()), ..entry("", "b") };
        (given.created_at, given.fields.success_rate) = (Some("yesterday".to_owned()), Some(85.0));
        assert_eq!(fields(given.check().expect_err("it is wrong")), ["key", "created_at", "title", "success_rate"]);
        let given = RecordImport {
            ai_conversation: " ".to_owned(),
            conversation_category: String::new(),
            outcome: "great".to_owned(),
            success_score: 75.0,
            key_phrases: vec!["ok".to_owned(), " ".to_owned()],
            conversation_summary: "\0".to_owned(),
            language: Some("english".to_owned()),
            created_at: Some("1888-01-01T00:00:00Z".to_owned()),
            ..record()
        };
        let expected = [
            "ai_conversation",
            "conversation_category",
            "outcome",
            "success_score",
            "key_phrases[1]",
            "conversation_summary",
            "language",
            "created_at",
        ];
        assert_eq!(fields(given.check().expect_err("it is wrong")), expected);
    }

    #[test]
    fn what_a_record_tells_is_redacted() {
        let summary = "The user asked for the price. My email is ali.khan@mail.com.".to_owned();
        let told = RecordImport {
            conversation_summary: summary,
            key_phrases: vec!["monthly price".to_owned(), "my email is ali.khan@mail.com".to_owned()],
            ..record()
        };
        let given = told.check().expect("it is whole");
        let made = given.record(&given.conversation(ConversationId(Uuid::from_u128(7)), Timestamp::from_millis(0)));
        assert_eq!(made.key_phrases, ["monthly price", "my email is {email}"]);
        assert_eq!(made.summary, "The user asked for the price. My email is {email}.");
    }

    #[test]
    fn a_record_stands_on_a_conversation_without_turns() {
        let given = record().check().expect("it is whole");
        let id = ConversationId(Uuid::from_u128(7));
        let now = Timestamp::from_millis(1_800_000_000_000);
        let conversation = given.conversation(id, now);
        assert!(is_record_alone(&conversation));
        assert_eq!(key_of_record(&conversation), Some("conversationtrainingdata/3"));
        assert_eq!(conversation.started_at.to_string(), "2024-05-01T10:00:00Z");
        let made = given.record(&conversation);
        assert_eq!((made.outcome, made.success_score), (Outcome::Successful, 0.75));
        assert_eq!(made.user_intents, ["booking", "information"]);
        assert_eq!((made.language.as_str(), made.category.as_str()), ("en", "sales"));
        let late = RecordImport { created_at: None, ..record() }.check().expect("it is whole");
        assert_eq!(late.conversation(id, now).started_at, now);
        assert_eq!(RecordImport { key: None, ..record() }.check().expect("whole").key, "ai_conversation/17");
    }
}
