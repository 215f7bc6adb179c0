//! What the index holds, as far as the database knows: marks, and points that must leave it.
//!
//! A mark says that a point was upserted **and flushed** with its present payload; whatever changes the payload removes
//! the mark in its own transaction. A point that was erased stays on a list until its deletion was flushed in every
//! generation, so that an erased text does not survive a crash in the index.

use std::collections::HashMap;

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::ids::{ConversationId, TenantId};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::{moment, position, tenant as read_tenant, word};
use crate::store::statement::{Statement, inserts};
use crate::store::tx::Tx;

word_enum!(
    /// The collections of the index.
    Collection {
        /// Utterances that entries answer.
        Exemplars = "exemplars",
        /// Pieces of conversations.
        Chunks = "chunks",
    }
);

/// What became of points that were to be marked as indexed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// Marked.
    pub marked: usize,
    /// Changed since they were read: still to be indexed.
    pub changed: usize,
    /// Removed since they were read: on the list of erased points now.
    pub gone: usize,
}

/// A point that belongs into the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointMark {
    /// Id of the exemplar or chunk.
    pub point_id: Uuid,
    /// Whether the database believes that it is in the generation.
    pub marked: bool,
}

/// A point that must leave the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasedPoint {
    /// Where it is.
    pub collection: Collection,
    /// Its id.
    pub point_id: Uuid,
    /// When its text was erased.
    pub created_at: Timestamp,
}

/// How far a collection is indexed in a generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexProgress {
    /// Points that belong into it.
    pub points: usize,
    /// Those that are in it.
    pub marked: usize,
}

/// Ids in one statement, at most.
const MAX_IDS: usize = 10_000;

/// A subselect and no join, for the same reason as in `exemplars`.
const POINTS_OF_EXEMPLARS: &str = "SELECT p.id, (SELECT m.point_id FROM index_marks m
    WHERE m.collection = 'exemplars' AND m.point_id = p.id AND m.generation = ";
const FROM_EXEMPLARS: &str = ") IS NOT NULL AS marked FROM exemplars p WHERE p.tenant = ";
const POINTS_OF_CHUNKS: &str = "SELECT p.id, (SELECT m.point_id FROM index_marks m
    WHERE m.collection = 'chunks' AND m.point_id = p.id AND m.generation = ";
const FROM_CHUNKS: &str = ") IS NOT NULL AS marked FROM chunks p WHERE p.tenant = ";
const INSERT_MARKS: &str = "INSERT INTO index_marks (generation, collection, point_id, tenant) VALUES";
/// Without the index of the tenant, which SQLite would walk through to find some by their ids.
const FORGET_ERASED: &str = "DELETE FROM erased_points WHERE tenant || '' = ";
const INSERT_ERASED: &str = "INSERT INTO erased_points (collection, point_id, tenant, created_at) VALUES";

statements! {
    TENANTS = "SELECT tenant FROM api_keys UNION SELECT tenant FROM conversations
        UNION SELECT tenant FROM knowledge_entries UNION SELECT tenant FROM erased_points ORDER BY tenant";
    ERASED_POINTS = "SELECT collection, point_id, created_at FROM erased_points WHERE tenant = $1
        ORDER BY created_at, point_id LIMIT $2";
    COUNT_EXEMPLARS = "SELECT COUNT(*) FROM exemplars WHERE tenant = $1";
    COUNT_CHUNKS = "SELECT COUNT(*) FROM chunks WHERE tenant = $1";
    UNMARKED_OF = "SELECT k.id FROM chunks k WHERE k.tenant = $1 AND k.conversation_id = $2
        AND (SELECT m.point_id FROM index_marks m WHERE m.collection = 'chunks'
        AND m.point_id = k.id AND m.generation = $3) IS NULL
        UNION ALL SELECT x.id FROM exemplars x WHERE x.tenant = $1
        AND x.entry_id IN (SELECT entry_id FROM evidence WHERE tenant = $1 AND conversation_id = $2)
        AND (SELECT m.point_id FROM index_marks m WHERE m.collection = 'exemplars'
        AND m.point_id = x.id AND m.generation = $3) IS NULL LIMIT 1";
    COUNT_MARKS = "SELECT COUNT(*) FROM index_marks WHERE tenant = $1 AND generation = $2 AND collection = $3";
}

