//! What is given up after a while, and what goes: exposures that no conversation settles, retrievals that led to nothing,
//! items of sessions that have ended, jobs that looked after things and are done.
//!
//! Refuses to touch what anything was counted by: uses, evidence, and the retrievals that uses name or a gap is made of. A
//! conversation that is learned from anew finds the retrievals that credited an entry, however old they are; and a gap whose
//! utterances were gone could not tell any more what to erase of the entry that was written for it.

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{EntryId, TenantId};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::statement::Statement;
use crate::store::tx::Tx;

// The tenant is compared so that SQLite takes no index of it and walks through all that it has for some ids.
const EXPOSURES_OF: &str = "DELETE FROM exposures WHERE tenant || '' = ";
const RETRIEVALS: &str = "DELETE FROM retrievals WHERE tenant || '' = ";
const LOOKED_AT: &str = "DELETE FROM gap_retrievals WHERE tenant || '' = ";

statements! {
    // One that a caller told of is counted by that. One whose conversation is there is settled by learning from it; but what
    // still waits when that is done came too late, and nothing looks at it any more.
    EXPIRE_EXPOSURES = "UPDATE exposures SET expired_at = $2 WHERE (retrieval_id, rank) IN (
        SELECT w.retrieval_id, w.rank FROM exposures w JOIN retrievals t ON t.id = w.retrieval_id
        WHERE w.tenant = $1 AND w.used IS NULL AND w.expired_at IS NULL AND t.created_at < $3
        AND NOT EXISTS (SELECT 1 FROM conversations c
            WHERE c.tenant = t.tenant AND c.external_id = t.conversation_ref AND c.status <> 'processed')
        AND NOT EXISTS (SELECT 1 FROM entry_uses u
            WHERE u.retrieval_id = w.retrieval_id AND u.entry_id = w.entry_id AND u.tenant = w.tenant)
        ORDER BY w.retrieval_id, w.rank LIMIT $4)";
    IDLE_RETRIEVALS = "SELECT t.id FROM retrievals t WHERE t.tenant = $1 AND t.created_at < $2
        AND NOT EXISTS (SELECT 1 FROM exposures x
            WHERE x.retrieval_id = t.id AND (x.used OR (x.used IS NULL AND x.expired_at IS NULL)))
        AND NOT EXISTS (SELECT 1 FROM entry_uses u WHERE u.retrieval_id = t.id AND u.tenant = t.tenant)
        AND NOT EXISTS (SELECT 1 FROM gap_retrievals g WHERE g.retrieval_id = t.id AND g.tenant = t.tenant
            AND g.gap_id IS NOT NULL)
        ORDER BY t.created_at, t.id LIMIT $3";
    EXPIRED_EXPOSURES = "SELECT COUNT(*) FROM exposures WHERE tenant = $1 AND expired_at IS NOT NULL";
    // Of work that is one at a time, and so has its own kind as its key, there is one a minute.
    PRUNE_UPKEEP_JOBS = "DELETE FROM jobs WHERE finished_at < $1 AND state = 'done' AND dedupe_key = kind";
    LIVE_SINCE = "SELECT id FROM knowledge_entries WHERE tenant = $1 AND status = 'live' AND updated_at >= $2
        ORDER BY updated_at DESC, id DESC LIMIT $3";
    PRUNE_ITEMS = "DELETE FROM training_session_items WHERE tenant = $1 AND state = 'done' AND session_id IN (
        SELECT s.id FROM training_sessions s WHERE s.tenant = $1 AND s.finished_at < $2)";
}

impl Store {
    /// The live entries that were written, changed or let in at this moment or later: at most `limit`, the last first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn live_entries_since(
        &self,
        tenant: &TenantId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<EntryId>, StoreError> {
        let statement = Statement::new(LIVE_SINCE).bind(tenant).bind(since).bind(i64::from(limit));
        let rows: Vec<(Uuid,)> = self.rows(statement).await?;
        Ok(rows.into_iter().map(|(id,)| EntryId(id)).collect())
    }

    /// How many entries were shown and given up, because the conversation never came, or had been learned from before.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn expired_exposures(&self, tenant: &TenantId) -> Result<i64, StoreError> {
        self.number(Statement::new(EXPIRED_EXPOSURES).bind(tenant)).await
    }
}

impl Tx {
    /// Gives up exposures that were made before this moment and whose conversation has not come, or was learned from without
    /// them: at most `limit`, the oldest first; how many.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn expire_exposures(
        &mut self,
        tenant: &TenantId,
        made_before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let statement = Statement::new(EXPIRE_EXPOSURES).bind(tenant).bind(now).bind(made_before);
        self.execute(statement.bind(i64::from(limit))).await
    }

    /// Deletes retrievals that were made before this moment, wait for nothing, credited nothing and are in no gap, with what
    /// they showed: at most `limit`, the oldest first; how many.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn prune_retrievals(
        &mut self,
        tenant: &TenantId,
        made_before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let idle = Statement::new(IDLE_RETRIEVALS).bind(tenant).bind(made_before).bind(i64::from(limit));
        let idle: Vec<(Uuid,)> = self.rows(idle).await?;
        let idle: Vec<Uuid> = idle.into_iter().map(|(id,)| id).collect();
        self.mark_retrievals(tenant, &idle).await?;
        let mut exposures = Statement::new("");
        exposures.push_with(EXPOSURES_OF, tenant).push(" AND retrieval_id IN ").push_list(idle.iter().copied());
        self.execute(exposures).await?;
        // What is gone needs no note that it was looked at for gaps.
        let mut looked_at = Statement::new("");
        looked_at.push_with(LOOKED_AT, tenant).push(" AND retrieval_id IN ").push_list(idle.iter().copied());
        self.execute(looked_at).await?;
        let mut retrievals = Statement::new("");
        retrievals.push_with(RETRIEVALS, tenant).push(" AND id IN ").push_list(idle.iter().copied());
        self.execute(retrievals).await
    }

    /// Deletes the items that ended well in sessions that ended before this moment; how many. What failed stays listed.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn prune_session_items(&mut self, tenant: &TenantId, ended_before: Timestamp) -> Result<u64, StoreError> {
        self.execute(Statement::new(PRUNE_ITEMS).bind(tenant).bind(ended_before)).await
    }

    /// Deletes jobs of all tenants that look after the rows as a whole and were done before this moment; how many. Those that
    /// were given up stay.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn prune_upkeep_jobs(&mut self, finished_before: Timestamp) -> Result<u64, StoreError> {
        self.execute(Statement::new(PRUNE_UPKEEP_JOBS).bind(finished_before)).await
    }
}
