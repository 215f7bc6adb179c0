//! Settings of retrieval: section `[retrieval]` of the configuration.

use serde::{Deserialize, Serialize};

use crate::domain::ranking::SuccessOrder;

/// How retrievals are answered. Every field is explained in `defaults.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrievalSettings {
    /// Retrievals in flight; beyond it the answer is 429.
    pub max_in_flight: usize,
    /// Deadline of a request that names none, in milliseconds.
    pub deadline_ms: u64,
    /// Exemplars that each search looks at.
    pub candidates: usize,
    /// Share of words in the fused score, 0 to 1.
    pub lexical_weight: f64,
    /// Added to the score of an entry in the language of the question.
    pub language_bonus: f64,
    /// Scores within this distance are a band in which success decides.
    pub band: f64,
    /// By what entries within a band are ordered.
    pub success_order: SuccessOrder,
    /// Best cosine under which nothing is offered; without it, the calibrated floor of the model.
    pub floor: Option<f64>,
    /// Earlier turns that count when an utterance alone is not clear.
    pub context_turns: usize,
    /// Confidence from which an intent is named, 0 to 1.
    pub min_intent_confidence: f64,
    /// Exposures that may wait to be written; beyond it they are dropped and counted.
    pub exposure_buffer: usize,
    /// The longest that exposures wait for others to be written with, in milliseconds.
    pub exposure_flush_ms: u64,
    /// Entries kept in memory.
    pub entry_cache: u64,
}
