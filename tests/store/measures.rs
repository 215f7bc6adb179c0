//! What analytics count, on both databases.

use turnwise::domain::conversation::Outcome;
use turnwise::domain::period::Span;
use turnwise::store::Store;
use turnwise::store::distributions::FactFilter;
use turnwise::store::facts::TermKind;
use turnwise::store::measures::{MetricFilter, SpanSums};
use turnwise::store::retrievals::Retrieval;

use crate::store::fixtures::{
    self, at, begin, commit, conversation, insert_entry, language, other_tenant, record, tenant,
};
use crate::store::on_both;

fn spans() -> [Span; 2] {
    [Span { start: at(0), end: at(2_000) }, Span { start: at(2_000), end: at(4_000) }]
}

/// Conversations 1 to 4 in the first span, 5 in the second: successful twice (one rated), failed, excluded, not analysed.
async fn insert(store: &Store) {
    let mut tx = begin(store).await;
    for number in 1..=5_u128 {
        let mut given = conversation(number);
        given.started_at = at(if number == 5 { 2_000 } else { 1_999 });
        given.ended_at = given.started_at.plus_millis(1_000);
        given.satisfaction = (number == 1).then_some(4);
        given.outcome = (number == 5).then_some(Outcome::Partial);
        tx.insert_conversation(&tenant(), &given, at(1)).await.expect("it is stored");
        if number == 5 {
            continue;
        }
        let mut analysed = record(given.id);
        analysed.quality.resolution = 0.5;
        analysed.outcome = match number {
            1 | 2 => Outcome::Successful,
            3 => Outcome::Unsuccessful,
            _ => Outcome::Excluded,
        };
        analysed.language = language(if number == 3 { "hi" } else { "en" });
        analysed.key_phrases = vec!["price".to_owned(), format!("only in {number}"), "price".to_owned()];
        tx.upsert_record(&tenant(), &analysed).await.expect("it is stored");
    }
    let asked = |number: u128, reference: Option<&str>, total_us| Retrieval {
        abstained: number == 2,
        total_us,
        created_at: at(500),
        ..fixtures::retrieval(number, reference)
    };
    let asked = [asked(1, Some("call-1"), 4_567), asked(2, None, 12), asked(3, Some("call-4"), 9)];
    tx.insert_retrievals(&tenant(), &asked).await.expect("they are stored");
    commit(tx).await;
    insert_entry(store, 7).await;
}

async fn sums(store: &Store, filter: MetricFilter) -> Vec<SpanSums> {
    store.span_sums(&tenant(), &filter, &spans()).await.expect("it answers")
}

#[tokio::test]
async fn sums_keep_excluded_conversations_apart() {
    on_both(async |store| {
        assert_eq!(store.first_moment(&tenant()).await.expect("it answers"), None);
        assert_eq!(sums(&store, MetricFilter::default()).await, vec![SpanSums::default(); 2]);
        insert(&store).await;

        let all = sums(&store, MetricFilter::default()).await;
        let [first, second] = &all[..] else { panic!("two spans") };
        assert_eq!((first.conversations, first.spoken, first.judged, first.successful), (4, 3, 3, 2));
        assert_eq!((first.turns, first.duration_ms), (9, 3_000));
        assert_eq!((first.ratings, first.rating_sum, first.unrated), (1, 4, 2));
        assert!((first.unrated_success_score - 1.8).abs() < 1e-9, "{first:?}");
        assert!((first.unrated_resolution - 1.0).abs() < 1e-9, "{first:?}");
        assert_eq!((first.prompt_tokens, first.completion_tokens, first.priced), (480, 120, 3));
        assert!((first.cost_usd - 0.04).abs() < 1e-9 && (first.counted_cost_usd - 0.03).abs() < 1e-9, "{first:?}");
        assert_eq!((first.retrievals, first.counted_retrievals, first.abstained), (3, 2, 1));
        assert_eq!((first.latency.quantile_ms(0.5), first.latency.quantile_ms(1.0)), (Some(0.015), Some(4.55)));
        assert_eq!(first.new_entries, 1);
        // Without a record, what the caller said counts, and there is nothing to estimate from.
        assert_eq!((second.conversations, second.judged, second.successful, second.unrated), (1, 1, 0, 0));

        let hindi = MetricFilter { language: Some(language("hi")), ..MetricFilter::default() };
        assert_eq!(sums(&store, hindi).await[0].conversations, 1);
        let nobody = MetricFilter { agent_id: Some("ben".to_owned()), ..MetricFilter::default() };
        assert_eq!(
            (sums(&store, nobody.clone()).await[0].conversations, sums(&store, nobody).await[0].retrievals),
            (0, 0)
        );
        let everything = MetricFilter {
            agent_id: Some("anna".to_owned()),
            category: Some("sales".to_owned()),
            language: Some(language("en")),
            channel: Some("phone".to_owned()),
            arm: None,
        };
        let found = sums(&store, everything.clone()).await;
        assert_eq!((found[0].conversations, found[0].retrievals, found[0].new_entries), (3, 2, 1));
        assert_eq!(store.entries_before(&tenant(), &everything, at(8)).await.expect("it answers"), 1);
        assert_eq!(store.entries_before(&tenant(), &everything, at(7)).await.expect("it answers"), 0);
        assert_eq!(store.first_moment(&tenant()).await.expect("it answers"), Some(at(7)));
        let foreign = store.span_sums(&other_tenant(), &MetricFilter::default(), &spans()).await.expect("it answers");
        assert_eq!(foreign, vec![SpanSums::default(); 2]);
    })
    .await;
}

