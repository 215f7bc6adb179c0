//! Labels that callers gave to conversations; they stay when a conversation is learned from anew.

use sqlx::types::Json;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{ConversationId, TenantId};
use crate::domain::training::Labels;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::json;
use crate::store::statement::Statement;
use crate::store::tx::Tx;

statements! {
    LABELS_OF = "SELECT call_id, category, intents FROM given_labels WHERE tenant = $1 AND conversation_id = $2";
    GIVE_LABELS = "INSERT INTO given_labels (conversation_id, tenant, call_id, category, intents, given_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (conversation_id) DO UPDATE SET call_id = excluded.call_id,
        category = excluded.category, intents = excluded.intents, given_at = excluded.given_at";
    DELETE_LABELS = "DELETE FROM given_labels WHERE tenant = $1 AND conversation_id = $2";
}

#[derive(sqlx::FromRow)]
struct LabelRow {
    call_id: Option<String>,
    category: Option<String>,
    intents: Json<Vec<String>>,
}

impl Store {
    /// The labels of a conversation; empty ones when none were given.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn labels_of(&self, tenant: &TenantId, conversation: ConversationId) -> Result<Labels, StoreError> {
        let row = self.row::<LabelRow>(select(tenant, conversation)).await?;
        Ok(row.map(LabelRow::read).unwrap_or_default())
    }
}

impl Tx {
    /// Gives labels to a conversation, over those that it has; `false` when that changes nothing.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when the conversation is gone.
    pub async fn give_labels(
        &mut self,
        tenant: &TenantId,
        conversation: ConversationId,
        labels: Labels,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let before = self.row::<LabelRow>(select(tenant, conversation)).await?;
        let before = before.map(LabelRow::read).unwrap_or_default();
        let labels = labels.over(&before);
        if labels == before {
            return Ok(false);
        }
        let statement = Statement::new(GIVE_LABELS)
            .bind(conversation.0)
            .bind(tenant)
            .bind(labels.call_id)
            .bind(labels.category)
            .bind(json("given_labels.intents", &labels.intents)?)
            .bind(now);
        self.execute(statement).await?;
        Ok(true)
    }

    /// Forgets the labels of a conversation that is erased.
    pub(super) async fn delete_labels(
        &mut self,
        tenant: &TenantId,
        conversation: ConversationId,
    ) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_LABELS).bind(tenant).bind(conversation.0)).await?;
        Ok(())
    }
}

fn select(tenant: &TenantId, conversation: ConversationId) -> Statement {
    Statement::new(LABELS_OF).bind(tenant).bind(conversation.0)
}

impl LabelRow {
    fn read(self) -> Labels {
        Labels { call_id: self.call_id, category: self.category, intents: self.intents.0 }
    }
}
