//! Entries, exemplars, evidence and cases.

use std::time::Duration;

use turnwise::domain::error::ErrorClass;
use turnwise::domain::ids::{CaseId, EntryId};
use turnwise::domain::knowledge::{Case, CaseKind, EntryStatus, KnowledgeType};
use turnwise::domain::success::Posterior;
use turnwise::store::cases::CaseFilter;
use turnwise::store::entries::EntryFilter;
use turnwise::store::page::{CreatedOrder, PageRequest};
use uuid::Uuid;

use crate::store::fixtures::{
    GENERATION, LEARNED, at, begin, commit, entry, evidence, exemplar, insert_conversation, insert_entry,
    insert_generation, language, other_tenant, tenant,
};
use crate::store::on_both;
use crate::store::open;
use crate::support::postgres::TestDatabase;

#[tokio::test]
async fn an_entry_comes_back_and_changes() {
    on_both(async |store| {
        let mut given = insert_entry(&store, 1).await;
        assert_eq!(store.entry(&tenant(), given.id).await.expect("it answers"), Some(given.clone()));
        assert_eq!(store.entry(&other_tenant(), given.id).await.expect("it answers"), None);

        (given.title, given.knowledge_type) = ("Einwand: zu teuer".to_owned(), KnowledgeType::ObjectionHandling);
        (given.intent, given.updated_at) = (None, at(30));
        given.posterior = Posterior::from_counts(2.5, 1.5, 7);
        let mut tx = begin(&store).await;
        assert!(tx.update_entry(&tenant(), &given).await.expect("it answers"));
        assert!(!tx.update_entry(&other_tenant(), &given).await.expect("it answers"));
        commit(tx).await;
        assert_eq!(store.entry(&tenant(), given.id).await.expect("it answers"), Some(given.clone()));

        let mut tx = begin(&store).await;
        let posterior = Posterior::from_counts(3.0, 1.0, 8);
        assert!(tx.set_posterior(&tenant(), given.id, posterior).await.expect("it answers"));
        let quarantined = EntryStatus::Quarantined;
        assert!(tx.set_entry_status(&tenant(), given.id, quarantined, Some("why"), at(40)).await.expect("it answers"));
        let seen = tx.entries(&tenant(), &[given.id]).await.expect("it answers");
        commit(tx).await;
        (given.posterior, given.status, given.updated_at) = (posterior, quarantined, at(40));
        given.status_reason = Some("why".to_owned());
        assert_eq!(seen, vec![given]);
    })
    .await;
}

#[tokio::test]
async fn on_postgres_entries_are_held_by_their_ids_however_they_are_named() {
    let database = TestDatabase::create().await;
    let store = open(&database.url).await;
    let (second, first) = (insert_entry(&store, 2).await.id, insert_entry(&store, 1).await.id);
    let mut one = begin(&store).await;
    one.hold_entry(&tenant(), first).await.expect("it is free");
    let mut other = tokio::spawn({
        let store = store.clone();
        async move {
            let mut tx = begin(&store).await;
            let held = tx.hold_entries(&tenant(), &[second, first]).await.expect("nobody waits for it meanwhile");
            commit(tx).await;
            held.iter().map(|entry| entry.id).collect::<Vec<EntryId>>()
        }
    });
    // By then it waits for the first. If it held the second already, each would wait for the other.
    let _ = tokio::time::timeout(Duration::from_millis(300), &mut other).await;
    one.hold_entry(&tenant(), second).await.expect("it is free");
    commit(one).await;
    assert_eq!(other.await.expect("it goes on"), [first, second]);
    store.close().await;
    database.drop().await;
}

