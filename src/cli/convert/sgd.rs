//! Schema-Guided Dialogue: task dialogues with acts, services and intents.
//!
//! One dialogue is `{"id","services":[…],"turns":[{"speaker","text","acts":[…],"service"?,"intent"?}],"completed"}`.
//! Guarantees: the labels stay with the conversation, in its metadata, in a form that an evaluation reads back with
//! [`SgdMetadata`]. Nothing that learns may read them.

use serde::{Deserialize, Serialize};

use crate::cli::json_items::explain;
use crate::domain::conversation::Outcome;
use crate::domain::draft::{ConversationDraft, MAX_METADATA_BYTES, TurnDraft};

/// The language of all of its dialogues.
const LANGUAGE: &str = "en";
/// What the metadata call it.
const SOURCE: &str = "sgd";

/// The metadata of a converted dialogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SgdMetadata {
    /// `sgd`.
    pub source: String,
    /// The services that the dialogue uses, with their versions: `Hotels_2`.
    pub services: Vec<String>,
    /// One per turn, in order; the last ones are left out where the metadata would become too long.
    pub labels: Vec<SgdLabel>,
}

/// What is known of one turn. As JSON it is a list: `[0, ["INFORM"], "Hotels_2", "SearchHotel"]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "LabelRow", into = "LabelRow")]
pub struct SgdLabel {
    /// Position of the turn, from 0.
    pub turn: usize,
    /// What the turn does: `INFORM_INTENT`, `REQUEST` and so on.
    pub acts: Vec<String>,
    /// The service that the user talks about.
    pub service: Option<String>,
    /// What the user wants of it.
    pub intent: Option<String>,
}

type LabelRow = (usize, Vec<String>, Option<String>, Option<String>);

impl From<LabelRow> for SgdLabel {
    fn from((turn, acts, service, intent): LabelRow) -> Self {
        Self { turn, acts, service, intent }
    }
}

impl From<SgdLabel> for LabelRow {
    fn from(label: SgdLabel) -> Self {
        (label.turn, label.acts, label.service, label.intent)
    }
}

#[derive(Deserialize)]
struct Dialogue {
    id: String,
    #[serde(default)]
    services: Vec<String>,
    turns: Vec<DialogueTurn>,
    #[serde(default)]
    completed: Option<bool>,
}

#[derive(Deserialize)]
struct DialogueTurn {
    speaker: String,
    text: String,
    #[serde(default)]
    acts: Vec<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    intent: Option<String>,
}

/// The family of a service, which is what its versions have in common: `hotels` of `Hotels_2`.
pub fn service_family(service: &str) -> String {
    let family = match service.rsplit_once('_') {
        Some((family, version)) if version.bytes().all(|byte| byte.is_ascii_digit()) => family,
        _ => service,
    };
    family.to_lowercase()
}

/// Reads one dialogue; its category is the family of its first service.
pub(super) fn draft_of(text: &str) -> Result<ConversationDraft, String> {
    if !text.starts_with('{') {
        return Err("must be a JSON object".to_owned());
    }
    let dialogue: Dialogue = serde_json::from_str(text).map_err(|error| explain(&error))?;
    let outcome = match dialogue.completed {
        Some(true) => Outcome::Successful,
        Some(false) => Outcome::Unsuccessful,
        None => Outcome::Unknown,
    };

    let category = dialogue.services.first().map(|service| service_family(service));
    let mut turns = Vec::with_capacity(dialogue.turns.len());
    let mut labels = Vec::with_capacity(dialogue.turns.len());
    for (turn, given) in dialogue.turns.into_iter().enumerate() {
        turns.push(TurnDraft { speaker: given.speaker, text: given.text, ..TurnDraft::default() });
        labels.push(SgdLabel { turn, acts: given.acts, service: given.service, intent: given.intent });
    }

    let metadata = SgdMetadata { source: SOURCE.to_owned(), services: dialogue.services, labels };
    Ok(ConversationDraft {
        external_id: format!("sgd-{}", dialogue.id),
        language: Some(LANGUAGE.to_owned()),
        category,
        turns,
        outcome: Some(outcome.as_str().to_owned()),
        metadata: fit(metadata)?,
        ..ConversationDraft::default()
    })
}

/// The metadata as JSON, without the labels that do not fit.
fn fit(mut metadata: SgdMetadata) -> Result<serde_json::Value, String> {
    let as_json = |metadata: &SgdMetadata| serde_json::to_value(metadata).map_err(|error| explain(&error));
    let mut value = as_json(&metadata)?;
    while value.to_string().len() > MAX_METADATA_BYTES && !metadata.labels.is_empty() {
        // A tenth at a time: few steps, and little is lost that would have fitted.
        metadata.labels.truncate(metadata.labels.len() * 9 / 10);
        value = as_json(&metadata)?;
    }
    Ok(value)
}
