//! Work that services queue beside what they write, without knowing who does it.

use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::domain::ids::{ConversationId, EntryId, JobId, SessionId, TenantId};
use crate::domain::schedule::Work;
use crate::engine::Engine;
use crate::store::error::StoreError;
use crate::store::jobs::NewJob;
use crate::store::tx::Tx;

/// The kind of the job, which is a stage of learning.
pub const INDEX_EXEMPLARS: &str = "index_exemplars";
/// The kind of the job of a page of a training session, which is a stage of learning.
pub const TRAINING_SESSION: &str = "training_session";
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

/// The job that sums up the days of a tenant which have changed, for metrics; one at a time.
pub fn roll_up_job(engine: &Engine) -> NewJob {
    NewJob {
        id: JobId(engine.new_uuid()),
        kind: Work::RollUpMetrics.as_str().to_owned(),
        payload: serde_json::Value::Null,
        dedupe_key: Some(Work::RollUpMetrics.as_str().to_owned()),
        // Behind what comes in: an answer is right without it.
        priority: -1,
        run_at: engine.now(),
        trace_id: None,
    }
}

/// Whose page it is.
#[derive(Serialize, Deserialize)]
struct SessionPage {
    session_id: SessionId,
}

/// The job of the next page of a training session. Several may wait for one session: one that runs already may have looked
/// before what the next one is for.
pub fn session_job(engine: &Engine, session: SessionId, run_at: Timestamp, trace_id: Option<String>) -> NewJob {
    NewJob {
        id: JobId(engine.new_uuid()),
        kind: TRAINING_SESSION.to_owned(),
        payload: serde_json::to_value(SessionPage { session_id: session }).unwrap_or_default(),
        dedupe_key: None,
        // Behind what comes in.
        priority: -1,
        run_at,
        trace_id,
    }
}

/// The session that a job of [`session_job`] names; none of another job.
pub fn session_of(payload: &serde_json::Value) -> Option<SessionId> {
    SessionPage::deserialize(payload).ok().map(|page| page.session_id)
}

/// Tells the training sessions that wait for it that the learning from a conversation has ended, and why if it failed, in the
/// transaction that ends it, after its new status; those that waited for it alone go on.
///
/// # Errors
/// When the database is not available.
pub async fn settle_sessions(
    engine: &Engine,
    tx: &mut Tx,
    tenant: &TenantId,
    (conversation, failure): (ConversationId, Option<&str>),
) -> Result<(), StoreError> {
    let now = engine.now();
    for session in tx.settle_session_items(tenant, conversation, failure).await? {
        tx.enqueue(tenant, &session_job(engine, session, now, None), now).await?;
    }
    Ok(())
}
