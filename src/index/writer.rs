//! The one thread that writes to a shard, and what it does when.
//!
//! Guarantees: a write is acknowledged after it can be found and stands in the redo log, so that it survives `kill -9`,
//! also while an optimisation runs (the engine cannot flush then, and forgets deletes made meanwhile when it is killed).
//! When the redo log is large, when somebody asks for it, or an optimisation begins or ends, the shard is flushed and the log
//! begins anew.
//! Refuses: to go on after a panic of the engine.

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

/// Waiting writes that are logged together, at most.
const BATCH: usize = 128;

/// The shard is flushed when the redo log is larger. At 384 dimensions that is 1 300 points, which an opening after a
/// kill writes again in about a second.
const MAX_REDO_BYTES: u64 = 4 * 1024 * 1024;

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
    Flush(Reply<()>),
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
struct Progress {
    redo: RedoLog,
    optimising: bool,
    waiting_for_optimize: Vec<Reply<OptimizeReport>>,
    closing: Vec<Reply<()>>,
    failed: Option<IndexError>,
}

impl Writer {
    /// Starts the thread; `opened` is answered when the shard can be used or cannot be opened.
    pub(super) fn spawn(self, inbox: mpsc::Receiver<Command>, opened: Reply<()>) -> Result<(), IndexError> {
        let dir = self.dir.clone();
        let run = move || match self.guarded(|| self.open_shard()) {
            Ok(redo) => {
                let _ = opened.send(Ok(()));
                self.run(inbox, redo);
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

    fn run(&self, mut inbox: mpsc::Receiver<Command>, redo: RedoLog) {
        let mut progress =
            Progress { redo, optimising: false, waiting_for_optimize: Vec::new(), closing: Vec::new(), failed: None };
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
                Command::Flush(reply) => {
                    // The end of an optimisation flushes; before it nothing can.
                    let flushed = if progress.optimising { Ok(()) } else { self.flush(&mut progress) };
                    let _ = reply.send(flushed);
                }
                Command::Optimize(reply) => self.begin_optimize(reply, &mut progress),
                Command::Optimized(report) => self.end_optimize(report, &mut progress),
                Command::Close(reply) => progress.closing.push(reply),
            }
            if !progress.closing.is_empty() && !progress.optimising {
                break;
            }
        }

        let flushed = self.flush(&mut progress);
        let closed = self.drop_shard().and(flushed);
        for reply in progress.closing {
            let _ = reply.send(closed.clone());
        }
    }

    /// Opens the shard and brings it to the last acknowledged state.
    fn open_shard(&self) -> Result<RedoLog, IndexError> {
        let shard = Shard::open(&self.dir, self.dimension, &self.settings)?;
        let unflushed = RedoLog::read(&self.dir)?;
        for change in &unflushed.changes {
            self.apply(&shard, change)?;
        }
        if unflushed.while_optimising {
            shard.merge_copies()?;
        }
        shard.flush();
        let redo = RedoLog::begin(&self.dir, self.settings.survive_power_loss)?;
        *self.shard.write().map_err(|_| IndexError::poisoned())? = Some(shard);
        Ok(redo)
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
        let durable = progress.redo.append(applied.iter().map(|(change, _)| change));
        for (_, reply) in applied {
            let _ = reply.send(durable.clone());
        }

        if progress.redo.bytes() > MAX_REDO_BYTES && !progress.optimising {
            if let Err(error) = self.flush(progress) {
                tracing::error!(error = %error, index.dir = %self.dir.display(), "The vector index could not be flushed");
            }
            self.clear_log_if_large(progress);
        }
    }

    /// Writes the shard to disk, after which the redo log begins anew.
    fn flush(&self, progress: &mut Progress) -> Result<(), IndexError> {
        self.in_order(progress, |shard| {
            shard.flush();
            Ok(())
        })?;
        progress.redo.clear()
    }

    fn begin_optimize(&self, reply: Reply<OptimizeReport>, progress: &mut Progress) {
        if progress.optimising {
            progress.waiting_for_optimize.push(reply);
            return;
        }
        let started =
            self.flush(progress).and_then(|()| progress.redo.append_optimising()).and_then(|()| self.spawn_optimize());
        match started {
            Ok(()) => {
                progress.optimising = true;
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
            // The writer waits for this as long as it lives.
            let _ = commands.blocking_send(Command::Optimized(report));
        };
        std::thread::Builder::new()
            .name("index-optimise".to_owned())
            .spawn(run)
            .map(|_| ())
            .map_err(IndexError::io("start the thread that optimises", &self.dir))
    }

    fn end_optimize(&self, report: Result<OptimizeReport, IndexError>, progress: &mut Progress) {
        progress.optimising = false;
        if let Err(error @ IndexError::Failed(_)) = &report {
            progress.failed = Some(error.clone());
        }
        let flushed = self.flush(progress);
        let report = report.and_then(|report| flushed.map(|()| report));
        for reply in progress.waiting_for_optimize.drain(..) {
            let _ = reply.send(report.clone());
        }
        self.clear_log_if_large(progress);
    }

    /// The engine never shortens its log; opening the shard anew does. Searches wait for that moment.
    fn clear_log_if_large(&self, progress: &mut Progress) {
        if progress.failed.is_some() || log_bytes(&self.dir) < self.settings.max_log_mib * 1024 * 1024 {
            return;
        }
        match self.drop_shard().and_then(|()| self.guarded(|| self.open_shard())) {
            Ok(redo) => progress.redo = redo,
            Err(error) => {
                tracing::error!(error = %error, index.dir = %self.dir.display(), "The vector index could not be reopened");
                progress.failed = Some(IndexError::Failed(error.to_string()));
            }
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
    fn drop_shard(&self) -> Result<(), IndexError> {
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
