//! Schedules, exposures that wait, and what is deleted after a while.

use chrono_tz::Tz;
use turnwise::domain::clock::Timestamp;
use turnwise::domain::conversation::ConversationStatus;
use turnwise::domain::credit::{EntryUse, UseSource};
use turnwise::domain::ids::RetrievalId;
use turnwise::domain::schedule::{Cron, Schedule, Work};
use turnwise::store::Store;
use turnwise::store::retrievals::Exposure;

use crate::store::fixtures::{self, at, begin, commit, entry, insert_conversation, insert_entry, other_tenant, tenant};
use crate::store::on_both;

fn schedule(work: Work, next_run: i64) -> Schedule {
    Schedule {
        tenant: tenant(),
        name: work.as_str().to_owned(),
        work,
        session: None,
        cron: Cron::parse("0 3 * * *").expect("a pattern"),
        zone: Tz::Europe__Berlin,
        next_run: Some(at(next_run)),
        last_run: None,
    }
}

#[tokio::test]
async fn a_tick_is_taken_once() {
    on_both(async |store| {
        let (one, two) = (schedule(Work::Prune, 100), schedule(Work::MergeEntries, 200));
        let mut tx = begin(&store).await;
        for schedule in [&one, &two] {
            tx.put_schedule(schedule).await.expect("it is stored");
        }
        commit(tx).await;
        assert_eq!(store.due_schedules(at(99), 9).await.expect("it answers"), []);
        assert_eq!(store.due_schedules(at(100), 9).await.expect("it answers"), std::slice::from_ref(&one));
        assert_eq!(store.due_schedules(at(500), 1).await.expect("it answers").len(), 1);
        assert_eq!(store.schedules(&tenant()).await.expect("it answers").len(), 2);
        assert_eq!(store.schedules(&other_tenant()).await.expect("it answers"), []);
        assert!(store.scheduled_tenants().await.expect("it answers").contains(&tenant()));

        let mut tx = begin(&store).await;
        assert!(tx.take_tick(&one, at(150), Some(at(300))).await.expect("it answers"));
        assert!(!tx.take_tick(&one, at(150), Some(at(300))).await.expect("it answers"), "it was taken");
        // The same pattern again is no change, another one is.
        tx.put_schedule(&one).await.expect("it is there");
        tx.put_schedule(&Schedule { zone: Tz::UTC, ..two.clone() }).await.expect("it is stored");
        tx.delete_schedule(&other_tenant(), "prune").await.expect("it is another's");
        commit(tx).await;
        let known = store.schedules(&tenant()).await.expect("it answers");
        assert_eq!((known[0].zone, known[0].next_run), (Tz::UTC, Some(at(200))));
        assert_eq!((known[1].next_run, known[1].last_run), (Some(at(300)), Some(at(150))));

        let mut tx = begin(&store).await;
        tx.delete_schedule(&tenant(), "prune").await.expect("it goes");
        commit(tx).await;
        assert_eq!(store.schedules(&tenant()).await.expect("it answers").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn two_workers_at_once_take_a_tick_once() {
    on_both(async |store| {
        let due = schedule(Work::Prune, 100);
        let mut tx = begin(&store).await;
        tx.put_schedule(&due).await.expect("it is stored");
        commit(tx).await;
        let take = async || {
            let mut tx = begin(&store).await;
            let taken = tx.take_tick(&due, at(100), Some(at(300))).await.expect("it answers");
            commit(tx).await;
            usize::from(taken)
        };
        let (one, two, three) = tokio::join!(take(), take(), take());
        assert_eq!(one + two + three, 1);
    })
    .await;
}

async fn retrieval(store: &Store, number: u128, conversation: &str) -> RetrievalId {
    let shown = |rank: usize| Exposure {
        rank,
        entry_id: entry(rank as u128).id,
        exemplar_id: None,
        score: 0.5,
        similarity: 0.9,
    };
    let mut retrieval = fixtures::retrieval(number, Some(conversation));
    retrieval.exposures = vec![shown(1), shown(2)];
    let id = retrieval.id;
    let mut tx = begin(store).await;
    tx.insert_retrievals(&tenant(), &[retrieval]).await.expect("it is stored");
    commit(tx).await;
    id
}

async fn expired(store: &Store) -> i64 {
    store.totals(&tenant()).await.expect("it answers").expired_exposures
}

async fn expire(store: &Store, before: Timestamp, limit: u32) -> u64 {
    let mut tx = begin(store).await;
    let expired = tx.expire_exposures(&tenant(), before, at(1_000), limit).await.expect("it answers");
    assert_eq!(tx.expire_exposures(&other_tenant(), before, at(1_000), limit).await.expect("it answers"), 0);
    commit(tx).await;
    expired
}

fn told(retrieval: RetrievalId) -> EntryUse {
    EntryUse {
        entry_id: entry(1).id,
        key: EntryUse::key_of_retrieval(retrieval),
        source: UseSource::Caller,
        retrieval_id: Some(retrieval),
        conversation_ref: None,
        success: Some(true),
        used_at: at(50),
    }
}

#[tokio::test]
async fn an_exposure_expires_unless_its_conversation_came_or_somebody_told_of_it_and_a_late_one_takes_it_back() {
    on_both(async |store| {
        let conversation = insert_conversation(&store, 1).await;
        insert_entry(&store, 1).await;
        insert_entry(&store, 2).await;
        let late = retrieval(&store, 10, "never-came").await;
        retrieval(&store, 11, &conversation.external_id).await;
        let used = retrieval(&store, 12, "told").await;
        retrieval(&store, 90, "young").await;
        let mut tx = begin(&store).await;
        tx.tell_use(&tenant(), &told(used)).await.expect("it is stored");
        commit(tx).await;

        assert_eq!(expire(&store, at(50), 2).await, 2, "no more at once than is asked for");
        assert_eq!(expire(&store, at(50), 9).await, 1, "the other one of what was told of");
        assert_eq!((expire(&store, at(50), 9).await, expired(&store).await), (0, 3));

        let mut tx = begin(&store).await;
        tx.settle_uses(&tenant(), "never-came", &[late], &[]).await.expect("it is stored");
        commit(tx).await;
        assert_eq!((expired(&store).await, expire(&store, at(50), 9).await), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn what_was_shown_when_its_conversation_had_been_learned_from_expires_and_goes() {
    on_both(async |store| {
        let learned = insert_conversation(&store, 1).await;
        let (failed, renewed) = (insert_conversation(&store, 2).await, insert_conversation(&store, 3).await);
        let mut tx = begin(&store).await;
        for (id, status) in [
            (learned.id, ConversationStatus::Processed),
            (failed.id, ConversationStatus::Failed),
            (renewed.id, ConversationStatus::Processed),
        ] {
            assert!(tx.set_conversation_status(&tenant(), id, status, Some("why"), at(5)).await.expect("it is there"));
        }
        tx.renew_conversation(&tenant(), renewed.id).await.expect("it answers").expect("it was there");
        commit(tx).await;
        let late = retrieval(&store, 10, &learned.external_id).await;
        let of_failed = retrieval(&store, 11, &failed.external_id).await;
        let of_renewed = retrieval(&store, 12, &renewed.external_id).await;

        assert_eq!(expire(&store, at(10), 9).await, 0, "it is not old enough");
        assert_eq!(expire(&store, at(50), 9).await, 2, "the others are settled when they are learned from");
        assert_eq!((expire(&store, at(50), 9).await, expired(&store).await), (0, 2));

        let mut tx = begin(&store).await;
        assert_eq!(tx.prune_retrievals(&tenant(), at(50), 9).await.expect("it answers"), 1);
        commit(tx).await;
        let left = store.retrievals(&tenant(), &[late, of_failed, of_renewed]).await.expect("it answers");
        assert_eq!(left.iter().map(|retrieval| retrieval.id).collect::<Vec<_>>(), [of_failed, of_renewed]);
    })
    .await;
}

#[tokio::test]
async fn retrievals_that_led_to_nothing_go_and_those_that_credited_an_entry_stay() {
    on_both(async |store| {
        insert_entry(&store, 1).await;
        insert_entry(&store, 2).await;
        let (idle, used) = (retrieval(&store, 10, "a").await, retrieval(&store, 11, "b").await);
        let waiting = retrieval(&store, 12, "c").await;
        let mut tx = begin(&store).await;
        tx.settle_uses(&tenant(), "a", &[idle], &[]).await.expect("it is stored");
        tx.settle_uses(&tenant(), "b", &[used], &[]).await.expect("it is stored");
        tx.tell_use(&tenant(), &told(used)).await.expect("it is stored");
        assert_eq!(tx.prune_retrievals(&other_tenant(), at(500), 9).await.expect("it answers"), 0);
        assert_eq!(tx.prune_retrievals(&tenant(), at(10), 9).await.expect("it answers"), 0, "it is not old enough");
        assert_eq!(tx.prune_retrievals(&tenant(), at(500), 9).await.expect("it answers"), 1);
        assert_eq!(tx.uses_of(&tenant(), entry(1).id).await.expect("it answers").len(), 1);
        commit(tx).await;
        let left = store.retrievals(&tenant(), &[idle, used, waiting]).await.expect("it answers");
        assert_eq!(left.iter().map(|retrieval| retrieval.id).collect::<Vec<_>>(), [used, waiting]);
    })
    .await;
}
