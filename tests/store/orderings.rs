//! Lists in every order and direction, page by page, and what is found in them by words.

use turnwise::domain::success::Posterior;
use turnwise::store::conversations::{ConversationFilter, ConversationOrder};
use turnwise::store::entries::{EntryFilter, EntryOrder};
use turnwise::store::error::StoreError;
use turnwise::store::page::{Cursor, Page, PageRequest};
use turnwise::store::records::{RecordFilter, RecordOrder};

use crate::store::fixtures::{LEARNED, at, begin, commit, conversation, entry, insert_conversation, record, tenant};
use crate::store::on_both;

/// The ids of all items, two on each page.
async fn walk<T>(list: impl AsyncFn(PageRequest) -> Result<Page<T>, StoreError>, id: impl Fn(&T) -> u128) -> Vec<u128> {
    let mut page = PageRequest::first(2);
    let mut found = Vec::new();
    loop {
        let listed = list(page).await.expect("it answers");
        found.extend(listed.items.iter().map(&id));
        let Some(next) = listed.next else { return found };
        page.after = Some(Cursor::parse(&next.to_string()).expect("it reads back"));
    }
}

/// The ids as they are ordered by their numbers, and by themselves where two have the same.
fn in_order(keys: impl Iterator<Item = (i64, u128)>, is_down: bool) -> Vec<u128> {
    let mut keys: Vec<(i64, u128)> = keys.collect();
    keys.sort_unstable();
    if is_down {
        keys.reverse();
    }
    keys.into_iter().map(|(_, id)| id).collect()
}

#[tokio::test]
async fn records_come_in_every_order_and_are_found_by_words() {
    on_both(async |store| {
        let mut made = Vec::new();
        for (number, score) in (1_u128..).zip([0.5, 0.9, 0.5, 0.1, 0.9]) {
            let mut record = record(insert_conversation(&store, number).await.id);
            record.success_score = score;
            record.created_at = at((number % 3) as i64);
            if number == 2 {
                record.summary = "Die GRÖSSE von Plan_B kostet 100%.".to_owned();
                record.key_phrases = vec!["Ürün".to_owned()];
                record.call_id = Some("CA-77".to_owned());
            }
            let mut tx = begin(&store).await;
            tx.upsert_record(&tenant(), &record).await.expect("it is stored");
            commit(tx).await;
            made.push(record);
        }

        let check = async |order: Option<RecordOrder>, number: fn(f64, i64) -> i64, is_down: bool| {
            let filter = RecordFilter { order, ..RecordFilter::default() };
            let list = async |page: PageRequest| store.list_records(&tenant(), &filter, &page).await;
            let numbers = made
                .iter()
                .map(|record| (number(record.success_score, record.created_at.as_millis()), record.id.0.as_u128()));
            assert_eq!(walk(list, |record| record.id.0.as_u128()).await, in_order(numbers, is_down), "{order:?}");
        };
        let (by_score, by_time) = (|score: f64, _: i64| (score * 10.0).round() as i64, |_: f64, made: i64| made);
        check(None, by_time, true).await;
        check(Some(RecordOrder::CreatedAt), by_time, false).await;
        check(Some(RecordOrder::CreatedAtDown), by_time, true).await;
        check(Some(RecordOrder::SuccessScore), by_score, false).await;
        check(Some(RecordOrder::SuccessScoreDown), by_score, true).await;

        let expected: [(&str, &[u128]); 9] = [
            ("grösse KOSTET", &[2]),
            ("100%", &[2]),
            ("plan_b", &[2]),
            ("plan__", &[]),
            ("ÜRÜN", &[2]),
            ("ca-77", &[2]),
            ("CALL-3", &[3]),
            ("Price", &[1, 3, 4, 5]),
            ("price nowhere", &[]),
        ];
        for (words, expected) in expected {
            let filter = RecordFilter { search: Some(words.to_owned()), ..RecordFilter::default() };
            let found = store.list_records(&tenant(), &filter, &PageRequest::first(9)).await.expect("it answers");
            let mut found: Vec<u128> = found.items.iter().map(|record| record.conversation_id.0.as_u128()).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{words}");
        }
    })
    .await;
}

