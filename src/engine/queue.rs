//! What people do with the queue: run again what was given up, stop what has not begun. A conversation whose learning stops
//! or goes on by it says so.

use crate::domain::conversation::ConversationStatus;
use crate::domain::ids::{JobId, TenantId};
use crate::engine::Engine;
use crate::engine::error::Error;
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
    tx.commit().await?;
    find(engine, tenant, id).await
}

/// Stops a job before it begins; the job as it is then.
///
/// # Errors
/// [`Error::NotFound`] when there is none; [`Error::Conflict`] when it is not queued.
pub async fn cancel_job(engine: &Engine, tenant: &TenantId, id: JobId) -> Result<Job, Error> {
    let job = find(engine, tenant, id).await?;
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
        let failure = format!("{}: somebody cancelled the job", job.kind);
        tx.set_conversation_status(&job.tenant, id, status, Some(&failure), engine.now()).await?;
    }
    Ok(())
}
