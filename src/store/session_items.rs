//! The conversations of training sessions, from when their learning is queued until it ends.
//!
//! Guarantees that who ends the last item of a page hears that it was the last one, also when two end at once: each
//! locks the session before it counts.

use uuid::Uuid;

use crate::domain::conversation::word_enum;
use crate::domain::ids::{ConversationId, SessionId, TenantId};
use crate::domain::training::{Session, SessionFailure};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::statement::Statement;
use crate::store::tx::Tx;

/// The most failed conversations that a session lists.
const MAX_FAILURES: i64 = 100;

word_enum!(
    /// Where a conversation of a session stands.
    ItemState {
        /// Its learning is queued.
        Pending = "pending",
        /// It was learned from.
        Done = "done",
        /// Its learning was given up.
        Failed = "failed",
    }
);

const FAILURES: &str = "SELECT f.session_id, f.conversation_id, f.error FROM (SELECT i.session_id, i.conversation_id,
    COALESCE(i.error, '') AS error, ROW_NUMBER() OVER (PARTITION BY i.session_id ORDER BY i.conversation_id) AS number
    FROM training_session_items i WHERE i.state = 'failed' AND i.tenant = ";

statements! {
    ADD_ITEM = "INSERT INTO training_session_items (session_id, conversation_id, tenant, state)
        VALUES ($1, $2, $3, 'pending') ON CONFLICT (session_id, conversation_id) DO NOTHING";
    PENDING_ITEMS = "SELECT COUNT(*) FROM training_session_items
        WHERE tenant = $1 AND session_id = $2 AND state = 'pending'";
    SETTLE_ITEMS = "UPDATE training_session_items SET state = $3, error = $4
        WHERE tenant = $1 AND conversation_id = $2 AND state = 'pending' RETURNING session_id";
    COUNT_FAILED = "UPDATE training_sessions SET done = done + 1 WHERE tenant = $1 AND id = $2";
    COUNT_LEARNED = "UPDATE training_sessions SET done = done + 1,
        records = records + (SELECT COUNT(*) FROM training_records r
            WHERE r.tenant = $1 AND r.conversation_id = $3 AND r.created_at >= training_sessions.started_at),
        exemplars = exemplars + (SELECT COUNT(DISTINCT x.id) FROM exemplar_sources o JOIN exemplars x
            ON x.id = o.exemplar_id WHERE o.conversation_id = $3 AND o.tenant = $1 AND x.conversation_id = $3
            AND x.created_at >= training_sessions.started_at),
        entries = entries + (SELECT COUNT(DISTINCT e.id) FROM evidence v JOIN knowledge_entries e ON e.id = v.entry_id
            WHERE v.conversation_id = $3 AND v.tenant = $1 AND e.created_at >= training_sessions.started_at
            AND NOT EXISTS (SELECT 1 FROM evidence w JOIN training_session_items j
                ON j.conversation_id = w.conversation_id WHERE w.entry_id = e.id AND w.conversation_id <> $3
                AND j.session_id = $2 AND j.state = 'done'))
        WHERE tenant = $1 AND id = $2";
}

impl Store {
    /// How many conversations of a session are still being learned from.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn pending_items(&self, tenant: &TenantId, session: SessionId) -> Result<i64, StoreError> {
        self.number(Statement::new(PENDING_ITEMS).bind(tenant).bind(session.0)).await
    }

    /// Adds to sessions the conversations that failed in them.
    pub(super) async fn add_failures(&self, tenant: &TenantId, sessions: &mut [Session]) -> Result<(), StoreError> {
        let mut select = Statement::new("");
        select.push_with(FAILURES, tenant).push(" AND i.session_id IN ");
        select.push_list(sessions.iter().map(|session| session.id.0));
        select.push_with(") AS f WHERE f.number <= ", MAX_FAILURES);
        select.push(" ORDER BY f.session_id, f.conversation_id");
        let failed: Vec<(Uuid, Uuid, String)> = self.rows(select).await?;
        for (session, conversation, error) in failed {
            if let Some(session) = sessions.iter_mut().find(|known| known.id.0 == session) {
                session.failures.push(SessionFailure { conversation_id: Some(ConversationId(conversation)), error });
            }
        }
        Ok(())
    }
}

impl Tx {
    /// Notes that the learning from a conversation is queued for a session; `false` when that was noted before.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when there is no such session.
    pub async fn add_session_item(
        &mut self,
        tenant: &TenantId,
        session: SessionId,
        conversation: ConversationId,
    ) -> Result<bool, StoreError> {
        let statement = Statement::new(ADD_ITEM).bind(session.0).bind(conversation.0).bind(tenant);
        Ok(self.execute(statement).await? > 0)
    }

    /// How many conversations of a session are still being learned from.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn pending_items(&mut self, tenant: &TenantId, session: SessionId) -> Result<i64, StoreError> {
        let statement = Statement::new(PENDING_ITEMS).bind(tenant).bind(session.0);
        Ok(self.row::<(i64,)>(statement).await?.map_or(0, |(pending,)| pending))
    }

    /// Notes in every session that waits for it that the learning from a conversation has ended, well or with this
    /// failure, and counts what it made. The sessions that wait for nothing any more.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn settle_session_items(
        &mut self,
        tenant: &TenantId,
        conversation: ConversationId,
        failure: Option<&str>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let state = if failure.is_some() { ItemState::Failed } else { ItemState::Done };
        let settle = Statement::new(SETTLE_ITEMS).bind(tenant).bind(conversation.0).bind(state.as_str()).bind(failure);
        let mut waiting: Vec<(Uuid,)> = self.rows(settle).await?;
        // In one order, or two conversations that end at once in the same sessions wait for each other.
        waiting.sort_unstable();
        let mut idle = Vec::new();
        for (session,) in waiting {
            let count = match failure {
                Some(_) => Statement::new(COUNT_FAILED).bind(tenant).bind(session),
                None => Statement::new(COUNT_LEARNED).bind(tenant).bind(session).bind(conversation.0),
            };
            self.execute(count).await?;
            if self.pending_items(tenant, SessionId(session)).await? == 0 {
                idle.push(SessionId(session));
            }
        }
        Ok(idle)
    }
}
