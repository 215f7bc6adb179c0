//! The queue.

use std::time::Duration;

use turnwise::domain::conversation::ConversationStatus;
use turnwise::store::Store;
use turnwise::store::jobs::{Job, JobState, KindLimit, NewJob};

use crate::store::fixtures::{at, begin, commit, insert_conversation, job, other_tenant, tenant};
use crate::store::on_both;
use crate::store::open;
use crate::support::postgres::TestDatabase;

const LEASE: i64 = 60_000;

async fn enqueue(store: &Store, job: &NewJob) -> bool {
    let mut tx = begin(store).await;
    let added = tx.enqueue(&tenant(), job, at(50)).await.expect("it answers");
    commit(tx).await;
    added
}

async fn claim(store: &Store, holder: &str, now: i64) -> Vec<Job> {
    let kinds = [KindLimit { kind: "analyze", limit: 10 }, KindLimit { kind: "chunk", limit: 10 }];
    store.claim(holder, &kinds, at(now), LEASE, 10).await.expect("it answers")
}

async fn finish(store: &Store, job: &Job) -> bool {
    let mut tx = begin(store).await;
    let finished = tx.finish_job(job, at(500)).await.expect("it answers");
    commit(tx).await;
    finished
}

async fn state(store: &Store, number: u128) -> Job {
    let id = job(number, "analyze").id;
    store.job(&tenant(), id).await.expect("it answers").expect("it is there")
}

#[tokio::test]
async fn a_job_is_claimed_when_it_is_due_and_by_one_only() {
    on_both(async |store| {
        assert!(enqueue(&store, &job(1, "analyze")).await);
        assert_eq!(claim(&store, "a", 99).await, vec![]);
        let claimed = claim(&store, "a", 100).await;
        assert_eq!(claimed.len(), 1);
        let one = &claimed[0];
        assert_eq!((one.id, &one.tenant, one.kind.as_str()), (job(1, "analyze").id, &tenant(), "analyze"));
        assert_eq!((one.payload.clone(), one.trace_id.as_deref()), (job(1, "analyze").payload, Some("trace")));
        assert_eq!((one.attempts, one.state), (1, JobState::Running));
        assert_eq!((one.lease_holder.as_deref(), one.lease_end), (Some("a"), Some(at(100 + LEASE))));
        assert_eq!(claim(&store, "b", 100).await, vec![]);

        assert!(finish(&store, one).await);
        assert!(!finish(&store, one).await);
        assert_eq!(claim(&store, "b", 1_000_000).await, vec![]);
        let done = state(&store, 1).await;
        assert_eq!((done.state, done.finished_at, done.lease_holder), (JobState::Done, Some(at(500)), None));
        assert_eq!(store.job(&other_tenant(), one.id).await.expect("it answers"), None);
    })
    .await;
}

#[tokio::test]
async fn an_unfinished_duplicate_is_not_added() {
    on_both(async |store| {
        let mut again = job(2, "analyze");
        again.dedupe_key = job(1, "analyze").dedupe_key;
        let mut elsewhere = again.clone();
        (elsewhere.id, elsewhere.kind) = (job(3, "chunk").id, "chunk".to_owned());
        assert!(enqueue(&store, &job(1, "analyze")).await);
        assert!(!enqueue(&store, &again).await);
        assert!(enqueue(&store, &elsewhere).await, "another kind has its own keys");

        let claimed = claim(&store, "a", 100).await;
        assert!(!enqueue(&store, &again).await, "a running job is unfinished too");
        for job in &claimed {
            assert!(finish(&store, job).await);
        }
        assert!(enqueue(&store, &again).await);

        let (mut keyless, mut also) = (job(4, "analyze"), job(5, "analyze"));
        (keyless.dedupe_key, also.dedupe_key) = (None, None);
        assert!(enqueue(&store, &keyless).await && enqueue(&store, &also).await);
    })
    .await;
}

