//! The sections of the configuration that belong to no other room. `defaults.toml` says more about every key.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

/// `[server]`: the HTTP server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Requests worked on at the same time, retrievals apart.
    pub max_in_flight: usize,
    /// What a request may take, in milliseconds.
    pub request_timeout_ms: u64,
    /// What requests and jobs in work may take to end after SIGTERM, in milliseconds.
    pub shutdown_grace_ms: u64,
}

/// `[auth]`: who may call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// The admin key that somebody chose, instead of one made on the first start.
    pub bootstrap_key: Option<SecretString>,
    /// Answers without a key; only on a loopback address.
    pub allow_loopback: bool,
}

/// `[privacy]`: what is kept of callers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivacySettings {
    /// The key of the hash of caller ids, instead of the one in the data directory.
    pub caller_key: Option<SecretString>,
}

/// `[data]`: the data directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// Holds the database file, the vector index and the keys that were made.
    pub dir: PathBuf,
}

/// `[retrieval]`: answers on every turn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrievalSettings {
    /// Retrievals worked on at the same time.
    pub max_in_flight: usize,
    /// The deadline of a request that gives none, in milliseconds.
    pub deadline_ms: u64,
    /// Exemplars asked of the index, by meaning and by words each.
    pub candidates: usize,
    /// Width of the band of scores within which success orders.
    pub band: f64,
    /// Weight of the words beside the meaning, 0 to 1.
    pub lexical_weight: f64,
    /// Entries kept in memory.
    pub entry_cache: u64,
    /// Exposures that may wait to be written.
    pub exposure_buffer: usize,
    /// The longest they wait, in milliseconds.
    pub exposure_flush_ms: u64,
    /// How long exposures wait for their conversation, in days.
    pub exposure_wait_days: u32,
}

/// `[jobs]`: the queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSettings {
    /// Time between two looks at the queue when nobody wakes it, in milliseconds.
    pub poll_ms: u64,
    /// A claim that is not renewed for so long is lost, in milliseconds.
    pub lease_ms: u64,
    /// Failures after which a job is dead.
    pub max_attempts: u32,
    /// About the time to the first retry, in milliseconds.
    pub backoff_min_ms: u64,
    /// The longest time to a retry, in milliseconds.
    pub backoff_max_ms: u64,
    /// How long finished jobs are kept, in days.
    pub keep_finished_days: u32,
    /// Jobs of a kind at the same time in this process.
    pub concurrency: JobConcurrency,
}

/// `[jobs.concurrency]`: jobs of each kind at the same time in this process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobConcurrency {
    /// Analysis.
    pub analyze: usize,
    /// Cutting into chunks.
    pub chunk: usize,
    /// Indexing chunks.
    pub index_chunks: usize,
    /// Distilling knowledge.
    pub distill: usize,
    /// Indexing exemplars.
    pub index_exemplars: usize,
    /// Taking erased texts out of the index.
    pub erase_points: usize,
    /// Building graphs.
    pub optimize_index: usize,
}
