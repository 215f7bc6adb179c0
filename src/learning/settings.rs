//! Settings of learning: section `[learning]` of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How conversations are learned from. Every field is explained in `defaults.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearningSettings {
    /// Whether conversations add entries, exemplars and evidence.
    pub distillation: bool,
    /// Distinct callers with evidence before an entry goes live.
    pub live_after_callers: usize,
    /// Conversations in which an agent's way of handling a situation must recur before it is a pattern.
    pub pattern_after_conversations: usize,
    /// Success score (0 to 1) from which a conversation is learned from.
    pub min_success_score: f64,
    /// Probability (0 to 1) from which an exchange counts as knowledge.
    pub min_move_probability: f64,
    /// Normalised similarity (0 to 1) from which two questions ask the same.
    pub same_question: f64,
    /// Normalised similarity (0 to 1) from which two answers say the same.
    pub same_answer: f64,
    /// Normalised similarity (0 to 1) from which an agent's sentence says an entry that was shown.
    pub used_answer: f64,
    /// Days after which a use of an entry weighs half; 0: it never fades.
    pub use_half_life_days: i64,
    /// Days that an exposure waits for its conversation.
    pub exposure_wait_days: i64,
    /// Days that retrievals are kept that credited nothing; 0: for ever.
    pub keep_retrievals_days: i64,
    /// The most exemplars that one entry keeps.
    pub max_exemplars: usize,
    /// Tokens of a chunk.
    pub chunk_tokens: usize,
    /// An installation's own intents, a TOML file; empty: none.
    pub intents_file: Option<PathBuf>,
    /// Where fitted classifiers are kept; without it, in the data directory.
    pub cache_dir: Option<PathBuf>,
}

impl LearningSettings {
    /// Milliseconds after which a use weighs half; `None`: it never fades.
    pub fn use_half_life_ms(&self) -> Option<i64> {
        const DAY_MS: i64 = 86_400_000;
        (self.use_half_life_days > 0).then(|| self.use_half_life_days.saturating_mul(DAY_MS))
    }
}

#[cfg(test)]
impl LearningSettings {
    /// Settings for unit tests of rules.
    pub(super) fn for_tests() -> Self {
        Self {
            distillation: true,
            live_after_callers: 1,
            pattern_after_conversations: 2,
            min_success_score: 0.6,
            min_move_probability: 0.5,
            same_question: 0.25,
            same_answer: 0.7,
            used_answer: 0.8,
            use_half_life_days: 90,
            exposure_wait_days: 7,
            keep_retrievals_days: 0,
            max_exemplars: 50,
            chunk_tokens: 128,
            intents_file: None,
            cache_dir: None,
        }
    }
}
