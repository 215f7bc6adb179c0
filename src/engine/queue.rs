//! What people do with the queue: run again what was given up, stop what has not begun. A conversation whose learning stops
//! or goes on by it says so, and so does a training session.

use crate::domain::conversation::ConversationStatus;
use crate::domain::ids::{ConversationId, JobId, SessionId, TenantId};
use crate::domain::training::SessionStatus;
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::engine::upkeep::{TRAINING_SESSION, session_of, settle_sessions};
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
    if let Some(conversation) = conversation_at(&mut tx, &job, |at| at == ConversationStatus::Failed).await? {
        tx.set_conversation_status(tenant, conversation, ConversationStatus::Processing, None, now).await?;
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
    let why = format!("{}: somebody cancelled the job", job.kind);
    // What was learned from already stays so, when only a correction of it is stopped.
    if let Some(conversation) = conversation_at(&mut tx, &job, |at| at != ConversationStatus::Processed).await? {
        tx.set_conversation_status(tenant, conversation, ConversationStatus::Failed, Some(&why), now).await?;
        settle_sessions(engine, &mut tx, tenant, (conversation, Some(&why))).await?;
    }
    if let Some((session, begun)) = session {
        let from = if begun { SessionStatus::Running } else { SessionStatus::Scheduled };
        tx.move_session(tenant, session, (from, SessionStatus::Failed), Some(&why), now).await?;
    }
    tx.commit().await?;
    find(engine, tenant, id).await
}

async fn find(engine: &Engine, tenant: &TenantId, id: JobId) -> Result<Job, Error> {
    let job = engine.store.job(tenant, id).await?;
    job.ok_or_else(|| Error::NotFound { what: "job", id: id.to_string() })
}

/// The conversation that the job is about, if it stands so. One that was replaced since has jobs of its own.
async fn conversation_at(
    tx: &mut Tx,
    job: &Job,
    wanted: impl Fn(ConversationStatus) -> bool,
) -> Result<Option<ConversationId>, StoreError> {
    let Some(id) = job.conversation_id() else { return Ok(None) };
    let stored = tx.conversation(&job.tenant, id).await?;
    let version = job.payload.get("version").and_then(serde_json::Value::as_i64);
    Ok(stored.filter(|stored| Some(stored.version) == version && wanted(stored.status)).map(|_| id))
}

/// The training session whose page the job is, and whether its work had begun.
async fn its_session(engine: &Engine, job: &Job) -> Result<Option<(SessionId, bool)>, StoreError> {
    let named = session_of(&job.payload).filter(|_| job.kind == TRAINING_SESSION);
    let Some(id) = named else { return Ok(None) };
    let found = engine.store.session_state(&job.tenant, id).await?;
    Ok(found.map(|state| (id, state.session.started_at.is_some())))
}
