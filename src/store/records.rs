//! Training records: what analysis found, one per conversation.

use std::collections::BTreeMap;

use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::analysis::{Quality, TrainingRecord};
use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Outcome, word_enum};
use crate::domain::ids::{ConversationId, RecordId, TenantId};
use crate::domain::language::Language;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::facts::TermKind;
use crate::store::macros::{ascending, descending, statements};
use crate::store::page::{Keyed, List, Order, Page, PageRequest};
use crate::store::rows::{json, language, moment, word};
use crate::store::search::search_text;
use crate::store::statement::Statement;
use crate::store::tx::Tx;

word_enum!(
    /// In which order training records are wanted.
    RecordOrder {
        /// The first made first.
        CreatedAt = "created_at",
        /// The last made first.
        CreatedAtDown = "-created_at",
        /// The lowest success score first.
        SuccessScore = "success_score",
        /// The highest success score first.
        SuccessScoreDown = "-success_score",
    }
);

/// Which training records are wanted, and in which order; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordFilter {
    /// `sales`, `support`, …
    pub category: Option<String>,
    /// How the conversation ended.
    pub outcome: Option<Outcome>,
    /// The language.
    pub language: Option<Language>,
    /// Which agent spoke.
    pub agent_id: Option<String>,
    /// A success score of at least this, 0 to 1.
    pub min_score: Option<f64>,
    /// A success score of at most this, 0 to 1.
    pub max_score: Option<f64>,
    /// Made at or after this.
    pub from: Option<Timestamp>,
    /// Made before this.
    pub to: Option<Timestamp>,
    /// Words that must each stand in the summary, the key phrases or an id of the conversation, in any case.
    pub search: Option<String>,
    /// The order; `None` is the last made first.
    pub order: Option<RecordOrder>,
}

const COLUMNS: &str = "SELECT r.id, r.conversation_id, r.call_id, r.agent_id, r.summary, r.key_phrases, r.user_intents,
    r.category, r.outcome, r.outcome_source, r.outcome_confidence, r.success_score, r.quality, r.reasons, r.learning,
    r.language, r.pipeline_version, r.created_at";
const FROM: &str = " FROM training_records r WHERE r.tenant = ";
/// Without an index of the tenant, which SQLite would walk through to find many.
const FROM_GIVEN: &str = " FROM training_records r WHERE r.tenant || '' = ";

statements! {
    UPSERT_RECORD = "INSERT INTO training_records (id, tenant, conversation_id, call_id, agent_id, summary, key_phrases,
        user_intents, category, outcome, outcome_source, outcome_confidence, success_score, quality, reasons, learning,
        language, pipeline_version, created_at, search_text)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        ON CONFLICT (id) DO UPDATE SET call_id = excluded.call_id, agent_id = excluded.agent_id,
        summary = excluded.summary, key_phrases = excluded.key_phrases, user_intents = excluded.user_intents,
        category = excluded.category, outcome = excluded.outcome, outcome_source = excluded.outcome_source,
        outcome_confidence = excluded.outcome_confidence, success_score = excluded.success_score,
        quality = excluded.quality, reasons = excluded.reasons, learning = excluded.learning,
        language = excluded.language, pipeline_version = excluded.pipeline_version, created_at = excluded.created_at,
        search_text = excluded.search_text";
    UNMARK_CHUNKS_OF_CONVERSATION = "DELETE FROM index_marks WHERE point_id IN
        (SELECT id FROM chunks WHERE tenant = $1 AND conversation_id = $2)";
    SET_LEARNING = "UPDATE training_records SET learning = $3 WHERE tenant = $1 AND conversation_id = $2";
    SET_INTENTS = "UPDATE training_records SET user_intents = $3, reasons = $4
        WHERE tenant = $1 AND conversation_id = $2";
}

