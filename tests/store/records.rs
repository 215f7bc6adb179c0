//! Training records.

use turnwise::domain::conversation::Outcome;
use turnwise::domain::error::ErrorClass;
use turnwise::domain::ids::ConversationId;
use turnwise::store::page::PageRequest;
use turnwise::store::records::RecordFilter;
use uuid::Uuid;

use crate::store::fixtures::{at, begin, commit, insert_conversation, language, other_tenant, record, tenant};
use crate::store::on_both;

#[tokio::test]
async fn a_conversation_has_one_record_and_the_last_one_counts() {
    on_both(async |store| {
        let conversation = insert_conversation(&store, 1).await;
        let mut record = record(conversation.id);
        for summary in ["first", "second"] {
            record.summary = summary.to_owned();
            let mut tx = begin(&store).await;
            tx.upsert_record(&tenant(), &record).await.expect("it is stored");
            commit(tx).await;
        }
        let mut tx = begin(&store).await;
        let learning = ["One answer was learned.".to_owned()];
        assert!(tx.set_learning(&tenant(), conversation.id, &learning).await.expect("it answers"));
        assert!(!tx.set_learning(&other_tenant(), conversation.id, &[]).await.expect("it answers"));
        commit(tx).await;
        record.learning = learning.to_vec();

        assert_eq!(store.record_of(&tenant(), conversation.id).await.expect("it answers"), Some(record.clone()));
        assert_eq!(store.record(&tenant(), record.id).await.expect("it answers"), Some(record.clone()));
        assert_eq!(store.record(&other_tenant(), record.id).await.expect("it answers"), None);
        let page = PageRequest::first(5);
        let list = store.list_records(&tenant(), &RecordFilter::default(), &page).await.expect("it answers");
        assert_eq!((list.items, list.count), (vec![record], 1));
    })
    .await;
}

#[tokio::test]
async fn a_record_needs_its_conversation() {
    on_both(async |store| {
        let mut tx = begin(&store).await;
        let record = record(ConversationId(Uuid::from_u128(404)));
        let error = tx.upsert_record(&tenant(), &record).await.expect_err("there is no such conversation");
        assert_eq!(error.class(), ErrorClass::NotFound);
    })
    .await;
}

#[tokio::test]
async fn records_are_filtered() {
    on_both(async |store| {
        for number in 1..=3_u128 {
            let conversation = insert_conversation(&store, number).await;
            let mut record = record(conversation.id);
            record.success_score = number as f64 / 4.0;
            record.created_at = at(number as i64);
            if number == 3 {
                (record.category, record.agent_id) = ("support".to_owned(), "ben".to_owned());
                (record.outcome, record.language) = (Outcome::Excluded, language("hi"));
            }
            let mut tx = begin(&store).await;
            tx.upsert_record(&tenant(), &record).await.expect("it is stored");
            commit(tx).await;
        }
        let all = RecordFilter::default();
        let check = async |filter: RecordFilter, expected: &[u128]| {
            let found = store.list_records(&tenant(), &filter, &PageRequest::first(10)).await.expect("it answers");
            let found: Vec<u128> = found.items.iter().map(|record| record.conversation_id.0.as_u128()).collect();
            assert_eq!(found, expected, "{filter:?}");
        };
        check(all.clone(), &[3, 2, 1]).await;
        check(RecordFilter { category: Some("sales".to_owned()), ..all.clone() }, &[2, 1]).await;
        check(RecordFilter { outcome: Some(Outcome::Excluded), ..all.clone() }, &[3]).await;
        check(RecordFilter { language: Some(language("hi")), ..all.clone() }, &[3]).await;
        check(RecordFilter { agent_id: Some("anna".to_owned()), ..all.clone() }, &[2, 1]).await;
        check(RecordFilter { min_score: Some(0.5), ..all.clone() }, &[3, 2]).await;
        check(RecordFilter { max_score: Some(0.5), ..all.clone() }, &[2, 1]).await;
        check(RecordFilter { from: Some(at(2)), to: Some(at(3)), ..all.clone() }, &[2]).await;
    })
    .await;
}
