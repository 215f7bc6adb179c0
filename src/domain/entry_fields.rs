//! What a person or an import gives of an entry, checked field by field.

use serde::Serialize;

use crate::domain::entry_version::{EntrySnapshot, Phrase};
use crate::domain::error::FieldError;
use crate::domain::knowledge::{Curated, EntryStatus, KnowledgeType};
use crate::domain::language::Language;
use crate::domain::language_recognition::recognise_text;
use crate::domain::text;

/// The most characters of a category and of a title.
pub const MAX_NAME_CHARS: usize = 200;
/// The most characters of a content.
pub const MAX_CONTENT_CHARS: usize = 5_000;
/// The most characters of an exemplar; a model reads no more of an utterance anyway.
pub const MAX_PHRASE_CHARS: usize = 600;
/// The most exemplars that a person gives to one entry.
pub const MAX_PHRASES: usize = 200;
/// Why an entry is not offered when a person decided so.
const DECIDED: &str = "a person decided so";

/// The fields as they were given; what is `None` was not.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EntryFields {
    /// The kind, under its name or an old one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knowledge_type: Option<String>,
    /// The category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// A short heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What to say or do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Utterances that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger_phrases: Option<Vec<String>>,
    /// Language of the content, a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Whether it is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How often it leads to success, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_rate: Option<f64>,
}

/// An entry that a person wrote, in which nothing can be wrong any more.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEntry(EntrySnapshot);

/// Changes to an entry, at least one; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntryEdit {
    knowledge_type: Option<KnowledgeType>,
    category: Option<String>,
    title: Option<String>,
    content: Option<String>,
    trigger_phrases: Option<Vec<String>>,
    language: Option<Language>,
    status: Option<EntryStatus>,
    success_rate: Option<f64>,
}

impl EntryFields {
    /// A whole new entry: kind, category, title, content and an exemplar are needed. A language that is not given is
    /// recognised, else `und`; the status is `live` unless another is given.
    ///
    /// # Errors
    /// Every wrong or missing field.
    pub fn new_entry(self) -> Result<NewEntry, Vec<FieldError>> {
        let needed = [
            ("knowledge_type", self.knowledge_type.is_some()),
            ("category", self.category.is_some()),
            ("title", self.title.is_some()),
            ("content", self.content.is_some()),
            ("trigger_phrases", self.trigger_phrases.is_some()),
        ];
        let missing = needed.into_iter().filter(|(_, is_given)| !is_given);
        let mut wrong: Vec<FieldError> = missing.map(|(field, _)| FieldError::new(field, "is missing")).collect();
        let read = self.read(&mut wrong);
        let whole = (read.knowledge_type, read.category, read.title, read.content, read.trigger_phrases);
        let (Some(knowledge_type), Some(category), Some(title), Some(content), Some(phrases)) = whole else {
            return Err(wrong);
        };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let recognised = || recognise_text(&format!("{title}. {content} {}", phrases.join(". ")));
        let status = read.status.unwrap_or(EntryStatus::Live);
        let empty = EntrySnapshot {
            knowledge_type,
            category,
            intent: None,
            language: read.language.unwrap_or_else(recognised),
            title,
            content,
            status,
            status_reason: reason(status),
            prior_rate: read.success_rate,
            curated: Curated { title: true, content: true, phrases: false, status: true },
            phrases: Vec::new(),
        };
        let phrases = empty.with_phrases(phrases.into_iter().map(Phrase::own).collect());
        Ok(NewEntry(EntrySnapshot { phrases, ..empty }))
    }

