//! The one thread that writes to a shard, and what it does when.
//!
//! Guarantees: a write is acknowledged after it is durable, by a flush of the shard, or by the redo log while an
//! optimisation runs (the engine cannot flush then, and forgets deletes made meanwhile when it is killed). Small writes
//! that wait together share one flush. Refuses: to go on after a panic of the engine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Instant;

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::index::OptimizeReport;
use crate::index::edge::{Shard, log_bytes};
use crate::index::error::IndexError;
use crate::index::lexical::Lexicon;
use crate::index::point::Point;
use crate::index::redo::RedoLog;
use crate::index::settings::IndexSettings;

/// Writes that share one flush, at most.
const BATCH: usize = 128;

/// Writes between two looks at the size of the engine's log.
const WRITES_PER_LOOK: usize = 500;

/// Nice 10 on the crate's scale of 0 to 99, which it maps to nice 20 to -20.
const LOW_PRIORITY: u8 = 24;

/// A write.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    Upsert(Vec<Point>),
    Delete(Vec<Uuid>),
}

type Reply<T> = oneshot::Sender<Result<T, IndexError>>;

/// What the writer thread is asked to do.
pub(super) enum Command {
    Write(Change, Reply<()>),
    Optimize(Reply<OptimizeReport>),
    /// From the optimising thread.
    Optimized(Result<OptimizeReport, IndexError>),
    Close(Reply<()>),
}

/// The thread's own; everything else reads `shard`.
pub(super) struct Writer {
    pub(super) dir: PathBuf,
    pub(super) dimension: usize,
    pub(super) settings: IndexSettings,
    pub(super) lexicon: Arc<Lexicon>,
    pub(super) shard: Arc<RwLock<Option<Shard>>>,
    /// Weak, so that the thread ends when nobody can send any more.
    pub(super) commands: mpsc::WeakSender<Command>,
}

/// What goes on at the moment.
#[derive(Default)]
struct Progress {
    /// Set exactly while an optimisation runs.
    redo: Option<RedoLog>,
    waiting_for_optimize: Vec<Reply<OptimizeReport>>,
    closing: Vec<Reply<()>>,
    writes_since_look: usize,
    failed: Option<IndexError>,
}