#[tokio::test]
async fn a_conversation_of_which_only_the_record_was_imported_has_no_length() {
    on_both(async |store| {
        insert(&store).await;
        let before = sums(&store, MetricFilter::default()).await.remove(0);
        let averages = store.totals(&tenant()).await.expect("it answers");
        let mut imported = conversation(6);
        (imported.turns, imported.satisfaction) = (vec![], None);
        (imported.started_at, imported.ended_at) = (at(500), at(500));
        let mut tx = begin(&store).await;
        tx.insert_conversation(&tenant(), &imported, at(1)).await.expect("it is stored");
        tx.upsert_record(&tenant(), &record(imported.id)).await.expect("it is stored");
        commit(tx).await;

        let after = sums(&store, MetricFilter::default()).await.remove(0);
        assert_eq!((after.conversations, after.judged), (before.conversations + 1, before.judged + 1));
        assert_eq!(after.successful, before.successful + 1);
        let lengths = |sums: &SpanSums| (sums.spoken, sums.turns, sums.duration_ms, sums.unrated);
        assert_eq!(lengths(&after), lengths(&before));
        assert!((after.unrated_success_score - before.unrated_success_score).abs() < 1e-9, "{after:?}");
        assert!((after.unrated_resolution - before.unrated_resolution).abs() < 1e-9, "{after:?}");
        let totals = store.totals(&tenant()).await.expect("it answers");
        assert_eq!(
            (totals.average_turns, totals.average_duration_s),
            (averages.average_turns, averages.average_duration_s)
        );
        assert_eq!((totals.conversations, averages.average_turns), (6, Some(3.0)));
    })
    .await;
}

#[tokio::test]
async fn facts_are_written_and_removed_with_their_record() {
    on_both(async |store| {
        insert(&store).await;
        let all = FactFilter::default();
        let total = async |filter: &FactFilter| {
            let groups = store.record_groups(&tenant(), filter).await.expect("it answers");
            groups.iter().map(|group| group.records).sum::<i64>()
        };
        let phrases = async |filter: &FactFilter| {
            store.record_terms(&tenant(), filter, TermKind::Phrase, 2).await.expect("it answers")
        };
        let pair = |name: &str, count: i64| (name.to_owned(), count);
        assert_eq!(total(&all).await, 4);
        assert_eq!(phrases(&all).await, [pair("price", 4), pair("only in 1", 1)]);
        let hindi = FactFilter { language: Some(language("hi")), ..all.clone() };
        assert_eq!(phrases(&hindi).await, [pair("only in 3", 1), pair("price", 1)]);
        let narrow = FactFilter {
            category: Some("sales".to_owned()),
            agent_id: Some("anna".to_owned()),
            channel: Some("phone".to_owned()),
            outcome: Some(Outcome::Successful),
            from: Some(at(1_999)),
            to: Some(at(2_000)),
            ..all.clone()
        };
        assert_eq!(total(&narrow).await, 2);
        let group = store.record_groups(&tenant(), &narrow).await.expect("it answers").remove(0);
        assert_eq!((group.bins[9], group.bins.iter().sum(), group.user_turns), (2, 2, 4));
        assert_eq!(group.channel, "phone");
        assert_eq!(store.record_extent(&tenant(), &all).await.expect("it answers"), Some((at(1_999), at(1_999))));
        let trend = store.record_trend(&tenant(), &narrow, &spans()).await.expect("it answers");
        assert_eq!(trend.iter().map(|point| (point.span, point.records)).collect::<Vec<_>>(), [(0, 2)]);

        // A correction, other intents, an erasure.
        let mut corrected = record(conversation(1).id);
        corrected.outcome = Outcome::Unsuccessful;
        corrected.key_phrases = vec!["refund".to_owned()];
        let mut tx = begin(&store).await;
        tx.upsert_record(&tenant(), &corrected).await.expect("it is stored");
        corrected.user_intents = vec!["discovered:refund".to_owned()];
        assert!(tx.set_intents(&tenant(), &corrected).await.expect("it is stored"));
        assert!(tx.erase_conversation(&tenant(), conversation(2).id, at(9)).await.expect("it answers").is_some());
        commit(tx).await;
        assert_eq!(total(&narrow).await, 0);
        assert_eq!(total(&all).await, 3);
        assert_eq!(phrases(&all).await[0], pair("price", 2));
        let intents = store.record_terms(&tenant(), &all, TermKind::Intent, 9).await.expect("it answers");
        assert_eq!(intents, [pair("pricing", 2), pair("discovered:refund", 1)]);
        assert_eq!(store.record_groups(&other_tenant(), &all).await.expect("it answers"), vec![]);
    })
    .await;
}
