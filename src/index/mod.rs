//! Nearest neighbours, on Qdrant Edge.
//!
//! Guarantees: what [`VectorIndex::upsert`] and [`VectorIndex::delete`] acknowledged is there (or gone) after `kill -9`,
//! also while the index is being optimised; every search is filtered by tenant; no search runs on an async worker, and
//! every queue has a bound. Refuses: searching without a tenant, waiting in an endless line, and being the truth. The
//! database is that: whoever opens an index compares [`VectorIndex::ids_page`] with it.

mod edge;
pub mod error;
mod lexical;
pub mod point;
mod pool;
mod redo;
pub mod settings;
mod writer;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::domain::ids::TenantId;
use crate::domain::language::Language;
use crate::index::edge::{DenseMode, Shard};
use crate::index::error::IndexError;
use crate::index::lexical::Lexicon;
use crate::index::point::{Hit, Point, PointOwner, Search};
use crate::index::pool::SearchPool;
use crate::index::settings::IndexSettings;
use crate::index::writer::{Change, Command, Writer};

/// What a shard holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Collection {
    /// One point per user utterance that an entry answers.
    Exemplars,
    /// One point per piece of a conversation.
    Chunks,
}

impl Collection {
    /// Every collection.
    pub const ALL: [Self; 2] = [Self::Exemplars, Self::Chunks];

    /// The name of its directory.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exemplars => "exemplars",
            Self::Chunks => "chunks",
        }
    }

    /// Where one generation of this collection lives: `DATA_DIR/index/COLLECTION/GENERATION`.
    pub fn shard_dir(self, data_dir: &Path, generation: &str) -> PathBuf {
        data_dir.join("index").join(self.as_str()).join(generation)
    }
}

/// Deletes every generation of a model, also one that is too damaged to be opened: all of it can be made again from the
/// database. None of them may be open.
///
/// # Errors
/// When a directory cannot be read or deleted.
pub fn remove_generations(data_dir: &Path, model: &str) -> Result<(), IndexError> {
    for collection in Collection::ALL {
        let dir = data_dir.join("index").join(collection.as_str());
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(IndexError::io("read", &dir)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(IndexError::io("read", &dir))?;
            let is_of_model =
                entry.file_name().to_str().and_then(|name| name.strip_prefix(model)).is_some_and(is_suffix);
            if !is_of_model {
                continue;
            }
            let path = entry.path();
            let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.map_err(IndexError::io("delete", &path))?;
        }
    }
    Ok(())
}

/// Whether this is what makes a generation of the name of a model.
fn is_suffix(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|fingerprint| !fingerprint.contains('-'))
}

/// What an index holds at a moment, and what it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexStats {
    /// Points of all tenants; approximate while an optimisation runs.
    pub points: usize,
    /// Points that are in an HNSW graph.
    pub indexed: usize,
    /// Points that every search scans.
    pub unindexed: usize,
    /// Segments; each is searched one after the other.
    pub segments: usize,
    /// Bytes on disk, logs included.
    pub disk_bytes: u64,
}

/// What one optimisation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptimizeReport {
    /// Whether there was anything to do.
    pub changed: bool,
    /// How long it took.
    pub took: Duration,
}

/// One collection of one generation: a shard of Qdrant Edge with its writer thread and its search threads.
///
/// Dropping it loses nothing that was acknowledged; [`VectorIndex::close`] also waits until the directory is free.
pub struct VectorIndex {
    shard: Arc<RwLock<Option<Shard>>>,
    lexicon: Arc<Lexicon>,
    pool: SearchPool,
    commands: mpsc::Sender<Command>,
    dimension: usize,
    settings: IndexSettings,
}

