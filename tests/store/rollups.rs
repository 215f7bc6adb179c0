//! Sums that were made beforehand say what the rows say, on both databases.

use chrono_tz::Tz;
use sqlx::{Connection, SqliteConnection};
use turnwise::domain::clock::Timestamp;
use turnwise::domain::conversation::{Conversation, Outcome};
use turnwise::domain::ids::{EntryId, RetrievalId, TenantId};
use turnwise::domain::period::{Calendar, PeriodKind, Span};
use turnwise::store::Store;
use turnwise::store::measures::{MetricFilter, SpanSums};
use turnwise::store::retrievals::{Exposure, Retrieval};
use uuid::Uuid;

use crate::store::fixtures::{self, at, begin, commit, conversation, language, record, tenant};
use crate::store::{on_both, open};

const HOUR_MS: i64 = 3_600_000;

/// So many hours behind a Friday; on the Sunday after it clocks go forward in Berlin, and the Wednesday is another month.
pub fn hours(hours: i64) -> Timestamp {
    let start = Timestamp::parse("2026-03-27T00:00:00Z").expect("a time");
    start.plus_millis(hours * HOUR_MS + 17)
}

/// A retrieval of this conversation that showed one entry.
pub fn retrieval(number: u128, conversation: Option<&str>, created_at: Timestamp) -> Retrieval {
    let shown = Exposure {
        rank: 1,
        entry_id: EntryId(Uuid::from_u128(number % 3 + 1)),
        exemplar_id: None,
        score: 0.9,
        similarity: 0.9,
    };
    Retrieval {
        abstained: number.is_multiple_of(4),
        total_us: (number % 97) as i64 * 311,
        created_at,
        exposures: if number.is_multiple_of(4) { vec![] } else { vec![shown] },
        ..fixtures::retrieval(number, conversation)
    }
}

/// One run; whether there is more to do. One that another came before is as good as one that did not begin.
pub async fn roll_up(store: &Store, tenant: &TenantId, calendar: &Calendar) -> bool {
    let run = store.prepare_roll_up(tenant, calendar).await.expect("it answers");
    let mut tx = begin(store).await;
    if !tx.write_roll_up(tenant, &run).await.expect("it answers") {
        tx.rollback().await.expect("it is undone");
        return true;
    }
    commit(tx).await;
    run.has_more()
}

/// Runs until nothing is left to do.
pub async fn roll_up_all(store: &Store, tenant: &TenantId, calendar: &Calendar) {
    for _ in 0..1_000 {
        if !roll_up(store, tenant, calendar).await {
            return;
        }
    }
    panic!("rolling up comes to no end");
}

/// The periods around those days.
pub fn periods(calendar: &Calendar, kind: PeriodKind) -> Vec<Span> {
    let (first, last) = (calendar.number_at(kind, hours(-24)), calendar.number_at(kind, hours(8 * 24)));
    (first..=last).map(|number| calendar.span(kind, number)).collect()
}

/// Some filters, by number; among them one that nothing passes.
pub fn filter(number: usize) -> MetricFilter {
    let name = |name: &str| Some(name.to_owned());
    let all = MetricFilter::default();
    match number % 8 {
        0 => all,
        1 => MetricFilter { agent_id: name("anna"), ..all },
        2 => MetricFilter { category: name("sales"), ..all },
        3 => MetricFilter { language: Some(language("en")), ..all },
        4 => MetricFilter { channel: name("chat"), ..all },
        5 => MetricFilter { agent_id: name("anna"), channel: name("phone"), ..all },
        6 => MetricFilter { category: name("sales"), language: Some(language("en")), ..all },
        _ => MetricFilter { agent_id: name("nobody"), ..all },
    }
}

/// The sums of periods, checked against the rows alone. Sums of fractions are added up in another order, so they may
/// differ in the last digits.
pub async fn checked(
    store: &Store,
    tenant: &TenantId,
    filter: &MetricFilter,
    (calendar, kind): (&Calendar, PeriodKind),
) -> Vec<SpanSums> {
    let spans = periods(calendar, kind);
    let rolled = store.rolled_span_sums(tenant, filter, calendar, &spans).await.expect("it answers");
    let fresh = store.span_sums(tenant, filter, &spans).await.expect("it answers");
    assert_eq!(rolled.len(), fresh.len());
    for ((rolled, fresh), span) in rolled.iter().zip(&fresh).zip(&spans) {
        for (rolled, fresh) in fractions(rolled).into_iter().zip(fractions(fresh)) {
            assert!((rolled - fresh).abs() < 1e-9, "{rolled} and {fresh} in {span:?} {filter:?}");
        }
        assert_eq!(whole(rolled), whole(fresh), "{span:?} {filter:?}");
    }
    rolled
}

