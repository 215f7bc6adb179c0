//! Wake-ups from other processes, on PostgreSQL.

use std::sync::Weak;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;

use crate::store::dialect::JOBS_CHANNEL;
use crate::store::error::StoreError;

/// Listens on a connection of the pool until the pool is closed or the store is gone.
///
/// A wake-up that is lost while the connection is being renewed costs at most one poll of the job runner.
pub(super) async fn listen(pool: &PgPool, job_notify: Weak<Notify>) -> Result<(), StoreError> {
    let failed = |source: sqlx::Error| StoreError::Open { what: "listening for wake-ups", source: source.into() };
    let mut listener = PgListener::connect_with(pool).await.map_err(failed)?;
    listener.listen(JOBS_CHANNEL).await.map_err(failed)?;

    tokio::spawn(async move {
        loop {
            // `Ok(None)` means that the connection was lost and is renewed by the next call.
            let received = listener.try_recv().await;
            let Some(job_notify) = job_notify.upgrade() else { return };
            match received {
                Ok(_) => job_notify.notify_one(),
                Err(sqlx::Error::PoolClosed) => return,
                Err(error) => {
                    tracing::warn!(%error, "Listening for jobs on PostgreSQL failed; the poll goes on without it");
                    return;
                }
            }
        }
    });
    Ok(())
}
