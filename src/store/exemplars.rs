//! Exemplars: the utterances that entries answer, each one point of the index.

use uuid::Uuid;

use crate::domain::case_decision::SaidAt;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{ConversationId, EntryId, ExemplarId, TenantId};
use crate::domain::knowledge::{EntryStatus, Exemplar, KnowledgeType};
use crate::domain::language::Language;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::marks::{Collection, Marked, Pending};
use crate::store::rows::{language, moment, position, word};
use crate::store::statement::{Statement, inserts};
use crate::store::tx::Tx;

/// An exemplar that an index generation lacks, with what its point carries.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingExemplar {
    /// The exemplar.
    pub exemplar: Exemplar,
    /// Kind of its entry.
    pub knowledge_type: KnowledgeType,
    /// Category of its entry.
    pub category: String,
    /// Language of its entry's content.
    pub language: Language,
    /// Status of its entry.
    pub status: EntryStatus,
}

const COLUMNS: &str = "SELECT x.id, x.entry_id, x.text, x.language, x.conversation_id, x.turn, x.created_at";
const FROM: &str = " FROM exemplars x WHERE x.tenant = ";
const PENDING_COLUMNS: &str = "SELECT x.id, x.entry_id, x.text, x.language, x.conversation_id, x.turn, x.created_at,
    e.knowledge_type, e.category, e.language AS entry_language, e.status";
const PENDING_FROM: &str = " FROM exemplars x JOIN knowledge_entries e ON e.id = x.entry_id";
/// Neither a left join (SQLite would join the rest first) nor `NOT EXISTS`: PostgreSQL makes a join of that too, and
/// while it has no statistics about a new generation, one that compares every point with every mark.
const WITHOUT_MARK: &str = " AND (SELECT m.point_id FROM index_marks m WHERE m.collection = 'exemplars'
    AND m.point_id = x.id AND m.generation = ";
const INSERT_EXEMPLARS: &str =
    "INSERT INTO exemplars (id, tenant, entry_id, text, language, conversation_id, turn, created_at) VALUES";
const SOURCES: &str = "SELECT exemplar_id, conversation_id, turn FROM exemplar_sources WHERE tenant = ";
const INSERT_SOURCES: &str = "INSERT INTO exemplar_sources (exemplar_id, conversation_id, turn, tenant) VALUES";
const DO_NOTHING: &str = "ON CONFLICT DO NOTHING";

#[derive(sqlx::FromRow)]
struct ExemplarRow {
    id: Uuid,
    entry_id: Uuid,
    text: String,
    language: String,
    conversation_id: Option<Uuid>,
    turn: Option<i64>,
    created_at: i64,
}

#[derive(sqlx::FromRow)]
struct PendingRow {
    #[sqlx(flatten)]
    exemplar: ExemplarRow,
    knowledge_type: String,
    category: String,
    entry_language: String,
    status: String,
}

impl Store {
    /// These exemplars, those that exist, in no order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn exemplars(&self, tenant: &TenantId, ids: &[ExemplarId]) -> Result<Vec<Exemplar>, StoreError> {
        let mut select = Statement::new(COLUMNS);
        select.push_with(FROM, tenant).push(" AND x.id IN ").push_list(ids.iter().map(|id| id.0));
        self.rows::<ExemplarRow>(select).await?.into_iter().map(ExemplarRow::read).collect()
    }

    /// The exemplars of these entries: entry by entry, the oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn exemplars_of(&self, tenant: &TenantId, entries: &[EntryId]) -> Result<Vec<Exemplar>, StoreError> {
        self.rows::<ExemplarRow>(of_entries(tenant, entries)).await?.into_iter().map(ExemplarRow::read).collect()
    }

    /// Exemplars that are not marked as indexed in this generation, at most `limit`; with a conversation, only those of
    /// the entries that it is evidence for.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn unmarked_exemplars(
        &self,
        tenant: &TenantId,
        generation: &str,
        conversation: Option<ConversationId>,
        limit: u32,
    ) -> Result<Vec<PendingExemplar>, StoreError> {
        let mut select = Statement::new(PENDING_COLUMNS);
        select.push(PENDING_FROM).push_with(" WHERE x.tenant = ", tenant);
        select.push_with(WITHOUT_MARK, generation).push(") IS NULL");
        match conversation {
            Some(conversation) => select
                .push_with(" AND x.entry_id IN (SELECT entry_id FROM evidence WHERE tenant = ", tenant)
                .push_with(" AND conversation_id = ", conversation.0)
                .push(")"),
            // Asked for an order, SQLite would walk through all exemplars to find those of a conversation.
            None => select.push(" ORDER BY x.id"),
        };
        select.push_with(" LIMIT ", i64::from(limit));
        self.rows::<PendingRow>(select).await?.into_iter().map(PendingRow::read).collect()
    }
}

