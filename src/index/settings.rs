//! The `index` section of the configuration.

use serde::{Deserialize, Serialize};

/// How vectors are kept beside the originals, for searching the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantisation {
    /// As they are.
    None,
    /// One byte per dimension, in memory; the best are scored anew with the originals, so scores are those of the
    /// originals. Searches and builds in about half the time, for a quarter more memory.
    #[default]
    Int8,
}

/// How the vector index is built and searched. Numbers of points, not bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IndexSettings {
    /// A segment of at least so many points gets a graph when the index is optimised; smaller ones are scanned.
    pub index_from_points: usize,
    /// More unindexed points than this make an optimisation due. Every search scans them: about 0.15 ms per thousand.
    pub max_unindexed_points: usize,
    /// Segments are not merged beyond so many points. Larger ones search faster and take longer to build.
    pub max_segment_points: usize,
    /// Edges per point in the graph.
    pub hnsw_m: usize,
    /// Candidates looked at while building: higher is a better graph and a longer build.
    pub hnsw_ef_construct: usize,
    /// Candidates looked at while searching: higher finds more and takes longer.
    pub hnsw_ef_search: usize,
    /// A filter that leaves fewer points than this is scanned instead of searched by graph.
    pub full_scan_points: usize,
    /// Threads that build graphs, at nice 10.
    pub optimise_threads: usize,
    /// `none` or `int8`.
    pub quantisation: Quantisation,
    /// Threads that search, per shard.
    pub search_threads: usize,
    /// Searches that may wait; beyond it the answer is "overloaded".
    pub search_queue: usize,
    /// Writes that may wait; beyond it the answer is "overloaded".
    pub write_queue: usize,
    /// Whether a write is acknowledged only when it would survive power loss, which costs a disk sync per batch. Without
    /// it, a write survives `kill -9`, and what power loss takes is indexed again from the database at start-up.
    pub survive_power_loss: bool,
    /// The engine's own log is cleared by opening the shard anew when it is larger; searches wait for that, up to a
    /// second. 256 MiB are about 130 000 points of 384 dimensions.
    pub max_log_mib: u64,
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self {
            index_from_points: 2_000,
            max_unindexed_points: 4_000,
            max_segment_points: 25_000,
            hnsw_m: 16,
            hnsw_ef_construct: 128,
            hnsw_ef_search: 128,
            full_scan_points: 1_000,
            optimise_threads: 1,
            quantisation: Quantisation::Int8,
            search_threads: 2,
            search_queue: 256,
            write_queue: 256,
            survive_power_loss: false,
            max_log_mib: 256,
        }
    }
}
