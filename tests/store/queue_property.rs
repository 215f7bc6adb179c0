//! The queue under random interleavings: no job is lost, and none takes effect twice.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::runtime::Runtime;
use turnwise::domain::ids::JobId;
use turnwise::store::Store;
use turnwise::store::jobs::{Job, JobState, KindLimit};

use crate::store::fixtures::{at, begin, commit, job, tenant};
use crate::store::{property_on_postgres, property_on_sqlite};

const LEASE: i64 = 100;
const WORKERS: usize = 3;

/// One step of somebody.
#[derive(Clone, Debug)]
enum Step {
    /// A job with one of a few dedupe keys is queued.
    Enqueue { key: u8, delay: u8 },
    /// A worker takes some.
    Claim { worker: usize, limit: u32 },
    /// A worker writes the effect of a job that it believes to hold, and finishes it.
    Finish { worker: usize, pick: usize },
    /// A worker reports a failure.
    Retry { worker: usize, pick: usize, delay: u8 },
    /// A worker stops and gives a job back.
    GiveBack { worker: usize, pick: usize },
    /// A worker is killed: it forgets what it holds.
    Kill { worker: usize },
    /// Time passes; leases may run out.
    Pass { millis: u8 },
    /// A worker says that it is still there.
    Heartbeat { worker: usize, pick: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..WORKERS;
    prop_oneof![
        3 => (0..6_u8, 0..50_u8).prop_map(|(key, delay)| Step::Enqueue { key, delay }),
        4 => (worker.clone(), 1..4_u32).prop_map(|(worker, limit)| Step::Claim { worker, limit }),
        4 => (worker.clone(), 0..8_usize).prop_map(|(worker, pick)| Step::Finish { worker, pick }),
        1 => (worker.clone(), 0..8_usize, 0..50_u8)
            .prop_map(|(worker, pick, delay)| Step::Retry { worker, pick, delay }),
        1 => (worker.clone(), 0..8_usize).prop_map(|(worker, pick)| Step::GiveBack { worker, pick }),
        1 => worker.clone().prop_map(|worker| Step::Kill { worker }),
        3 => (0..120_u8).prop_map(|millis| Step::Pass { millis }),
        1 => (worker, 0..8_usize).prop_map(|(worker, pick)| Step::Heartbeat { worker, pick }),
    ]
}

/// What must be true of the queue, kept beside it.
#[derive(Default)]
struct Model {
    now: i64,
    enqueued: BTreeSet<JobId>,
    /// How often each job took effect.
    effects: BTreeMap<JobId, usize>,
    /// What each worker believes to hold.
    held: [Vec<Job>; WORKERS],
    /// Key of each unfinished job.
    unfinished: BTreeMap<u8, JobId>,
    /// Until when each running job belongs to its holder.
    leases: BTreeMap<JobId, i64>,
}

impl Model {
    async fn take(&mut self, store: &Store, step: &Step) {
        match *step {
            Step::Enqueue { key, delay } => self.enqueue(store, key, delay).await,
            Step::Claim { worker, limit } => self.claim(store, worker, limit).await,
            Step::Finish { worker, pick } => {
                if let Some(job) = self.pick(worker, pick) {
                    self.finish(store, &job).await;
                }
            }
            Step::Retry { worker, pick, delay } => {
                let Some(job) = self.pick(worker, pick) else { return };
                let mut tx = begin(store).await;
                if tx.retry_job_at(&job, at(self.now + i64::from(delay)), "failed").await.expect("it answers") {
                    self.leases.remove(&job.id);
                }
                commit(tx).await;
            }
            Step::GiveBack { worker, pick } => {
                let Some(job) = self.pick(worker, pick) else { return };
                let mut tx = begin(store).await;
                if tx.give_back_job(&job).await.expect("it answers") {
                    self.leases.remove(&job.id);
                }
                commit(tx).await;
            }
            Step::Kill { worker } => self.held[worker].clear(),
            Step::Pass { millis } => self.now += i64::from(millis),
            Step::Heartbeat { worker, pick } => {
                let Some(job) = self.pick(worker, pick) else { return };
                if store.heartbeat(&job, at(self.now), LEASE).await.expect("it answers") {
                    self.leases.insert(job.id, self.now + LEASE);
                    self.held[worker].push(job);
                }
            }
        }
    }

