//! Erasing a conversation and what was learned from it alone.

use crate::domain::clock::Timestamp;
use crate::domain::ids::{ConversationId, EntryId, TenantId};
use crate::engine::error::Error;
use crate::learning::Learner;
use crate::learning::pipeline::{Stage, upkeep_job};
use crate::store::tx::Tx;

impl Learner {
    /// Erases a conversation. When this returns, its text is in no table and in no index, also after a kill.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn erase(&self, tenant: &TenantId, id: ConversationId) -> Result<(), Error> {
        let now = self.engine.now();
        let mut tx = self.engine.store.begin().await?;
        let Some(erased) = tx.erase_conversation(tenant, id, now).await? else {
            return Err(Error::NotFound { what: "conversation", id: id.to_string() });
        };
        self.recompute_posteriors(&mut tx, tenant, &erased.changed, now).await?;
        // The job finishes what we begin below, should we be killed before its end.
        tx.enqueue(tenant, &upkeep_job(&self.engine, Stage::ErasePoints), now).await?;
        tx.commit().await?;
        self.engine.entries.forget_all();
        self.drain_erased(tenant).await?;
        Ok(())
    }

    /// Computes posterior and status of entries anew from the evidence that they have now.
    pub(super) async fn recompute_posteriors(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        entries: &[EntryId],
        now: Timestamp,
    ) -> Result<(), Error> {
        for entry in tx.entries(tenant, entries).await? {
            let evidence = tx.evidence_of(tenant, entry.id).await?;
            tx.set_posterior(tenant, entry.id, super::distillation::policy::posterior(&entry, &evidence)).await?;
            let (status, reason) = super::distillation::policy::status(&entry, &evidence, &self.settings);
            if status != entry.status {
                tx.set_entry_status(tenant, entry.id, status, reason.as_deref(), now).await?;
            }
        }
        Ok(())
    }
}
