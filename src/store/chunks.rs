//! Chunks: pieces of conversations, each one point of the index.

use uuid::Uuid;

use crate::domain::analysis::Chunk;
use crate::domain::clock::Timestamp;
use crate::domain::conversation::Outcome;
use crate::domain::ids::{ChunkId, ConversationId, TenantId};
use crate::domain::language::Language;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::marks::{Collection, Marked, Pending};
use crate::store::rows::{language, moment, optional_word, position};
use crate::store::statement::{Statement, inserts};
use crate::store::tx::Tx;

/// A chunk that an index generation lacks, with what its point carries: of the training record, or as it was given
/// while there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingChunk {
    /// The chunk.
    pub chunk: Chunk,
    /// Category of its conversation.
    pub category: Option<String>,
    /// Language of its conversation.
    pub language: Option<Language>,
    /// How its conversation ended.
    pub outcome: Option<Outcome>,
    /// Start of its conversation.
    pub started_at: Timestamp,
}

const COLUMNS: &str = "SELECT k.id, k.conversation_id, k.ordinal, k.first_turn, k.last_turn, k.text";
const FROM: &str = " FROM chunks k WHERE k.tenant = ";
const PENDING_COLUMNS: &str = "SELECT k.id, k.conversation_id, k.ordinal, k.first_turn, k.last_turn, k.text,
    COALESCE(r.category, c.category) AS category, COALESCE(r.language, c.language) AS language,
    COALESCE(r.outcome, c.outcome) AS outcome, c.started_at";
const PENDING_FROM: &str = " FROM chunks k JOIN conversations c ON c.id = k.conversation_id
    LEFT JOIN training_records r ON r.conversation_id = k.conversation_id";
/// Neither a left join (SQLite would join the rest first) nor `NOT EXISTS`: PostgreSQL makes a join of that too, and
/// while it has no statistics about a new generation, one that compares every point with every mark.
const WITHOUT_MARK: &str = " AND (SELECT m.point_id FROM index_marks m WHERE m.collection = 'chunks'
    AND m.point_id = k.id AND m.generation = ";
/// Chunks and records change only under the lock of their conversation.
const HOLD_CONVERSATIONS: &str = "SELECT c.id FROM conversations c WHERE c.id IN ";
const INSERT_CHUNKS: &str =
    "INSERT INTO chunks (id, tenant, conversation_id, ordinal, first_turn, last_turn, text) VALUES";
const DELETE_CHUNKS_OF: &str = "DELETE FROM chunks WHERE tenant = ";

statements! {
    DELETE_CHUNKS = "DELETE FROM chunks WHERE tenant = $1 AND conversation_id = $2 RETURNING id";
}

#[derive(sqlx::FromRow)]
struct ChunkRow {
    id: Uuid,
    conversation_id: Uuid,
    ordinal: i64,
    first_turn: i64,
    last_turn: i64,
    text: String,
}

#[derive(sqlx::FromRow)]
struct PendingRow {
    #[sqlx(flatten)]
    chunk: ChunkRow,
    category: Option<String>,
    language: Option<String>,
    outcome: Option<String>,
    started_at: i64,
}

impl Store {
    /// These chunks, those that exist, in no order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn chunks(&self, tenant: &TenantId, ids: &[ChunkId]) -> Result<Vec<Chunk>, StoreError> {
        let mut select = Statement::new(COLUMNS);
        select.push_with(FROM, tenant).push(" AND k.id IN ").push_list(ids.iter().map(|id| id.0));
        self.rows::<ChunkRow>(select).await?.into_iter().map(ChunkRow::read).collect()
    }

    /// The chunks of a conversation, in order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn chunks_of(&self, tenant: &TenantId, conversation: ConversationId) -> Result<Vec<Chunk>, StoreError> {
        let select = of_conversation(tenant, conversation);
        self.rows::<ChunkRow>(select).await?.into_iter().map(ChunkRow::read).collect()
    }

    /// Chunks that are not marked as indexed in this generation, at most `limit`; with a conversation, only its own.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn unmarked_chunks(
        &self,
        tenant: &TenantId,
        generation: &str,
        conversation: Option<ConversationId>,
        limit: u32,
    ) -> Result<Vec<PendingChunk>, StoreError> {
        let mut select = Statement::new(PENDING_COLUMNS);
        select.push(PENDING_FROM).push_with(" WHERE k.tenant = ", tenant);
        select.push_with(WITHOUT_MARK, generation).push(") IS NULL");
        match conversation {
            Some(conversation) => select.push_with(" AND k.conversation_id = ", conversation.0),
            // Asked for an order, SQLite would walk through all chunks to find those of a conversation.
            None => select.push(" ORDER BY k.id"),
        };
        select.push_with(" LIMIT ", i64::from(limit));
        self.rows::<PendingRow>(select).await?.into_iter().map(PendingRow::read).collect()
    }
}