impl Tx {
    /// Stores exemplars; one that is there already only learns where else it was said. Returns how many are new.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when an entry is gone.
    pub async fn add_exemplars(&mut self, tenant: &TenantId, exemplars: &[Exemplar]) -> Result<u64, StoreError> {
        let rows = exemplars.iter().map(|exemplar| {
            [
                exemplar.id.0.into(),
                tenant.into(),
                exemplar.entry_id.0.into(),
                (&exemplar.text).into(),
                exemplar.language.as_str().into(),
                exemplar.conversation_id.map(|id| id.0).into(),
                exemplar.turn.into(),
                exemplar.created_at.into(),
            ]
        });
        let new = self.execute_all(inserts(INSERT_EXEMPLARS, rows, DO_NOTHING)).await?;

        let sources = exemplars.iter().filter_map(|exemplar| {
            let (conversation, turn) = (exemplar.conversation_id?, exemplar.turn?);
            Some([exemplar.id.0.into(), conversation.0.into(), turn.into(), tenant.into()])
        });
        self.execute_all(inserts(INSERT_SOURCES, sources, DO_NOTHING)).await?;

        // Its text may have been erased and said again: the point stays now.
        self.forget_erased_points(tenant, Collection::Exemplars, exemplars.iter().map(|exemplar| exemplar.id.0))
            .await?;
        Ok(new)
    }

    /// The exemplars of these entries, as this transaction sees them: entry by entry, the oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn exemplars_of(&mut self, tenant: &TenantId, entries: &[EntryId]) -> Result<Vec<Exemplar>, StoreError> {
        self.rows::<ExemplarRow>(of_entries(tenant, entries)).await?.into_iter().map(ExemplarRow::read).collect()
    }

    /// Every place where these exemplars were said, exemplar by exemplar, as this transaction sees it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn exemplar_sources(
        &mut self,
        tenant: &TenantId,
        ids: &[ExemplarId],
    ) -> Result<Vec<(ExemplarId, SaidAt)>, StoreError> {
        let mut select = Statement::new("");
        select.push_with(SOURCES, tenant).push(" AND exemplar_id IN ").push_list(ids.iter().map(|id| id.0));
        select.push(" ORDER BY exemplar_id, conversation_id, turn");
        let rows: Vec<(Uuid, Uuid, i64)> = self.rows(select).await?;
        let read = |(exemplar, conversation, turn): (Uuid, Uuid, i64)| {
            let turn = position("exemplar_sources.turn", turn)?;
            Ok((ExemplarId(exemplar), SaidAt { conversation_id: ConversationId(conversation), turn }))
        };
        rows.into_iter().map(read).collect()
    }

    /// Stores places where exemplars were said; one that is there stays.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when an exemplar is gone.
    pub async fn add_exemplar_sources(
        &mut self,
        tenant: &TenantId,
        sources: &[(ExemplarId, SaidAt)],
    ) -> Result<(), StoreError> {
        let rows = sources.iter().map(|(exemplar, said)| {
            [exemplar.0.into(), said.conversation_id.0.into(), said.turn.into(), tenant.into()]
        });
        self.execute_all(inserts(INSERT_SOURCES, rows, DO_NOTHING)).await?;
        Ok(())
    }

    /// Marks exemplars as indexed, after their points were upserted and flushed; they are given as
    /// [`Store::unmarked_exemplars`] returned them. One that changed meanwhile stays unmarked; one that was removed
    /// meanwhile is put on the list of erased points again, because the upsert has brought it back.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when there is no such generation.
    pub async fn mark_exemplars(
        &mut self,
        tenant: &TenantId,
        generation: &str,
        indexed: &[PendingExemplar],
        now: Timestamp,
    ) -> Result<Marked, StoreError> {
        let mut select = Statement::new(PENDING_COLUMNS);
        select.push(PENDING_FROM).push_with(" WHERE x.tenant = ", tenant);
        select.push(" AND x.id IN ").push_list(indexed.iter().map(|pending| pending.exemplar.id.0));
        select.push(" ORDER BY e.id, x.id");
        self.lock_rows(&mut select, "e, x");
        let present: Vec<PendingExemplar> =
            self.rows::<PendingRow>(select).await?.into_iter().map(PendingRow::read).collect::<Result<_, _>>()?;
        self.mark(tenant, generation, Collection::Exemplars, indexed, &present, now).await
    }
}

impl Pending for PendingExemplar {
    fn point_id(&self) -> Uuid {
        self.exemplar.id.0
    }

    /// Where it was said is not in the index, and changes when its first conversation is erased.
    fn same_point(&self, other: &Self) -> bool {
        let point = |pending: &Self| {
            let mut point = pending.clone();
            (point.exemplar.conversation_id, point.exemplar.turn) = (None, None);
            point
        };
        point(self) == point(other)
    }
}

fn of_entries(tenant: &TenantId, entries: &[EntryId]) -> Statement {
    let mut select = Statement::new(COLUMNS);
    select.push_with(FROM, tenant).push(" AND x.entry_id IN ").push_list(entries.iter().map(|id| id.0));
    select.push(" ORDER BY x.entry_id, x.created_at, x.id");
    select
}

impl ExemplarRow {
    fn read(self) -> Result<Exemplar, StoreError> {
        Ok(Exemplar {
            id: ExemplarId(self.id),
            entry_id: EntryId(self.entry_id),
            text: self.text,
            language: language("exemplars.language", &self.language)?,
            conversation_id: self.conversation_id.map(ConversationId),
            turn: self.turn.map(|turn| position("exemplars.turn", turn)).transpose()?,
            created_at: moment(self.created_at),
        })
    }
}

impl PendingRow {
    fn read(self) -> Result<PendingExemplar, StoreError> {
        Ok(PendingExemplar {
            exemplar: self.exemplar.read()?,
            knowledge_type: word("knowledge_entries.knowledge_type", &self.knowledge_type)?,
            category: self.category,
            language: language("knowledge_entries.language", &self.entry_language)?,
            status: word("knowledge_entries.status", &self.status)?,
        })
    }
}
