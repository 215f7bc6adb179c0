//! Decisions about cases, what they move, and jobs that people look at.

use turnwise::domain::case_decision::{
    CaseDecision, CaseState, CaseUndo, Decision, EntryStanding, EvidencePlace, SaidAt, StatusChange,
};
use turnwise::domain::entry_version::Editor;
use turnwise::domain::ids::{CaseId, KeyId};
use turnwise::domain::knowledge::{Case, CaseKind, EntryStatus};
use turnwise::store::cases::CaseFilter;
use turnwise::store::jobs::{JobFilter, JobState, KindLimit};
use turnwise::store::page::{CreatedOrder, PageRequest};
use uuid::Uuid;

use crate::store::fixtures::{
    at, begin, commit, evidence, exemplar, insert_conversation, insert_entry, job, other_tenant, tenant,
};
use crate::store::on_both;

#[tokio::test]
async fn a_case_keeps_its_decision_until_it_is_opened_again() {
    on_both(async |store| {
        let entry = insert_entry(&store, 1).await;
        let case = Case {
            id: CaseId::derive("quarantined", entry.id, None),
            kind: CaseKind::Quarantined,
            entry_id: entry.id,
            other_id: None,
            detail: "held back".to_owned(),
            created_at: at(1),
        };
        let held =
            EntryStanding { status: EntryStatus::Quarantined, reason: Some("why".to_owned()), is_curated: false };
        let live = EntryStanding::decided(EntryStatus::Live, None);
        let change = StatusChange { entry_id: entry.id, before: held, after: live };
        let decided = CaseDecision {
            decision: Decision::Approve,
            reason: Some("it is fine".to_owned()),
            editor: Editor { key: Some(KeyId(Uuid::from_u128(77))), name: Some("Anna".to_owned()) },
            decided_at: at(9),
            undo: CaseUndo { statuses: vec![change], ..CaseUndo::default() },
        };
        let count = async |state: CaseState| {
            let filter = CaseFilter { state: Some(state), ..CaseFilter::default() };
            store.list_cases(&tenant(), &filter, &PageRequest::first(9)).await.expect("it answers").count
        };

        let mut tx = begin(&store).await;
        assert!(tx.insert_case(&tenant(), &case).await.expect("it is stored"));
        assert!(!tx.decide_case(&other_tenant(), case.id, &decided).await.expect("it answers"));
        assert!(tx.decide_case(&tenant(), case.id, &decided).await.expect("it is decided"));
        let stored = tx.hold_case(&tenant(), case.id).await.expect("it answers").expect("it is there");
        assert_eq!((&stored.case, &stored.decided), (&case, &Some(decided)));
        commit(tx).await;
        assert_eq!(store.case(&tenant(), case.id).await.expect("it answers"), Some(stored));
        assert_eq!(store.case(&other_tenant(), case.id).await.expect("it answers"), None);
        assert_eq!((count(CaseState::Open).await, count(CaseState::Decided).await), (0, 1));

        let mut tx = begin(&store).await;
        assert!(!tx.reopen_case(&other_tenant(), case.id).await.expect("it answers"));
        assert!(tx.reopen_case(&tenant(), case.id).await.expect("it is open"));
        commit(tx).await;
        let open = store.case(&tenant(), case.id).await.expect("it answers").expect("it is there");
        assert_eq!((open.case, open.decided), (case, None));
        assert_eq!((count(CaseState::Open).await, count(CaseState::Decided).await), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn the_cases_of_an_entry_go_with_it_whether_it_stands_first_or_second() {
    on_both(async |store| {
        let (gone, kept) = (insert_entry(&store, 1).await.id, insert_entry(&store, 2).await.id);
        let other = insert_entry(&store, 3).await.id;
        let pairs = [("first", gone, kept), ("second", kept, gone), ("neither", kept, other)];
        let cases = pairs.map(|(name, entry_id, other_id)| Case {
            id: CaseId::derive(name, entry_id, Some(other_id)),
            kind: CaseKind::NearDuplicate,
            entry_id,
            other_id: Some(other_id),
            detail: "alike".to_owned(),
            created_at: at(1),
        });
        let mut tx = begin(&store).await;
        for case in &cases {
            assert!(tx.insert_case(&tenant(), case).await.expect("it is stored"));
        }
        tx.erase_entry(&tenant(), gone, at(9)).await.expect("no case holds it");
        commit(tx).await;
        let left = store.list_cases(&tenant(), &CaseFilter::default(), &PageRequest::first(9)).await;
        let left = left.expect("it answers").items;
        assert_eq!(left.iter().map(|stored| stored.case.id).collect::<Vec<_>>(), [cases[2].id]);
    })
    .await;
}

#[tokio::test]
async fn places_of_exemplars_and_evidence_are_read_added_and_taken_away() {
    on_both(async |store| {
        let entry = insert_entry(&store, 1).await;
        let (a, b) = (insert_conversation(&store, 8).await, insert_conversation(&store, 9).await);
        let said = exemplar(entry.id, "what does it cost", Some(a.id));
        let also = SaidAt { conversation_id: b.id, turn: 3 };
        let mut tx = begin(&store).await;
        tx.add_exemplars(&tenant(), std::slice::from_ref(&said)).await.expect("it is stored");
        for _ in 0..2 {
            tx.add_exemplar_sources(&tenant(), &[(said.id, also)]).await.expect("it is stored");
        }
        let places = tx.exemplar_sources(&tenant(), &[said.id]).await.expect("it answers");
        assert_eq!(places, [(said.id, SaidAt { conversation_id: a.id, turn: 0 }), (said.id, also)]);
        assert_eq!(tx.exemplar_sources(&other_tenant(), &[said.id]).await.expect("it answers"), []);

        let given = [evidence(entry.id, a.id), evidence(entry.id, b.id)];
        tx.add_evidence(&tenant(), &given).await.expect("it is stored");
        let gone = [EvidencePlace { conversation_id: a.id, answer_turn: 1 }];
        tx.remove_evidence(&tenant(), entry.id, &gone).await.expect("it goes");
        assert_eq!(tx.evidence_of(&tenant(), entry.id).await.expect("it answers"), [evidence(entry.id, b.id)]);
        commit(tx).await;
        let counted = store.entry(&tenant(), entry.id).await.expect("it answers").expect("it is there");
        assert_eq!(counted.evidence_count, 1);
    })
    .await;
}

#[tokio::test]
async fn jobs_are_listed_counted_stopped_and_queued_again() {
    on_both(async |store| {
        let mut tx = begin(&store).await;
        for (number, kind) in [(1, "analyze"), (2, "analyze"), (3, "chunk")] {
            let queued_at = at(10 * i64::try_from(number).expect("it is small"));
            assert!(tx.enqueue(&tenant(), &job(number, kind), queued_at).await.expect("it is queued"));
        }
        commit(tx).await;
        let check = async |filter: JobFilter, expected: &[u128]| {
            let found = store.list_jobs(&tenant(), &filter, &PageRequest::first(9)).await.expect("it answers");
            let found: Vec<u128> = found.items.iter().map(|job| job.id.0.as_u128()).collect();
            assert_eq!(found, expected, "{filter:?}");
        };
        let all = JobFilter::default();
        check(all.clone(), &[3, 2, 1]).await;
        check(JobFilter { kind: Some("analyze".to_owned()), ..all.clone() }, &[2, 1]).await;
        check(JobFilter { from: Some(at(20)), to: Some(at(30)), ..all.clone() }, &[2]).await;
        check(JobFilter { order: Some(CreatedOrder::CreatedAt), ..all.clone() }, &[1, 2, 3]).await;
        check(JobFilter { order: Some(CreatedOrder::CreatedAtDown), ..all.clone() }, &[3, 2, 1]).await;
        check(JobFilter { search: Some("ANALYZE".to_owned()), ..all.clone() }, &[2, 1]).await;
        check(JobFilter { search: Some("anal_ze".to_owned()), ..all.clone() }, &[]).await;
        let elsewhere = store.list_jobs(&other_tenant(), &all, &PageRequest::first(9)).await.expect("it answers");
        assert_eq!(elsewhere.count, 0);

        let first = job(1, "analyze").id;
        let mut tx = begin(&store).await;
        assert!(!tx.cancel_job(&other_tenant(), first, at(40)).await.expect("it answers"));
        assert!(!tx.requeue_job(&tenant(), first, at(40)).await.expect("it answers"), "it is queued");
        assert!(tx.cancel_job(&tenant(), first, at(40)).await.expect("it answers"));
        assert!(!tx.cancel_job(&tenant(), first, at(40)).await.expect("it answers"), "it is stopped");
        commit(tx).await;
        check(JobFilter { state: Some(JobState::Cancelled), ..all.clone() }, &[1]).await;
        let counts = store.count_jobs(&tenant()).await.expect("it answers");
        let counts: Vec<(&str, JobState, i64, i64)> =
            counts.iter().map(|one| (one.kind.as_str(), one.state, one.count, one.oldest.as_millis())).collect();
        let expected = [
            ("analyze", JobState::Cancelled, 1, 10),
            ("analyze", JobState::Queued, 1, 20),
            ("chunk", JobState::Queued, 1, 30),
        ];
        assert_eq!(counts, expected);

        let mut again = job(4, "analyze");
        again.dedupe_key = job(1, "analyze").dedupe_key;
        let mut tx = begin(&store).await;
        assert!(tx.enqueue(&tenant(), &again, at(50)).await.expect("it is queued"));
        assert!(!tx.requeue_job(&tenant(), first, at(60)).await.expect("it answers"), "the same work is queued");
        assert!(tx.cancel_job(&tenant(), again.id, at(60)).await.expect("it answers"));
        assert!(tx.requeue_job(&tenant(), first, at(60)).await.expect("it answers"));
        commit(tx).await;
        let kinds = [KindLimit { kind: "analyze", limit: 9 }];
        let claimed = store.claim("a", &kinds, at(200), 1_000, 9).await.expect("it answers");
        assert!(claimed.iter().any(|job| job.id == first && job.attempts == 1), "{claimed:?}");
        let mut tx = begin(&store).await;
        assert!(!tx.cancel_job(&tenant(), first, at(210)).await.expect("it answers"), "it is running");
        commit(tx).await;
    })
    .await;
}
