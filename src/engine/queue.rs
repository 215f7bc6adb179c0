//! What people do with the queue: run again what was given up, stop what has not begun. A conversation whose learning stops
//! or goes on by it says so, and so does a training session.

use crate::domain::conversation::ConversationStatus;
use crate::domain::ids::{JobId, SessionId, TenantId};
use crate::domain::training::SessionStatus;
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::engine::upkeep::{TRAINING_SESSION, session_job, session_of};
use crate::store::error::StoreError;
use crate::store::jobs::{Job, JobState};
use crate::store::tx::Tx;

/// Queues a job again that was given up or stopped, with all its attempts before it; the job as it is then.
///
/// # Errors
/// [`Error::NotFound`] when there is none; [`Error::Conflict`] when it is neither dead nor cancelled, or when the same work
/// is queued already.
pub async fn retry_job(engine: &Engine, tenant: &TenantId, id: JobId) -> Result<Job, Error> {
    let job = find(engine, tenant, id).await?;
    let session = its_session(engine, &job).await?;
    let now = engine.now();
    let mut tx = engine.store.begin().await?;
    if !tx.requeue_job(tenant, id, now).await? {
        tx.rollback().await?;
        let job = find(engine, tenant, id).await?;
        return Err(Error::Conflict(match job.state {
            JobState::Dead | JobState::Cancelled => "the same work is queued or running already".to_owned(),
            other => format!("it is {other}; only a job that is dead or cancelled can be queued again"),
        }));
    }
    if is_at(&mut tx, &job, |status| status == ConversationStatus::Failed).await? {
        tell(&mut tx, engine, &job, ConversationStatus::Processing).await?;
    }
    if let Some((session, begun)) = session {
        let to = if begun { SessionStatus::Running } else { SessionStatus::Scheduled };
        tx.move_session(tenant, session, (SessionStatus::Failed, to), None, now).await?;
    }
    tx.commit().await?;
    find(engine, tenant, id).await
}

/// Stops a job before it begins; the job as it is then.
///
/// # Errors
/// [`Error::NotFound`] when there is none; [`Error::Conflict`] when it is not queued.
pub async fn cancel_job(engine: &Engine, tenant: &TenantId, id: JobId) -> Result<Job, Error> {
    let job = find(engine, tenant, id).await?;
    let session = its_session(engine, &job).await?;
    let now = engine.now();
    let mut tx = engine.store.begin().await?;
    if !tx.cancel_job(tenant, id, now).await? {
        tx.rollback().await?;
        let state = find(engine, tenant, id).await?.state;
        return Err(Error::Conflict(format!("it is {state}; only a job that is queued can be cancelled")));
    }
    // What was learned from already stays so, when only a correction of it is stopped.
    if is_at(&mut tx, &job, |status| status != ConversationStatus::Processed).await? {
        tell(&mut tx, engine, &job, ConversationStatus::Failed).await?;
        settle_sessions(&mut tx, engine, &job).await?;
    }
    if let Some((session, begun)) = session {
        let from = if begun { SessionStatus::Running } else { SessionStatus::Scheduled };
        let why = reason(&job);
        tx.move_session(tenant, session, (from, SessionStatus::Failed), Some(&why), now).await?;
    }
    tx.commit().await?;
    find(engine, tenant, id).await
}

async fn find(engine: &Engine, tenant: &TenantId, id: JobId) -> Result<Job, Error> {
    let job = engine.store.job(tenant, id).await?;
    job.ok_or_else(|| Error::NotFound { what: "job", id: id.to_string() })
}

/// Whether the job is about a conversation that stands so. One that was replaced since has jobs of its own.
async fn is_at(tx: &mut Tx, job: &Job, wanted: impl Fn(ConversationStatus) -> bool) -> Result<bool, StoreError> {
    let Some(id) = job.conversation_id() else { return Ok(false) };
    let stored = tx.conversation(&job.tenant, id).await?;
    let version = job.payload.get("version").and_then(serde_json::Value::as_i64);
    Ok(stored.is_some_and(|stored| Some(stored.version) == version && wanted(stored.status)))
}

async fn tell(tx: &mut Tx, engine: &Engine, job: &Job, status: ConversationStatus) -> Result<(), StoreError> {
    if let Some(id) = job.conversation_id() {
        tx.set_conversation_status(&job.tenant, id, status, Some(&reason(job)), engine.now()).await?;
    }
    Ok(())
}

fn reason(job: &Job) -> String {
    format!("{}: somebody cancelled the job", job.kind)
}

/// Ends the item of the conversation in the sessions that wait for it, after its new status; those that wait for nothing
/// more go on.
async fn settle_sessions(tx: &mut Tx, engine: &Engine, job: &Job) -> Result<(), StoreError> {
    let Some(id) = job.conversation_id() else { return Ok(()) };
    let now = engine.now();
    for session in tx.settle_session_items(&job.tenant, id, Some(&reason(job))).await? {
        tx.enqueue(&job.tenant, &session_job(engine, session, now, None), now).await?;
    }
    Ok(())
}

/// The training session whose page the job is, and whether its work had begun.
async fn its_session(engine: &Engine, job: &Job) -> Result<Option<(SessionId, bool)>, StoreError> {
    let named = session_of(&job.payload).filter(|_| job.kind == TRAINING_SESSION);
    let Some(id) = named else { return Ok(None) };
    let found = engine.store.session_state(&job.tenant, id).await?;
    Ok(found.map(|state| (id, state.session.started_at.is_some())))
}