#[derive(sqlx::FromRow)]
struct RecordRow {
    id: Uuid,
    conversation_id: Uuid,
    call_id: Option<String>,
    agent_id: String,
    summary: String,
    key_phrases: Json<Vec<String>>,
    user_intents: Json<Vec<String>>,
    category: String,
    outcome: String,
    outcome_source: String,
    outcome_confidence: f64,
    success_score: f64,
    quality: Json<Quality>,
    reasons: Json<BTreeMap<String, String>>,
    learning: Json<Vec<String>>,
    language: String,
    pipeline_version: i64,
    created_at: i64,
    /// Of a list alone.
    #[sqlx(default)]
    ordered_by: i64,
}

impl Store {
    /// The training record with this id.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn record(&self, tenant: &TenantId, id: RecordId) -> Result<Option<TrainingRecord>, StoreError> {
        let mut select = Statement::new(COLUMNS);
        select.push_with(FROM, tenant).push_with(" AND r.id = ", id.0);
        self.row::<RecordRow>(select).await?.map(RecordRow::read).transpose()
    }

    /// The training record of this conversation.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn record_of(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
    ) -> Result<Option<TrainingRecord>, StoreError> {
        Ok(self.records_of(tenant, &[conversation]).await?.pop())
    }

    /// The training records of these conversations, those that exist, in no order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn records_of(
        &self,
        tenant: &TenantId,
        conversations: &[ConversationId],
    ) -> Result<Vec<TrainingRecord>, StoreError> {
        self.rows::<RecordRow>(of(tenant, conversations)).await?.into_iter().map(RecordRow::read).collect()
    }

    /// The training records that pass the filter, in its order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list_records(
        &self,
        tenant: &TenantId,
        filter: &RecordFilter,
        page: &PageRequest,
    ) -> Result<Page<TrainingRecord>, StoreError> {
        let mut from = Statement::new("");
        from.push_with(FROM, tenant)
            .push_some(" AND r.category = ", filter.category.as_ref())
            .push_some(" AND r.outcome = ", filter.outcome.map(Outcome::as_str))
            .push_some(" AND r.language = ", filter.language.as_ref().map(Language::as_str))
            .push_some(" AND r.agent_id = ", filter.agent_id.as_ref())
            .push_some(" AND r.success_score >= ", filter.min_score)
            .push_some(" AND r.success_score <= ", filter.max_score)
            .push_some(" AND r.created_at >= ", filter.from)
            .push_some(" AND r.created_at < ", filter.to)
            .push_words(" AND r.search_text LIKE ", filter.search.as_deref());
        let list =
            List { columns: COLUMNS, from, order: filter.order.unwrap_or(RecordOrder::CreatedAtDown).fragments() };
        self.page::<RecordRow>(list, page).await?.try_map(RecordRow::read)
    }
}

