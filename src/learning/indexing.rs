//! Bringing the index in line with the database: what is missing is embedded, upserted, flushed, and only then marked.

use tokio::sync::MutexGuard;
use uuid::Uuid;

use crate::domain::conversation::{ConversationStatus, Outcome};
use crate::domain::ids::{ConversationId, TenantId};
use crate::domain::language::Language;
use crate::embedding::embedder::Role;
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::engine::generations::Generation;
use crate::engine::upkeep::{entries_to_recount, settle_sessions};
use crate::index::Collection;
use crate::index::point::{Payload, Point};
use crate::learning::Learner;
use crate::learning::pipeline::{Stage, upkeep_job};
use crate::store;
use crate::store::chunks::PendingChunk;
use crate::store::conversations::StoredConversation;
use crate::store::exemplars::PendingExemplar;
use crate::store::jobs::Job;
use crate::store::marks::Marked;
use crate::store::tx::Tx;

/// Points that are embedded and written in one go.
const BATCH: u32 = 128;
/// Ids that are compared in one go.
const PAGE: u32 = 10_000;
/// Category of chunks of conversations that have none yet.
const UNCATEGORISED: &str = "general";

/// What a comparison of index and database changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Points that the database does not know, removed from the index.
    pub removed: usize,
    /// Points that the index had lost or never had, written again.
    pub restored: usize,
}

