//! A `dumpdata` file of the old Django system: entries and training records among objects of other models.
//!
//! Guarantees: one object at a time is in memory; the name of the app and the case of the model do not matter; objects of
//! other models are passed over.

use std::io::{self, BufRead};

use serde_json::{Map, Value};

use crate::cli::convert::parse_moment;
use crate::cli::import::file::{Defaults, Given, Item};
use crate::cli::import::table::next_object;
use crate::cli::import::values::Values;
use crate::cli::json_items::JsonItems;
use crate::domain::entry_fields::EntryFields;
use crate::domain::error::FieldError;
use crate::domain::import::{EntryImport, RecordImport};
use crate::domain::knowledge::EntryStatus;

const ENTRIES: &str = "agentknowledgebase";
const RECORDS: &str = "conversationtrainingdata";

/// The objects of a dump.
pub(super) struct DjangoDump<'a> {
    items: JsonItems<'a>,
    defaults: Defaults,
}

impl<'a> DjangoDump<'a> {
    /// Reads plain or gzipped bytes.
    ///
    /// # Errors
    /// When the beginning cannot be read.
    pub(super) fn new(reader: impl BufRead + Send + 'a, defaults: Defaults) -> io::Result<Self> {
        Ok(Self { items: JsonItems::new(reader)?, defaults })
    }
}

impl Iterator for DjangoDump<'_> {
    type Item = io::Result<Given>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, object) = match next_object(&mut self.items)? {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        let pk = object.as_ref().ok().and_then(|object| name_of(object.get("pk")));
        let item = match object {
            Ok(object) => read(object, pk.as_deref(), &self.defaults).transpose(),
            Err(wrong) => Some(Err(wrong)),
        };
        Some(Ok(Given { line, pk, item, remark: None }))
    }
}

/// What an object is; `None` when it is of another model.
fn read(
    mut object: Map<String, Value>,
    pk: Option<&str>,
    defaults: &Defaults,
) -> Result<Option<Item>, Vec<FieldError>> {
    let wrong = |field: &str, message: &str| vec![FieldError::new(field, message)];
    let Some(model) = object.get("model").and_then(Value::as_str).map(str::to_lowercase) else {
        return Err(wrong("model", "is missing; a file that `dumpdata` wrote names the model of every object"));
    };
    let kind = model.rsplit('.').next().unwrap_or_default();
    if kind != ENTRIES && kind != RECORDS {
        return Ok(None);
    }
    let Some(Value::Object(fields)) = object.remove("fields") else {
        return Err(wrong("fields", "must be an object with the fields of the model"));
    };
    let values = Values::new(fields.into_iter().collect());
    let key = pk.map(|pk| format!("{model}/{pk}"));
    let item = match kind {
        ENTRIES => entry(values, key, defaults).map(Item::from),
        _ => record(values, key, defaults).map(Item::from),
    };
    item.map(Some)
}

fn entry(mut values: Values, key: Option<String>, defaults: &Defaults) -> Result<EntryImport, Vec<FieldError>> {
    let title = values.text("title");
    let mut phrases = values.texts("trigger_phrases", false);
    if phrases.is_empty() {
        phrases.extend(title.clone());
    }
    let fields = EntryFields {
        knowledge_type: values.text("knowledge_type"),
        category: Some(values.text("category").unwrap_or_else(|| defaults.category.clone())),
        title,
        content: values.text("content"),
        trigger_phrases: Some(phrases),
        language: language(&mut values, defaults),
        status: (values.flag("is_active") == Some(false)).then(|| EntryStatus::Retired.to_string()),
        success_rate: values.number("success_rate"),
    };
    let created_at = moment(&mut values);
    values.finish(EntryImport { key, fields, created_at })
}

fn record(mut values: Values, key: Option<String>, defaults: &Defaults) -> Result<RecordImport, Vec<FieldError>> {
    let conversation = values.id("ai_conversation");
    if conversation.is_none() && !values.is_wrong("ai_conversation") {
        values.refuse::<()>("ai_conversation", "must be the id of a conversation; a training record belongs to one");
    }
    let score = values.number("success_score");
    if score.is_none() && !values.is_wrong("success_score") {
        values.refuse::<()>("success_score", "must be a number from 0 to 1");
    }
    let record = RecordImport {
        key,
        ai_conversation: conversation.unwrap_or_default(),
        conversation_category: values.text("conversation_category").unwrap_or_else(|| defaults.category.clone()),
        outcome: values.text("outcome").unwrap_or_default(),
        success_score: score.unwrap_or_default(),
        key_phrases: values.texts("key_phrases", false),
        user_intents: values.texts("user_intents", false),
        conversation_summary: values.text("conversation_summary").unwrap_or_default(),
        language: language(&mut values, defaults),
        created_at: moment(&mut values),
    };
    values.finish(record)
}