    /// Changes to an entry.
    ///
    /// # Errors
    /// Every wrong field, or that none is given.
    pub fn edit(self) -> Result<EntryEdit, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let edit = self.read(&mut wrong);
        if wrong.is_empty() && edit == EntryEdit::default() {
            let fields = "knowledge_type, category, title, content, trigger_phrases, language, status, success_rate";
            wrong.push(FieldError::new("body", format!("must hold at least one of {fields}")));
        }
        if wrong.is_empty() { Ok(edit) } else { Err(wrong) }
    }

    fn read(self, wrong: &mut Vec<FieldError>) -> EntryEdit {
        let mut keep = Keep(wrong);
        EntryEdit {
            knowledge_type: keep.read(self.knowledge_type, |given| KnowledgeType::parse_lenient(given.trim())),
            category: keep.read(self.category, |given| line("category", given, MAX_NAME_CHARS)),
            title: keep.read(self.title, |given| line("title", given, MAX_NAME_CHARS)),
            content: keep.read(self.content, |given| content(given)),
            trigger_phrases: match self.trigger_phrases {
                Some(given) => keep.phrases(&given),
                None => None,
            },
            language: keep.read(self.language, |given| Language::parse(given.trim()).map(|tag| tag.without_region())),
            status: keep.read(self.status, |given| {
                given
                    .trim()
                    .parse::<EntryStatus>()
                    .map_err(|error: FieldError| FieldError::new("status", error.message))
            }),
            success_rate: keep.read(self.success_rate, |given| share("success_rate", *given)),
        }
    }
}

impl NewEntry {
    /// What is stored of it.
    pub fn snapshot(&self) -> &EntrySnapshot {
        &self.0
    }
}

impl EntryEdit {
    /// What an entry becomes. Any status may follow any other, so that every step can be taken back.
    pub fn onto(self, before: &EntrySnapshot) -> EntrySnapshot {
        let mut after = before.clone();
        after.knowledge_type = self.knowledge_type.unwrap_or(after.knowledge_type);
        after.category = self.category.unwrap_or(after.category);
        after.language = self.language.unwrap_or(after.language);
        after.prior_rate = self.success_rate.or(after.prior_rate);
        if let Some(title) = self.title {
            (after.title, after.curated.title) = (title, true);
        }
        if let Some(content) = self.content {
            (after.content, after.curated.content) = (content, true);
        }
        if let Some(status) = self.status {
            (after.status, after.status_reason, after.curated.status) = (status, reason(status), true);
        }
        if let Some(phrases) = self.trigger_phrases {
            after.phrases = before.with_phrases(phrases.into_iter().map(Phrase::own).collect());
            after.curated.phrases |= before.phrases.iter().any(|phrase| !after.phrases.contains(phrase));
        }
        after
    }
}

/// Why an entry has a status that a person gave it; plain when it is offered.
fn reason(status: EntryStatus) -> Option<String> {
    (status != EntryStatus::Live).then(|| DECIDED.to_owned())
}

/// Notes what is wrong and goes on.
struct Keep<'a>(&'a mut Vec<FieldError>);

impl Keep<'_> {
    fn read<T, U>(&mut self, given: Option<T>, read: impl Fn(&T) -> Result<U, FieldError>) -> Option<U> {
        read(&given?).map_err(|error| self.0.push(error)).ok()
    }

    fn phrases(&mut self, given: &[String]) -> Option<Vec<String>> {
        if given.is_empty() || given.len() > MAX_PHRASES {
            let message = format!("must hold 1 to {MAX_PHRASES} utterances that the entry answers");
            self.0.push(FieldError::new("trigger_phrases", message));
            return None;
        }
        let before = self.0.len();
        let mut phrases = Vec::with_capacity(given.len());
        for (place, phrase) in given.iter().enumerate() {
            let field = format!("trigger_phrases[{place}]");
            phrases.extend(self.read(Some(phrase), |phrase| line(&field, phrase, MAX_PHRASE_CHARS)));
        }
        (self.0.len() == before).then_some(phrases)
    }
}

/// One line of text that says something: white space collapsed, control characters taken out.
fn line(field: &str, given: &str, max: usize) -> Result<String, FieldError> {
    if given.contains('\0') {
        return Err(FieldError::new(field, "must not hold the character U+0000"));
    }
    let tidy = text::tidy(given);
    if tidy.chars().count() > max || text::normalise(&tidy).is_empty() {
        return Err(FieldError::new(field, format!("must be 1 to {max} characters, at least one of them visible")));
    }
    Ok(tidy)
}

/// A text of several lines.
fn content(given: &str) -> Result<String, FieldError> {
    let refused = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let trimmed = given.trim();
    if trimmed.contains(refused) {
        return Err(FieldError::new("content", "must hold no control characters but line breaks and tabs"));
    }
    if trimmed.chars().count() > MAX_CONTENT_CHARS || text::normalise(trimmed).is_empty() {
        let message = format!("must be 1 to {MAX_CONTENT_CHARS} characters, at least one of them visible");
        return Err(FieldError::new("content", message));
    }
    Ok(trimmed.to_owned())
}

