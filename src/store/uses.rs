//! Uses of entries: what was shown and then said.

use uuid::Uuid;

use crate::domain::credit::{CreditedUse, EntryUse};
use crate::domain::ids::{EntryId, RetrievalId, TenantId};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::{moment, word};
use crate::store::statement::{Statement, inserts};
use crate::store::tx::Tx;

const INSERT_USES: &str = "INSERT INTO entry_uses (tenant, entry_id, use_key, source, retrieval_id, conversation_ref,
    success, used_at) VALUES";
const DO_NOTHING: &str = "ON CONFLICT DO NOTHING";
/// Not by an index of the tenant, which holds all its uses: by the one of retrievals.
const BY_RETRIEVAL: &str = " WHERE tenant || '' = ";
const UNUSED: &str = "UPDATE exposures SET used = FALSE, expired_at = NULL WHERE tenant = ";

statements! {
    // What the caller says stays in place of what the words of the conversation said, and the last that the caller says.
    TELL_USE = "INSERT INTO entry_uses (tenant, entry_id, use_key, source, retrieval_id, conversation_ref, success,
        used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, entry_id, use_key) DO UPDATE SET
        source = excluded.source, retrieval_id = COALESCE(excluded.retrieval_id, entry_uses.retrieval_id),
        conversation_ref = COALESCE(excluded.conversation_ref, entry_uses.conversation_ref), success = excluded.success";
    DELETE_SAID_BESIDE = "DELETE FROM entry_uses WHERE tenant = $1 AND entry_id = $2 AND conversation_ref = $3
        AND source = 'conversation'";
    // None of these lets the database sort or sift: for that it would walk through all uses of the tenant by another index.
    USED_IN = "SELECT entry_id FROM entry_uses WHERE tenant = $1 AND conversation_ref = $2";
    DELETE_SAID_IN = "DELETE FROM entry_uses WHERE tenant = $1 AND conversation_ref = $2 AND source = 'conversation'";
    DELETE_USES_IN = "DELETE FROM entry_uses WHERE tenant = $1 AND conversation_ref = $2";
    DELETE_USES_OF = "DELETE FROM entry_uses WHERE tenant = $1 AND entry_id = $2";
    TOLD_BY_CONVERSATION = "SELECT entry_id FROM entry_uses WHERE tenant = $1 AND use_key = $2
        AND source = 'caller'";
    USES_OF = "SELECT u.used_at, u.use_key, u.success, r.outcome FROM entry_uses u
        LEFT JOIN conversations c ON c.tenant = u.tenant AND c.external_id = u.conversation_ref
        LEFT JOIN training_records r ON r.conversation_id = c.id
        WHERE u.tenant = $1 AND u.entry_id = $2";
    CONVERSATION_OF_TURN = "SELECT c.external_id FROM turns t JOIN conversations c ON c.id = t.conversation_id
        WHERE t.retrieval_id = $2 AND c.tenant = $1 ORDER BY c.external_id LIMIT 1";
    AWAITED_USE = "SELECT u.use_key FROM entry_uses u JOIN conversations c ON c.tenant = u.tenant
        AND c.external_id = u.conversation_ref WHERE u.tenant = $1 AND u.entry_id = $2 AND u.success IS NULL
        AND NOT EXISTS (SELECT 1 FROM training_records r WHERE r.conversation_id = c.id) LIMIT 1";
    MARK_USED = "UPDATE exposures SET used = TRUE WHERE tenant = $1 AND retrieval_id = $2 AND entry_id = $3";
}

#[derive(sqlx::FromRow)]
struct UseRow {
    used_at: i64,
    use_key: String,
    success: Option<f64>,
    outcome: Option<String>,
}

impl Store {
    /// The caller's id of the conversation with a turn that names this retrieval.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn conversation_of_turn(
        &self,
        tenant: &TenantId,
        retrieval: RetrievalId,
    ) -> Result<Option<String>, StoreError> {
        let named = Statement::new(CONVERSATION_OF_TURN).bind(tenant).bind(retrieval.0);
        Ok(self.row::<(String,)>(named).await?.map(|(name,)| name))
    }
}

