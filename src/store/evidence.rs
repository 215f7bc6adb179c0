//! Evidence: where entries were learned from, and where they were given.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::domain::case_decision::EvidencePlace;
use crate::domain::ids::{ConversationId, EntryId, TenantId};
use crate::domain::knowledge::Evidence;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::{position, word};
use crate::store::statement::{Statement, inserts};
use crate::store::tx::Tx;

const INSERT_EVIDENCE: &str = "INSERT INTO evidence (entry_id, conversation_id, answer_turn, tenant, question_turn,
    caller, success_score, outcome) VALUES";
const REPLACE: &str = "ON CONFLICT (entry_id, conversation_id, answer_turn) DO UPDATE SET
    question_turn = excluded.question_turn, caller = excluded.caller, success_score = excluded.success_score,
    outcome = excluded.outcome";

statements! {
    EVIDENCE_OF_ENTRY = "SELECT entry_id, conversation_id, question_turn, answer_turn, caller, success_score, outcome
        FROM evidence WHERE tenant = $1 AND entry_id = $2 ORDER BY conversation_id, answer_turn";
    EVIDENCE_OF_CONVERSATION = "SELECT entry_id, conversation_id, question_turn, answer_turn, caller, success_score,
        outcome FROM evidence WHERE tenant = $1 AND conversation_id = $2 ORDER BY answer_turn, entry_id";
    DELETE_EVIDENCE_AT = "DELETE FROM evidence WHERE tenant = $1 AND entry_id = $2 AND conversation_id = $3
        AND answer_turn = $4";
    COUNT_EVIDENCE = "UPDATE knowledge_entries SET evidence_count =
        (SELECT COUNT(DISTINCT v.conversation_id) FROM evidence v WHERE v.entry_id = $2)
        WHERE tenant = $1 AND id = $2";
}

#[derive(sqlx::FromRow)]
struct EvidenceRow {
    entry_id: Uuid,
    conversation_id: Uuid,
    question_turn: i64,
    answer_turn: i64,
    caller: String,
    success_score: f64,
    outcome: String,
}

impl Store {
    /// The evidence of an entry, conversation by conversation.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn evidence_of(&self, tenant: &TenantId, entry: EntryId) -> Result<Vec<Evidence>, StoreError> {
        let statement = Statement::new(EVIDENCE_OF_ENTRY).bind(tenant).bind(entry.0);
        self.rows::<EvidenceRow>(statement).await?.into_iter().map(EvidenceRow::read).collect()
    }

    /// What a conversation is evidence for, in the order of its turns.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn evidence_from(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
    ) -> Result<Vec<Evidence>, StoreError> {
        let statement = Statement::new(EVIDENCE_OF_CONVERSATION).bind(tenant).bind(conversation.0);
        self.rows::<EvidenceRow>(statement).await?.into_iter().map(EvidenceRow::read).collect()
    }
}

impl Tx {
    /// Stores evidence, and counts the conversations of each entry anew. The same place in a conversation counts once,
    /// with what was said of it last.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when an entry is gone.
    pub async fn add_evidence(&mut self, tenant: &TenantId, evidence: &[Evidence]) -> Result<(), StoreError> {
        // PostgreSQL refuses to replace a row twice in one statement.
        let place = |item: &Evidence| (item.entry_id, item.conversation_id, item.answer_turn);
        let by_place: BTreeMap<_, &Evidence> = evidence.iter().map(|item| (place(item), item)).collect();
        let rows = by_place.values().map(|item| {
            [
                item.entry_id.0.into(),
                item.conversation_id.0.into(),
                item.answer_turn.into(),
                tenant.into(),
                item.question_turn.into(),
                (&item.caller).into(),
                item.success_score.into(),
                item.outcome.as_str().into(),
            ]
        });
        self.execute_all(inserts(INSERT_EVIDENCE, rows, REPLACE)).await?;

        let entries: BTreeSet<EntryId> = evidence.iter().map(|item| item.entry_id).collect();
        self.count_evidence(tenant, entries).await
    }

    /// Takes places away from the evidence of an entry, and counts its conversations anew.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn remove_evidence(
        &mut self,
        tenant: &TenantId,
        entry: EntryId,
        places: &[EvidencePlace],
    ) -> Result<(), StoreError> {
        for place in places {
            let statement = Statement::new(DELETE_EVIDENCE_AT).bind(tenant).bind(entry.0);
            self.execute(statement.bind(place.conversation_id.0).bind(place.answer_turn)).await?;
        }
        self.count_evidence(tenant, [entry]).await
    }

    /// The evidence of an entry, as this transaction sees it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn evidence_of(&mut self, tenant: &TenantId, entry: EntryId) -> Result<Vec<Evidence>, StoreError> {
        let statement = Statement::new(EVIDENCE_OF_ENTRY).bind(tenant).bind(entry.0);
        self.rows::<EvidenceRow>(statement).await?.into_iter().map(EvidenceRow::read).collect()
    }

    /// What a conversation is evidence for, as this transaction sees it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn evidence_from(
        &mut self,
        tenant: &TenantId,
        conversation: ConversationId,
    ) -> Result<Vec<Evidence>, StoreError> {
        let statement = Statement::new(EVIDENCE_OF_CONVERSATION).bind(tenant).bind(conversation.0);
        self.rows::<EvidenceRow>(statement).await?.into_iter().map(EvidenceRow::read).collect()
    }

    /// Counts the conversations of entries anew.
    pub(super) async fn count_evidence(
        &mut self,
        tenant: &TenantId,
        entries: impl IntoIterator<Item = EntryId>,
    ) -> Result<(), StoreError> {
        for entry in entries {
            self.execute(Statement::new(COUNT_EVIDENCE).bind(tenant).bind(entry.0)).await?;
        }
        Ok(())
    }
}

impl EvidenceRow {
    fn read(self) -> Result<Evidence, StoreError> {
        Ok(Evidence {
            entry_id: EntryId(self.entry_id),
            conversation_id: ConversationId(self.conversation_id),
            question_turn: position("evidence.question_turn", self.question_turn)?,
            answer_turn: position("evidence.answer_turn", self.answer_turn)?,
            caller: self.caller,
            success_score: self.success_score,
            outcome: word("evidence.outcome", &self.outcome)?,
        })
    }
}
