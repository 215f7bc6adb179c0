//! Settings of the queue: section `[jobs]` of the configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How jobs are run. Every field is explained in `defaults.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSettings {
    /// How often the queue is looked at when nobody wakes it, in milliseconds.
    pub poll_ms: u64,
    /// How long a claim lasts without renewal, in milliseconds.
    pub lease_ms: i64,
    /// A job that failed so often is dead.
    pub max_attempts: i64,
    /// About how long until the first retry, in milliseconds.
    pub backoff_min_ms: i64,
    /// The longest wait until a retry, in milliseconds.
    pub backoff_max_ms: i64,
    /// How long finished jobs are kept, in days.
    pub keep_finished_days: i64,
    /// Jobs of a kind that run at the same time in this process.
    pub concurrency: BTreeMap<String, u32>,
}
