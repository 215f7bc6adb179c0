//! What a retrieval answers.

use serde::Serialize;

use crate::domain::conversation::word_enum;
use crate::domain::ids::RetrievalId;
use crate::domain::query::{OfferedEntry, Timings};

word_enum!(
    /// Why nothing is offered.
    Abstention {
        /// The nearest known utterance is too far away to help.
        BelowFloor = "below_floor",
        /// Nothing is known that passes the filter.
        NothingFits = "nothing_fits",
        /// Neither meaning nor words could be searched.
        SearchUnavailable = "search_unavailable",
        /// The conversation is in the hold-out of an experiment.
        Holdout = "holdout",
    }
);

word_enum!(
    /// A part of a retrieval that is missing in its answer.
    Degradation {
        /// The embedding was not ready in time; words alone decided.
        EmbeddingLate = "embedding_late",
        /// The model failed; words alone decided.
        EmbeddingFailed = "embedding_failed",
        /// The search by meaning was not ready in time.
        DenseLate = "dense_late",
        /// The search by meaning failed.
        DenseFailed = "dense_failed",
        /// The search by words was not ready in time.
        LexicalLate = "lexical_late",
        /// The search by words failed.
        LexicalFailed = "lexical_failed",
        /// There was no time to look at the context.
        ContextSkipped = "context_skipped",
        /// The database did not answer, and the entries were not in memory.
        EntriesUnavailable = "entries_unavailable",
    }
);

impl Degradation {
    /// Whether meaning took no part, so that cosines are not known.
    pub fn is_without_meaning(self) -> bool {
        matches!(self, Self::EmbeddingLate | Self::EmbeddingFailed | Self::DenseLate | Self::DenseFailed)
    }
}

/// What the user seems to want.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Intent {
    /// Such as `pricing`.
    pub name: String,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
}

/// The answer to one question of an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrievalAnswer {
    /// To be given back with the agent's turn.
    pub retrieval_id: RetrievalId,
    /// What the user seems to want, when that is clear enough.
    pub intent: Option<Intent>,
    /// The entries, best first.
    pub results: Vec<OfferedEntry>,
    /// The results as text for a prompt, when asked for.
    pub prompt_block: Option<String>,
    /// Whether nothing is offered.
    pub abstained: bool,
    /// Why.
    pub reason: Option<Abstention>,
    /// What is missing.
    pub degraded: Vec<Degradation>,
    /// Where the time went.
    pub timings: Timings,
    /// Cosine of the nearest exemplar, offered or not.
    pub top_similarity: Option<f64>,
}
