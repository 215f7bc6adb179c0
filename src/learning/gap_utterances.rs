//! What gaps are made of: utterances, understood and as vectors.

use std::sync::Arc;

use crate::domain::classify::exchange::ReadTurn;
use crate::domain::classify::text_classifier::TextFeatures;
use crate::domain::conversation::{Burst, Speaker};
use crate::domain::ranking::Calibration;
use crate::embedding::embedder::Role;
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::engine::understanding::Understanding;
use crate::learning::Learner;
use crate::learning::analysis::matter::holds_matter;

/// Texts that are embedded in one go.
const BATCH: usize = 128;

impl Learner {
    /// Each of these utterances, understood by itself.
    pub(super) async fn read_utterances(&self, said: &[&str]) -> Result<Vec<ReadTurn>, Error> {
        let embedder = &self.engine.generations.first().embedder;
        let mut read = Vec::with_capacity(said.len());
        for batch in said.chunks(BATCH) {
            let burst = |said: &&str| Burst { first: 0, last: 0, speaker: Speaker::User, text: (*said).to_owned() };
            read.extend(self.engine.understanding().read(embedder, batch.iter().map(burst).collect()).await?);
        }
        Ok(read)
    }

    /// Embeddings of texts with the query prefix.
    pub(super) async fn query_vectors(&self, texts: &[&str]) -> Result<Vec<Arc<[f32]>>, Error> {
        let embedder = &self.engine.generations.first().embedder;
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            let embedded = embedder.embed(Lane::Batch, Role::Query, batch, None).await?;
            vectors.extend(embedded.into_iter().map(|embedded| embedded.vector));
        }
        Ok(vectors)
    }

    /// What of those is meaning and not language.
    pub(super) async fn meanings_of(&self, texts: &[&str]) -> Result<Vec<Arc<[f32]>>, Error> {
        let generation = self.engine.generations.first();
        Ok(self.query_vectors(texts).await?.iter().map(|vector| generation.meaning(vector)).collect())
    }

    pub(super) fn gap_calibration(&self) -> Calibration {
        Calibration::of_model(&self.engine.generations.first().embedder.spec().name)
    }
}

/// Whether a business could answer to it: no greeting, no thanks, no goodbye, and no small talk.
pub(super) fn is_matter(turn: &ReadTurn, understanding: &Understanding) -> bool {
    holds_matter(turn) && understanding.scope(&TextFeatures::of(&turn.burst.text, &turn.vector)) >= 0.0
}