impl Tx {
    /// Stores the chunks of a conversation in place of those before. A chunk that is the same as before stays indexed;
    /// the points of those that are no more are put on the list of erased points.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when the conversation is gone.
    pub async fn replace_chunks(
        &mut self,
        tenant: &TenantId,
        conversation: ConversationId,
        chunks: &[Chunk],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let before: Vec<ChunkRow> = self.rows(of_conversation(tenant, conversation)).await?;
        let before: Vec<Chunk> = before.into_iter().map(ChunkRow::read).collect::<Result<_, _>>()?;
        let old: Vec<Uuid> = before.iter().filter(|chunk| !chunks.contains(chunk)).map(|chunk| chunk.id.0).collect();
        if !old.is_empty() {
            let mut delete = Statement::new("");
            delete.push_with(DELETE_CHUNKS_OF, tenant).push(" AND id IN ").push_list(old.iter().copied());
            self.execute(delete).await?;
        }
        self.unmark_points(tenant, Collection::Chunks, None, &old).await?;

        let rows = chunks.iter().filter(|chunk| !before.contains(chunk)).map(|chunk| {
            [
                chunk.id.0.into(),
                tenant.into(),
                conversation.0.into(),
                chunk.ordinal.into(),
                chunk.first_turn.into(),
                chunk.last_turn.into(),
                (&chunk.text).into(),
            ]
        });
        self.execute_all(inserts(INSERT_CHUNKS, rows, "")).await?;

        // A point that was erased and is wanted again stays; one whose text is in no chunk any more has to go.
        self.forget_erased_points(tenant, Collection::Chunks, chunks.iter().map(|chunk| chunk.id.0)).await?;
        let gone: Vec<Uuid> = old.into_iter().filter(|id| !chunks.iter().any(|chunk| chunk.id.0 == *id)).collect();
        self.erase_points(tenant, Collection::Chunks, &gone, now).await
    }

    /// Deletes the chunks of a conversation, their marks with them, and puts their points on the list of erased ones;
    /// how many there were.
    pub(super) async fn erase_chunks(
        &mut self,
        tenant: &TenantId,
        conversation: ConversationId,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let statement = Statement::new(DELETE_CHUNKS).bind(tenant).bind(conversation.0);
        let deleted: Vec<Uuid> = self.rows::<(Uuid,)>(statement).await?.into_iter().map(|(id,)| id).collect();
        self.erase_points(tenant, Collection::Chunks, &deleted, now).await?;
        Ok(deleted.len())
    }

    /// Marks chunks as indexed, after their points were upserted and flushed; they are given as
    /// [`Store::unmarked_chunks`] returned them. One that changed meanwhile stays unmarked; one that was removed
    /// meanwhile is put on the list of erased points again, because the upsert has brought it back.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when there is no such generation.
    pub async fn mark_chunks(
        &mut self,
        tenant: &TenantId,
        generation: &str,
        indexed: &[PendingChunk],
        now: Timestamp,
    ) -> Result<Marked, StoreError> {
        // In a statement of its own: one that waits for a lock sees afterwards what became of the rows that it locks, and of
        // those that are joined to them what was before.
        let mut hold = Statement::new(HOLD_CONVERSATIONS);
        hold.push_list(indexed.iter().map(|pending| pending.chunk.conversation_id.0)).push(" ORDER BY c.id");
        if self.lock_rows(&mut hold, "c") {
            self.rows::<(Uuid,)>(hold).await?;
        }
        let mut select = Statement::new(PENDING_COLUMNS);
        select.push(PENDING_FROM).push_with(" WHERE k.tenant = ", tenant);
        select.push(" AND k.id IN ").push_list(indexed.iter().map(|pending| pending.chunk.id.0));
        let present: Vec<PendingChunk> =
            self.rows::<PendingRow>(select).await?.into_iter().map(PendingRow::read).collect::<Result<_, _>>()?;
        self.mark(tenant, generation, Collection::Chunks, indexed, &present, now).await
    }
}

impl Pending for PendingChunk {
    fn point_id(&self) -> Uuid {
        self.chunk.id.0
    }

    fn same_point(&self, other: &Self) -> bool {
        self == other
    }
}

fn of_conversation(tenant: &TenantId, conversation: ConversationId) -> Statement {
    let mut select = Statement::new(COLUMNS);
    select.push_with(FROM, tenant).push_with(" AND k.conversation_id = ", conversation.0);
    select.push(" ORDER BY k.ordinal");
    select
}

impl ChunkRow {
    fn read(self) -> Result<Chunk, StoreError> {
        Ok(Chunk {
            id: ChunkId(self.id),
            conversation_id: ConversationId(self.conversation_id),
            ordinal: position("chunks.ordinal", self.ordinal)?,
            first_turn: position("chunks.first_turn", self.first_turn)?,
            last_turn: position("chunks.last_turn", self.last_turn)?,
            text: self.text,
        })
    }
}

impl PendingRow {
    fn read(self) -> Result<PendingChunk, StoreError> {
        Ok(PendingChunk {
            chunk: self.chunk.read()?,
            category: self.category,
            language: self.language.as_deref().map(|text| language("conversations.language", text)).transpose()?,
            outcome: optional_word("conversations.outcome", self.outcome.as_deref())?,
            started_at: moment(self.started_at),
        })
    }
}
