//! The sections of other rooms, with the fields that their own settings have. Each is replaced by the room's own where
//! the branches meet (`crate::store::StoreSettings`, `crate::index::IndexSettings`,
//! `crate::embedding::EmbeddingSettings`, `crate::learning::settings::LearningSettings`), and then this file goes.

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
    /// Whether a write is acknowledged only when it would survive power loss.
    pub survive_power_loss: bool,
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
    /// The active models; the first answers queries.
    pub models: Vec<String>,
    /// Where the models and ONNX Runtime stand.
    pub models_dir: PathBuf,
    /// The ONNX Runtime library; without it, the one in `models_dir`.
    pub onnxruntime: Option<PathBuf>,
    /// Requests that may wait for a lane.
    pub queue_length: usize,
    /// Tokens of a batch, padding included.
    pub batch_tokens: usize,
    /// The most that cached vectors of a model occupy, in MiB.
    pub cache_mb: u64,
}

/// `[learning]`: from conversations to knowledge.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearningSettings {
    /// Distinct callers with evidence before an entry goes live.
    pub live_after_callers: usize,
    /// Conversations in which a way of handling a situation must recur before it is a pattern.
    pub pattern_after_conversations: usize,
    /// Success score from which a conversation is learned from.
    pub min_success_score: f64,
    /// Probability from which an exchange counts as knowledge.
    pub min_move_probability: f64,
    /// Similarity from which two questions ask the same.
    pub same_question: f64,
    /// Similarity from which two answers say the same.
    pub same_answer: f64,
    /// The most exemplars of one entry.
    pub max_exemplars: usize,
    /// Tokens of a chunk.
    pub chunk_tokens: usize,
    /// An installation's own intents.
    pub intents_file: Option<PathBuf>,
}
