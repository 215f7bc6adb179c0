//! Retrievals and what was shown for them.

use std::collections::HashMap;

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{EntryId, ExemplarId, RetrievalId, TenantId};
use crate::domain::language::Language;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::rows::{language, moment, position};
use crate::store::statement::{Statement, inserts};
use crate::store::tx::Tx;

/// One question of an agent and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrieval {
    /// Its id, as told to the agent.
    pub id: RetrievalId,
    /// The conversation as the agent named it: its own id or ours; it need not be there yet.
    pub conversation_ref: Option<String>,
    /// Position of the turn, as the agent counts.
    pub turn: Option<usize>,
    /// What the user said; redacted. Empty after erasure.
    pub utterance: String,
    /// Language, given or recognised.
    pub language: Option<Language>,
    /// The embedding model that answered.
    pub model: String,
    /// Whether nothing was offered.
    pub abstained: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Cosine similarity of the nearest exemplar, offered or not.
    pub top_similarity: Option<f64>,
    /// How long the answer took, in microseconds.
    pub total_us: i64,
    /// When it was asked.
    pub created_at: Timestamp,
    /// What was shown, the best first.
    pub exposures: Vec<Exposure>,
}

/// An entry that was shown for a retrieval.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    /// Its place, from 1.
    pub rank: usize,
    /// The entry.
    pub entry_id: EntryId,
    /// The exemplar that matched, when one did.
    pub exemplar_id: Option<ExemplarId>,
    /// Its score in the ranking.
    pub score: f64,
    /// Its cosine similarity.
    pub similarity: f64,
}

macro_rules! columns {
    () => {
        "SELECT t.id, t.conversation_ref, t.turn, t.utterance, t.language, t.model, t.abstained, t.reason,
        t.top_similarity, t.total_us, t.created_at FROM retrievals t WHERE t.tenant"
    };
}
const COLUMNS: &str = concat!(columns!(), " = ");
const COLUMNS_BY_ID: &str = concat!(columns!(), " || '' = ");
const EXPOSURES: &str = "SELECT retrieval_id, rank, entry_id, exemplar_id, score, similarity FROM exposures
    WHERE tenant = ";
const INSERT_RETRIEVALS: &str =
    "INSERT INTO retrievals (id, tenant, conversation_ref, turn, utterance, language, model,
    abstained, reason, top_similarity, total_us, created_at) VALUES";
const INSERT_EXPOSURES: &str =
    "INSERT INTO exposures (retrieval_id, rank, tenant, entry_id, exemplar_id, score, similarity) VALUES";
const DO_NOTHING: &str = "ON CONFLICT DO NOTHING";

#[derive(sqlx::FromRow)]
struct RetrievalRow {
    id: Uuid,
    conversation_ref: Option<String>,
    turn: Option<i64>,
    utterance: String,
    language: Option<String>,
    model: String,
    abstained: bool,
    reason: Option<String>,
    top_similarity: Option<f64>,
    total_us: i64,
    created_at: i64,
}

#[derive(sqlx::FromRow)]
struct ExposureRow {
    retrieval_id: Uuid,
    rank: i64,
    entry_id: Uuid,
    exemplar_id: Option<Uuid>,
    score: f64,
    similarity: f64,
}

impl Store {
    /// These retrievals, those that exist, the oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn retrievals(&self, tenant: &TenantId, ids: &[RetrievalId]) -> Result<Vec<Retrieval>, StoreError> {
        let mut select = Statement::new("");
        // Of many ids SQLite would rather walk through all retrievals of the tenant.
        select.push_with(COLUMNS_BY_ID, tenant).push(" AND t.id IN ").push_list(ids.iter().map(|id| id.0));
        self.read_retrievals(tenant, select).await
    }

    /// The retrievals that named a conversation in one of these ways (its id of the caller's, its id of ours), the
    /// oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn retrievals_of(&self, tenant: &TenantId, names: &[&str]) -> Result<Vec<Retrieval>, StoreError> {
        let mut select = Statement::new("");
        select.push_with(COLUMNS, tenant).push(" AND t.conversation_ref IN ").push_list(names.iter().copied());
        self.read_retrievals(tenant, select).await
    }

    async fn read_retrievals(&self, tenant: &TenantId, select: Statement) -> Result<Vec<Retrieval>, StoreError> {
        let mut rows: Vec<RetrievalRow> = self.rows(select).await?;
        // Not by the database, which would walk through all retrievals of the tenant in this order.
        rows.sort_unstable_by_key(|row| (row.created_at, row.id));
        let mut exposures = Statement::new("");
        exposures.push_with(EXPOSURES, tenant).push(" AND retrieval_id IN ").push_list(rows.iter().map(|row| row.id));
        exposures.push(" ORDER BY retrieval_id, rank");

        let mut shown: HashMap<Uuid, Vec<Exposure>> = HashMap::new();
        for row in self.rows::<ExposureRow>(exposures).await? {
            shown.entry(row.retrieval_id).or_default().push(Exposure {
                rank: position("exposures.rank", row.rank)?,
                entry_id: EntryId(row.entry_id),
                exemplar_id: row.exemplar_id.map(ExemplarId),
                score: row.score,
                similarity: row.similarity,
            });
        }
        rows.into_iter().map(|row| row.read(&mut shown)).collect()
    }
}

impl Tx {
    /// Stores retrievals with their exposures; those that are there already stay as they are.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn insert_retrievals(&mut self, tenant: &TenantId, retrievals: &[Retrieval]) -> Result<(), StoreError> {
        let rows = retrievals.iter().map(|retrieval| {
            [
                retrieval.id.0.into(),
                tenant.into(),
                retrieval.conversation_ref.clone().into(),
                retrieval.turn.into(),
                (&retrieval.utterance).into(),
                retrieval.language.as_ref().map(Language::as_str).into(),
                (&retrieval.model).into(),
                retrieval.abstained.into(),
                retrieval.reason.clone().into(),
                retrieval.top_similarity.into(),
                retrieval.total_us.into(),
                retrieval.created_at.into(),
            ]
        });
        self.execute_all(inserts(INSERT_RETRIEVALS, rows, DO_NOTHING)).await?;
        for retrieval in retrievals {
            self.mark_metrics(tenant, retrieval.created_at, None);
        }

        let shown = retrievals.iter().flat_map(|retrieval| {
            retrieval.exposures.iter().map(|exposure| {
                [
                    retrieval.id.0.into(),
                    exposure.rank.into(),
                    tenant.into(),
                    exposure.entry_id.0.into(),
                    exposure.exemplar_id.map(|id| id.0).into(),
                    exposure.score.into(),
                    exposure.similarity.into(),
                ]
            })
        });
        self.execute_all(inserts(INSERT_EXPOSURES, shown, DO_NOTHING)).await?;
        Ok(())
    }
}

impl RetrievalRow {
    fn read(self, shown: &mut HashMap<Uuid, Vec<Exposure>>) -> Result<Retrieval, StoreError> {
        Ok(Retrieval {
            id: RetrievalId(self.id),
            conversation_ref: self.conversation_ref,
            turn: self.turn.map(|turn| position("retrievals.turn", turn)).transpose()?,
            utterance: self.utterance,
            language: self.language.as_deref().map(|text| language("retrievals.language", text)).transpose()?,
            model: self.model,
            abstained: self.abstained,
            reason: self.reason,
            top_similarity: self.top_similarity,
            total_us: self.total_us,
            created_at: moment(self.created_at),
            exposures: shown.remove(&self.id).unwrap_or_default(),
        })
    }
}
