//! A question and its answer, as files of FAQs hold them: by the names of [`COLUMNS`], in any case and order.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::import::file::{Defaults, Given, Item};
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

/// Whether a table with these names has questions and answers, each value once; what is wrong if not.
pub(super) fn check_columns(given: &[String]) -> Result<(), String> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for name in given {
        let Some((column, _)) = column(name) else { continue };
        if let Some((_, first)) = found.iter().find(|(known, _)| *known == column) {
            let name = name.trim();
            return Err(format!(
                "has two columns for the {column}, \"{first}\" and \"{name}\"; rename the one that is not meant, and it is \
                 passed over"
            ));
        }
        found.push((column, name.trim()));
    }
    let has = |wanted: &str| found.iter().any(|(known, _)| *known == wanted);
    let names = |wanted: &str| {
        let known = COLUMNS.iter().find(|(column, _)| *column == wanted);
        known.map_or_else(String::new, |(_, names)| names.join(", "))
    };
    if !has("title") && !has("question") {
        return Err(format!("has no column with the question; name it {} or {}", names("question"), names("title")));
    }
    if !has("content") {
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

/// What stands on a line of a file: the entry of a question and its answer.
pub(super) fn given(line: u64, values: Values, defaults: &Defaults) -> Given {
    let (item, remark) = match entry(values, defaults) {
        Ok((entry, remark)) => (Ok(Item::from(entry)), remark),
        Err(wrong) => (Err(wrong), None),
    };
    Given { line, pk: None, item: Some(item), remark }
}

/// The entry of a question and its answer, and what is to be said of it: the question is an exemplar, and the title when
/// there is none.
fn entry(mut values: Values, defaults: &Defaults) -> Result<(EntryImport, Option<String>), Vec<FieldError>> {
    let (title, question) = (values.text("title"), values.text("question"));
    let (content, kind, category) = (values.text("content"), values.text("knowledge_type"), values.text("category"));
    let (language, rate, active) = (values.text("language"), values.number("success_rate"), values.flag("is_active"));
    let asked = question.as_ref().or(title.as_ref()).map(|text| tidy(text));
    let mut phrases: Vec<String> = asked.into_iter().collect();
    phrases.extend(values.texts("trigger_phrases", true));
    let title = title.or(question).map(|title| tidy(&title));
    if title.is_none() && !values.is_wrong("title") && !values.is_wrong("question") {
        values.refuse::<()>("title", "is missing; it is the question that the entry answers");
    }
    let chars = title.as_ref().map_or(0, |title| title.chars().count());
    let remark = (chars > MAX_NAME_CHARS).then(|| {
        format!(
            "the title of {chars} characters is cut to {MAX_NAME_CHARS}; the question stays whole as what is matched"
        )
    });
    let fields = EntryFields {
        knowledge_type: Some(kind.unwrap_or_else(|| KnowledgeType::Faq.to_string())),
        category: Some(category.unwrap_or_else(|| defaults.category.clone())),
        title: title.map(|title| shorten(&title, MAX_NAME_CHARS)),
        content,
        trigger_phrases: Some(phrases).filter(|phrases| !phrases.is_empty()),
        language: language.or_else(|| defaults.language.as_ref().map(ToString::to_string)),
        status: (active == Some(false)).then(|| EntryStatus::Retired.to_string()),
        success_rate: rate,
    };
    values.finish((EntryImport { key: None, fields, created_at: None }, remark))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(given: &Value) -> Result<EntryImport, Vec<FieldError>> {
        let given = given.as_object().expect("an object").clone();
        entry(values(given), &Defaults { category: "general".to_owned(), language: None }).map(|(entry, _)| entry)
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
        let wrong = read(&json!({"question": 5, "answer": "Yes.", "phrases": ["a", 5]})).expect_err("no texts");
        let fields: Vec<&str> = wrong.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["question", "trigger_phrases[1]"]);
    }

    #[test]
    fn a_table_has_a_question_and_an_answer_once() {
        let check = |names: &[&str]| check_columns(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert!(check(&["title", "content", "notes", "notes"]).is_ok());
        assert!(check(&["content"]).is_err_and(|reason| reason.contains("question")));
        assert!(check(&["question"]).is_err_and(|reason| reason.contains("answer")));
        let reason = check(&["question", "answer", "Question "]).expect_err("two questions");
        assert!(reason.contains("\"question\" and \"Question\""), "{reason}");
        assert!(check(&["q", "answer", "content"]).is_err_and(|reason| reason.contains("\"answer\" and \"content\"")));
    }

    #[test]
    fn a_title_that_is_cut_is_told() {
        let defaults = Defaults { category: "general".to_owned(), language: None };
        let long = "Is it? ".repeat(43);
        let named = |question: &str| {
            Values::new(BTreeMap::from([
                ("question".to_owned(), json!(question)),
                ("content".to_owned(), json!("Yes.")),
            ]))
        };
        let told = given(1, named(&long), &defaults);
        assert!(told.remark.is_some_and(|remark| remark.contains("300 characters is cut to 200")));
        let Some(Ok(Item::Entry(entry))) = told.item else { panic!("it is whole") };
        assert_eq!(entry.fields.trigger_phrases, Some(vec![tidy(&long)]));
        assert_eq!(given(1, named("Is it?"), &defaults).remark, None);
    }
}