#[tokio::test]
async fn on_postgres_an_entry_is_held_before_its_exemplars_are_erased() {
    let database = TestDatabase::create().await;
    let store = open(&database.url).await;
    insert_generation(&store).await;
    let entry = insert_entry(&store, 1).await.id;
    let mut tx = begin(&store).await;
    tx.add_exemplars(&tenant(), &[exemplar(entry, "what does it cost", None)]).await.expect("it is stored");
    commit(tx).await;
    let pending = store.unmarked_exemplars(&tenant(), GENERATION, None, 9).await.expect("it answers");

    // As far as marking is when it has come to the entry and not yet to its exemplar.
    let mut marking = begin(&store).await;
    marking.hold_entry(&tenant(), entry).await.expect("it is free");
    let mut erasing = tokio::spawn({
        let store = store.clone();
        async move {
            let mut tx = begin(&store).await;
            let points = tx.erase_entry(&tenant(), entry, at(2)).await.expect("nobody waits for it meanwhile");
            commit(tx).await;
            points
        }
    });
    let _ = tokio::time::timeout(Duration::from_millis(300), &mut erasing).await;
    let marked = marking.mark_exemplars(&tenant(), GENERATION, &pending, at(1)).await.expect("it is free");
    assert_eq!(marked.marked, 1);
    commit(marking).await;
    assert_eq!(erasing.await.expect("it goes on"), 1);
    assert_eq!(store.entry(&tenant(), entry).await.expect("it answers"), None);
    store.close().await;
    database.drop().await;
}

#[tokio::test]
async fn entries_are_filtered_and_searched() {
    on_both(async |store| {
        for number in 1..=3 {
            insert_entry(&store, number).await;
        }
        let mut urdu = entry(4);
        (urdu.title, urdu.content) = ("قیمت کیا ہے؟".to_owned(), "ÉCONOMIE: 100% sûr, plan_b".to_owned());
        (urdu.language, urdu.status, urdu.category) = (language("ur"), EntryStatus::Candidate, "billing".to_owned());
        (urdu.knowledge_type, urdu.intent) = (KnowledgeType::ResponsePattern, None);
        let mut tx = begin(&store).await;
        tx.insert_entry(&tenant(), &urdu, LEARNED).await.expect("it is stored");
        commit(tx).await;

        let all = EntryFilter::default();
        let check = async |filter: EntryFilter, expected: &[u128]| {
            let found = store.list_entries(&tenant(), &filter, &PageRequest::first(10)).await.expect("it answers");
            let found: Vec<u128> = found.items.iter().map(|entry| entry.id.0.as_u128()).collect();
            assert_eq!(found, expected, "{filter:?}");
        };
        let search = |text: &str| EntryFilter { search: Some(text.to_owned()), ..EntryFilter::default() };
        check(all.clone(), &[4, 3, 2, 1]).await;
        check(EntryFilter { knowledge_type: Some(KnowledgeType::Faq), ..all.clone() }, &[3, 2, 1]).await;
        check(EntryFilter { category: Some("billing".to_owned()), ..all.clone() }, &[4]).await;
        check(EntryFilter { intent: Some("pricing".to_owned()), ..all.clone() }, &[3, 2, 1]).await;
        check(EntryFilter { language: Some(language("ur")), ..all.clone() }, &[4]).await;
        check(EntryFilter { status: Some(EntryStatus::Live), ..all.clone() }, &[3, 2, 1]).await;
        check(search("DOLLARS does"), &[3, 2, 1]).await;
        check(search("dollars nowhere"), &[]).await;
        check(search("قیمت"), &[4]).await;
        check(search("économie 100%"), &[4]).await;
        check(search("plan_b"), &[4]).await;
        check(search("1_0"), &[]).await;
        check(search("  "), &[4, 3, 2, 1]).await;
    })
    .await;
}

#[tokio::test]
async fn an_exemplar_is_stored_once() {
    on_both(async |store| {
        let (first, second) = (insert_entry(&store, 1).await, insert_entry(&store, 2).await);
        let conversation = insert_conversation(&store, 9).await;
        let learned = exemplar(first.id, "what does it cost", Some(conversation.id));
        let own = exemplar(first.id, "price please", None);
        let other = exemplar(second.id, "what does it cost", Some(conversation.id));
        let mut tx = begin(&store).await;
        let all = [learned.clone(), own.clone(), other.clone()];
        assert_eq!(tx.add_exemplars(&tenant(), &all).await.expect("they are stored"), 3);
        assert_eq!(tx.add_exemplars(&tenant(), &all).await.expect("they are there"), 0);
        assert_eq!(tx.exemplars_of(&tenant(), &[second.id]).await.expect("it answers"), vec![other.clone()]);
        commit(tx).await;

        assert_eq!(store.exemplars_of(&tenant(), &[first.id, second.id]).await.expect("it answers").len(), 3);
        assert_eq!(store.exemplars_of(&other_tenant(), &[first.id]).await.expect("it answers"), vec![]);
        assert_eq!(store.exemplars(&tenant(), &[own.id]).await.expect("it answers"), vec![own]);
    })
    .await;
}