impl Writer {
    /// Starts the thread; `opened` is answered when the shard can be used or cannot be opened.
    pub(super) fn spawn(self, inbox: mpsc::Receiver<Command>, opened: Reply<()>) -> Result<(), IndexError> {
        let dir = self.dir.clone();
        let run = move || match self.guarded(|| self.open_shard()) {
            Ok(()) => {
                let _ = opened.send(Ok(()));
                self.run(inbox);
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        };
        std::thread::Builder::new()
            .name("index-writer".to_owned())
            .spawn(run)
            .map(|_| ())
            .map_err(IndexError::io("start the thread that writes", &dir))
    }

    fn run(&self, mut inbox: mpsc::Receiver<Command>) {
        let mut progress = Progress::default();
        let mut next = None;
        while let Some(command) = next.take().or_else(|| inbox.blocking_recv()) {
            match command {
                Command::Write(change, reply) => {
                    let mut batch = vec![(change, reply)];
                    while batch.len() < BATCH && next.is_none() {
                        match inbox.try_recv() {
                            Ok(Command::Write(change, reply)) => batch.push((change, reply)),
                            Ok(other) => next = Some(other),
                            Err(_) => break,
                        }
                    }
                    self.write(batch, &mut progress);
                }
                Command::Optimize(reply) => self.begin_optimize(reply, &mut progress),
                Command::Optimized(report) => self.end_optimize(report, &mut progress),
                Command::Close(reply) => progress.closing.push(reply),
            }
            if !progress.closing.is_empty() && progress.redo.is_none() {
                break;
            }
        }

        let closed = self.close();
        for reply in progress.closing {
            let _ = reply.send(closed.clone());
        }
    }

    /// Opens the shard and brings it to the last acknowledged state.
    fn open_shard(&self) -> Result<(), IndexError> {
        let shard = Shard::open(&self.dir, self.dimension, &self.settings)?;
        if let Some(changes) = RedoLog::read(&self.dir)? {
            for change in &changes {
                self.apply(&shard, change)?;
            }
            shard.merge_copies()?;
            shard.flush();
            RedoLog::forget(&self.dir)?;
        }
        *self.shard.write().map_err(|_| IndexError::poisoned())? = Some(shard);
        Ok(())
    }

    fn write(&self, batch: Vec<(Change, Reply<()>)>, progress: &mut Progress) {
        let mut applied = Vec::with_capacity(batch.len());
        for (change, reply) in batch {
            match self.in_order(progress, |shard| self.apply(shard, &change)) {
                Ok(()) => applied.push((change, reply)),
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            }
        }
        if applied.is_empty() {
            return;
        }

        let durable = match progress.redo.as_mut() {
            Some(redo) => redo.append(applied.iter().map(|(change, _)| change)),
            None => self.in_order(progress, |shard| {
                shard.flush();
                Ok(())
            }),
        };
        progress.writes_since_look += applied.len();
        for (_, reply) in applied {
            let _ = reply.send(durable.clone());
        }
        self.clear_log_if_large(progress);
    }

    fn begin_optimize(&self, reply: Reply<OptimizeReport>, progress: &mut Progress) {
        if progress.redo.is_some() {
            progress.waiting_for_optimize.push(reply);
            return;
        }
        let started = self.in_order(progress, |shard| {
            shard.flush();
            let redo = RedoLog::begin(&self.dir)?;
            self.spawn_optimize()?;
            Ok(redo)
        });
        match started {
            Ok(redo) => {
                progress.redo = Some(redo);
                progress.waiting_for_optimize.push(reply);
            }
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    fn spawn_optimize(&self) -> Result<(), IndexError> {
        let commands = self.commands.upgrade().ok_or(IndexError::Closed)?;
        let shard = Arc::clone(&self.shard);
        let run = move || {
            lower_priority();
            let started = Instant::now();
            let optimised = catch_unwind(AssertUnwindSafe(|| {
                let shard = shard.read().map_err(|_| IndexError::poisoned())?;
                shard.as_ref().ok_or(IndexError::Closed)?.optimize()
            }));
            let report = match optimised {
                Ok(Ok(changed)) => Ok(OptimizeReport { changed, took: started.elapsed() }),
                Ok(Err(error)) => Err(error),
                Err(panic) => Err(IndexError::Failed(IndexError::panic_text(panic.as_ref()))),
            };
            // Only a writer that panicked is not there any more.
            let _ = commands.blocking_send(Command::Optimized(report));
        };
        std::thread::Builder::new()
            .name("index-optimise".to_owned())
            .spawn(run)
            .map(|_| ())
            .map_err(IndexError::io("start the thread that optimises", &self.dir))
    }

    fn end_optimize(&self, report: Result<OptimizeReport, IndexError>, progress: &mut Progress) {
        let redo = progress.redo.take();
        if let Err(error @ IndexError::Failed(_)) = &report {
            progress.failed = Some(error.clone());
        }
        // The redo log goes only after the flush; when that fails, it is still there at the next opening.
        let flushed = self.in_order(progress, |shard| {
            shard.flush();
            redo.map_or(Ok(()), RedoLog::end)
        });
        let report = report.and_then(|report| flushed.map(|()| report));
        for reply in progress.waiting_for_optimize.drain(..) {
            let _ = reply.send(report.clone());
        }
        self.clear_log_if_large(progress);
    }

    /// The engine never shortens its log; opening the shard anew does. Searches wait for that moment.
    fn clear_log_if_large(&self, progress: &mut Progress) {
        if progress.redo.is_some() || progress.writes_since_look < WRITES_PER_LOOK || progress.failed.is_some() {
            return;
        }
        progress.writes_since_look = 0;
        if log_bytes(&self.dir) < self.settings.max_log_mib * 1024 * 1024 {
            return;
        }
        let reopened = self.close().and_then(|()| self.guarded(|| self.open_shard()));
        if let Err(error) = reopened {
            tracing::error!(error = %error, index.dir = %self.dir.display(), "The vector index could not be reopened");
            progress.failed = Some(IndexError::Failed(error.to_string()));
        }
    }

    fn apply(&self, shard: &Shard, change: &Change) -> Result<(), IndexError> {
        match change {
            Change::Upsert(points) => shard.upsert(points, &self.lexicon),
            Change::Delete(ids) => shard.delete(ids),
        }
    }

    /// Runs `step` unless an earlier one panicked; a panic in this one stops all later ones.
    fn in_order<T>(
        &self,
        progress: &mut Progress,
        step: impl FnOnce(&Shard) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        if let Some(error) = &progress.failed {
            return Err(error.clone());
        }
        let result = self.guarded(|| {
            let shard = self.shard.read().map_err(|_| IndexError::poisoned())?;
            step(shard.as_ref().ok_or(IndexError::Closed)?)
        });
        if let Err(error @ IndexError::Failed(_)) = &result {
            progress.failed = Some(error.clone());
        }
        result
    }

    fn guarded<T>(&self, step: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
        catch_unwind(AssertUnwindSafe(step))
            .unwrap_or_else(|panic| Err(IndexError::Failed(IndexError::panic_text(panic.as_ref()))))
    }

    /// Drops the shard, which flushes it and frees its directory.
    fn close(&self) -> Result<(), IndexError> {
        let shard = self.shard.write().map_err(|_| IndexError::poisoned())?.take();
        self.guarded(|| {
            drop(shard);
            Ok(())
        })
    }
}

/// Best effort: without it, optimising only takes more from the searches.
fn lower_priority() {
    let priority = ThreadPriorityValue::try_from(LOW_PRIORITY).map(ThreadPriority::Crossplatform);
    let lowered = priority
        .map_err(|error| error.to_string())
        .and_then(|priority| set_current_thread_priority(priority).map_err(|error| format!("{error:?}")));
    if let Err(error) = lowered {
        tracing::debug!(error, "Optimising at normal priority");
    }
}
