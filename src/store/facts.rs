//! What analytics count of a training record: a narrow row beside it, and its key phrases and intents one by one.
//!
//! Guarantees that they say the same as the record, because they are written with it and removed with it. Whoever changes
//! the category, language, outcome, success score or quality of a record does it through [`Tx::upsert_record`].

use std::collections::BTreeSet;

use crate::domain::analysis::TrainingRecord;
use crate::domain::conversation::word_enum;
use crate::domain::ids::{ConversationId, TenantId};
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::statement::{Statement, inserts};
use crate::store::tx::Tx;

word_enum!(
    /// What a term of a record is.
    TermKind {
        /// What the conversation was about.
        Phrase = "phrase",
        /// What the user wanted.
        Intent = "intent",
    }
);

const INSERT_TERMS: &str = "INSERT INTO record_terms (conversation_id, kind, term, tenant) VALUES";
const DO_NOTHING: &str = "ON CONFLICT DO NOTHING";

statements! {
    WRITE_FACTS = "INSERT INTO record_facts (conversation_id, tenant, started_at, agent_id, channel, category, language,
        outcome, success_score, user_turns, agent_turns, talk_ratio, resolution, repetition, response_relevance)
        SELECT c.id, c.tenant, c.started_at, CAST($3 AS TEXT), c.channel, CAST($4 AS TEXT), CAST($5 AS TEXT),
        CAST($6 AS TEXT), CAST($7 AS DOUBLE PRECISION), CAST($8 AS BIGINT), CAST($9 AS BIGINT),
        CAST($10 AS DOUBLE PRECISION), CAST($11 AS DOUBLE PRECISION), CAST($12 AS DOUBLE PRECISION),
        CAST($13 AS DOUBLE PRECISION) FROM conversations c WHERE c.tenant = $1 AND c.id = $2
        ON CONFLICT (conversation_id) DO UPDATE SET started_at = excluded.started_at, agent_id = excluded.agent_id,
        channel = excluded.channel, category = excluded.category, language = excluded.language,
        outcome = excluded.outcome, success_score = excluded.success_score, user_turns = excluded.user_turns,
        agent_turns = excluded.agent_turns, talk_ratio = excluded.talk_ratio, resolution = excluded.resolution,
        repetition = excluded.repetition, response_relevance = excluded.response_relevance";
    DELETE_FACTS = "DELETE FROM record_facts WHERE tenant = $1 AND conversation_id = $2";
    // By way of the conversation: by the tenant's own index, all terms of the tenant would be walked through.
    DELETE_TERMS = "DELETE FROM record_terms
        WHERE conversation_id IN (SELECT id FROM conversations WHERE tenant = $1 AND id = $2)";
    DELETE_TERMS_OF_KIND = "DELETE FROM record_terms
        WHERE conversation_id IN (SELECT id FROM conversations WHERE tenant = $1 AND id = $2) AND kind = $3";
}

impl Tx {
    /// Writes what analytics count of a record, in place of what was there.
    pub(super) async fn write_facts(&mut self, tenant: &TenantId, record: &TrainingRecord) -> Result<(), StoreError> {
        let quality = &record.quality;
        let statement = Statement::new(WRITE_FACTS)
            .bind(tenant)
            .bind(record.conversation_id.0)
            .bind(&record.agent_id)
            .bind(&record.category)
            .bind(record.language.as_str())
            .bind(record.outcome.as_str())
            .bind(record.success_score)
            .bind(quality.user_turns)
            .bind(quality.agent_turns)
            .bind(quality.talk_ratio)
            .bind(quality.resolution)
            .bind(quality.repetition)
            .bind(quality.response_relevance);
        self.execute(statement).await?;
        self.write_terms(tenant, record.conversation_id, TermKind::Phrase, &record.key_phrases).await?;
        self.write_terms(tenant, record.conversation_id, TermKind::Intent, &record.user_intents).await
    }

    /// Writes the terms of one kind, in place of those that were there.
    pub(super) async fn write_terms(
        &mut self,
        tenant: &TenantId,
        conversation: ConversationId,
        kind: TermKind,
        terms: &[String],
    ) -> Result<(), StoreError> {
        let delete = Statement::new(DELETE_TERMS_OF_KIND).bind(tenant).bind(conversation.0).bind(kind.as_str());
        self.execute(delete).await?;
        let terms: BTreeSet<&String> = terms.iter().collect();
        let rows =
            terms.into_iter().map(|term| [conversation.0.into(), kind.as_str().into(), term.into(), tenant.into()]);
        self.execute_all(inserts(INSERT_TERMS, rows, DO_NOTHING)).await?;
        Ok(())
    }

    /// Removes what analytics count of a record that goes.
    pub(super) async fn delete_facts(
        &mut self,
        tenant: &TenantId,
        conversation: ConversationId,
    ) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_TERMS).bind(tenant).bind(conversation.0)).await?;
        self.execute(Statement::new(DELETE_FACTS).bind(tenant).bind(conversation.0)).await?;
        Ok(())
    }
}