fn language(values: &mut Values, defaults: &Defaults) -> Option<String> {
    values.text("language").or_else(|| defaults.language.as_ref().map(ToString::to_string))
}

/// When it was made, in RFC 3339; Django writes times without a zone when it knows none.
fn moment(values: &mut Values) -> Option<String> {
    let text = values.text("created_at")?;
    match parse_moment(&text) {
        Some(moment) => Some(moment.to_string()),
        None => values.refuse("created_at", "must be a time such as 2026-09-01T10:00:00Z"),
    }
}

/// A primary key as people write it.
fn name_of(pk: Option<&Value>) -> Option<String> {
    match pk? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_all(text: &str) -> Vec<Given> {
        let defaults = Defaults { category: "general".to_owned(), language: None };
        let dump = DjangoDump::new(text.as_bytes(), defaults).expect("memory is readable");
        dump.map(|given| given.expect("memory is readable")).collect()
    }

    #[test]
    fn entries_and_records_are_found_among_other_models() {
        let dump = json!([
            {"model": "auth.user", "pk": 1, "fields": {"username": "anna"}},
            {"model": "Voice.AgentKnowledgeBase", "pk": 7, "fields": {
                "knowledge_type": "response_template", "category": "sales", "title": "Prices", "content": "29 dollars.",
                "trigger_phrases": "[\"price\", \"cost\"]", "success_rate": "0.850", "usage_count": 12,
                "is_active": false, "created_at": "2024-05-01T10:00:00.123"}},
            {"model": "voice.conversationtrainingdata", "pk": "a-1", "fields": {
                "ai_conversation": 17, "conversation_category": "sales", "outcome": "successful", "success_score": 0.9,
                "key_phrases": ["monthly price"], "user_intents": ["booking"], "conversation_summary": null}},
        ]);
        let text = serde_json::to_string_pretty(&dump).expect("JSON");
        let found = read_all(&text);
        assert_eq!(found.len(), 3);
        assert!(found[0].item.is_none());
        let begins = |place: usize| text.lines().nth(place).map(str::trim);
        for (given, pk) in found.iter().zip(["1", "7", "a-1"]) {
            assert_eq!((begins(given.line as usize - 1), given.pk.as_deref()), (Some("{"), Some(pk)));
        }
        let Some(Ok(Item::Entry(entry))) = found[1].item.clone() else { panic!("{:?}", found[1]) };
        assert_eq!(entry.key.as_deref(), Some("voice.agentknowledgebase/7"));
        assert_eq!(entry.fields.trigger_phrases, Some(vec!["price".to_owned(), "cost".to_owned()]));
        assert_eq!((entry.fields.success_rate, entry.fields.status.as_deref()), (Some(0.85), Some("retired")));
        assert_eq!(entry.created_at.as_deref(), Some("2024-05-01T10:00:00.123Z"));
        assert!(entry.check().is_ok());
        let Some(Ok(Item::Record(record))) = found[2].item.clone() else { panic!("{:?}", found[2]) };
        assert_eq!((record.ai_conversation.as_str(), record.user_intents.len()), ("17", 1));
        assert_eq!(record.key.as_deref(), Some("voice.conversationtrainingdata/a-1"));
        assert!(record.check().is_ok());
    }

    #[test]
    fn what_is_wrong_is_told_by_its_field() {
        let dump = json!([
            {"pk": 1},
            {"model": "x.agentknowledgebase", "pk": 2},
            {"model": "x.agentknowledgebase", "pk": 3, "fields": {"title": "a", "trigger_phrases": "a, b",
                "success_rate": "high"}},
            {"model": "x.conversationtrainingdata", "pk": 4, "fields": {"ai_conversation": null}},
            7,
            {"model": "x.conversationtrainingdata", "pk": 5, "fields": {"ai_conversation": 1, "success_score": "x"}},
        ]);
        let fields = |given: &Given| -> Vec<String> {
            let wrong = given.item.clone().expect("it is meant").expect_err("it is wrong");
            wrong.into_iter().map(|error| error.field).collect()
        };
        let found: Vec<_> = read_all(&dump.to_string()).iter().map(fields).collect();
        assert_eq!(found[0], ["model"]);
        assert_eq!(found[1], ["fields"]);
        assert_eq!(found[2], ["trigger_phrases", "success_rate"]);
        assert_eq!(found[3], ["ai_conversation", "success_score"]);
        assert_eq!(found[4], ["object"]);
        assert_eq!(found[5], ["success_score"], "one fault is told once");
    }
}
