//! A question and its answer, as files of FAQs hold them: by the names of [`COLUMNS`], in any case and order.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::import::file::Defaults;
use crate::cli::import::values::Values;
use crate::domain::entry_fields::{EntryFields, MAX_NAME_CHARS};
use crate::domain::error::FieldError;
use crate::domain::import::EntryImport;
use crate::domain::knowledge::{EntryStatus, KnowledgeType};
use crate::domain::text::{shorten, tidy};

/// Each value and the names that it is found by, the best first; blanks and hyphens count as underscores.
const COLUMNS: [(&str, &[&str]); 9] = [
    ("title", &["title", "heading", "subject"]),
    ("question", &["question", "q", "query", "utterance", "prompt", "faq"]),
    ("content", &["content", "answer", "a", "response", "reply", "text", "body"]),
    ("knowledge_type", &["knowledge_type", "type", "kind"]),
    ("category", &["category", "topic", "section", "group"]),
    ("language", &["language", "lang", "locale"]),
    (
        "trigger_phrases",
        &["trigger_phrases", "phrases", "triggers", "utterances", "examples", "variants", "alternative_questions"],
    ),
    ("success_rate", &["success_rate", "success"]),
    ("is_active", &["is_active", "active", "enabled"]),
];

/// Which value a name stands for, and how good a name it is, 0 the best; `None` when it is not known.
pub(super) fn column(name: &str) -> Option<(&'static str, usize)> {
    let name = name.trim().to_lowercase().replace([' ', '-'], "_");
    COLUMNS.iter().find_map(|(column, names)| Some((*column, names.iter().position(|known| *known == name)?)))
}

/// Whether a table with these columns has questions and answers; what is missing if not.
pub(super) fn check_columns(found: &[&str]) -> Result<(), String> {
    let names = |wanted: &str| {
        let known = COLUMNS.iter().find(|(column, _)| *column == wanted);
        known.map_or_else(String::new, |(_, names)| names.join(", "))
    };
    if !found.contains(&"title") && !found.contains(&"question") {
        return Err(format!("has no column with the question; name it {} or {}", names("question"), names("title")));
    }
    if !found.contains(&"content") {
        return Err(format!("has no column with the answer; name it {}", names("content")));
    }
    Ok(())
}

/// The values by the names of [`COLUMNS`]; where two names stand for one value, the better one counts.
pub(super) fn values(given: impl IntoIterator<Item = (String, Value)>) -> Values {
    let mut ranked: BTreeMap<&'static str, (usize, Value)> = BTreeMap::new();
    for (name, value) in given {
        let Some((column, rank)) = column(&name) else { continue };
        if ranked.get(column).is_none_or(|(known, _)| rank < *known) {
            ranked.insert(column, (rank, value));
        }
    }
    Values::new(ranked.into_iter().map(|(column, (_, value))| (column.to_owned(), value)).collect())
}

/// The entry of a question and its answer: the question is an exemplar, and the title when there is none.
pub(super) fn entry(mut values: Values, defaults: &Defaults) -> Result<EntryImport, Vec<FieldError>> {
    let (title, question) = (values.text("title"), values.text("question"));
    let (content, kind, category) = (values.text("content"), values.text("knowledge_type"), values.text("category"));
    let (language, rate, active) = (values.text("language"), values.number("success_rate"), values.flag("is_active"));
    let asked = question.as_ref().or(title.as_ref()).map(|text| tidy(text));
    let mut phrases: Vec<String> = asked.into_iter().collect();
    phrases.extend(values.texts("trigger_phrases", true));
    let title = title.or(question);
    if title.is_none() {
        values.refuse::<()>("title", "is missing; it is the question that the entry answers");
    }
    let fields = EntryFields {
        knowledge_type: Some(kind.unwrap_or_else(|| KnowledgeType::Faq.to_string())),
        category: Some(category.unwrap_or_else(|| defaults.category.clone())),
        title: title.map(|title| shorten(&tidy(&title), MAX_NAME_CHARS)),
        content,
        trigger_phrases: Some(phrases).filter(|phrases| !phrases.is_empty()),
        language: language.or_else(|| defaults.language.as_ref().map(ToString::to_string)),
        status: (active == Some(false)).then(|| EntryStatus::Retired.to_string()),
        success_rate: rate,
    };
    values.finish(EntryImport { key: None, fields, created_at: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(given: &Value) -> Result<EntryImport, Vec<FieldError>> {
        let given = given.as_object().expect("an object").clone();
        entry(values(given), &Defaults { category: "general".to_owned(), language: None })
    }

    #[test]
    fn a_value_is_found_by_any_of_its_names() {
        let given = json!({"Question": "Do you have parking?", "ANSWER": "Yes.", "Topic": "visit", "examples": "parking|car",
            "Success Rate": "0.5", "enabled": "no", "notes": "passed over"});
        let entry = read(&given).expect("it is whole");
        assert_eq!(entry.fields.title.as_deref(), Some("Do you have parking?"));
        assert_eq!(entry.fields.content.as_deref(), Some("Yes."));
        assert_eq!((entry.fields.category.as_deref(), entry.fields.success_rate), (Some("visit"), Some(0.5)));
        let phrases = ["Do you have parking?", "parking", "car"].map(str::to_owned).to_vec();
        assert_eq!(entry.fields.trigger_phrases, Some(phrases));
        assert_eq!(entry.fields.status.as_deref(), Some("retired"));
        let checked = entry.check().expect("nothing is wrong");
        assert_eq!(checked.entry.snapshot().language.as_str(), "und");
    }

    #[test]
    fn a_title_stands_beside_a_question() {
        let given = json!({"title": "Parking", "question": "Do you have parking?", "content": "Yes.", "type": "faq"});
        let fields = read(&given).expect("it is whole").fields;
        assert_eq!((fields.title.as_deref(), fields.category.as_deref()), (Some("Parking"), Some("general")));
        assert_eq!(fields.trigger_phrases, Some(vec!["Do you have parking?".to_owned()]));
    }

    #[test]
    fn what_is_missing_is_told() {
        let wrong = read(&json!({"answer": "Yes.", "success_rate": "much"})).expect_err("there is no question");
        let fields: Vec<&str> = wrong.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["success_rate", "title"]);
        assert!(check_columns(&["title", "content"]).is_ok());
        assert!(check_columns(&["content"]).is_err_and(|reason| reason.contains("question")));
        assert!(check_columns(&["question"]).is_err_and(|reason| reason.contains("answer")));
    }
}
