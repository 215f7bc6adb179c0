//! A writing transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::domain::ids::TenantId;
use crate::store::Pool;
use crate::store::Store;
use crate::store::dialect::{Dialect, JOBS_CHANNEL};
use crate::store::error::StoreError;
use crate::store::metric_marks::Change;
use crate::store::statement::Statement;

/// One business operation. Dropping it without [`Tx::commit`] undoes everything.
///
/// On SQLite there is one at a time: whoever holds one and waits for a second one waits for itself (until the pool
/// gives up after 30 seconds). Never call a model or the network while holding one.
pub struct Tx {
    pub(super) inner: Inner,
    /// Whether something is in here that a worker should be woken for.
    pub(super) wakes_workers: bool,
    /// What it changes of what was rolled up.
    pub(super) changed: BTreeSet<Change>,
    job_notify: Arc<Notify>,
    /// What was run in it, for the test that has it explained.
    #[cfg(test)]
    pub(super) ran: Vec<Statement>,
}

pub(super) enum Inner {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Store {
    /// Begins a writing transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection becomes free in time.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = match &self.pool {
            Pool::Sqlite { write, .. } => Inner::Sqlite(write.begin_with(Dialect::Sqlite.begin()).await?),
            Pool::Postgres(pool) => Inner::Postgres(pool.begin_with(Dialect::Postgres.begin()).await?),
        };
        Ok(Tx {
            inner,
            wakes_workers: false,
            changed: BTreeSet::new(),
            job_notify: Arc::clone(&self.job_notify),
            #[cfg(test)]
            ran: Vec::new(),
        })
    }
}

impl Tx {
    /// Makes everything in it permanent, then wakes the job runner if a job was enqueued.
    ///
    /// # Errors
    /// When the database refuses; then nothing of it has happened.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.write_marks().await?;
        if let (true, Some(notify)) = (self.wakes_workers, self.dialect().notify_jobs()) {
            self.execute(Statement::new(notify).bind(JOBS_CHANNEL)).await?;
        }
        match self.inner {
            Inner::Sqlite(transaction) => transaction.commit().await?,
            Inner::Postgres(transaction) => transaction.commit().await?,
        }
        if self.wakes_workers {
            self.job_notify.notify_one();
        }
        Ok(())
    }

    /// Undoes everything in it now, instead of when the connection is used next.
    ///
    /// # Errors
    /// When the connection is gone; then everything is undone as well.
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self.inner {
            Inner::Sqlite(transaction) => transaction.rollback().await?,
            Inner::Postgres(transaction) => transaction.rollback().await?,
        }
        Ok(())
    }

    /// Waits until no other transaction distils for this tenant, and keeps others out until this one ends.
    ///
    /// On SQLite this does nothing: writing transactions are serial there, and only one process has workers.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn lock_distillation(&mut self, tenant: &TenantId) -> Result<(), StoreError> {
        if let Some(lock) = self.dialect().lock_distillation() {
            self.execute(Statement::new(lock).bind(tenant)).await?;
        }
        Ok(())
    }

    pub(super) fn dialect(&self) -> Dialect {
        match &self.inner {
            Inner::Sqlite(_) => Dialect::Sqlite,
            Inner::Postgres(_) => Dialect::Postgres,
        }
    }
}