/// A share, 0 to 1.
pub(super) fn share(field: &str, given: f64) -> Result<f64, FieldError> {
    if (0.0..=1.0).contains(&given) { Ok(given) } else { Err(FieldError::new(field, "must be a number from 0 to 1")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> EntryFields {
        EntryFields {
            knowledge_type: Some("response_template".to_owned()),
            category: Some(" sales ".to_owned()),
            title: Some("Price\tquestions".to_owned()),
            content: Some("It is 29 dollars.\nShall I book it?".to_owned()),
            trigger_phrases: Some(["price", "cost", "Cost?", "quote"].map(str::to_owned).to_vec()),
            language: Some("en-GB".to_owned()),
            status: None,
            success_rate: Some(0.85),
        }
    }

    fn fields(wrong: Vec<FieldError>) -> Vec<String> {
        wrong.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_whole_entry_is_taken() {
        let entry = whole().new_entry().expect("it is whole");
        let entry = entry.snapshot();
        assert_eq!((entry.knowledge_type, entry.status), (KnowledgeType::ResponsePattern, EntryStatus::Live));
        assert_eq!((entry.category.as_str(), entry.title.as_str()), ("sales", "Price questions"));
        assert_eq!(entry.language.as_str(), "en");
        let phrases: Vec<&str> = entry.phrases.iter().map(|phrase| phrase.text.as_str()).collect();
        assert_eq!(phrases, ["price", "cost", "quote"]);
        assert_eq!(entry.prior_rate, Some(0.85));
        assert!(!entry.quotes_conversations());
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let missing = EntryFields::default().new_entry().expect_err("all is missing");
        assert_eq!(fields(missing), ["knowledge_type", "category", "title", "content", "trigger_phrases"]);
        let wrong = EntryFields {
            knowledge_type: Some("poem".to_owned()),
            title: Some("\u{200b} ".to_owned()),
            content: Some("a\u{0}b".to_owned()),
            trigger_phrases: Some(vec!["price".to_owned(), "?!".to_owned()]),
            language: Some("english".to_owned()),
            status: Some("dead".to_owned()),
            success_rate: Some(85.0),
            ..whole()
        };
        let expected =
            ["knowledge_type", "title", "content", "trigger_phrases[1]", "language", "status", "success_rate"];
        assert_eq!(fields(wrong.clone().new_entry().expect_err("it is wrong")), expected);
        assert_eq!(fields(wrong.edit().expect_err("it is wrong")), expected);
        assert_eq!(fields(EntryFields::default().edit().expect_err("it is empty")), ["body"]);
        let none = EntryFields { trigger_phrases: Some(Vec::new()), ..EntryFields::default() };
        assert_eq!(fields(none.edit().expect_err("there is no phrase")), ["trigger_phrases"]);
    }

    #[test]
    fn an_edit_notes_what_a_person_wrote() {
        let learned = EntrySnapshot {
            curated: Curated::default(),
            phrases: vec![Phrase::own("price".to_owned()), Phrase::own("cost".to_owned())],
            ..whole().new_entry().expect("it is whole").snapshot().clone()
        };
        let edit = |fields: EntryFields| fields.edit().expect("it is an edit").onto(&learned);
        let titled = edit(EntryFields { title: Some("Prices".to_owned()), ..EntryFields::default() });
        assert_eq!(titled.curated, Curated { title: true, ..Curated::default() });
        assert_eq!((titled.title.as_str(), &titled.content), ("Prices", &learned.content));
        let more = ["cost", "Price", "quote"].map(str::to_owned).to_vec();
        let more = edit(EntryFields { trigger_phrases: Some(more), ..EntryFields::default() });
        assert_eq!((more.phrases.len(), more.curated.phrases), (3, false));
        let fewer = edit(EntryFields { trigger_phrases: Some(vec!["cost".to_owned()]), ..EntryFields::default() });
        assert_eq!((fewer.phrases.len(), fewer.curated.phrases), (1, true));
        for status in EntryStatus::ALL {
            let moved = edit(EntryFields { status: Some(status.to_string()), ..EntryFields::default() });
            assert_eq!((moved.status, moved.curated.status), (*status, true));
            assert_eq!(moved.status_reason.is_none(), *status == EntryStatus::Live);
        }
    }
}