#[tokio::test]
async fn evidence_counts_conversations_once() {
    on_both(async |store| {
        let entry = insert_entry(&store, 1).await;
        let (a, b) = (insert_conversation(&store, 8).await, insert_conversation(&store, 9).await);
        let mut twice = evidence(entry.id, a.id);
        twice.answer_turn = 3;
        let mut corrected = evidence(entry.id, b.id);
        corrected.success_score = 0.2;
        let mut tx = begin(&store).await;
        let given = [evidence(entry.id, a.id), twice.clone(), evidence(entry.id, b.id), corrected.clone()];
        tx.add_evidence(&tenant(), &given).await.expect("it is stored");
        tx.add_evidence(&tenant(), &given).await.expect("it is there");
        let expected = vec![evidence(entry.id, a.id), twice, corrected.clone()];
        assert_eq!(tx.evidence_of(&tenant(), entry.id).await.expect("it answers"), expected);
        commit(tx).await;

        assert_eq!(store.evidence_of(&tenant(), entry.id).await.expect("it answers"), expected);
        assert_eq!(store.evidence_from(&tenant(), b.id).await.expect("it answers"), vec![corrected]);
        assert_eq!(store.evidence_from(&other_tenant(), b.id).await.expect("it answers"), vec![]);
        let stored = store.entry(&tenant(), entry.id).await.expect("it answers").expect("it is there");
        assert_eq!(stored.evidence_count, 2);
    })
    .await;
}

#[tokio::test]
async fn what_belongs_to_no_entry_is_refused() {
    on_both(async |store| {
        let nowhere = EntryId(Uuid::from_u128(404));
        let conversation = insert_conversation(&store, 1).await;
        let mut tx = begin(&store).await;
        let error = tx.add_exemplars(&tenant(), &[exemplar(nowhere, "hi", None)]).await.expect_err("no entry");
        assert_eq!(error.class(), ErrorClass::NotFound);
        drop(tx);
        let mut tx = begin(&store).await;
        let error = tx.add_evidence(&tenant(), &[evidence(nowhere, conversation.id)]).await.expect_err("no entry");
        assert_eq!(error.class(), ErrorClass::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_case_is_recorded_once() {
    on_both(async |store| {
        let (first, second) = (insert_entry(&store, 1).await, insert_entry(&store, 2).await);
        let case = |kind: CaseKind, entry: EntryId, other: Option<EntryId>, millis: i64| Case {
            id: CaseId::derive(kind.as_str(), entry, other),
            kind,
            entry_id: entry,
            other_id: other,
            detail: "Both answer the same question.".to_owned(),
            created_at: at(millis),
        };
        let duplicate = case(CaseKind::NearDuplicate, first.id, Some(second.id), 1);
        let held = case(CaseKind::Quarantined, first.id, None, 2);
        let mut tx = begin(&store).await;
        assert!(tx.insert_case(&tenant(), &duplicate).await.expect("it is stored"));
        assert!(!tx.insert_case(&tenant(), &duplicate).await.expect("it is there"));
        assert!(tx.insert_case(&tenant(), &held).await.expect("it is stored"));
        commit(tx).await;

        let check = async |filter: CaseFilter, expected: &[&Case]| {
            let found = store.list_cases(&tenant(), &filter, &PageRequest::first(10)).await.expect("it answers");
            assert_eq!(found.items.iter().map(|stored| &stored.case).collect::<Vec<_>>(), expected);
        };
        check(CaseFilter::default(), &[&held, &duplicate]).await;
        check(CaseFilter { kind: Some(CaseKind::Quarantined), ..CaseFilter::default() }, &[&held]).await;
        check(CaseFilter { entry_id: Some(second.id), ..CaseFilter::default() }, &[&duplicate]).await;
        let oldest_first = CaseFilter { order: Some(CreatedOrder::CreatedAt), ..CaseFilter::default() };
        check(oldest_first, &[&duplicate, &held]).await;
        let search = |words: &str| CaseFilter { search: Some(words.to_owned()), ..CaseFilter::default() };
        check(search("SAME question."), &[&held, &duplicate]).await;
        check(search("same_question"), &[]).await;
    })
    .await;
}