/// A row as it was indexed, to be compared with what it is now.
pub(super) trait Pending {
    /// Its point.
    fn point_id(&self) -> Uuid;
    /// Whether the index would hold the same for both.
    fn same_point(&self, other: &Self) -> bool;
}

impl Store {
    /// Every tenant that has a key, rows, or points to erase.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let rows: Vec<(String,)> = self.rows(Statement::new(TENANTS)).await?;
        rows.iter().map(|(name,)| read_tenant(name)).collect()
    }

    /// The points of a collection that belong into the index, by id, and whether they are marked in this generation:
    /// at most `limit`, those after `after`. For the comparison with the index at start-up, a page at a time.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn point_marks(
        &self,
        tenant: &TenantId,
        generation: &str,
        collection: Collection,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<PointMark>, StoreError> {
        let mut select = Statement::new("");
        let (head, from) = match collection {
            Collection::Exemplars => (POINTS_OF_EXEMPLARS, FROM_EXEMPLARS),
            Collection::Chunks => (POINTS_OF_CHUNKS, FROM_CHUNKS),
        };
        select.push_with(head, generation).push_with(from, tenant).push_some(" AND p.id > ", after);
        select.push_with(" ORDER BY p.id LIMIT ", i64::from(limit));
        let rows: Vec<(Uuid, bool)> = self.rows(select).await?;
        Ok(rows.into_iter().map(|(point_id, marked)| PointMark { point_id, marked }).collect())
    }

    /// Points that must leave every generation, the longest waiting first, at most `limit`.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn erased_points(&self, tenant: &TenantId, limit: u32) -> Result<Vec<ErasedPoint>, StoreError> {
        let statement = Statement::new(ERASED_POINTS).bind(tenant).bind(i64::from(limit));
        let rows: Vec<(String, Uuid, i64)> = self.rows(statement).await?;
        let read = |(collection, point_id, created_at): (String, Uuid, i64)| {
            let collection = word("erased_points.collection", &collection)?;
            Ok(ErasedPoint { collection, point_id, created_at: moment(created_at) })
        };
        rows.into_iter().map(read).collect()
    }

    /// How far a collection is indexed in a generation.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn index_progress(
        &self,
        tenant: &TenantId,
        generation: &str,
        collection: Collection,
    ) -> Result<IndexProgress, StoreError> {
        let points = match collection {
            Collection::Exemplars => COUNT_EXEMPLARS,
            Collection::Chunks => COUNT_CHUNKS,
        };
        let points = self.number(Statement::new(points).bind(tenant)).await?;
        let marked = Statement::new(COUNT_MARKS).bind(tenant).bind(generation).bind(collection.as_str());
        let marked = self.number(marked).await?;
        Ok(IndexProgress { points: position("count", points)?, marked: position("count", marked)? })
    }
}

