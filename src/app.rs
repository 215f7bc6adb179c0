//! The composition root: builds everything once from the configuration. Only `main`, the faces' start-up and tests use it.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::analytics::Analytics;
use crate::config::Config;
use crate::domain::clock::{Clock, SystemClock, Timestamp};
use crate::domain::draft::CallerKey;
use crate::domain::ids::{IdSource, RandomIds};
use crate::domain::schedule::Work;
use crate::embedding::embedders::Embedders;
use crate::engine::Engine;
use crate::engine::error::{Error, chain};
use crate::engine::experiments::RunningExperiments;
use crate::engine::generations::Generations;
use crate::engine::hydration::EntryCache;
use crate::engine::understanding::Understanding;
use crate::index::remove_generations;
use crate::jobs::runner::{Handler, JobFailure, OnDead, Runner};
use crate::jobs::schedules::{Tick, watch};
use crate::learning::Learner;
use crate::learning::indexing::Reconciled;
use crate::learning::pipeline::is_worth_retrying;
use crate::learning::tenant_locks::TenantLocks;
use crate::retrieval::Retriever;
use crate::retrieval::exposures::ExposureSink;
use crate::store::Store;

/// The parts that tests replace.
pub struct Parts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Models that are open already; without them, those of the configuration are opened.
    pub embedders: Option<Embedders>,
}

impl Default for Parts {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), ids: Arc::new(RandomIds), embedders: None }
    }
}

/// What becomes of the shards of the active models that are there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shards {
    Kept,
    MadeAnew,
}

/// Everything, running.
pub struct App {
    /// The configuration that it was built from.
    pub config: Config,
    /// What the services share.
    pub engine: Arc<Engine>,
    /// Conversations in.
    pub learner: Arc<Learner>,
    /// Knowledge out.
    pub retriever: Arc<Retriever>,
    /// What happened, in numbers.
    pub analytics: Arc<Analytics>,
    /// What mending the index at the start changed.
    pub reconciled: Reconciled,
    exposures: ExposureSink,
    stop: CancellationToken,
}

impl App {
    /// Opens the database, the models and the index, and brings the index in line with the database. The caller holds
    /// the lock of the data directory.
    ///
    /// # Errors
    /// What is missing or cannot be opened, with what to do about it.
    pub async fn build(config: Config, parts: Parts) -> Result<Self, Error> {
        let mut app = Self::open(config, parts, Shards::Kept).await?;
        app.reconciled = app.learner.reconcile().await?;
        Ok(app)
    }

    /// As [`App::build`], with empty shards in place of those that are there, whatever state they are in. The caller fills
    /// them; if it does not come to that, the next start does.
    ///
    /// # Errors
    /// As [`App::build`].
    pub async fn build_with_empty_shards(config: Config, parts: Parts) -> Result<Self, Error> {
        Self::open(config, parts, Shards::MadeAnew).await
    }

    async fn open(config: Config, parts: Parts, shards: Shards) -> Result<Self, Error> {
        let data_dir = config.data.dir.clone();
        create_data_dir(&data_dir)?;
        let store = Store::open(&config.store).await?;
        let embedders = match parts.embedders {
            Some(embedders) => embedders,
            None => open_embedders(&config).await?,
        };
        // Not before everything has opened that they are made of.
        if shards == Shards::MadeAnew {
            for embedder in embedders.iter() {
                remove_generations(&data_dir, &embedder.spec().name)?;
            }
        }
        let now = parts.clock.now();
        let generations = open_generations(&config, &embedders, &store, now).await?;
        let callers = CallerKey::new(caller_key(&config, &data_dir)?);
        let engine = Arc::new(Engine {
            store,
            generations,
            entries: EntryCache::new(config.retrieval.entry_cache),
            experiments: RunningExperiments::default(),
            clock: parts.clock,
            ids: parts.ids,
        });
        let learner = Arc::new(Learner {
            engine: Arc::clone(&engine),
            settings: config.learning.clone(),
            schedules: config.schedules.clone(),
            zones: config.metrics.zones(),
            schedules_kept: AtomicI64::new(i64::MIN),
            callers,
            distilling: TenantLocks::default(),
            index_writes: tokio::sync::Mutex::default(),
        });
        let gather = Duration::from_millis(config.retrieval.exposure_flush_ms);
        let exposures = ExposureSink::start(Arc::clone(&engine), config.retrieval.exposure_buffer, gather);
        let retriever = Arc::new(Retriever::new(Arc::clone(&engine), config.retrieval.clone(), exposures.clone()));
        let analytics = Arc::new(Analytics::new(Arc::clone(&engine), &config.metrics));
        let (reconciled, stop) = (Reconciled::default(), CancellationToken::new());
        Ok(Self { config, engine, learner, retriever, analytics, reconciled, exposures, stop })
    }

