//! What an agent asks on a turn, and what it is told.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::domain::conversation::Speaker;
use crate::domain::error::FieldError;
use crate::domain::ids::{EntryId, ExemplarId};
use crate::domain::knowledge::KnowledgeType;
use crate::domain::language::Language;
use crate::domain::success::SuccessRate;
use crate::domain::text;

/// The most characters that an utterance may have.
pub const MAX_UTTERANCE_CHARS: usize = 10_000;
/// The most earlier turns that are read.
pub const MAX_CONTEXT_TURNS: usize = 50;

/// A text to search for: something visible, at most [`MAX_UTTERANCE_CHARS`] characters, without control characters,
/// white space collapsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryText(String);

impl QueryText {
    /// Takes a text, or says what is wrong with it; `field` is the name under which it arrived.
    ///
    /// # Errors
    /// When nothing visible is in it, or too much.
    pub fn parse(field: &str, given: &str) -> Result<Self, FieldError> {
        if given.chars().count() > MAX_UTTERANCE_CHARS {
            return Err(FieldError::new(field, format!("must be at most {MAX_UTTERANCE_CHARS} characters")));
        }
        let tidy = text::tidy(&without_escapes(given));
        if text::normalise(&tidy).is_empty() {
            return Err(FieldError::new(field, "must hold at least one letter, digit or symbol with a meaning"));
        }
        Ok(Self(tidy))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Without the escape sequences of terminals: of `ESC [31m`, which paints red, `31m` would be left as if it were said.
fn without_escapes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, sequence)) = rest.split_once("\u{1b}[") {
        kept.push_str(before);
        kept.push(' ');
        let end = sequence.trim_start_matches(|c: char| ('0'..='?').contains(&c));
        rest = end.strip_prefix(|c: char| ('@'..='~').contains(&c)).unwrap_or(end);
    }
    kept.push_str(rest);
    kept
}

/// How many results to answer with: 1 to 50.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// The most results of one retrieval.
    pub const MAX: usize = 50;

    /// Takes a number, or says what is wrong with it.
    ///
    /// # Errors
    /// When it is not 1 to 50.
    pub fn new(number: i64) -> Result<Self, FieldError> {
        match usize::try_from(number) {
            Ok(limit) if (1..=Self::MAX).contains(&limit) => Ok(Self(limit)),
            _ => Err(FieldError::new("limit", format!("must be 1 to {}", Self::MAX))),
        }
    }

    /// The number.
    pub fn get(self) -> usize {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(3)
    }
}

/// An earlier turn, given to make a short utterance clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextTurn {
    /// Who said it.
    pub speaker: Speaker,
    /// What was said.
    pub text: String,
}

/// One question of an agent: what do we know that helps with this utterance?
#[derive(Clone, Debug)]
pub struct RetrievalQuery {
    /// What the user just said.
    pub utterance: QueryText,
    /// The conversation, by the caller's id or ours; it need not exist yet.
    pub conversation_ref: Option<String>,
    /// Ordinal of the turn in it.
    pub turn: Option<i64>,
    /// Earlier turns, oldest first.
    pub context: Vec<ContextTurn>,
    /// Only entries of this kind.
    pub knowledge_type: Option<KnowledgeType>,
    /// Only entries of this category.
    pub category: Option<String>,
    /// Only entries in this language (`ur` also finds `ur-Latn`; a region does not count).
    pub language: Option<Language>,
    /// How many entries at most.
    pub limit: Limit,
    /// When the answer is worth nothing any more.
    pub deadline: Option<Instant>,
    /// Budget of the prompt block in tokens, when one is wanted.
    pub render_tokens: Option<usize>,
    /// Whether the exposure is recorded: yes for agents, no for curators who look.
    pub exposure: Exposure,
}

/// Whether a retrieval counts as shown to a user's agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// An agent asks on a turn.
    Recorded,
    /// Somebody looks, a test or an evaluation runs.
    Unrecorded,
}

/// An entry as it is offered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfferedEntry {
    /// The entry.
    pub knowledge_id: EntryId,
    /// Its kind.
    pub knowledge_type: KnowledgeType,
    /// Its category.
    pub category: String,
    /// Its heading.
    pub title: String,
    /// What to say or do.
    pub content: String,
    /// What it was ranked by, 0 to 1: meaning and words.
    pub score: f64,
    /// Cosine of the utterance and the matched one.
    pub similarity: f64,
    /// The learned utterance that was nearest: its id, for evaluation.
    #[serde(skip)]
    pub matched_exemplar: ExemplarId,
    /// The learned utterance that was nearest.
    pub matched_utterance: String,
    /// How often it led to success.
    pub success: SuccessRate,
}

/// Where the time of a retrieval went, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// Turning text into vectors.
    pub embed: u64,
    /// Searching the index.
    pub search: u64,
    /// Fusing, ranking and hydrating.
    pub rank: u64,
    /// From the parsed request to the answer.
    pub total: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_must_say_something() {
        assert_eq!(QueryText::parse("q", "  what\n is it ").expect("a text").as_str(), "what is it");
        assert!(QueryText::parse("q", "👍").is_ok());
        assert_eq!(QueryText::parse("q", "\u{1b}[1;31mhi\u{1b}[0m\u{7}you").expect("a text").as_str(), "hi you");
        for empty in ["", " \u{0} \t", "?!", "\u{200b}", "\u{1}\u{2}\u{1b}[31m", "\u{1b}[", "\u{1b}[2J\u{1b}[31"] {
            assert!(QueryText::parse("q", empty).is_err(), "{empty:?}");
        }
        assert!(QueryText::parse("q", &"x".repeat(MAX_UTTERANCE_CHARS)).is_ok());
        assert!(QueryText::parse("q", &"x".repeat(MAX_UTTERANCE_CHARS + 1)).is_err());
    }

    #[test]
    fn a_limit_is_one_to_fifty() {
        for bad in [-1, 0, 51, i64::MAX] {
            assert!(Limit::new(bad).is_err(), "{bad}");
        }
        assert_eq!(Limit::new(50).expect("a limit").get(), 50);
    }
}