/// Rows of a collection that an index generation lacks.
#[derive(Clone, Copy)]
enum Rows<'a> {
    Chunks(&'a [PendingChunk]),
    Exemplars(&'a [PendingExemplar]),
}

impl Learner {
    /// Stage `index_chunks`.
    pub(super) async fn index_chunks(&self, job: &Job, stored: &StoredConversation) -> Result<(), Error> {
        for generation in self.engine.generations.iter() {
            self.index_pending_chunks(generation, &job.tenant, Some(stored.conversation.id)).await?;
        }
        if !self.settings.distillation {
            // It only says so, which is not worth a job.
            return self.distill(job, stored).await;
        }
        let tx = self.engine.store.begin().await?;
        self.commit_stage(tx, job, stored, Some(Stage::Distill)).await
    }

    /// Stage `index_exemplars`: when it is done, what was learned can be found, so the conversation is processed.
    pub(super) async fn index_exemplars(&self, job: &Job, stored: &StoredConversation) -> Result<(), Error> {
        let id = stored.conversation.id;
        for generation in self.engine.generations.iter() {
            // An outcome that became known later stands on chunks that were indexed before.
            self.index_pending_chunks(generation, &job.tenant, Some(id)).await?;
            self.index_pending_exemplars(generation, &job.tenant, Some(id)).await?;
        }
        let optimise = self.optimisation_is_due().await?;
        let known = self.known_end(&job.tenant, stored).await?;
        let mut tx = self.engine.store.begin().await?;
        tx.lock_distillation(&job.tenant).await?;
        if known.rejudged.is_some() || !known.still_holds(&mut tx, &job.tenant, stored).await? {
            // Somebody told meanwhile how it ended.
            return self.commit_stage(tx, job, stored, Some(Stage::Credit)).await;
        }
        if self.is_unindexed(&mut tx, &job.tenant, id).await? {
            // Who changed it meanwhile left that to this job.
            return self.commit_stage(tx, job, stored, Some(Stage::IndexExemplars)).await;
        }
        self.commit_processed(tx, job, stored, optimise).await
    }

    /// Commits the end of a conversation's way: it is processed.
    pub(super) async fn commit_processed(
        &self,
        mut tx: Tx,
        job: &Job,
        stored: &StoredConversation,
        optimise: bool,
    ) -> Result<(), Error> {
        let (id, now) = (stored.conversation.id, self.engine.now());
        tx.set_conversation_status(&job.tenant, id, ConversationStatus::Processed, None, now).await?;
        settle_sessions(&self.engine, &mut tx, &job.tenant, (id, None)).await?;
        if optimise {
            tx.enqueue(&job.tenant, &upkeep_job(&self.engine, Stage::OptimizeIndex), now).await?;
        }
        self.commit_stage(tx, job, stored, None).await
    }

    /// Whether an index generation lacks anything of a conversation, as far as this transaction knows.
    pub(super) async fn is_unindexed(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        conversation: ConversationId,
    ) -> Result<bool, Error> {
        for generation in self.engine.generations.iter() {
            if tx.has_unmarked_points(tenant, &generation.name, conversation).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stage `index_exemplars` of no conversation: what people took away leaves the index, what they wrote or changed comes
    /// into it.
    pub(super) async fn index_changes(&self, job: &Job) -> Result<(), Error> {
        let entries = entries_to_recount(&job.payload);
        if !entries.is_empty() {
            let mut tx = self.engine.store.begin().await?;
            tx.lock_distillation(&job.tenant).await?;
            self.recompute_posteriors(&mut tx, &job.tenant, &entries, self.engine.now()).await?;
            tx.commit().await?;
            self.engine.entries.forget(&job.tenant, entries);
        }
        if self.drain_erased(&job.tenant).await? > 0 {
            self.empty_logs().await?;
        }
        for generation in self.engine.generations.iter() {
            self.index_pending_exemplars(generation, &job.tenant, None).await?;
        }
        let optimise = self.optimisation_is_due().await?;
        let now = self.engine.now();
        let mut tx = self.engine.store.begin().await?;
        if optimise {
            tx.enqueue(&job.tenant, &upkeep_job(&self.engine, Stage::OptimizeIndex), now).await?;
        }
        tx.finish_job(job, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Stage `optimize_index`: keeps the part that every search scans within its bound.
    pub(super) async fn optimize_index(&self, job: &Job) -> Result<(), Error> {
        for generation in self.engine.generations.iter() {
            for collection in Collection::ALL {
                let index = generation.shard(collection);
                if index.needs_optimize().await? {
                    index.optimize().await?;
                }
            }
        }
        self.finish(job).await
    }

    /// Stage `erase_points`: takes erased texts out of every generation, and only then off the list. Of a conversation that
    /// was erased, rather than replaced, nothing is left in the logs either.
    pub(super) async fn erase_points(&self, job: &Job) -> Result<(), Error> {
        self.drain_erased(&job.tenant).await?;
        // Replacing is done to thousands in a row, and would wait for the disk each time.
        if job.payload.is_null() {
            self.empty_logs().await?;
        }
        self.finish(job).await
    }

    /// Takes erased texts out of the logs that index and database keep beside what they hold.
    async fn empty_logs(&self) -> Result<(), Error> {
        for generation in self.engine.generations.iter() {
            for collection in Collection::ALL {
                generation.shard(collection).flush().await?;
            }
        }
        match self.engine.store.empty_log().await? {
            true => Ok(()),
            // Tried again, as everything that is busy.
            false => Err(Error::Overloaded),
        }
    }

    /// Takes every erased point of a tenant out of every generation; how many there were.
    pub(super) async fn drain_erased(&self, tenant: &TenantId) -> Result<usize, Error> {
        let order = self.index_writes.lock().await;
        self.drain_in_order(tenant, &order).await
    }

    /// As [`Learner::drain_erased`], for who keeps other writes out already.
    async fn drain_in_order(&self, tenant: &TenantId, _order: &MutexGuard<'_, ()>) -> Result<usize, Error> {
        let mut erased = 0;
        loop {
            let points = self.engine.store.erased_points(tenant, PAGE).await?;
            if points.is_empty() {
                return Ok(erased);
            }
            for generation in self.engine.generations.iter() {
                for collection in Collection::ALL {
                    let wanted = stored_collection(collection);
                    let ids = points.iter().filter(|p| p.collection == wanted).map(|p| p.point_id).collect();
                    generation.shard(collection).delete(ids).await?;
                }
            }
            let mut tx = self.engine.store.begin().await?;
            tx.clear_erased_points(tenant, &points).await?;
            tx.commit().await?;
            erased += points.len();
        }
    }

    /// Writes the chunks that this generation lacks; how many there were.
    pub async fn index_pending_chunks(
        &self,
        generation: &Generation,
        tenant: &TenantId,
        conversation: Option<ConversationId>,
    ) -> Result<usize, Error> {
        let mut written = 0;
        loop {
            let pending = self.engine.store.unmarked_chunks(tenant, &generation.name, conversation, BATCH).await?;
            if pending.is_empty() {
                return Ok(written);
            }
            let texts: Vec<&str> = pending.iter().map(|p| p.chunk.text.as_str()).collect();
            let embedded = generation.embedder.embed(Lane::Batch, Role::Passage, &texts, None).await?;
            let points = pending.iter().zip(embedded).map(|(p, e)| chunk_point(tenant, p, e.vector)).collect();
            let marked = self.write_points(generation, tenant, Rows::Chunks(&pending), points).await?;
            written += pending.len();
            if conversation.is_some() && was_all(marked) {
                return Ok(written);
            }
        }
    }

    /// Writes the exemplars that this generation lacks; how many there were.
    pub async fn index_pending_exemplars(
        &self,
        generation: &Generation,
        tenant: &TenantId,
        conversation: Option<ConversationId>,
    ) -> Result<usize, Error> {
        let mut written = 0;
        loop {
            let pending = self.engine.store.unmarked_exemplars(tenant, &generation.name, conversation, BATCH).await?;
            if pending.is_empty() {
                return Ok(written);
            }
            let texts: Vec<&str> = pending.iter().map(|p| p.exemplar.text.as_str()).collect();
            let vectors = generation.embed_meaning(Lane::Batch, &texts, None).await?;
            let points = pending.iter().zip(vectors).map(|(p, vector)| exemplar_point(tenant, p, vector)).collect();
            let marked = self.write_points(generation, tenant, Rows::Exemplars(&pending), points).await?;
            written += pending.len();
            if conversation.is_some() && was_all(marked) {
                return Ok(written);
            }
        }
    }

    /// Writes the points of these rows and marks them; what was erased since the rows were read is taken out again.
    async fn write_points(
        &self,
        generation: &Generation,
        tenant: &TenantId,
        rows: Rows<'_>,
        points: Vec<Point>,
    ) -> Result<Marked, Error> {
        let order = self.index_writes.lock().await;
        let collection = match rows {
            Rows::Chunks(_) => Collection::Chunks,
            Rows::Exemplars(_) => Collection::Exemplars,
        };
        generation.shard(collection).upsert(points).await?;
        let now = self.engine.now();
        let mut tx = self.engine.store.begin().await?;
        let marked = match rows {
            Rows::Chunks(rows) => tx.mark_chunks(tenant, &generation.name, rows, now).await?,
            Rows::Exemplars(rows) => tx.mark_exemplars(tenant, &generation.name, rows, now).await?,
        };
        tx.commit().await?;
        if marked.gone > 0 {
            self.drain_in_order(tenant, &order).await?;
        }
        Ok(marked)
    }

    /// Compares every shard with the database and mends the shard: at every start, before anything is answered.
    ///
    /// # Errors
    /// When the database, the index or the model fails.
    pub async fn reconcile(&self) -> Result<Reconciled, Error> {
        let mut total = Reconciled::default();
        for tenant in self.engine.store.tenants().await? {
            total.removed += self.drain_erased(&tenant).await?;
        }
        for generation in self.engine.generations.iter() {
            for collection in Collection::ALL {
                total.removed += self.remove_unknown(generation, collection).await?;
            }
            for tenant in self.engine.store.tenants().await? {
                total.restored += self.index_pending_chunks(generation, &tenant, None).await?;
                total.restored += self.index_pending_exemplars(generation, &tenant, None).await?;
            }
        }
        Ok(total)
    }

    /// Makes every vector anew from the database; `progress` is told how many points have been written.
    ///
    /// # Errors
    /// When the database, the index or the model fails. It can be run again and goes on where it stopped.
    pub async fn reindex(&self, progress: impl Fn(usize)) -> Result<usize, Error> {
        let mut written = 0;
        for generation in self.engine.generations.iter() {
            for collection in Collection::ALL {
                self.remove_unknown(generation, collection).await?;
            }
            let mut tx = self.engine.store.begin().await?;
            tx.unmark_generation(&generation.name).await?;
            tx.commit().await?;
            for tenant in self.engine.store.tenants().await? {
                written += self.index_pending_chunks(generation, &tenant, None).await?;
                progress(written);
                written += self.index_pending_exemplars(generation, &tenant, None).await?;
                progress(written);
            }
            for collection in Collection::ALL {
                generation.shard(collection).optimize().await?;
            }
        }
        Ok(written)
    }

    /// Whether any shard has more unindexed points than its bound.
    pub(super) async fn optimisation_is_due(&self) -> Result<bool, Error> {
        for generation in self.engine.generations.iter() {
            for collection in Collection::ALL {
                if generation.shard(collection).needs_optimize().await? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Removes from a shard what the database does not have, and unmarks what the shard does not have.
    async fn remove_unknown(&self, generation: &Generation, collection: Collection) -> Result<usize, Error> {
        let index = generation.shard(collection);
        let stored = stored_collection(collection);
        let mut in_index: Vec<Uuid> = Vec::new();
        loop {
            let page = index.ids_page(in_index.last().copied(), PAGE as usize).await?;
            if page.is_empty() {
                break;
            }
            in_index.extend(page.iter().map(|point| point.id));
        }
        in_index.sort_unstable();

        let mut in_database: Vec<Uuid> = Vec::new();
        for tenant in self.engine.store.tenants().await? {
            let mut after = None;
            loop {
                let page = self.engine.store.point_marks(&tenant, &generation.name, stored, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.point_id);
                let lost: Vec<Uuid> = page
                    .iter()
                    .filter(|point| point.marked && in_index.binary_search(&point.point_id).is_err())
                    .map(|point| point.point_id)
                    .collect();
                if !lost.is_empty() {
                    let mut tx = self.engine.store.begin().await?;
                    tx.unmark_points(&tenant, stored, Some(&generation.name), &lost).await?;
                    tx.commit().await?;
                }
                in_database.extend(page.iter().map(|point| point.point_id));
            }
        }
        in_database.sort_unstable();
        let unknown: Vec<Uuid> = in_index.iter().copied().filter(|id| in_database.binary_search(id).is_err()).collect();
        let removed = unknown.len();
        for ids in unknown.chunks(PAGE as usize) {
            index.delete(ids.to_vec()).await?;
        }
        Ok(removed)
    }
}

/// Whether these were the last rows that wait, and none of them has changed since it was read. Of a whole tenant more may
/// have come meanwhile, whose job was not queued because this one runs.
const fn was_all(Marked { marked, changed, gone }: Marked) -> bool {
    changed == 0 && marked + gone < BATCH as usize
}

fn chunk_point(tenant: &TenantId, pending: &PendingChunk, vector: std::sync::Arc<[f32]>) -> Point {
    Point {
        id: pending.chunk.id.0,
        vector,
        text: pending.chunk.text.clone(),
        payload: Payload::chunk(
            tenant.clone(),
            pending.chunk.conversation_id.0,
            pending.language.clone().unwrap_or_else(Language::undetermined),
            pending.category.clone().unwrap_or_else(|| UNCATEGORISED.to_owned()),
            pending.outcome.unwrap_or(Outcome::Unknown),
            pending.started_at,
        ),
    }
}

fn exemplar_point(tenant: &TenantId, pending: &PendingExemplar, vector: std::sync::Arc<[f32]>) -> Point {
    Point {
        id: pending.exemplar.id.0,
        vector,
        text: pending.exemplar.text.clone(),
        payload: Payload::exemplar(
            tenant.clone(),
            pending.exemplar.entry_id.0,
            pending.exemplar.language.clone(),
            pending.category.clone(),
            pending.status,
            pending.knowledge_type,
        ),
    }
}

/// The database's name of a collection.
fn stored_collection(collection: Collection) -> store::marks::Collection {
    match collection {
        Collection::Exemplars => store::marks::Collection::Exemplars,
        Collection::Chunks => store::marks::Collection::Chunks,
    }
}
