//! Work on the index that services queue beside what they write, without knowing who does it.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{EntryId, JobId};
use crate::engine::Engine;
use crate::store::jobs::NewJob;

/// The kind of the job, which is a stage of learning.
pub const INDEX_EXEMPLARS: &str = "index_exemplars";
/// Before the same work for conversations: a person waits for it.
const PRIORITY: i64 = 10;

/// The job that brings the index in line with the exemplars of a tenant, those that were taken away included.
pub fn index_changes_job(engine: &Engine) -> NewJob {
    NewJob {
        id: JobId(engine.new_uuid()),
        kind: INDEX_EXEMPLARS.to_owned(),
        payload: serde_json::Value::Null,
        // One that runs already may have looked before this change was there, so it must not stand for this one.
        dedupe_key: None,
        priority: PRIORITY,
        run_at: engine.now(),
        trace_id: None,
    }
}

/// What is to be counted anew before the index is brought in line.
#[derive(Serialize, Deserialize)]
struct Recount {
    entries: Vec<EntryId>,
}

/// As [`index_changes_job`], for entries whose evidence has changed: how often they led to success is computed anew first.
pub fn recount_job(engine: &Engine, entries: &[EntryId]) -> NewJob {
    let payload = serde_json::to_value(Recount { entries: entries.to_vec() }).unwrap_or_default();
    NewJob { payload, ..index_changes_job(engine) }
}

/// The entries that a job of [`recount_job`] names; none of another job.
pub fn entries_to_recount(payload: &serde_json::Value) -> Vec<EntryId> {
    Recount::deserialize(payload).map(|recount| recount.entries).unwrap_or_default()
}
