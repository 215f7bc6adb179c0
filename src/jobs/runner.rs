//! The worker of this process.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::ids::IdSource;
use crate::jobs::backoff::next_attempt;
use crate::jobs::settings::JobSettings;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::jobs::{Job, KindLimit};

/// How often finished jobs are looked through for those that were kept long enough; and how long those of schedules are, of
/// which one comes every minute and hides the others.
const PRUNE_EVERY_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

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
/// Told of a job that is being given up, while it is still held; a kill just then makes it told once more.
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
    /// Told of jobs that are given up.
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
        let mut prune_at = runner.clock.now();
        while !stop.is_cancelled() {
            prune_at = runner.prune(prune_at).await;
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
        let Err(failure) = self.attempt(&job).instrument(span.clone()).await else {
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

    /// Runs the handler, unless the job was begun too often already. A panic is a failure like others.
    async fn attempt(&self, job: &Job) -> Result<(), JobFailure> {
        let begun = job.attempts - 1;
        if begun >= self.settings.max_attempts {
            // No failure was written for the last attempt: its process was killed in the middle, perhaps by this job.
            let message = job.last_error.as_deref().map_or_else(
                || format!("it was begun {begun} times and never came to an end"),
                |error| format!("it was begun {begun} times and never came to a good end; one ended with: {error}"),
            );
            return Err(JobFailure { message, retry: false });
        }
        let started = std::time::Instant::now();
        let handled = AssertUnwindSafe((self.handler)(job.clone())).catch_unwind().await;
        let seconds = started.elapsed().as_secs_f64();
        metrics::histogram!("turnwise_job_seconds", "kind" => job.kind.clone()).record(seconds);
        handled.unwrap_or_else(|_| {
            // What it panicked with is not kept: it may hold a text.
            Err(JobFailure { message: "it panicked; standard error says where".to_owned(), retry: true })
        })
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
        // Only the holder gives a job up. Renewed, the lease lasts until the job is buried.
        if !self.store.heartbeat(job, self.clock.now(), self.settings.lease_ms).await? {
            tracing::warn!(error = failure.message, "A job failed here that another worker has taken over");
            return Ok(());
        }
        // First told, then buried: after a kill in between the job is claimed again, fails again and is told again, while
        // a buried one that nobody was told of would stay so.
        let told = AssertUnwindSafe((self.on_dead)(job.clone(), failure.message.clone()));
        if told.catch_unwind().await.is_err() {
            tracing::error!("Telling of a job that is given up panicked");
        }
        let mut tx = self.store.begin().await?;
        let buried = tx.bury_job(job, self.clock.now(), &failure.message).await?;
        tx.commit().await?;
        if buried {
            tracing::error!(error = failure.message, "A job failed for good");
            metrics::counter!("turnwise_jobs_total", "kind" => job.kind.clone(), "end" => "dead").increment(1);
        }
        Ok(())
    }

    /// Deletes what was finished long ago, when that is due again; when it is due next.
    async fn prune(&self, due: Timestamp) -> Timestamp {
        let now = self.clock.now();
        if now < due {
            return due;
        }
        let kept_ms = self.settings.keep_finished_days.saturating_mul(DAY_MS);
        let pruned = async {
            let mut tx = self.store.begin().await?;
            let mut pruned = tx.prune_jobs(now.plus_millis(-kept_ms)).await?;
            pruned += tx.prune_upkeep_jobs(now.plus_millis(-PRUNE_EVERY_MS)).await?;
            tx.commit().await?;
            Ok::<u64, StoreError>(pruned)
        };
        match pruned.await {
            Ok(0) => {}
            Ok(jobs) => tracing::debug!(jobs, "Jobs that were finished long ago are deleted"),
            Err(error) => tracing::warn!(%error, "Finished jobs could not be deleted; it will be tried again"),
        }
        now.plus_millis(PRUNE_EVERY_MS)
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
            // Not in the handler, whose panics are failures: the lease runs out, and the job is claimed again.
            tracing::error!(%error, "A job panicked");
            held.remove(&error.id());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tempfile::TempDir;
    use uuid::Uuid;

    use super::*;
    use crate::domain::clock::ManualClock;
    use crate::domain::ids::{CountingIds, JobId, TenantId};
    use crate::store::jobs::{JobState, NewJob};
    use crate::store::settings::StoreSettings;

    const LEASE_MS: i64 = 60_000;
    const MAX_ATTEMPTS: i64 = 3;
    /// Longer than any wait for another attempt.
    const LATER_MS: i64 = 1_000;

    /// A queue, and what was told of the jobs in it that were given up.
    struct Bench {
        store: Store,
        clock: Arc<ManualClock>,
        dead: Arc<Mutex<Vec<(JobId, String)>>>,
        _directory: TempDir,
    }

    impl Bench {
        async fn open() -> Self {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let url = format!("sqlite:{}", directory.path().join("turnwise.db").display());
            let store = Store::open(&StoreSettings::new(url)).await.expect("the store opens");
            let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000)));
            Self { store, clock, dead: Arc::default(), _directory: directory }
        }

        fn runner(&self, handler: Handler) -> Runner {
            let dead = Arc::clone(&self.dead);
            let on_dead: OnDead = Arc::new(move |job, message| {
                dead.lock().expect("nobody panicked with it").push((job.id, message));
                Box::pin(std::future::ready(()))
            });
            Runner {
                store: self.store.clone(),
                clock: self.clock.clone(),
                ids: Arc::new(CountingIds::default()),
                settings: settings(),
                holder: "this".to_owned(),
                handler,
                on_dead,
            }
        }

        async fn enqueue(&self, number: u128, kind: &str) {
            let job = NewJob {
                id: JobId(Uuid::from_u128(number)),
                kind: kind.to_owned(),
                payload: serde_json::Value::Null,
                dedupe_key: None,
                priority: 0,
                run_at: self.clock.now(),
                trace_id: None,
            };
            let mut tx = self.store.begin().await.expect("a transaction begins");
            tx.enqueue(&TenantId::default_tenant(), &job, self.clock.now()).await.expect("it is queued");
            tx.commit().await.expect("it commits");
        }

        async fn claim_elsewhere(&self) -> Vec<Job> {
            let kinds = [KindLimit { kind: "analyze", limit: 1 }];
            self.store.claim("another", &kinds, self.clock.now(), LEASE_MS, 1).await.expect("it answers")
        }

        async fn job(&self, number: u128) -> Option<Job> {
            let id = JobId(Uuid::from_u128(number));
            self.store.job(&TenantId::default_tenant(), id).await.expect("it answers")
        }

        async fn state(&self, number: u128) -> JobState {
            self.job(number).await.expect("it is there").state
        }

        fn dead(&self) -> Vec<(JobId, String)> {
            self.dead.lock().expect("nobody panicked with it").clone()
        }
    }

    fn settings() -> JobSettings {
        JobSettings {
            lease_ms: LEASE_MS,
            max_attempts: MAX_ATTEMPTS,
            backoff_max_ms: LATER_MS,
            ..JobSettings::for_tests()
        }
    }

    async fn finish(store: &Store, job: &Job, now: Timestamp) {
        let mut tx = store.begin().await.expect("a transaction begins");
        assert!(tx.finish_job(job, now).await.expect("it answers"));
        tx.commit().await.expect("it commits");
    }

    /// Panics in `analyze`, does `credit`, and then stops what is to be stopped.
    fn panicking(bench: &Bench, stop: &CancellationToken) -> Handler {
        let (store, clock, stop) = (bench.store.clone(), bench.clock.clone(), stop.clone());
        Arc::new(move |job| {
            let (store, clock, stop) = (store.clone(), clock.clone(), stop.clone());
            Box::pin(async move {
                assert_ne!(job.kind, "analyze", "this handler panics");
                finish(&store, &job, clock.now()).await;
                stop.cancel();
                Ok(())
            })
        })
    }

    #[tokio::test]
    async fn a_job_that_panics_is_dead_after_its_attempts() {
        let bench = Bench::open().await;
        bench.enqueue(1, "analyze").await;
        for attempt in 1..=MAX_ATTEMPTS {
            assert_eq!((bench.state(1).await, bench.dead()), (JobState::Queued, vec![]), "before attempt {attempt}");
            let runner = bench.runner(panicking(&bench, &CancellationToken::new()));
            assert_eq!(runner.run_until_idle().await.expect("the queue can be read"), 1);
            bench.clock.advance_millis(LATER_MS);
        }
        let job = bench.job(1).await.expect("it is there");
        assert_eq!((job.state, job.attempts), (JobState::Dead, MAX_ATTEMPTS));
        let error = job.last_error.expect("why it is dead");
        assert!(error.contains("panicked"), "{error}");
        assert_eq!(bench.dead(), [(job.id, error)]);
    }

    #[tokio::test]
    async fn the_runner_goes_on_after_a_panic_and_deletes_old_jobs() {
        let bench = Bench::open().await;
        bench.enqueue(1, "analyze").await;
        let finished = bench.claim_elsewhere().await.remove(0);
        finish(&bench.store, &finished, bench.clock.now()).await;
        bench.clock.advance_millis(settings().keep_finished_days * DAY_MS + 1);

        bench.enqueue(2, "analyze").await;
        bench.enqueue(3, "credit").await;
        let stop = CancellationToken::new();
        let runner = bench.runner(panicking(&bench, &stop));
        let run = runner.run(stop, Duration::from_secs(60));
        tokio::time::timeout(Duration::from_secs(60), run).await.expect("it does the second job and stops");
        let panicked = bench.job(2).await.expect("it is there");
        assert_eq!((panicked.state, panicked.attempts), (JobState::Queued, 1), "to be tried again");
        assert_eq!(bench.state(3).await, JobState::Done);
        assert_eq!(bench.job(1).await, None, "it was kept long enough");
    }

    #[tokio::test]
    async fn finished_jobs_are_looked_through_once_an_hour() {
        let bench = Bench::open().await;
        let runner = bench.runner(panicking(&bench, &CancellationToken::new()));
        let due = runner.prune(bench.clock.now()).await;
        assert_eq!(due, bench.clock.now().plus_millis(PRUNE_EVERY_MS));

        bench.enqueue(1, "analyze").await;
        let job = bench.claim_elsewhere().await.remove(0);
        let long_ago = bench.clock.now().plus_millis(-settings().keep_finished_days * DAY_MS);
        finish(&bench.store, &job, long_ago).await;
        bench.clock.advance_millis(PRUNE_EVERY_MS - 1);
        assert_eq!(runner.prune(due).await, due);
        assert_eq!(bench.state(1).await, JobState::Done);
        bench.clock.advance_millis(1);
        assert!(runner.prune(due).await > due);
        assert_eq!(bench.job(1).await, None);
    }

    #[tokio::test]
    async fn a_job_that_kills_its_process_is_given_up() {
        let bench = Bench::open().await;
        bench.enqueue(1, "analyze").await;
        for _ in 1..=MAX_ATTEMPTS {
            assert_eq!(bench.claim_elsewhere().await.len(), 1);
            bench.clock.advance_millis(LEASE_MS);
        }
        // Its handler would panic, and the job would be tried again.
        let runner = bench.runner(panicking(&bench, &CancellationToken::new()));
        assert_eq!(runner.run_until_idle().await.expect("the queue can be read"), 1);
        let job = bench.job(1).await.expect("it is there");
        assert_eq!(job.state, JobState::Dead);
        let error = job.last_error.expect("why it is dead");
        assert!(error.contains("3 times"), "{error}");
        assert_eq!(bench.dead(), [(job.id, error)]);
    }

    #[tokio::test]
    async fn who_lost_the_lease_gives_nothing_up() {
        let bench = Bench::open().await;
        bench.enqueue(1, "analyze").await;
        let (store, clock) = (bench.store.clone(), bench.clock.clone());
        let handler: Handler = Arc::new(move |_| {
            let (store, clock) = (store.clone(), clock.clone());
            Box::pin(async move {
                clock.advance_millis(LEASE_MS);
                let kinds = [KindLimit { kind: "analyze", limit: 1 }];
                let taken = store.claim("another", &kinds, clock.now(), LEASE_MS, 1).await.expect("it answers");
                assert_eq!(taken.len(), 1);
                Err(JobFailure { message: "it cannot be done".to_owned(), retry: false })
            })
        });
        assert_eq!(bench.runner(handler).run_until_idle().await.expect("the queue can be read"), 1);
        let job = bench.job(1).await.expect("it is there");
        assert_eq!((job.state, job.lease_holder.as_deref()), (JobState::Running, Some("another")));
        assert_eq!(bench.dead(), vec![]);
    }
}
