//! Stages `expire_exposures` and `prune`: what waits in vain is given up, and what is kept no longer goes.
//!
//! Refuses to touch uses and evidence: what an entry's success was counted by stays for good.

use crate::domain::clock::Timestamp;
use crate::engine::error::Error;
use crate::learning::Learner;
use crate::store::jobs::Job;

/// Rows that are given up or deleted in one transaction, so that nobody waits long for it.
const BATCH: u32 = 1_000;
/// How long it is kept which conversations a session went through, in days.
const KEEP_ITEMS_DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;

impl Learner {
    /// Stage `expire_exposures`: those whose conversation has not come for too long. One that comes later settles them all
    /// the same.
    pub(super) async fn expire_exposures(&self, job: &Job) -> Result<(), Error> {
        let now = self.engine.now();
        let before = days_before(now, self.settings.exposure_wait_days);
        loop {
            let mut tx = self.engine.store.begin().await?;
            // A conversation that is just coming settles its exposures behind it.
            tx.lock_distillation(&job.tenant).await?;
            let expired = tx.expire_exposures(&job.tenant, before, now, BATCH).await?;
            tx.commit().await?;
            metrics::counter!("turnwise_exposures_expired_total").increment(expired);
            if expired < u64::from(BATCH) {
                return self.finish(job).await;
            }
        }
    }

    /// Stage `prune`: retrievals that led to nothing, when they are not kept for ever, and items of sessions that ended.
    pub(super) async fn prune(&self, job: &Job) -> Result<(), Error> {
        let now = self.engine.now();
        if self.settings.keep_retrievals_days > 0 {
            self.prune_retrievals(job, days_before(now, self.settings.keep_retrievals_days)).await?;
        }
        let mut tx = self.engine.store.begin().await?;
        tx.prune_session_items(&job.tenant, days_before(now, KEEP_ITEMS_DAYS)).await?;
        tx.commit().await?;
        self.finish(job).await
    }

    async fn prune_retrievals(&self, job: &Job, before: Timestamp) -> Result<(), Error> {
        loop {
            let mut tx = self.engine.store.begin().await?;
            // What is just being used is not idle.
            tx.lock_distillation(&job.tenant).await?;
            let pruned = tx.prune_retrievals(&job.tenant, before, BATCH).await?;
            tx.commit().await?;
            if pruned < u64::from(BATCH) {
                return Ok(());
            }
        }
    }
}

fn days_before(now: Timestamp, days: i64) -> Timestamp {
    now.plus_millis(days.saturating_mul(-DAY_MS))
}