#[tokio::test]
async fn the_urgent_and_the_early_come_first_within_the_limits() {
    on_both(async |store| {
        for (number, kind, priority, run_at) in [
            (1, "analyze", 0, 30),
            (2, "analyze", 0, 10),
            (3, "analyze", 5, 90),
            (4, "chunk", 9, 95),
            (5, "chunk", 0, 1),
        ] {
            let mut new = job(number, kind);
            (new.priority, new.run_at) = (priority, at(run_at));
            assert!(enqueue(&store, &new).await);
        }
        let numbers = |jobs: &[Job]| jobs.iter().map(|job| job.id.0.as_u128()).collect::<Vec<_>>();
        let kinds = [KindLimit { kind: "chunk", limit: 1 }, KindLimit { kind: "analyze", limit: 9 }];
        let first = store.claim("a", &kinds, at(100), LEASE, 3).await.expect("it answers");
        assert_eq!(numbers(&first), [4, 3, 2]);
        assert_eq!(store.claim("a", &kinds, at(100), LEASE, 0).await.expect("it answers"), vec![]);
        let none = [KindLimit { kind: "chunk", limit: 0 }, KindLimit { kind: "unknown", limit: 9 }];
        assert_eq!(store.claim("a", &none, at(100), LEASE, 9).await.expect("it answers"), vec![]);
        let rest = store.claim("a", &kinds, at(100), LEASE, 9).await.expect("it answers");
        assert_eq!(numbers(&rest), [5, 1]);
    })
    .await;
}

#[tokio::test]
async fn an_expired_lease_is_claimed_again_and_the_late_one_is_refused() {
    on_both(async |store| {
        let conversation = insert_conversation(&store, 9).await;
        enqueue(&store, &job(1, "analyze")).await;
        let late = claim(&store, "a", 100).await.remove(0);
        assert!(store.heartbeat(&late, at(1_000), LEASE).await.expect("it answers"));
        assert_eq!(claim(&store, "b", 100 + LEASE).await, vec![], "the heartbeat moved the end");
        let again = claim(&store, "b", 1_000 + LEASE).await.remove(0);
        assert_eq!((again.id, again.attempts), (late.id, 2));

        assert!(!store.heartbeat(&late, at(70_000), LEASE).await.expect("it answers"));
        // The late one wrote its effect and finds out when it finishes: its effect goes with the job's state.
        let mut tx = begin(&store).await;
        let processed = ConversationStatus::Processed;
        tx.set_conversation_status(&tenant(), conversation.id, processed, None, at(5)).await.expect("it answers");
        assert!(!tx.finish_job(&late, at(70_000)).await.expect("it answers"));
        tx.rollback().await.expect("it is undone");
        let stored = store.conversation(&tenant(), conversation.id).await.expect("it answers").expect("it is there");
        assert_eq!(stored.status, ConversationStatus::Received);
        assert!(finish(&store, &again).await);
    })
    .await;
}

#[tokio::test]
async fn two_leases_of_one_holder_are_told_apart() {
    on_both(async |store| {
        enqueue(&store, &job(1, "analyze")).await;
        let first = claim(&store, "a", 100).await.remove(0);
        let second = claim(&store, "a", 100 + LEASE).await.remove(0);
        assert!(!finish(&store, &first).await);
        assert!(finish(&store, &second).await);
    })
    .await;
}

#[tokio::test]
async fn a_failed_job_is_tried_later_or_buried() {
    on_both(async |store| {
        enqueue(&store, &job(1, "analyze")).await;
        let first = claim(&store, "a", 100).await.remove(0);
        let mut tx = begin(&store).await;
        assert!(tx.retry_job_at(&first, at(5_000), "model is away").await.expect("it answers"));
        assert!(!tx.bury_job(&first, at(5_000), "too late").await.expect("it answers"));
        commit(tx).await;
        assert_eq!(claim(&store, "a", 4_999).await, vec![]);
        let second = claim(&store, "a", 5_000).await.remove(0);
        assert_eq!((second.attempts, second.last_error.as_deref()), (2, Some("model is away")));

        let mut tx = begin(&store).await;
        assert!(tx.bury_job(&second, at(6_000), "no such conversation").await.expect("it answers"));
        commit(tx).await;
        assert_eq!(claim(&store, "a", 1_000_000).await, vec![]);
        let dead = store.dead_jobs(&tenant(), 10).await.expect("it answers");
        assert_eq!(dead.len(), 1);
        assert_eq!((dead[0].state, dead[0].finished_at), (JobState::Dead, Some(at(6_000))));
        assert_eq!(dead[0].last_error.as_deref(), Some("no such conversation"));
        assert_eq!(store.dead_jobs(&other_tenant(), 10).await.expect("it answers"), vec![]);
    })
    .await;
}

