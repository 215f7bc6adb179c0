//! Where conversations stand on their way through learning: status and version, without what was said in them.

use crate::domain::clock::Timestamp;
use crate::domain::conversation::ConversationStatus;
use crate::domain::ids::{ConversationId, TenantId};
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::word;
use crate::store::statement::Statement;
use crate::store::tx::Tx;

statements! {
    HOLD_CONVERSATION = "UPDATE conversations SET status = status WHERE tenant = $1 AND id = $2 RETURNING status";
    RENEW_CONVERSATION = "UPDATE conversations SET version = version + 1, status = 'received', failure = NULL,
        processed_at = NULL WHERE tenant = $1 AND id = $2 RETURNING version";
    VERSION_OF = "SELECT version FROM conversations WHERE tenant = $1 AND id = $2";
    SET_STATUS = "UPDATE conversations SET status = $3, failure = $4, processed_at = $5 WHERE tenant = $1 AND id = $2";
}

impl Tx {
    /// The version of a conversation, as this transaction sees it; `None` when it is gone.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn conversation_version(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
    ) -> Result<Option<i64>, StoreError> {
        let row: Option<(i64,)> = self.row(Statement::new(VERSION_OF).bind(tenant).bind(id.0)).await?;
        Ok(row.map(|(version,)| version))
    }

    /// Where a conversation stands, which nobody else changes until this transaction ends; `None` when there is none.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn hold_conversation(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
    ) -> Result<Option<ConversationStatus>, StoreError> {
        let statement = Statement::new(HOLD_CONVERSATION).bind(tenant).bind(id.0);
        let found = self.rows::<(String,)>(statement).await?.pop();
        found.map(|(status,)| word("conversations.status", &status)).transpose()
    }

    /// Makes a version of a conversation with the content that it has, to be learned from; jobs of earlier versions do
    /// nothing any more. What was learned from them is the caller's to remove ([`Tx::erase_derived`]). The version;
    /// `None` when there is no such conversation.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn renew_conversation(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
    ) -> Result<Option<i64>, StoreError> {
        let statement = Statement::new(RENEW_CONVERSATION).bind(tenant).bind(id.0);
        Ok(self.rows::<(i64,)>(statement).await?.pop().map(|(version,)| version))
    }

    /// Moves a conversation on. `failure` is kept with the status `failed` and dropped with any other; `now` is kept as
    /// the moment of processing with `processed`. `false` when there is none.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn set_conversation_status(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
        status: ConversationStatus,
        failure: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let failure = failure.filter(|_| status == ConversationStatus::Failed);
        let processed_at = Some(now).filter(|_| status == ConversationStatus::Processed);
        let statement =
            Statement::new(SET_STATUS).bind(tenant).bind(id.0).bind(status.as_str()).bind(failure).bind(processed_at);
        Ok(self.execute(statement).await? > 0)
    }
}