impl VectorIndex {
    /// Opens the shard in `dir`, or makes an empty one for vectors of `dimension`, and brings it to the state that was
    /// last acknowledged.
    ///
    /// # Errors
    /// When the directory cannot be read or written, is open in another process, or holds vectors of another dimension.
    pub async fn open(
        dir: &Path,
        collection: Collection,
        dimension: usize,
        settings: &IndexSettings,
    ) -> Result<Self, IndexError> {
        let lexicon = Arc::new(Lexicon::new(collection)?);
        let shard = Arc::new(RwLock::new(None));
        let (commands, inbox) = mpsc::channel(settings.write_queue.max(1));
        let (reply, opened) = oneshot::channel();
        Writer {
            dir: dir.to_owned(),
            dimension,
            settings: settings.clone(),
            lexicon: Arc::clone(&lexicon),
            shard: Arc::clone(&shard),
            commands: commands.downgrade(),
        }
        .spawn(inbox, reply)?;
        opened.await.map_err(|_| IndexError::Closed)??;

        let pool = SearchPool::start(collection.as_str(), settings.search_threads, settings.search_queue)?;
        Ok(Self { shard, lexicon, pool, commands, dimension, settings: settings.clone() })
    }

    /// Writes points, replacing those with the same id. They can be found, and survive `kill -9`, when this returns.
    /// Best a few hundred at a time: searches wait for a moment while they are written.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] before anything is written; [`IndexError::Overloaded`] when too many writes wait.
    pub async fn upsert(&self, points: Vec<Point>) -> Result<(), IndexError> {
        for point in &points {
            self.check_dimension(&point.vector)?;
        }
        if points.is_empty() {
            return Ok(());
        }
        self.write(Change::Upsert(points)).await
    }

