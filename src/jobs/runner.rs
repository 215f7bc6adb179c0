//! The worker of this process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::domain::clock::Clock;
use crate::domain::ids::IdSource;
use crate::jobs::backoff::next_attempt;
use crate::jobs::settings::JobSettings;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::jobs::{Job, KindLimit};

/// Why a job did not end well.
#[derive(Debug)]
pub struct JobFailure {
    /// What went wrong, for people; no turn text.
    pub message: String,
    /// Whether trying again may help.
    pub retry: bool,
}

/// Does the work of a job. It ends the job itself, in the transaction of its result.
pub type Handler = Arc<dyn Fn(Job) -> BoxFuture<'static, Result<(), JobFailure>> + Send + Sync>;
/// Told of a job that was given up.
pub type OnDead = Arc<dyn Fn(Job, String) -> BoxFuture<'static, ()> + Send + Sync>;

/// Runs jobs of this process until it is told to stop.
pub struct Runner {
    /// Where the queue is.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness of waits.
    pub ids: Arc<dyn IdSource>,
    /// How to run.
    pub settings: JobSettings,
    /// The name under which this process holds leases.
    pub holder: String,
    /// What does the work.
    pub handler: Handler,
    /// Told of jobs that were given up.
    pub on_dead: OnDead,
}

impl Runner {
    /// Runs until `stop` is cancelled; then it takes nothing new, gives running jobs `grace` to end, and gives back the
    /// rest.
    pub async fn run(self, stop: CancellationToken, grace: Duration) {
        let runner = Arc::new(self);
        let mut running: JoinSet<()> = JoinSet::new();
        let mut held: HashMap<Id, Job> = HashMap::new();
        let poll = Duration::from_millis(runner.settings.poll_ms);
        let mut heartbeat =
            tokio::time::interval(Duration::from_millis(runner.settings.lease_ms.unsigned_abs() / 3 + 1));
        while !stop.is_cancelled() {
            match runner.claim(&held).await {
                Ok(jobs) => {
                    for job in jobs {
                        let task = running.spawn(Arc::clone(&runner).work(job.clone()));
                        held.insert(task.id(), job);
                    }
                }
                Err(error) => tracing::warn!(%error, "The queue cannot be read; it will be tried again"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = runner.store.job_notify().notified() => {}
                () = tokio::time::sleep(poll) => {}
                _ = heartbeat.tick() => runner.renew(&held).await,
                Some(ended) = running.join_next_with_id() => forget(&mut held, ended),
            }
            while let Some(ended) = running.try_join_next_with_id() {
                forget(&mut held, ended);
            }
        }
        runner.drain(running, held, grace).await;
    }

    /// Runs everything that is due now and what follows from it, one after the other; how many jobs there were. For
    /// commands that wait for their own work, and for tests.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn run_until_idle(self) -> Result<usize, StoreError> {
        let runner = Arc::new(self);
        let mut ran = 0;
        loop {
            let jobs = runner.claim(&HashMap::new()).await?;
            if jobs.is_empty() {
                return Ok(ran);
            }
            for job in jobs {
                Arc::clone(&runner).work(job).await;
                ran += 1;
            }
        }
    }

    /// Takes what is due, within the concurrency of each kind.
    async fn claim(&self, held: &HashMap<Id, Job>) -> Result<Vec<Job>, StoreError> {
        let limits: Vec<KindLimit<'_>> = self
            .settings
            .concurrency
            .by_kind()
            .into_iter()
            .filter_map(|(kind, most)| {
                let busy = held.values().filter(|job| job.kind == kind).count();
                let limit = most.saturating_sub(u32::try_from(busy).unwrap_or(u32::MAX));
                (limit > 0).then_some(KindLimit { kind, limit })
            })
            .collect();
        let total = limits.iter().map(|limit| limit.limit).sum();
        if total == 0 {
            return Ok(Vec::new());
        }
        self.store.claim(&self.holder, &limits, self.clock.now(), self.settings.lease_ms, total).await
    }

    async fn work(self: Arc<Self>, job: Job) {
        let span = tracing::info_span!(
            "job",
            job.id = %job.id,
            job.kind = job.kind,
            job.attempt = job.attempts,
            trace.id = job.trace_id.as_deref().unwrap_or_default(),
        );
        let started = std::time::Instant::now();
        let result = (self.handler)(job.clone()).instrument(span.clone()).await;
        let seconds = started.elapsed().as_secs_f64();
        metrics::histogram!("turnwise_job_seconds", "kind" => job.kind.clone()).record(seconds);
        let Err(failure) = result else {
            metrics::counter!("turnwise_jobs_total", "kind" => job.kind.clone(), "end" => "done").increment(1);
            return;
        };
        let settled = async {
            if failure.retry && job.attempts < self.settings.max_attempts {
                self.retry(&job, &failure).await
            } else {
                self.bury(&job, &failure).await
            }
        };
        if let Err(error) = settled.instrument(span).await {
            // The lease runs out by itself, and the job is claimed again.
            tracing::warn!(job.id = %job.id, %error, "The end of a job could not be written");
        }
    }

    async fn retry(&self, job: &Job, failure: &JobFailure) -> Result<(), StoreError> {
        let now = self.clock.now();
        let at = next_attempt(now, job.attempts, self.ids.uuid(now).as_u128(), &self.settings);
        tracing::warn!(job.run_at = %at, error = failure.message, "A job failed and will be tried again");
        metrics::counter!("turnwise_jobs_total", "kind" => job.kind.clone(), "end" => "retry").increment(1);
        let mut tx = self.store.begin().await?;
        tx.retry_job_at(job, at, &failure.message).await?;
        tx.commit().await
    }

    async fn bury(&self, job: &Job, failure: &JobFailure) -> Result<(), StoreError> {
        tracing::error!(error = failure.message, "A job failed for good");
        metrics::counter!("turnwise_jobs_total", "kind" => job.kind.clone(), "end" => "dead").increment(1);
        let mut tx = self.store.begin().await?;
        tx.bury_job(job, self.clock.now(), &failure.message).await?;
        tx.commit().await?;
        (self.on_dead)(job.clone(), failure.message.clone()).await;
        Ok(())
    }

    async fn renew(&self, held: &HashMap<Id, Job>) {
        for job in held.values() {
            if let Err(error) = self.store.heartbeat(job, self.clock.now(), self.settings.lease_ms).await {
                tracing::warn!(job.id = %job.id, %error, "The lease of a job could not be renewed");
            }
        }
    }

    async fn drain(&self, mut running: JoinSet<()>, mut held: HashMap<Id, Job>, grace: Duration) {
        let until = tokio::time::Instant::now() + grace;
        while let Ok(Some(ended)) = tokio::time::timeout_at(until, running.join_next_with_id()).await {
            forget(&mut held, ended);
        }
        running.shutdown().await;
        for job in held.values() {
            let given_back = async {
                let mut tx = self.store.begin().await?;
                tx.give_back_job(job).await?;
                tx.commit().await
            };
            if let Err(error) = given_back.await {
                tracing::warn!(job.id = %job.id, %error, "A job could not be given back; its lease will run out");
            }
        }
    }
}

fn forget(held: &mut HashMap<Id, Job>, ended: Result<(Id, ()), tokio::task::JoinError>) {
    match ended {
        Ok((id, ())) => _ = held.remove(&id),
        Err(error) => {
            // A panic in a handler: the lease runs out and the job is claimed again, until its attempts are used up.
            tracing::error!(%error, "A job panicked");
            held.remove(&error.id());
        }
    }
}