#[tokio::test]
async fn what_is_given_back_was_never_tried() {
    on_both(async |store| {
        enqueue(&store, &job(1, "analyze")).await;
        let first = claim(&store, "a", 100).await.remove(0);
        let mut tx = begin(&store).await;
        assert!(tx.give_back_job(&first).await.expect("it answers"));
        assert!(!tx.give_back_job(&first).await.expect("it answers"));
        commit(tx).await;
        assert_eq!(claim(&store, "b", 100).await.remove(0).attempts, 1);
    })
    .await;
}

#[tokio::test]
async fn a_restart_takes_over_what_the_dead_process_held() {
    on_both(async |store| {
        enqueue(&store, &job(1, "analyze")).await;
        enqueue(&store, &job(2, "analyze")).await;
        let kinds = [KindLimit { kind: "analyze", limit: 1 }];
        store.claim("dead", &kinds, at(100), LEASE, 1).await.expect("it answers");
        let own = store.claim("new", &kinds, at(100), LEASE, 1).await.expect("it answers").remove(0);
        assert_eq!(store.take_over_all("new").await.expect("it answers"), 1);
        let taken = claim(&store, "new", 100).await;
        assert_eq!((taken.len(), taken[0].attempts), (1, 2));
        assert!(finish(&store, &own).await);
    })
    .await;
}

#[tokio::test]
async fn the_queue_is_counted_and_pruned() {
    on_both(async |store| {
        for number in 1..=3 {
            enqueue(&store, &job(number, "analyze")).await;
        }
        enqueue(&store, &job(4, "chunk")).await;
        let kinds = [KindLimit { kind: "analyze", limit: 2 }];
        let claimed = store.claim("a", &kinds, at(100), LEASE, 9).await.expect("it answers");
        assert!(finish(&store, &claimed[0]).await);
        let stats = store.queue_stats().await.expect("it answers");
        let stats: Vec<_> =
            stats.iter().map(|row| (row.kind.as_str(), row.state, row.count, row.oldest_run_at)).collect();
        let expected = [
            ("analyze", JobState::Queued, 1, at(100)),
            ("analyze", JobState::Running, 1, at(100)),
            ("chunk", JobState::Queued, 1, at(100)),
        ];
        assert_eq!(stats, expected);
        assert_eq!(store.unfinished_jobs(&tenant()).await.expect("it answers"), 3);
        assert_eq!(store.unfinished_jobs(&other_tenant()).await.expect("it answers"), 0);

        let mut tx = begin(&store).await;
        assert_eq!(tx.prune_jobs(at(500)).await.expect("it answers"), 0);
        assert_eq!(tx.prune_jobs(at(501)).await.expect("it answers"), 1);
        commit(tx).await;
        assert_eq!(store.unfinished_jobs(&tenant()).await.expect("it answers"), 3);
    })
    .await;
}

#[tokio::test]
async fn work_that_is_due_every_minute_is_not_kept_as_long_as_other_jobs() {
    on_both(async |store| {
        let of_kind = |number, key: &str| NewJob { dedupe_key: Some(key.to_owned()), ..job(number, "roll_up_metrics") };
        enqueue(&store, &of_kind(1, "roll_up_metrics")).await;
        enqueue(&store, &of_kind(2, "another key")).await;
        let kinds = [KindLimit { kind: "roll_up_metrics", limit: 9 }];
        for claimed in store.claim("a", &kinds, at(100), LEASE, 9).await.expect("it answers") {
            assert!(finish(&store, &claimed).await);
        }
        enqueue(&store, &of_kind(3, "roll_up_metrics")).await;
        let mut tx = begin(&store).await;
        assert_eq!(tx.prune_upkeep_jobs(at(500)).await.expect("it answers"), 0);
        assert_eq!(tx.prune_upkeep_jobs(at(501)).await.expect("it answers"), 1);
        commit(tx).await;
        let counts = store.count_jobs(&tenant()).await.expect("it answers");
        let counts: Vec<_> = counts.iter().map(|one| (one.state, one.count)).collect();
        assert_eq!(counts, [(JobState::Done, 1), (JobState::Queued, 1)]);
    })
    .await;
}