impl Tx {
    /// Forgets that points are indexed in one generation, or in all of them: they were found missing there, or will be
    /// indexed anew.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn unmark_points(
        &mut self,
        tenant: &TenantId,
        collection: Collection,
        generation: Option<&str>,
        ids: &[Uuid],
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        for ids in ids.chunks(MAX_IDS) {
            let mut delete = Statement::new("");
            delete
                .push_with("DELETE FROM index_marks WHERE tenant = ", tenant)
                .push_with(" AND collection = ", collection.as_str())
                .push_some(" AND generation = ", generation)
                .push(" AND point_id IN ")
                .push_list(ids.iter().copied());
            removed += self.execute(delete).await?;
        }
        Ok(removed)
    }

    /// Takes points off the list of erased ones, after their deletion was flushed in every generation.
    ///
    /// A point that has been stored again meanwhile, with the same id, loses its marks: the deletion has removed it from
    /// the index, so it must be indexed again.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn clear_erased_points(&mut self, tenant: &TenantId, points: &[ErasedPoint]) -> Result<(), StoreError> {
        for collection in Collection::ALL.iter().copied() {
            let of_collection = points.iter().filter(|point| point.collection == collection);
            let ids: Vec<Uuid> = of_collection.map(|point| point.point_id).collect();
            self.forget_erased_points(tenant, collection, ids.iter().copied()).await?;
            self.unmark_points(tenant, collection, None, &ids).await?;
        }
        Ok(())
    }

    /// Puts points on the list of erased ones and removes their marks, after their rows were deleted.
    pub(super) async fn erase_points(
        &mut self,
        tenant: &TenantId,
        collection: Collection,
        ids: &[Uuid],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.unmark_points(tenant, collection, None, ids).await?;
        let rows = ids.iter().map(|id| [collection.as_str().into(), (*id).into(), tenant.into(), now.into()]);
        self.execute_all(inserts(INSERT_ERASED, rows, "ON CONFLICT DO NOTHING")).await?;
        Ok(())
    }

    /// Whether a chunk of a conversation, or an exemplar of an entry that it is evidence for, is not marked as indexed in
    /// this generation.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn has_unmarked_points(
        &mut self,
        tenant: &TenantId,
        generation: &str,
        conversation: ConversationId,
    ) -> Result<bool, StoreError> {
        let unmarked = Statement::new(UNMARKED_OF).bind(tenant).bind(conversation.0).bind(generation);
        Ok(!self.rows::<(Uuid,)>(unmarked).await?.is_empty())
    }

    /// Takes points off the list of erased ones, whatever the index holds.
    pub(super) async fn forget_erased_points(
        &mut self,
        tenant: &TenantId,
        collection: Collection,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = ids.into_iter().collect();
        for ids in ids.chunks(MAX_IDS) {
            let mut delete = Statement::new("");
            delete
                .push_with(FORGET_ERASED, tenant)
                .push_with(" AND collection = ", collection.as_str())
                .push(" AND point_id IN ")
                .push_list(ids.iter().copied());
            self.execute(delete).await?;
        }
        Ok(())
    }

    /// Ends a `SELECT` so that its rows stay as they are until this transaction ends. They are locked in the order in which
    /// the tables are named: a conversation before its chunks, an entry before its exemplars, and entries by their ids. Whoever
    /// changes several entries takes [`Tx::lock_distillation`] where others may too, and then holds them by
    /// [`Tx::hold_entries`], or two transactions wait for each other. `false` where nothing has to be locked, because whoever
    /// writes is alone.
    pub(super) fn lock_rows(&self, select: &mut Statement, tables: &'static str) -> bool {
        let Some((lock, tables)) = self.dialect().lock_rows(tables) else { return false };
        select.push(lock).push(tables);
        true
    }

    /// Marks what is still as it was indexed. `present` are the rows of now, locked.
    pub(super) async fn mark<P: Pending>(
        &mut self,
        tenant: &TenantId,
        generation: &str,
        collection: Collection,
        indexed: &[P],
        present: &[P],
        now: Timestamp,
    ) -> Result<Marked, StoreError> {
        let present: HashMap<Uuid, &P> = present.iter().map(|row| (row.point_id(), row)).collect();
        let (mut same, mut gone, mut changed) = (Vec::new(), Vec::new(), 0);
        for row in indexed {
            match present.get(&row.point_id()) {
                Some(now) if now.same_point(row) => same.push(row.point_id()),
                Some(_) => changed += 1,
                None => gone.push(row.point_id()),
            }
        }

        let rows = same.iter().map(|id| [generation.into(), collection.as_str().into(), (*id).into(), tenant.into()]);
        self.execute_all(inserts(INSERT_MARKS, rows, "ON CONFLICT DO NOTHING")).await?;
        self.erase_points(tenant, collection, &gone, now).await?;
        Ok(Marked { marked: same.len(), changed, gone: gone.len() })
    }
}