impl Tx {
    /// Keeps a use that a caller tells, in place of what is known of the same use.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn tell_use(&mut self, tenant: &TenantId, told: &EntryUse) -> Result<(), StoreError> {
        if let (None, Some(conversation)) = (told.retrieval_id, &told.conversation_ref) {
            // It stands for whatever the conversation itself showed of this entry.
            let beside = Statement::new(DELETE_SAID_BESIDE).bind(tenant).bind(told.entry_id.0).bind(conversation);
            self.execute(beside).await?;
        }
        let [of, entry, key, source, retrieval, conversation, success, at] = values(tenant, told);
        let statement = Statement::new(TELL_USE).bind(of).bind(entry).bind(key).bind(source);
        self.execute(statement.bind(retrieval).bind(conversation).bind(success).bind(at)).await?;
        if let Some(retrieval) = told.retrieval_id {
            self.execute(Statement::new(MARK_USED).bind(tenant).bind(retrieval.0).bind(told.entry_id.0)).await?;
            self.mark_retrievals(tenant, &[retrieval.0]).await?;
        }
        Ok(())
    }

    /// Keeps the uses that the words of a conversation show, in place of those that they showed before; what a caller
    /// told stays, and is of this conversation from now on. The exposures of `retrievals` are settled: used, or shown in vain,
    /// also those that were given up.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn settle_uses(
        &mut self,
        tenant: &TenantId,
        conversation_ref: &str,
        retrievals: &[RetrievalId],
        said: &[EntryUse],
    ) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_SAID_IN).bind(tenant).bind(conversation_ref)).await?;
        let mut unnamed = Statement::new("");
        unnamed
            .push_with("UPDATE entry_uses SET conversation_ref = ", conversation_ref)
            .push_with(BY_RETRIEVAL, tenant)
            .push(" AND conversation_ref IS NULL AND retrieval_id IN ")
            .push_list(retrievals.iter().map(|id| id.0));
        self.execute(unnamed).await?;
        let key = EntryUse::key_of_conversation(conversation_ref);
        let told: Vec<(Uuid,)> = self.rows(Statement::new(TOLD_BY_CONVERSATION).bind(tenant).bind(key)).await?;
        let counted = said.iter().filter(|used| !told.contains(&(used.entry_id.0,)));
        self.execute_all(inserts(INSERT_USES, counted.map(|used| values(tenant, used)), DO_NOTHING)).await?;

        let mut unused = Statement::new("");
        unused.push_with(UNUSED, tenant).push(" AND retrieval_id IN ").push_list(retrievals.iter().map(|id| id.0));
        self.execute(unused).await?;
        for used in said {
            let Some(retrieval) = used.retrieval_id else { continue };
            self.execute(Statement::new(MARK_USED).bind(tenant).bind(retrieval.0).bind(used.entry_id.0)).await?;
        }
        for (entry, retrieval) in self.told_of(tenant, retrievals).await? {
            self.execute(Statement::new(MARK_USED).bind(tenant).bind(retrieval).bind(entry)).await?;
        }
        let settled = retrievals.iter().copied().chain(said.iter().filter_map(|used| used.retrieval_id));
        let settled: Vec<Uuid> = settled.map(|id| id.0).collect();
        self.mark_retrievals(tenant, &settled).await?;
        Ok(())
    }

    /// The uses of an entry, the oldest first, each with how its conversation ended as far as that is known.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn uses_of(&mut self, tenant: &TenantId, entry: EntryId) -> Result<Vec<CreditedUse>, StoreError> {
        let mut rows: Vec<UseRow> = self.rows(Statement::new(USES_OF).bind(tenant).bind(entry.0)).await?;
        rows.sort_unstable_by(|a, b| (a.used_at, &a.use_key).cmp(&(b.used_at, &b.use_key)));
        rows.into_iter().map(UseRow::read).collect()
    }

    /// Whether a conversation in which an entry was used is there without its record: it is being learned from, perhaps anew,
    /// and how it ended is known again when that is done.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn awaits_outcome(&mut self, tenant: &TenantId, entry: EntryId) -> Result<bool, StoreError> {
        let awaited = self.row::<(String,)>(Statement::new(AWAITED_USE).bind(tenant).bind(entry.0)).await?;
        Ok(awaited.is_some())
    }

    /// Entries that were used in a conversation.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn entries_used_in(
        &mut self,
        tenant: &TenantId,
        conversation_ref: &str,
    ) -> Result<Vec<EntryId>, StoreError> {
        let rows: Vec<(Uuid,)> = self.rows(Statement::new(USED_IN).bind(tenant).bind(conversation_ref)).await?;
        let mut entries: Vec<EntryId> = rows.into_iter().map(|(entry,)| EntryId(entry)).collect();
        entries.sort_unstable();
        entries.dedup();
        Ok(entries)
    }

    /// What a caller told of these retrievals: the entry that was used, and the retrieval.
    async fn told_of(
        &mut self,
        tenant: &TenantId,
        retrievals: &[RetrievalId],
    ) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
        let mut told = Statement::new("");
        told.push("SELECT entry_id, retrieval_id FROM entry_uses")
            .push_with(BY_RETRIEVAL, tenant)
            .push(" AND source = 'caller' AND retrieval_id IN ")
            .push_list(retrievals.iter().map(|id| id.0));
        self.rows(told).await
    }

    /// Forgets the uses in a conversation that is erased.
    pub(super) async fn delete_uses_in(&mut self, tenant: &TenantId, conversation_ref: &str) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_USES_IN).bind(tenant).bind(conversation_ref)).await?;
        Ok(())
    }

    /// Forgets the uses of an entry that is erased.
    pub(super) async fn delete_uses_of(&mut self, tenant: &TenantId, entry: EntryId) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_USES_OF).bind(tenant).bind(entry.0)).await?;
        Ok(())
    }
}

/// A row of the table.
fn values(tenant: &TenantId, used: &EntryUse) -> [crate::store::statement::Value; 8] {
    [
        tenant.into(),
        used.entry_id.0.into(),
        (&used.key).into(),
        used.source.as_str().into(),
        used.retrieval_id.map(|id| id.0).into(),
        used.conversation_ref.clone().into(),
        used.success.map(|success| if success { 1.0 } else { 0.0 }).into(),
        used.used_at.into(),
    ]
}

impl UseRow {
    fn read(self) -> Result<CreditedUse, StoreError> {
        Ok(CreditedUse {
            used_at: moment(self.used_at),
            success: self.success.map(|success| success >= 0.5),
            outcome: self.outcome.map(|outcome| word("training_records.outcome", &outcome)).transpose()?,
        })
    }
}