/// Whether the wake-up comes; a missing one would otherwise hang the test.
async fn woken(store: &Store) -> bool {
    tokio::time::timeout(Duration::from_secs(20), store.job_notify().notified()).await.is_ok()
}

/// Whether a wake-up waits already.
async fn wake_up_waits(store: &Store) -> bool {
    tokio::select! {
        biased;
        () = store.job_notify().notified() => true,
        () = std::future::ready(()) => false,
    }
}

#[tokio::test]
async fn a_commit_wakes_the_runner_and_a_rollback_does_not() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = open(&format!("sqlite:{}", directory.path().join("turnwise.db").display())).await;
    let mut tx = begin(&store).await;
    assert!(tx.enqueue(&tenant(), &job(1, "analyze"), at(1)).await.expect("it answers"));
    assert!(!wake_up_waits(&store).await, "nothing is committed yet");
    tx.rollback().await.expect("it is undone");
    assert!(!wake_up_waits(&store).await);

    assert!(enqueue(&store, &job(1, "analyze")).await);
    assert!(wake_up_waits(&store).await);
    assert!(!enqueue(&store, &job(1, "analyze")).await);
    assert!(!wake_up_waits(&store).await, "a duplicate wakes nobody");
}

#[tokio::test]
async fn on_postgres_a_commit_wakes_the_other_processes_too() {
    let database = TestDatabase::create().await;
    let (here, there) = (open(&database.url).await, open(&database.url).await);
    assert!(enqueue(&here, &job(1, "analyze")).await);
    assert!(woken(&here).await);
    assert!(woken(&there).await);
    here.close().await;
    there.close().await;
    database.drop().await;
}

#[tokio::test]
async fn on_postgres_workers_that_claim_at_once_share_the_jobs() {
    let database = TestDatabase::create().await;
    let (here, there) = (open(&database.url).await, open(&database.url).await);
    for number in 1..=40 {
        enqueue(&here, &job(number, "analyze")).await;
    }
    let drain = async |store: &Store, holder: &str| {
        let mut claimed = Vec::new();
        loop {
            let kinds = [KindLimit { kind: "analyze", limit: 3 }];
            let jobs = store.claim(holder, &kinds, at(100), LEASE, 3).await.expect("it answers");
            if jobs.is_empty() {
                return claimed;
            }
            claimed.extend(jobs.into_iter().map(|job| job.id));
        }
    };
    let (mut a, b) = tokio::join!(drain(&here, "a"), drain(&there, "b"));
    a.extend(b);
    // A worker that sees only jobs which the other is just taking stops early; the rest is there for the next poll.
    a.extend(drain(&here, "a").await);
    a.sort();
    let expected: Vec<_> = (1..=40).map(|number| job(number, "analyze").id).collect();
    assert_eq!(a, expected);
    here.close().await;
    there.close().await;
    database.drop().await;
}

#[tokio::test]
async fn on_postgres_one_distils_at_a_time_per_tenant() {
    let database = TestDatabase::create().await;
    let store = open(&database.url).await;
    let mut first = begin(&store).await;
    first.lock_distillation(&tenant()).await.expect("it is free");
    let mut elsewhere = begin(&store).await;
    elsewhere.lock_distillation(&other_tenant()).await.expect("another tenant is not in the way");
    commit(elsewhere).await;

    let (mut second, tenant) = (begin(&store).await, tenant());
    {
        let waits = second.lock_distillation(&tenant);
        tokio::pin!(waits);
        // It cannot get the lock while the first one holds it; that it waits for ever cannot be seen, so look a while.
        assert!(tokio::time::timeout(Duration::from_millis(200), &mut waits).await.is_err());
        commit(first).await;
        waits.await.expect("now it is free");
    }
    commit(second).await;
    store.close().await;
    database.drop().await;
}