/// All filters in all kinds of periods.
pub async fn check_all(store: &Store, tenant: &TenantId, calendar: &Calendar) {
    for kind in PeriodKind::ALL {
        for number in 0..8 {
            checked(store, tenant, &filter(number), (calendar, *kind)).await;
        }
    }
}

fn fractions(sums: &SpanSums) -> [f64; 5] {
    [sums.unrated_success_score, sums.unrated_resolution, sums.unrated_repetition, sums.cost_usd, sums.counted_cost_usd]
}

fn whole(sums: &SpanSums) -> SpanSums {
    SpanSums {
        unrated_success_score: 0.0,
        unrated_resolution: 0.0,
        unrated_repetition: 0.0,
        cost_usd: 0.0,
        counted_cost_usd: 0.0,
        ..sums.clone()
    }
}

fn began(number: u128, hour: i64) -> Conversation {
    let mut given = conversation(number);
    given.started_at = hours(hour);
    given.ended_at = given.started_at.plus_millis(60_000);
    given
}

/// Ten conversations over three days, each with a retrieval in it and one on the day before.
async fn insert(store: &Store) {
    let mut tx = begin(store).await;
    for number in 1..=10_u128 {
        let given = began(number, number as i64 * 7);
        let name = given.external_id.clone();
        let asked = [
            retrieval(number, Some(&name), given.started_at),
            retrieval(number + 100, Some(&name), given.started_at.plus_millis(-24 * HOUR_MS)),
        ];
        tx.insert_retrievals(&tenant(), &asked).await.expect("they are stored");
        tx.insert_conversation(&tenant(), &given, at(1)).await.expect("it is stored");
        tx.upsert_record(&tenant(), &record(given.id)).await.expect("it is stored");
    }
    commit(tx).await;
}

async fn retrievals_in_march(store: &Store, calendar: &Calendar) -> (i64, i64) {
    let sums = checked(store, &tenant(), &MetricFilter::default(), (calendar, PeriodKind::Monthly)).await;
    (sums[0].retrievals, sums[0].counted_retrievals)
}

#[tokio::test]
async fn answers_are_those_of_the_rows_before_and_after_rolling_up() {
    on_both(async |store| {
        let calendar = Calendar::new(Tz::Europe__Berlin);
        check_all(&store, &tenant(), &calendar).await;
        assert!(!roll_up(&store, &tenant(), &calendar).await, "there is nothing to do");
        insert(&store).await;
        check_all(&store, &tenant(), &calendar).await;
        roll_up_all(&store, &tenant(), &calendar).await;
        check_all(&store, &tenant(), &calendar).await;
        assert_eq!(retrievals_in_march(&store, &calendar).await, (20, 20));

        // An outcome that turns out to be none: the retrievals of the day before count no more, either.
        let mut excluded = record(began(3, 21).id);
        excluded.outcome = Outcome::Excluded;
        let mut tx = begin(&store).await;
        tx.upsert_record(&tenant(), &excluded).await.expect("it is stored");
        commit(tx).await;
        assert_eq!(retrievals_in_march(&store, &calendar).await, (20, 18));
        roll_up_all(&store, &tenant(), &calendar).await;
        assert_eq!(retrievals_in_march(&store, &calendar).await, (20, 18));

        // One moves to another day and another name, one is erased, exposures are settled.
        let mut moved = began(4, 100);
        moved.external_id = "renamed".to_owned();
        let mut tx = begin(&store).await;
        tx.replace_conversation(&tenant(), &moved, at(2)).await.expect("it is stored");
        tx.erase_conversation(&tenant(), began(5, 0).id, at(2)).await.expect("it answers");
        let ids = [RetrievalId(Uuid::from_u128(1)), RetrievalId(Uuid::from_u128(101))];
        tx.settle_uses(&tenant(), "call-1", &ids, &[]).await.expect("it is stored");
        commit(tx).await;
        check_all(&store, &tenant(), &calendar).await;
        roll_up_all(&store, &tenant(), &calendar).await;
        check_all(&store, &tenant(), &calendar).await;
    })
    .await;
}

#[tokio::test]
async fn days_of_another_time_zone_are_other_days() {
    on_both(async |store| {
        insert(&store).await;
        let (berlin, kolkata) = (Calendar::new(Tz::Europe__Berlin), Calendar::new(Tz::Asia__Kolkata));
        roll_up_all(&store, &tenant(), &berlin).await;
        check_all(&store, &tenant(), &kolkata).await;
        roll_up_all(&store, &tenant(), &kolkata).await;
        check_all(&store, &tenant(), &kolkata).await;
        check_all(&store, &tenant(), &berlin).await;

        let mut tx = begin(&store).await;
        tx.drop_roll_ups(&tenant()).await.expect("it answers");
        commit(tx).await;
        check_all(&store, &tenant(), &kolkata).await;
        assert!(!roll_up(&store, &tenant(), &kolkata).await, "a few days are made again in one run");
        check_all(&store, &tenant(), &kolkata).await;
    })
    .await;
}