    async fn enqueue(&mut self, store: &Store, key: u8, delay: u8) {
        let mut new = job(self.enqueued.len() as u128 + 1, "analyze");
        new.dedupe_key = Some(key.to_string());
        new.run_at = at(self.now + i64::from(delay));
        let mut tx = begin(store).await;
        let added = tx.enqueue(&tenant(), &new, at(self.now)).await.expect("it answers");
        commit(tx).await;
        assert_eq!(added, !self.unfinished.contains_key(&key), "added unless one with its key is unfinished");
        if added {
            self.enqueued.insert(new.id);
            self.unfinished.insert(key, new.id);
        }
    }

    async fn claim(&mut self, store: &Store, worker: usize, limit: u32) {
        let kinds = [KindLimit { kind: "analyze", limit }];
        let holder = format!("worker-{worker}");
        let claimed = store.claim(&holder, &kinds, at(self.now), LEASE, limit).await.expect("it answers");
        assert!(claimed.len() <= limit as usize);
        for job in claimed {
            assert!(job.run_at <= at(self.now), "nothing runs before its time");
            assert_eq!(self.effects.get(&job.id), None, "a finished job is not claimed again");
            let before = self.leases.insert(job.id, self.now + LEASE);
            assert!(before.is_none_or(|end| end <= self.now), "nothing is taken from a holder whose lease runs");
            self.held[worker].push(job);
        }
    }

    /// The effect is written in the transaction that finishes the job, as a stage does.
    async fn finish(&mut self, store: &Store, job: &Job) {
        let mut tx = begin(store).await;
        if !tx.finish_job(job, at(self.now)).await.expect("it answers") {
            tx.rollback().await.expect("it is undone");
            return;
        }
        commit(tx).await;
        *self.effects.entry(job.id).or_default() += 1;
        self.unfinished.retain(|_, id| *id != job.id);
    }

    fn pick(&mut self, worker: usize, pick: usize) -> Option<Job> {
        let held = &mut self.held[worker];
        (!held.is_empty()).then(|| held.remove(pick % held.len()))
    }

    /// Everybody is killed; then one worker works until nothing is left.
    async fn drain(&mut self, store: &Store) {
        self.held = Default::default();
        for _ in 0..=self.enqueued.len() {
            self.now += 2 * LEASE;
            self.claim(store, 0, 4).await;
            while let Some(job) = self.pick(0, 0) {
                self.finish(store, &job).await;
            }
        }
        let once: BTreeMap<JobId, usize> = self.enqueued.iter().map(|id| (*id, 1)).collect();
        assert_eq!(self.effects, once, "every job took effect exactly once");
        for id in &self.enqueued {
            let job = store.job(&tenant(), *id).await.expect("it answers").expect("it is there");
            assert_eq!(job.state, JobState::Done);
        }
        assert_eq!(store.unfinished_jobs(&tenant()).await.expect("it answers"), 0);
    }
}

/// Runs many interleavings, each from an empty queue.
fn check(cases: u32, runtime: &Runtime, store: &Store) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in vec(step(), 1..60))| {
        runtime.block_on(async {
            let mut model = Model::default();
            for step in &steps {
                model.take(store, step).await;
            }
            model.drain(store).await;
            let mut tx = begin(store).await;
            tx.prune_jobs(at(i64::MAX)).await.expect("it answers");
            commit(tx).await;
        });
    });
}

#[test]
fn no_interleaving_loses_or_doubles_a_job_on_sqlite() {
    property_on_sqlite(|runtime, store| check(64, runtime, store));
}

#[test]
fn no_interleaving_loses_or_doubles_a_job_on_postgres() {
    property_on_postgres(|runtime, store| check(32, runtime, store));
}
