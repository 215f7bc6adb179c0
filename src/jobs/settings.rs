//! Settings of the queue: section `[jobs]` of the configuration.

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
    pub concurrency: JobConcurrency,
}

#[cfg(test)]
impl JobSettings {
    /// Settings for unit tests of the queue: one job of a kind at a time, and short waits.
    pub(super) fn for_tests() -> Self {
        Self {
            poll_ms: 10,
            lease_ms: 60_000,
            max_attempts: 3,
            backoff_min_ms: 10,
            backoff_max_ms: 1_000,
            keep_finished_days: 7,
            concurrency: JobConcurrency {
                analyze: 1,
                index_chunks: 1,
                distill: 1,
                credit: 1,
                index_exemplars: 1,
                erase_points: 1,
                optimize_index: 1,
                training_session: 1,
                merge_entries: 1,
                prune: 1,
                expire_exposures: 1,
                find_gaps: 1,
                roll_up_metrics: 1,
            },
        }
    }
}

/// Jobs of each kind that run at the same time in this process: `[jobs.concurrency]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobConcurrency {
    /// Analysis of conversations.
    pub analyze: u32,
    /// Indexing chunks.
    pub index_chunks: u32,
    /// Distilling knowledge.
    pub distill: u32,
    /// Crediting entries.
    pub credit: u32,
    /// Indexing exemplars.
    pub index_exemplars: u32,
    /// Taking erased texts out of the index.
    pub erase_points: u32,
    /// Building graphs.
    pub optimize_index: u32,
    /// Pages of training sessions.
    pub training_session: u32,
    /// Looking for entries that say the same.
    pub merge_entries: u32,
    /// Deleting what is kept no longer.
    pub prune: u32,
    /// Giving up exposures that wait in vain.
    pub expire_exposures: u32,
    /// Looking for what is asked and not known.
    pub find_gaps: u32,
    /// Summing up days for metrics.
    pub roll_up_metrics: u32,
}

impl JobConcurrency {
    /// Every kind with the most jobs of it.
    pub fn by_kind(&self) -> [(&'static str, u32); 13] {
        [
            ("analyze", self.analyze),
            ("index_chunks", self.index_chunks),
            ("distill", self.distill),
            ("credit", self.credit),
            ("index_exemplars", self.index_exemplars),
            ("erase_points", self.erase_points),
            ("optimize_index", self.optimize_index),
            ("training_session", self.training_session),
            ("merge_entries", self.merge_entries),
            ("prune", self.prune),
            ("expire_exposures", self.expire_exposures),
            ("find_gaps", self.find_gaps),
            ("roll_up_metrics", self.roll_up_metrics),
        ]
    }
}
