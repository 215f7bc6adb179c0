//! Totals.

use turnwise::domain::conversation::{ConversationStatus, Outcome};
use turnwise::domain::knowledge::{EntryStatus, KnowledgeType};
use turnwise::store::analytics::{EntryCount, Totals};

use crate::store::fixtures::{at, begin, commit, conversation, exemplar, insert_entry, other_tenant, record, tenant};
use crate::store::on_both;

#[tokio::test]
async fn nothing_has_no_rate_and_no_average() {
    on_both(async |store| {
        assert_eq!(store.totals(&tenant()).await.expect("it answers"), Totals::default());
    })
    .await;
}

#[tokio::test]
async fn unknown_and_excluded_conversations_are_in_no_rate() {
    on_both(async |store| {
        let outcomes = [
            (1, Some(Outcome::Successful)),
            (2, Some(Outcome::Successful)),
            (3, Some(Outcome::Unsuccessful)),
            (4, Some(Outcome::Partial)),
            (5, None),
            (6, Some(Outcome::Excluded)),
        ];
        let mut tx = begin(&store).await;
        for (number, outcome) in outcomes {
            let mut given = conversation(number);
            given.outcome = outcome;
            given.satisfaction = (number <= 2).then_some(number as i64 + 2);
            given.ended_at = given.started_at.plus_millis(if number == 6 { 1 } else { 10_000 * number as i64 });
            tx.insert_conversation(&tenant(), &given, at(1)).await.expect("it is stored");
        }
        // Analysis knows better what the second one was.
        let mut analysed = record(conversation(2).id);
        analysed.outcome = Outcome::Unsuccessful;
        tx.upsert_record(&tenant(), &analysed).await.expect("it is stored");
        commit(tx).await;
        let entry = insert_entry(&store, 7).await;
        let mut tx = begin(&store).await;
        tx.add_exemplars(&tenant(), &[exemplar(entry.id, "hi", None)]).await.expect("it is stored");
        commit(tx).await;

        let totals = store.totals(&tenant()).await.expect("it answers");
        assert_eq!(totals.conversations, 6);
        assert_eq!(totals.by_status[&ConversationStatus::Received], 6);
        assert_eq!(totals.by_outcome[&Outcome::Unsuccessful], 2);
        assert_eq!(totals.by_outcome[&Outcome::Unknown], 1);
        assert_eq!(totals.by_outcome[&Outcome::Excluded], 1);
        let close = |value: Option<f64>, expected: f64| (value.expect("it is there") - expected).abs() < 1e-9;
        assert!(close(totals.success_rate, 0.25), "{totals:?}");
        // Four messages, two of them one burst: three turns. Seconds 10, 20, 30, 40, 50; ratings 3 and 4.
        assert!(close(totals.average_turns, 3.0), "{totals:?}");
        assert!(close(totals.average_duration_s, 30.0), "{totals:?}");
        assert!(close(totals.average_satisfaction, 3.5), "{totals:?}");
        let live = EntryCount { knowledge_type: KnowledgeType::Faq, status: EntryStatus::Live, count: 1 };
        assert_eq!((totals.entries, totals.exemplars), (vec![live], 1));
        assert_eq!(store.totals(&other_tenant()).await.expect("it answers"), Totals::default());
    })
    .await;
}
