//! The labelled demo: conversations, what they hold, and what live users ask.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::conversation::Outcome;
use crate::domain::draft::ConversationDraft;
use crate::domain::knowledge::KnowledgeType;
use crate::engine::error::Error;

/// What a person says about one conversation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationLabels {
    /// The conversation.
    pub external_id: String,
    /// Its main intent.
    pub intent: String,
    /// Its category.
    pub category: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Turns that hold knowledge.
    pub knowledge: Vec<TurnLabel>,
}

/// What a person says about one agent turn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnLabel {
    /// Its ordinal.
    pub turn: usize,
    /// Which knowledge it holds.
    pub kind: KnowledgeType,
    /// The fact, objection or situation, as the demo names it.
    pub key: String,
}

/// What a live user asks in the demo.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveQuestion {
    /// Language of the utterance.
    pub language: String,
    /// What is said.
    pub utterance: String,
    /// What should be found; `None` when nothing should.
    pub expect: Option<Expectation>,
}

/// What a live utterance should find.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The kind.
    pub kind: KnowledgeType,
    /// The fact, objection or situation.
    pub key: String,
}

/// The labelled demo.
pub struct LabelledDemo {
    /// Conversations as they would be sent.
    pub conversations: Vec<ConversationDraft>,
    /// Labels by the caller's id.
    pub labels: BTreeMap<String, ConversationLabels>,
    /// Live utterances.
    pub questions: Vec<LiveQuestion>,
    /// Utterances that measure what is answered and what is declined; no classifier is fitted on them.
    pub abstention: Vec<LiveQuestion>,
}

impl LabelledDemo {
    /// Reads the demo folder.
    ///
    /// # Errors
    /// When a file is missing or malformed, with its name and line.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let labels: Vec<ConversationLabels> = read_lines(&folder.join("labels"))?;
        Ok(Self {
            conversations: read_lines(&folder.join("conversations"))?,
            labels: labels.into_iter().map(|labels| (labels.external_id.clone(), labels)).collect(),
            questions: read_lines(&folder.join("questions"))?,
            abstention: read_file(&folder.join("abstention.jsonl"))?,
        })
    }
}

/// Every line of every `.jsonl` file of a folder, in the order of the names.
fn read_lines<T: DeserializeOwned>(folder: &Path) -> Result<Vec<T>, Error> {
    let listing = std::fs::read_dir(folder).map_err(|error| {
        wrong(format!("{} cannot be read ({error}); run this in the project's folder, or name it", folder.display()))
    })?;
    let mut files: Vec<_> = listing.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    files.iter().try_fold(Vec::new(), |mut items, file| {
        items.extend(read_file(file)?);
        Ok(items)
    })
}

/// Every line of a file of JSON lines.
///
/// # Errors
/// When the file is missing or malformed, with its name and line.
pub fn read_file<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>, Error> {
    let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("{}: {error}", file.display())))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|error| wrong(format!("{} line {}: {error}", file.display(), number + 1)))
        })
        .collect()
}

fn wrong(message: String) -> Error {
    Error::Configuration { key: "demo".to_owned(), message }
}
