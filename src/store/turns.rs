//! The turns of conversations, as they were received.

use std::collections::HashMap;

use uuid::Uuid;

use crate::domain::conversation::{Conversation, Turn};
use crate::domain::ids::{ConversationId, RetrievalId, TenantId};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::{moment, position, word};
use crate::store::statement::{Statement, inserts};
use crate::store::tx::Tx;

/// The turns of some conversations, in order.
pub(super) type Turns = HashMap<Uuid, Vec<Turn>>;

const COLUMNS: &str =
    "SELECT conversation_id, ordinal, speaker, text, said_at, retrieval_id FROM turns WHERE tenant = ";
const INSERT_TURNS: &str =
    "INSERT INTO turns (conversation_id, ordinal, tenant, speaker, text, said_at, retrieval_id) VALUES";

statements! {
    DELETE_TURNS = "DELETE FROM turns WHERE tenant = $1 AND conversation_id = $2";
}

#[derive(sqlx::FromRow)]
struct TurnRow {
    conversation_id: Uuid,
    ordinal: i64,
    speaker: String,
    text: String,
    said_at: Option<i64>,
    retrieval_id: Option<Uuid>,
}

impl Store {
    /// The turns of these conversations.
    pub(super) async fn turns(
        &self,
        tenant: &TenantId,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<Turns, StoreError> {
        read(self.rows(of_conversations(tenant, ids)).await?)
    }
}

impl Tx {
    /// The turns of this conversation, as this transaction sees them.
    pub(super) async fn turns(&mut self, tenant: &TenantId, id: Uuid) -> Result<Turns, StoreError> {
        read(self.rows(of_conversations(tenant, [id])).await?)
    }

    /// Stores the turns of a conversation that has none.
    pub(super) async fn insert_turns(
        &mut self,
        tenant: &TenantId,
        conversation: &Conversation,
    ) -> Result<(), StoreError> {
        let rows = conversation.turns.iter().map(|turn| {
            [
                conversation.id.0.into(),
                turn.ordinal.into(),
                tenant.into(),
                turn.speaker.as_str().into(),
                (&turn.text).into(),
                turn.at.into(),
                turn.retrieval_id.map(|id| id.0).into(),
            ]
        });
        self.execute_all(inserts(INSERT_TURNS, rows, "")).await?;
        Ok(())
    }

    /// Deletes the turns of a conversation.
    pub(super) async fn delete_turns(&mut self, tenant: &TenantId, id: ConversationId) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_TURNS).bind(tenant).bind(id.0)).await?;
        Ok(())
    }
}

fn of_conversations(tenant: &TenantId, ids: impl IntoIterator<Item = Uuid>) -> Statement {
    let mut select = Statement::new("");
    select.push_with(COLUMNS, tenant).push(" AND conversation_id IN ").push_list(ids);
    select.push(" ORDER BY conversation_id, ordinal");
    select
}

fn read(rows: Vec<TurnRow>) -> Result<Turns, StoreError> {
    let mut turns = Turns::new();
    for row in rows {
        let turn = Turn {
            ordinal: position("turns.ordinal", row.ordinal)?,
            speaker: word("turns.speaker", &row.speaker)?,
            text: row.text,
            at: row.said_at.map(moment),
            retrieval_id: row.retrieval_id.map(RetrievalId),
        };
        turns.entry(row.conversation_id).or_default().push(turn);
    }
    Ok(turns)
}