impl Tx {
    /// The training record of this conversation, as this transaction sees it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn record_of(
        &mut self,
        tenant: &TenantId,
        conversation: ConversationId,
    ) -> Result<Option<TrainingRecord>, StoreError> {
        self.rows::<RecordRow>(of(tenant, &[conversation])).await?.pop().map(RecordRow::read).transpose()
    }

    /// Stores the training record of a conversation in place of the one before. Its chunks carry category, outcome and
    /// language into the index, so they count as not indexed from now on.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when the conversation is gone.
    pub async fn upsert_record(&mut self, tenant: &TenantId, record: &TrainingRecord) -> Result<(), StoreError> {
        let conversation = record.conversation_id.0;
        // The conversation is locked by this: an index stage that is just marking its chunks waits, or is waited for.
        let external_id = self.mark_conversation(tenant, record.conversation_id).await?;
        let statement = Statement::new(UPSERT_RECORD)
            .bind(record.id.0)
            .bind(tenant)
            .bind(conversation)
            .bind(record.call_id.clone())
            .bind(&record.agent_id)
            .bind(&record.summary)
            .bind(json("training_records.key_phrases", &record.key_phrases)?)
            .bind(json("training_records.user_intents", &record.user_intents)?)
            .bind(&record.category)
            .bind(record.outcome.as_str())
            .bind(record.outcome_source.as_str())
            .bind(record.outcome_confidence)
            .bind(record.success_score)
            .bind(json("training_records.quality", &record.quality)?)
            .bind(json("training_records.reasons", &record.reasons)?)
            .bind(json("training_records.learning", &record.learning)?)
            .bind(record.language.as_str())
            .bind(record.pipeline_version)
            .bind(record.created_at)
            .bind(record_text(record, external_id.as_deref()));
        self.execute(statement).await?;
        self.write_facts(tenant, record).await?;
        self.execute(Statement::new(UNMARK_CHUNKS_OF_CONVERSATION).bind(tenant).bind(conversation)).await?;
        Ok(())
    }

    /// Notes what was learned from a conversation, or why nothing was. `false` when it has no record.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn set_learning(
        &mut self,
        tenant: &TenantId,
        conversation: ConversationId,
        learning: &[String],
    ) -> Result<bool, StoreError> {
        let learning = json("training_records.learning", &learning)?;
        let statement = Statement::new(SET_LEARNING).bind(tenant).bind(conversation.0).bind(learning);
        Ok(self.execute(statement).await? > 0)
    }

    /// Writes the intents of a record and its reasons; nothing that the index holds changes.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn set_intents(&mut self, tenant: &TenantId, record: &TrainingRecord) -> Result<bool, StoreError> {
        let statement = Statement::new(SET_INTENTS)
            .bind(tenant)
            .bind(record.conversation_id.0)
            .bind(json("training_records.user_intents", &record.user_intents)?)
            .bind(json("training_records.reasons", &record.reasons)?);
        if self.execute(statement).await? == 0 {
            return Ok(false);
        }
        self.write_terms(tenant, record.conversation_id, TermKind::Intent, &record.user_intents).await?;
        Ok(true)
    }
}

/// What a record is searched in.
fn of(tenant: &TenantId, conversations: &[ConversationId]) -> Statement {
    let mut select = Statement::new(COLUMNS);
    select.push_with(FROM_GIVEN, tenant).push(" AND r.conversation_id IN ");
    select.push_list(conversations.iter().map(|id| id.0));
    select
}

fn record_text(record: &TrainingRecord, external_id: Option<&str>) -> String {
    let phrases = record.key_phrases.iter().map(String::as_str);
    let ids = external_id.into_iter().chain(record.call_id.as_deref());
    search_text([record.summary.as_str()].into_iter().chain(phrases).chain(ids))
}

impl RecordOrder {
    /// A score is ordered in billionths; the index `training_records_score` says the same.
    const fn fragments(self) -> Order {
        match self {
            Self::CreatedAt => ascending!("r.created_at", "r.id"),
            Self::CreatedAtDown => descending!("r.created_at", "r.id"),
            Self::SuccessScore => ascending!(computed "CAST(r.success_score * 1000000000 AS BIGINT)", "r.id"),
            Self::SuccessScoreDown => descending!(computed "CAST(r.success_score * 1000000000 AS BIGINT)", "r.id"),
        }
    }
}

impl Keyed for RecordRow {
    fn key(&self) -> (i64, Uuid) {
        (self.ordered_by, self.id)
    }
}

impl RecordRow {
    fn read(self) -> Result<TrainingRecord, StoreError> {
        Ok(TrainingRecord {
            id: RecordId(self.id),
            conversation_id: ConversationId(self.conversation_id),
            call_id: self.call_id,
            agent_id: self.agent_id,
            summary: self.summary,
            key_phrases: self.key_phrases.0,
            user_intents: self.user_intents.0,
            category: self.category,
            outcome: word("training_records.outcome", &self.outcome)?,
            outcome_source: word("training_records.outcome_source", &self.outcome_source)?,
            outcome_confidence: self.outcome_confidence,
            success_score: self.success_score,
            quality: self.quality.0,
            reasons: self.reasons.0,
            learning: self.learning.0,
            language: language("training_records.language", &self.language)?,
            pipeline_version: self.pipeline_version,
            created_at: moment(self.created_at),
        })
    }
}
