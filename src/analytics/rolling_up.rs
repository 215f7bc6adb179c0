//! Job `roll_up_metrics`: days that have changed are summed up again, and those that never were, the newest first.
//!
//! What is asked meanwhile is right all the same: a day that is not rolled up, or has changed since, is computed from the
//! rows. So nobody waits for this job, and it may be late.

use crate::analytics::Analytics;
use crate::engine::error::Error;
use crate::engine::upkeep::roll_up_job;
use crate::store::jobs::Job;

impl Analytics {
    /// Sums up some days of a tenant, and queues itself again while there are more.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another run came in between; trying again helps. When the database is not available.
    pub async fn roll_up(&self, job: &Job) -> Result<(), Error> {
        let (engine, tenant) = (&self.engine, &job.tenant);
        let run = engine.store.prepare_roll_up(tenant, &self.calendar(tenant)).await?;
        let now = engine.now();
        let mut tx = engine.store.begin().await?;
        if !tx.write_roll_up(tenant, &run).await? {
            tx.rollback().await?;
            return Err(Error::Conflict("the same days were just rolled up by another run".to_owned()));
        }
        if !tx.finish_job(job, now).await? {
            tx.rollback().await?;
            return Err(Error::Conflict(format!("job {} was taken over by another worker", job.id)));
        }
        if run.has_more() {
            tx.enqueue(tenant, &roll_up_job(engine), now).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
