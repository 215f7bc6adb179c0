//! The open index generations: for each active model its embedder and its two collections.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::domain::clock::Timestamp;
use crate::embedding::embedder::{Embedder, Role};
use crate::embedding::error::EmbeddingError;
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::engine::understanding::Understanding;
use crate::index::settings::IndexSettings;
use crate::index::{Collection, VectorIndex};
use crate::store;
use crate::store::Store;

/// One complete set of vectors made by one model.
pub struct Generation {
    /// Its name, such as `multilingual-e5-small-1`.
    pub name: String,
    /// The model that makes its vectors.
    pub embedder: Arc<Embedder>,
    /// What speakers do and what users want, told from this model's vectors.
    pub understanding: Arc<Understanding>,
    /// One point per exemplar.
    pub exemplars: VectorIndex,
    /// One point per chunk.
    pub chunks: VectorIndex,
}

impl Generation {
    /// Embeds utterances or exemplars as they stand in the exemplar index: without their language.
    ///
    /// # Errors
    /// When the model fails, too much waits, or the deadline passes.
    pub async fn embed_meaning<T: AsRef<str> + Sync>(
        &self,
        lane: Lane,
        texts: &[T],
        deadline: Option<Instant>,
    ) -> Result<Vec<Arc<[f32]>>, EmbeddingError> {
        let embedded = self.embedder.embed(lane, Role::Query, texts, deadline).await?;
        Ok(embedded.iter().map(|embedded| self.meaning(&embedded.vector)).collect())
    }

    /// What of an embedding (query prefix) is meaning and not language.
    pub fn meaning(&self, vector: &[f32]) -> Arc<[f32]> {
        self.understanding.languages().strip(vector).into()
    }

    /// The index of a collection.
    pub fn shard(&self, collection: Collection) -> &VectorIndex {
        match collection {
            Collection::Exemplars => &self.exemplars,
            Collection::Chunks => &self.chunks,
        }
    }
}

/// All active generations, at least one; the first answers queries.
pub struct Generations(Vec<Generation>);

impl Generations {
    /// Opens the shards of every active model under `data_dir`, making and recording those that are new.
    ///
    /// # Errors
    /// When a shard or the database cannot be opened.
    pub async fn open(
        data_dir: &Path,
        models: &[(Arc<Embedder>, Arc<Understanding>)],
        settings: &IndexSettings,
        store: &Store,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut generations = Vec::new();
        for (embedder, understanding) in models {
            let spec = embedder.spec();
            // Vectors of another language space do not compare, so a new one begins a new generation.
            let name = format!("{}-{}", spec.name, understanding.languages().fingerprint());
            let mut tx = store.begin().await?;
            let record = store::generations::Generation {
                name: name.clone(),
                model: spec.name.clone(),
                dimension: spec.dimension,
                created_at: now,
            };
            tx.insert_generation(&record).await?;
            tx.commit().await?;
            let open = |collection: Collection| {
                let dir = collection.shard_dir(data_dir, &name);
                async move { VectorIndex::open(&dir, collection, spec.dimension, settings).await }
            };
            generations.push(Generation {
                exemplars: open(Collection::Exemplars).await?,
                chunks: open(Collection::Chunks).await?,
                embedder: Arc::clone(embedder),
                understanding: Arc::clone(understanding),
                name: name.clone(),
            });
        }
        Ok(Self(generations))
    }

    /// The generation that answers queries.
    pub fn first(&self) -> &Generation {
        self.0.first().expect("`Embedders` holds at least one model, so there is a generation")
    }

    /// All of them, the one that answers queries first.
    pub fn iter(&self) -> impl Iterator<Item = &Generation> {
        self.0.iter()
    }

    /// Waits for optimisations, flushes and frees the directories.
    pub async fn close(&self) {
        for generation in &self.0 {
            for collection in Collection::ALL {
                if let Err(error) = generation.shard(collection).close().await {
                    tracing::warn!(index.generation = generation.name, error = %error, "An index did not close cleanly");
                }
            }
        }
    }
}