    /// Removes points; unknown ids are ignored. They are gone, and stay gone after `kill -9`, when this returns.
    ///
    /// # Errors
    /// [`IndexError::Overloaded`] when too many writes wait.
    pub async fn delete(&self, ids: Vec<Uuid>) -> Result<(), IndexError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.write(Change::Delete(ids)).await
    }

    /// Flushes the shard, after which the log beside it, which holds the texts of what was written since, is empty; while an
    /// optimisation runs, the end of that does it. Takes a good part of a second on a large shard, and writes wait.
    ///
    /// # Errors
    /// [`IndexError::Overloaded`] when too many writes wait; when the disk is full, or the engine failed.
    pub async fn flush(&self) -> Result<(), IndexError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Flush(reply))?;
        answer.await.map_err(|_| IndexError::Closed)?
    }

    /// The points of `tenant` whose vectors are nearest to `vector`, best first, scored by cosine (-1 to 1).
    ///
    /// # Errors
    /// [`IndexError::Overloaded`] when too many searches wait, [`IndexError::Late`] when the deadline passed meanwhile.
    pub async fn search_dense(
        &self,
        tenant: &TenantId,
        vector: Arc<[f32]>,
        search: &Search,
    ) -> Result<Vec<Hit>, IndexError> {
        self.search_vectors(tenant, vector, search, DenseMode::Graph).await
    }

    /// As [`VectorIndex::search_dense`], comparing every vector: slow, and right by definition. For tests and evaluation.
    ///
    /// # Errors
    /// As [`VectorIndex::search_dense`].
    pub async fn search_exact(
        &self,
        tenant: &TenantId,
        vector: Arc<[f32]>,
        search: &Search,
    ) -> Result<Vec<Hit>, IndexError> {
        self.search_vectors(tenant, vector, search, DenseMode::Exact).await
    }

    /// The points of `tenant` that share rare words with `text`, best first, scored by BM25 (above 0, not bounded).
    ///
    /// How rare a word is, is counted over all tenants of this shard. `language` chooses stop words and stemming; see
    /// `lexical.rs` for how texts of different languages meet.
    ///
    /// # Errors
    /// As [`VectorIndex::search_dense`].
    pub async fn search_lexical(
        &self,
        tenant: &TenantId,
        text: &str,
        language: &Language,
        search: &Search,
    ) -> Result<Vec<Hit>, IndexError> {
        let terms = self.lexicon.query(text, language);
        if terms.is_empty() || search.limit == 0 {
            return Ok(Vec::new());
        }
        let (tenant, filter, limit) = (tenant.clone(), search.filter.clone(), search.limit);
        self.on_pool(search, move |shard| shard.search_lexical(&tenant, terms, &filter, limit)).await
    }

    /// Up to `limit` points of all tenants in the order of their ids, after `after`; an empty page is the end.
    ///
    /// For comparing the index with the database at start-up.
    ///
    /// # Errors
    /// As [`VectorIndex::search_dense`].
    pub async fn ids_page(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<PointOwner>, IndexError> {
        self.on_pool(&Search::default(), move |shard| shard.ids_page(after, limit)).await
    }

    /// How many points of all tenants there are, exactly.
    ///
    /// # Errors
    /// As [`VectorIndex::search_dense`].
    pub async fn count(&self) -> Result<usize, IndexError> {
        self.on_pool(&Search::default(), Shard::count).await
    }

    /// What the index holds and takes; reads the directory.
    ///
    /// # Errors
    /// As [`VectorIndex::search_dense`].
    pub async fn stats(&self) -> Result<IndexStats, IndexError> {
        self.on_pool(&Search::default(), Shard::stats).await
    }

    /// Whether more points are scanned by every search than the settings allow, so that [`VectorIndex::optimize`] is due.
    ///
    /// # Errors
    /// As [`VectorIndex::search_dense`].
    pub async fn needs_optimize(&self) -> Result<bool, IndexError> {
        let unindexed = self.on_pool(&Search::default(), |shard| Ok(shard.unindexed())).await?;
        Ok(unindexed > self.settings.max_unindexed_points)
    }

    /// Builds graphs over what is not indexed yet, merges small segments and drops deleted points.
    ///
    /// Runs on a thread of its own at nice 10. Searches and writes go on meanwhile: a write is logged beside the shard,
    /// because the shard cannot be flushed now. When one runs already, this waits for it and reports that one.
    ///
    /// # Errors
    /// When the disk is full, or the engine failed; what was written is not lost.
    pub async fn optimize(&self) -> Result<OptimizeReport, IndexError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Optimize(reply))?;
        answer.await.map_err(|_| IndexError::Closed)?
    }

    /// Waits for a running optimisation, flushes, and frees the directory. Everything after it answers
    /// [`IndexError::Closed`].
    ///
    /// # Errors
    /// When the last flush failed; acknowledged writes are safe even then.
    pub async fn close(&self) -> Result<(), IndexError> {
        let (reply, answer) = oneshot::channel();
        // Closing is no work that may be refused for want of room.
        self.commands.send(Command::Close(reply)).await.map_err(|_| IndexError::Closed)?;
        answer.await.map_err(|_| IndexError::Closed)?
    }

    async fn search_vectors(
        &self,
        tenant: &TenantId,
        vector: Arc<[f32]>,
        search: &Search,
        mode: DenseMode,
    ) -> Result<Vec<Hit>, IndexError> {
        self.check_dimension(&vector)?;
        if search.limit == 0 {
            return Ok(Vec::new());
        }
        let (tenant, filter, limit) = (tenant.clone(), search.filter.clone(), search.limit);
        self.on_pool(search, move |shard| shard.search_dense(&tenant, &vector, &filter, limit, mode)).await
    }

    /// Runs a read on a search thread.
    async fn on_pool<T, F>(&self, search: &Search, read: F) -> Result<T, IndexError>
    where
        T: Send + 'static,
        F: FnOnce(&Shard) -> Result<T, IndexError> + Send + 'static,
    {
        let shard = Arc::clone(&self.shard);
        let work = move || {
            let shard = shard.read().map_err(|_| IndexError::poisoned())?;
            read(shard.as_ref().ok_or(IndexError::Closed)?)
        };
        self.pool.run(search.deadline, work).await
    }

    async fn write(&self, change: Change) -> Result<(), IndexError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Write(change, reply))?;
        answer.await.map_err(|_| IndexError::Closed)?
    }

    fn send(&self, command: Command) -> Result<(), IndexError> {
        self.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => IndexError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => IndexError::Closed,
        })
    }

    fn check_dimension(&self, vector: &[f32]) -> Result<(), IndexError> {
        if vector.len() != self.dimension {
            return Err(IndexError::Dimension { given: vector.len(), expected: self.dimension });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