    /// Starts the worker of this process, which also does what is scheduled; it first takes over what a dead one held.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn start_worker(&self) -> Result<JoinHandle<()>, Error> {
        let runner = self.runner();
        self.engine.store.take_over_all(&runner.holder).await?;
        let grace = Duration::from_millis(self.config.server.shutdown_grace_ms);
        let every = Duration::from_millis(self.config.jobs.poll_ms);
        let watching = tokio::spawn(watch(self.tick(), every, self.stop.clone()));
        let running = runner.run(self.stop.clone(), grace);
        Ok(tokio::spawn(async move {
            running.await;
            // It ends with the same word, and catches what panics in it.
            let _ = watching.await;
        }))
    }

    /// Queues what is scheduled and due now; how many ticks there were. [`App::start_worker`] does so by itself.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn run_schedules(&self) -> Result<usize, Error> {
        self.learner.run_schedules().await
    }

    /// Runs everything that is queued now, and what follows from it, in this task.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn run_jobs(&self) -> Result<usize, Error> {
        Ok(self.runner().run_until_idle().await?)
    }

    /// Told when the process should end.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Writes what is still in memory and closes everything. The worker, if one was started, is waited for.
    pub async fn close(&self, worker: Option<JoinHandle<()>>) {
        self.stop.cancel();
        if let Some(worker) = worker {
            // A panic of the worker was logged where it happened.
            let _ = worker.await;
        }
        self.exposures.flush().await;
        self.engine.generations.close().await;
        self.engine.store.close().await;
    }

    /// Waits until every exposure that was handed in is written.
    pub async fn flush_exposures(&self) {
        self.exposures.flush().await;
    }

    fn tick(&self) -> Tick {
        let learner = Arc::clone(&self.learner);
        Arc::new(move || {
            let learner = Arc::clone(&learner);
            Box::pin(async move {
                if let Err(error) = learner.run_schedules().await {
                    tracing::warn!(%error, "What is scheduled could not be looked at; it will be tried again");
                }
            })
        })
    }

    fn runner(&self) -> Runner {
        let (learner, analytics) = (Arc::clone(&self.learner), Arc::clone(&self.analytics));
        let handler: Handler = Arc::new(move |job| {
            let (learner, analytics) = (Arc::clone(&learner), Arc::clone(&analytics));
            Box::pin(async move {
                let ran = if job.kind == Work::RollUpMetrics.as_str() {
                    analytics.roll_up(&job).await
                } else {
                    learner.run(&job).await
                };
                ran.map_err(|error| JobFailure { message: chain(&error), retry: is_worth_retrying(&error) })
            })
        });
        let learner = Arc::clone(&self.learner);
        let on_dead: OnDead = Arc::new(move |job, message| {
            let learner = Arc::clone(&learner);
            Box::pin(async move {
                if let Err(error) = learner.note_failure(&job, &message).await {
                    tracing::warn!(job.id = %job.id, %error, "The failure could not be noted on the conversation");
                }
            })
        });
        Runner {
            store: self.engine.store.clone(),
            clock: Arc::clone(&self.engine.clock),
            ids: Arc::clone(&self.engine.ids),
            settings: self.config.jobs.clone(),
            holder: format!("{}-{}", std::process::id(), self.engine.new_uuid().simple()),
            handler,
            on_dead,
        }
    }
}

/// Opens the index generations of the active models, each with the understanding of turns that its model has.
///
/// # Errors
/// When the intents file is wrong, the model fails, or a shard cannot be opened.
pub async fn open_generations(
    config: &Config,
    embedders: &Embedders,
    store: &Store,
    now: Timestamp,
) -> Result<Generations, Error> {
    let data_dir = &config.data.dir;
    let cache_dir = config.learning.cache_dir.clone().unwrap_or_else(|| data_dir.join("understanding"));
    let intents_file = config.learning.intents_file.as_deref();
    let mut models = Vec::new();
    for embedder in embedders.iter() {
        let understanding = Understanding::open(embedder, &cache_dir, intents_file).await?;
        models.push((Arc::clone(embedder), Arc::new(understanding)));
    }
    Generations::open(data_dir, &models, &config.index, store, now).await
}

/// Opens the active models. Loading takes seconds and is CPU-bound, so it stays off the async workers.
///
/// # Errors
/// When a model is unknown or cannot be loaded.
pub async fn open_embedders(config: &Config) -> Result<Embedders, Error> {
    let settings = config.embedding.clone();
    let opened = tokio::task::spawn_blocking(move || Embedders::open(&settings)).await;
    Ok(opened.map_err(|_| Error::Overloaded)??)
}

/// Makes the data directory if it is missing, for its owner alone: it holds what people said, and keys. The mode of one
/// that is there is somebody's choice.
///
/// # Errors
/// When it cannot be made, or is something else.
pub fn create_data_dir(dir: &Path) -> Result<(), Error> {
    let wrong = |message: String| Error::Configuration { key: "data.dir".to_owned(), message };
    if dir.exists() && !dir.is_dir() {
        return Err(wrong(format!("{} is a file and not a directory; choose another", dir.display())));
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| wrong(format!("{} cannot be made: {error}", dir.display())))
}

/// The configured key, or the one of the data directory, which is made on the first start and readable by its owner only.
fn caller_key(config: &Config, data_dir: &Path) -> Result<Vec<u8>, Error> {
    if let Some(key) = &config.privacy.caller_key {
        return Ok(key.expose_secret().as_bytes().to_vec());
    }
    secret_file(&data_dir.join("caller.key")).map(String::into_bytes)
}

/// Reads a secret file, making it with 32 random bytes when it is missing.
fn secret_file(path: &PathBuf) -> Result<String, Error> {
    let wrong = |error: std::io::Error| Error::Configuration {
        key: "data.dir".to_owned(),
        message: format!("{} cannot be read or made: {error}", path.display()),
    };
    match std::fs::read_to_string(path) {
        Ok(key) if !key.trim().is_empty() => Ok(key.trim().to_owned()),
        Ok(_) => Err(wrong(std::io::Error::other("it is empty; restore it, or delete it to begin with a new key"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = crate::engine::secrets::random_key();
            crate::engine::secrets::write_private(path, &key).map_err(wrong)?;
            Ok(key)
        }
        Err(error) => Err(wrong(error)),
    }
}