#[tokio::test]
async fn entries_come_in_every_order() {
    on_both(async |store| {
        let counts = [(1.0, 3.0, 4), (3.0, 1.0, 0), (2.0, 2.0, 4), (1.0, 3.0, 9), (3.0, 1.0, 0)];
        let mut made = Vec::new();
        let mut tx = begin(&store).await;
        for (number, (alpha, beta, uses)) in (1_u128..).zip(counts) {
            let mut entry = entry(number);
            entry.posterior = Posterior::from_counts(alpha, beta, uses);
            entry.updated_at = at(100 - (number / 2) as i64);
            tx.insert_entry(&tenant(), &entry, LEARNED).await.expect("it is stored");
            made.push(entry);
        }
        commit(tx).await;

        for (order, is_down) in [
            (EntryOrder::CreatedAt, false),
            (EntryOrder::CreatedAtDown, true),
            (EntryOrder::UpdatedAt, false),
            (EntryOrder::UpdatedAtDown, true),
            (EntryOrder::SuccessRate, false),
            (EntryOrder::SuccessRateDown, true),
            (EntryOrder::Uses, false),
            (EntryOrder::UsesDown, true),
        ] {
            let filter = EntryFilter { order: Some(order), ..EntryFilter::default() };
            let list = async |page: PageRequest| store.list_entries(&tenant(), &filter, &page).await;
            let numbers = made.iter().map(|entry| {
                let number = match order {
                    EntryOrder::CreatedAt | EntryOrder::CreatedAtDown => entry.created_at.as_millis(),
                    EntryOrder::UpdatedAt | EntryOrder::UpdatedAtDown => entry.updated_at.as_millis(),
                    EntryOrder::SuccessRate | EntryOrder::SuccessRateDown => (entry.posterior.mean() * 100.0) as i64,
                    EntryOrder::Uses | EntryOrder::UsesDown => entry.posterior.uses(),
                };
                (number, entry.id.0.as_u128())
            });
            assert_eq!(walk(list, |entry| entry.id.0.as_u128()).await, in_order(numbers, is_down), "{order}");
        }
    })
    .await;
}

#[tokio::test]
async fn conversations_come_in_every_order_and_are_found_by_their_ids() {
    on_both(async |store| {
        let mut tx = begin(&store).await;
        for number in 1..=5_u128 {
            let mut given = conversation(number);
            given.started_at = at(((number + 1) % 3) as i64);
            given.call_id = Some(if number == 2 { "Çağrı-9".to_owned() } else { format!("CA{number}") });
            let received = at((number % 2) as i64);
            assert!(tx.insert_conversation(&tenant(), &given, received).await.expect("it is stored"));
        }
        commit(tx).await;

        for (order, modulus, shift, is_down) in [
            (ConversationOrder::ReceivedAt, 2, 0, false),
            (ConversationOrder::ReceivedAtDown, 2, 0, true),
            (ConversationOrder::StartedAt, 3, 1, false),
            (ConversationOrder::StartedAtDown, 3, 1, true),
        ] {
            let filter = ConversationFilter { order: Some(order), ..ConversationFilter::default() };
            let list = async |page: PageRequest| store.list_conversations(&tenant(), &filter, &page).await;
            let numbers = (1..=5_u128).map(|number| (((number + shift) % modulus) as i64, number));
            let found = walk(list, |stored| stored.conversation.id.0.as_u128()).await;
            assert_eq!(found, in_order(numbers, is_down), "{order}");
        }

        let expected: [(&str, &[u128]); 6] =
            [("CALL-3", &[3]), ("call_3", &[]), ("ca4", &[4]), ("call ca5", &[5]), ("Çağrı", &[2]), ("zebra", &[])];
        for (words, expected) in expected {
            let filter = ConversationFilter { search: Some(words.to_owned()), ..ConversationFilter::default() };
            let found = store.list_conversations(&tenant(), &filter, &PageRequest::first(9)).await.expect("it answers");
            let found: Vec<u128> = found.items.iter().map(|stored| stored.conversation.id.0.as_u128()).collect();
            assert_eq!(found, expected, "{words}");
        }
    })
    .await;
}
