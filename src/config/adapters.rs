//! The sections of the adapters, with the fields that their own settings have. To be replaced, struct by struct, by
//! `crate::store::settings::StoreSettings`, `crate::index::settings::IndexSettings` and
//! `crate::embedding::settings::EmbeddingSettings` where the branches meet.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// `[store]`: the database.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// `sqlite:PATH` or `postgres://…`. A secret: it may hold a password.
    pub url: String,
    /// What a commit on SQLite survives.
    pub synchronous: Synchronous,
    /// Connections that read from SQLite.
    pub read_connections: u32,
    /// The most connections to PostgreSQL.
    pub postgres_connections: u32,
}

impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSettings").field("synchronous", &self.synchronous).finish_non_exhaustive()
    }
}

/// What a commit on SQLite survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// A killed process.
    Normal,
    /// A power cut too.
    Full,
}

/// `[index]`: the vector index.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexSettings {
    /// The least segment that gets a graph, in points.
    pub index_from_points: usize,
    /// Unindexed points that make an optimisation due.
    pub max_unindexed_points: usize,
    /// The largest segment, in points.
    pub max_segment_points: usize,
    /// Edges per point in the graph.
    pub hnsw_m: usize,
    /// Candidates looked at while building.
    pub hnsw_ef_construct: usize,
    /// Candidates looked at while searching.
    pub hnsw_ef_search: usize,
    /// A filter that leaves fewer points is scanned.
    pub full_scan_points: usize,
    /// Threads that build graphs.
    pub optimise_threads: usize,
    /// How vectors are kept beside the originals.
    pub quantisation: Quantisation,
    /// Threads that search, per shard.
    pub search_threads: usize,
    /// Searches that may wait.
    pub search_queue: usize,
    /// Writes that may wait.
    pub write_queue: usize,
    /// The size at which the engine's log is cleared, in MiB.
    pub max_log_mib: u64,
}

/// How vectors are kept beside the originals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantisation {
    /// As they are.
    None,
    /// One byte per dimension.
    Int8,
}

/// `[embedding]`: the models.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingSettings {
    /// Where the models and ONNX Runtime stand.
    pub models_dir: PathBuf,
    /// The model that retrieval asks.
    pub model: String,
    /// Utterances that may wait.
    pub query_queue: usize,
    /// Batches that may wait.
    pub passage_queue: usize,
    /// Tokens of a batch, padding included.
    pub batch_tokens: usize,
    /// Vectors kept in memory.
    pub cache_entries: u64,
}