#[tokio::test]
async fn a_conversation_counts_for_a_retrieval_that_it_could_not_see() {
    on_both(async |store| {
        if store.database() == "sqlite" {
            // There nobody writes while somebody else does.
            return;
        }
        let calendar = Calendar::new(Tz::UTC);
        let given = began(1, 30);
        let mut conversation_first = begin(&store).await;
        conversation_first.insert_conversation(&tenant(), &given, at(1)).await.expect("it is stored");
        let mut tx = begin(&store).await;
        let asked = [retrieval(1, Some("call-1"), hours(5))];
        tx.insert_retrievals(&tenant(), &asked).await.expect("it is stored");
        commit(tx).await;
        roll_up_all(&store, &tenant(), &calendar).await;
        check_all(&store, &tenant(), &calendar).await;
        commit(conversation_first).await;
        check_all(&store, &tenant(), &calendar).await;
        roll_up_all(&store, &tenant(), &calendar).await;
        let of_anna = checked(&store, &tenant(), &filter(1), (&calendar, PeriodKind::Monthly)).await;
        assert_eq!((of_anna[0].retrievals, of_anna[0].conversations), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_run_writes_nothing_over_one_that_came_first() {
    on_both(async |store| {
        let calendar = Calendar::new(Tz::UTC);
        insert(&store).await;
        let late = store.prepare_roll_up(&tenant(), &calendar).await.expect("it answers");
        let mut tx = begin(&store).await;
        tx.erase_conversation(&tenant(), began(1, 0).id, at(2)).await.expect("it answers");
        commit(tx).await;
        roll_up_all(&store, &tenant(), &calendar).await;
        let mut tx = begin(&store).await;
        assert!(!tx.write_roll_up(&tenant(), &late).await.expect("it answers"));
        tx.rollback().await.expect("it is undone");
        check_all(&store, &tenant(), &calendar).await;
    })
    .await;
}

#[tokio::test]
async fn writers_and_rolling_up_at_the_same_time_end_equal() {
    on_both(async |store| {
        let calendar = Calendar::new(Tz::Europe__Berlin);
        let write = async |writer: u128| {
            for turn in 0..15_u128 {
                let number = writer * 1_000 + turn + 1;
                let given = began(number, (number % 140) as i64);
                let name = given.external_id.clone();
                let mut tx = begin(&store).await;
                tx.insert_conversation(&tenant(), &given, at(1)).await.expect("it is stored");
                commit(tx).await;
                let mut tx = begin(&store).await;
                let asked = retrieval(number, Some(&name), hours((number % 90) as i64));
                tx.insert_retrievals(&tenant(), &[asked]).await.expect("it is stored");
                commit(tx).await;
                let mut tx = begin(&store).await;
                tx.upsert_record(&tenant(), &record(given.id)).await.expect("it is stored");
                let shown = [RetrievalId(Uuid::from_u128(number))];
                tx.settle_uses(&tenant(), &name, &shown, &[]).await.expect("it is stored");
                commit(tx).await;
                if turn % 5 == 4 {
                    let mut tx = begin(&store).await;
                    tx.erase_conversation(&tenant(), given.id, at(2)).await.expect("it answers");
                    commit(tx).await;
                }
            }
        };
        let roll = async || {
            for _ in 0..25 {
                roll_up(&store, &tenant(), &calendar).await;
            }
        };
        // Two of them, so that one comes before the other.
        tokio::join!(write(1), write(2), roll(), roll());
        check_all(&store, &tenant(), &calendar).await;
        roll_up_all(&store, &tenant(), &calendar).await;
        check_all(&store, &tenant(), &calendar).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_rolled_up_is_not_looked_for_in_the_rows() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite:{}", directory.path().join("turnwise.db").display());
    let store = open(&url).await;
    let calendar = Calendar::new(Tz::UTC);
    insert(&store).await;
    roll_up_all(&store, &tenant(), &calendar).await;
    let mut behind = SqliteConnection::connect(&url).await.expect("it opens");
    for table in ["DELETE FROM exposures", "DELETE FROM retrievals"] {
        sqlx::query(table).execute(&mut behind).await.expect("it is deleted");
    }
    behind.close().await.expect("it closes");

    let spans = periods(&calendar, PeriodKind::Monthly);
    let asked = async |number: usize| {
        let filter = filter(number);
        let sums = store.rolled_span_sums(&tenant(), &filter, &calendar, &spans).await.expect("it answers");
        sums[0].retrievals
    };
    let mut found = Vec::new();
    for number in 0..8 {
        found.push(asked(number).await);
    }
    // All of the filters but those for chats and for nobody.
    assert_eq!(found, [20, 20, 20, 20, 0, 20, 20, 0]);
    store.close().await;
}
