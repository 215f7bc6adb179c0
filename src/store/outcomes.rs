//! How conversations ended, as it was told apart from them: by whom, and under the caller's id of the conversation, which
//! may still be running.

use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Outcome, OutcomeSource};
use crate::domain::ids::{ConversationId, TenantId};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::{moment, word};
use crate::store::statement::Statement;
use crate::store::tx::Tx;

/// What one source told about how a conversation ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldOutcome {
    /// The conversation, under the caller's id.
    pub conversation_ref: String,
    /// Who told.
    pub source: OutcomeSource,
    /// How it ended.
    pub outcome: Outcome,
    /// The user's rating, 1 to 5; without one, the rating that this source told before stays.
    pub satisfaction: Option<i64>,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
    /// When it was told.
    pub told_at: Timestamp,
}

statements! {
    TELL_OUTCOME = "INSERT INTO outcomes (tenant, conversation_ref, source, outcome, satisfaction, confidence, told_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, conversation_ref, source) DO UPDATE SET
        outcome = excluded.outcome, satisfaction = COALESCE(excluded.satisfaction, outcomes.satisfaction),
        confidence = excluded.confidence, told_at = excluded.told_at";
    RATE_CONVERSATION = "UPDATE conversations SET satisfaction = $3 WHERE tenant = $1 AND id = $2
        AND (satisfaction IS NULL OR satisfaction <> $3)";
    OUTCOMES_OF = "SELECT conversation_ref, source, outcome, satisfaction, confidence, told_at FROM outcomes
        WHERE tenant = $1 AND conversation_ref = $2";
    DELETE_OUTCOMES = "DELETE FROM outcomes WHERE tenant = $1 AND conversation_ref = $2";
}

#[derive(sqlx::FromRow)]
struct OutcomeRow {
    conversation_ref: String,
    source: String,
    outcome: String,
    satisfaction: Option<i64>,
    confidence: f64,
    told_at: i64,
}

impl Store {
    /// What was told about how a conversation ended; the source that is believed most comes first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn outcomes_of(&self, tenant: &TenantId, conversation_ref: &str) -> Result<Vec<ToldOutcome>, StoreError> {
        read(self.rows(Statement::new(OUTCOMES_OF).bind(tenant).bind(conversation_ref)).await?)
    }
}

impl Tx {
    /// What was told about how a conversation ended, as this transaction sees it; the source that is believed most first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn outcomes_of(
        &mut self,
        tenant: &TenantId,
        conversation_ref: &str,
    ) -> Result<Vec<ToldOutcome>, StoreError> {
        read(self.rows(Statement::new(OUTCOMES_OF).bind(tenant).bind(conversation_ref)).await?)
    }

    /// Keeps what a source told, in place of what it told before.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn tell_outcome(&mut self, tenant: &TenantId, told: &ToldOutcome) -> Result<(), StoreError> {
        let statement = Statement::new(TELL_OUTCOME)
            .bind(tenant)
            .bind(&told.conversation_ref)
            .bind(told.source.as_str())
            .bind(told.outcome.as_str())
            .bind(told.satisfaction)
            .bind(told.confidence)
            .bind(told.told_at);
        self.execute(statement).await?;
        Ok(())
    }

    /// Gives a conversation this rating, 1 to 5, in place of the one that it has.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn rate_conversation(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
        satisfaction: i64,
    ) -> Result<(), StoreError> {
        // Where it is counted, held before it is changed, as whoever moves a conversation to another hour does.
        self.mark_conversation(tenant, id).await?;
        self.execute(Statement::new(RATE_CONVERSATION).bind(tenant).bind(id.0).bind(satisfaction)).await?;
        Ok(())
    }

    /// Forgets what was told about a conversation that is erased.
    pub(super) async fn delete_outcomes(
        &mut self,
        tenant: &TenantId,
        conversation_ref: &str,
    ) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_OUTCOMES).bind(tenant).bind(conversation_ref)).await?;
        Ok(())
    }
}

fn read(rows: Vec<OutcomeRow>) -> Result<Vec<ToldOutcome>, StoreError> {
    let mut told = rows.into_iter().map(OutcomeRow::read).collect::<Result<Vec<_>, _>>()?;
    told.sort_by_key(|told| told.source);
    Ok(told)
}

impl OutcomeRow {
    fn read(self) -> Result<ToldOutcome, StoreError> {
        Ok(ToldOutcome {
            conversation_ref: self.conversation_ref,
            source: word("outcomes.source", &self.source)?,
            outcome: word("outcomes.outcome", &self.outcome)?,
            satisfaction: self.satisfaction,
            confidence: self.confidence,
            told_at: moment(self.told_at),
        })
    }
}
