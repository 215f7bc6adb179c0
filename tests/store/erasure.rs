//! Erasing a conversation, and what was learned from it alone.

use turnwise::domain::ids::CaseId;
use turnwise::domain::knowledge::{Case, CaseKind};
use turnwise::store::cases::CaseFilter;
use turnwise::store::entries::{EntrySource, Origin};
use turnwise::store::erasure::Erased;
use turnwise::store::page::PageRequest;
use turnwise::store::retrievals::Retrieval;

use crate::store::fixtures::{
    self, at, begin, chunk, commit, conversation, entry, evidence, exemplar, insert_conversation, insert_entry, record,
    tenant,
};
use crate::store::on_both;

fn retrieval(number: u128, conversation_ref: Option<&str>) -> Retrieval {
    Retrieval { turn: Some(0), abstained: true, total_us: 900, ..fixtures::retrieval(number, conversation_ref) }
}

#[tokio::test]
async fn what_was_learned_from_it_alone_goes_with_it() {
    on_both(async |store| {
        let (erased, kept) = (insert_conversation(&store, 1).await, insert_conversation(&store, 2).await);
        let (alone, shared) = (insert_entry(&store, 11).await, insert_entry(&store, 12).await);
        let mut written = entry(13);
        written.title = "written by a curator".to_owned();

        let mut tx = begin(&store).await;
        let curator = EntrySource { origin: Origin::Curator, pipeline_version: 1 };
        tx.insert_entry(&tenant(), &written, curator).await.expect("it is stored");
        tx.upsert_record(&tenant(), &record(erased.id)).await.expect("it is stored");
        let chunks = [chunk(erased.id, 0, "user: hi"), chunk(erased.id, 1, "agent: 29")];
        tx.replace_chunks(&tenant(), erased.id, &chunks, at(1)).await.expect("they are stored");
        let only_here = exemplar(shared.id, "only here", Some(erased.id));
        let both = exemplar(shared.id, "said by both", Some(erased.id));
        let also_there = exemplar(shared.id, "said by both", Some(kept.id));
        let own = exemplar(written.id, "a curator's own", None);
        let of_alone = exemplar(alone.id, "of the lonely entry", Some(erased.id));
        let of_alone_own = exemplar(alone.id, "a curator's, for the lonely entry", None);
        let all = [only_here, both.clone(), also_there, own.clone(), of_alone, of_alone_own];
        assert_eq!(tx.add_exemplars(&tenant(), &all).await.expect("they are stored"), 5);
        let mut evidences = vec![evidence(alone.id, erased.id), evidence(written.id, erased.id)];
        evidences.extend([evidence(shared.id, erased.id), evidence(shared.id, kept.id)]);
        tx.add_evidence(&tenant(), &evidences).await.expect("it is stored");
        let case = Case {
            id: CaseId::derive("near_duplicate", shared.id, Some(alone.id)),
            kind: CaseKind::NearDuplicate,
            entry_id: shared.id,
            other_id: Some(alone.id),
            detail: "alike".to_owned(),
            created_at: at(1),
        };
        tx.insert_case(&tenant(), &case).await.expect("it is stored");
        commit(tx).await;

        let mut tx = begin(&store).await;
        let result = tx.erase_conversation(&tenant(), erased.id, at(5)).await.expect("it is erased");
        commit(tx).await;

        // Two chunks, one exemplar that only it said, two of the entry that nothing else speaks for.
        let expected = Erased { changed: vec![shared.id, written.id], removed: vec![alone.id], points: 5 };
        assert_eq!(result, Some(expected));
        assert_eq!(store.conversation(&tenant(), erased.id).await.expect("it answers"), None);
        assert_eq!(store.record_of(&tenant(), erased.id).await.expect("it answers"), None);
        assert_eq!(store.chunks_of(&tenant(), erased.id).await.expect("it answers"), vec![]);
        assert_eq!(store.evidence_from(&tenant(), erased.id).await.expect("it answers"), vec![]);
        assert_eq!(store.entry(&tenant(), alone.id).await.expect("it answers"), None);
        assert_eq!(store.erased_points(&tenant(), 99).await.expect("it answers").len(), 5);

        let shared_now = store.entry(&tenant(), shared.id).await.expect("it answers").expect("it is there");
        assert_eq!(shared_now.evidence_count, 1);
        let left = store.exemplars_of(&tenant(), &[shared.id]).await.expect("it answers");
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].id, left[0].conversation_id), (both.id, Some(kept.id)));
        assert_eq!(store.exemplars_of(&tenant(), &[written.id]).await.expect("it answers"), vec![own]);
        let cases = store.list_cases(&tenant(), &CaseFilter::default(), &PageRequest::first(9)).await;
        assert_eq!(cases.expect("it answers").count, 0);
        let kept_now = store.conversation(&tenant(), kept.id).await.expect("it answers").expect("it is there");
        assert_eq!(kept_now.conversation, kept);
    })
    .await;
}

#[tokio::test]
async fn utterances_of_its_retrievals_are_blanked() {
    on_both(async |store| {
        let erased = insert_conversation(&store, 1).await;
        let beside_a_turn = erased.turns[1].retrieval_id.expect("the fixture has one").0.as_u128();
        let retrievals = [
            retrieval(21, Some("call-1")),
            retrieval(22, Some(&erased.id.to_string())),
            retrieval(beside_a_turn, None),
            retrieval(24, Some("call-2")),
        ];
        let mut tx = begin(&store).await;
        tx.insert_retrievals(&tenant(), &retrievals).await.expect("they are stored");
        tx.erase_conversation(&tenant(), erased.id, at(5)).await.expect("it is erased").expect("it was there");
        commit(tx).await;

        let ids = retrievals.iter().map(|retrieval| retrieval.id).collect::<Vec<_>>();
        for stored in store.retrievals(&tenant(), &ids).await.expect("it answers") {
            let expected = if stored.id == retrievals[3].id { "what does it cost" } else { "" };
            assert_eq!(stored.utterance, expected, "{}", stored.id);
        }
    })
    .await;
}

#[tokio::test]
async fn an_id_of_ours_is_no_name_of_another_conversation() {
    on_both(async |store| {
        let meant = insert_conversation(&store, 1).await;
        let mut erased = conversation(2);
        erased.external_id = meant.id.to_string();
        let named = retrieval(21, Some(&meant.id.to_string()));
        let mut tx = begin(&store).await;
        tx.insert_conversation(&tenant(), &erased, at(1)).await.expect("it is stored");
        tx.insert_retrievals(&tenant(), std::slice::from_ref(&named)).await.expect("it is stored");
        tx.erase_conversation(&tenant(), erased.id, at(5)).await.expect("it is erased").expect("it was there");
        commit(tx).await;
        let stored = store.retrievals(&tenant(), &[named.id]).await.expect("it answers");
        assert_eq!(stored[0].utterance, "what does it cost");
    })
    .await;
}

#[tokio::test]
async fn relearning_erases_what_was_derived_and_keeps_the_conversation() {
    on_both(async |store| {
        let given = insert_conversation(&store, 1).await;
        let alone = insert_entry(&store, 11).await;
        let mut tx = begin(&store).await;
        tx.upsert_record(&tenant(), &record(given.id)).await.expect("it is stored");
        tx.replace_chunks(&tenant(), given.id, &[chunk(given.id, 0, "user: hi")], at(1)).await.expect("stored");
        tx.add_exemplars(&tenant(), &[exemplar(alone.id, "hi", Some(given.id))]).await.expect("stored");
        tx.add_evidence(&tenant(), &[evidence(alone.id, given.id)]).await.expect("stored");
        commit(tx).await;

        for expected in [
            Erased { changed: vec![], removed: vec![alone.id], points: 2 },
            // The second time there is nothing left to do.
            Erased::default(),
        ] {
            let mut tx = begin(&store).await;
            assert_eq!(tx.erase_derived(&tenant(), given.id, at(5)).await.expect("it is erased"), expected);
            commit(tx).await;
        }
        let stored = store.conversation(&tenant(), given.id).await.expect("it answers").expect("it is there");
        assert_eq!(stored.conversation, conversation(1));
        assert_eq!(store.erased_points(&tenant(), 9).await.expect("it answers").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_stays_and_is_forgotten_step_by_step() {
    on_both(async |store| {
        let given = insert_conversation(&store, 1).await;
        let (kept, gone) = (insert_entry(&store, 11).await, insert_entry(&store, 12).await);
        let mut tx = begin(&store).await;
        for entry in [kept.id, gone.id] {
            tx.add_exemplars(&tenant(), &[exemplar(entry, "hi", Some(given.id))]).await.expect("it is stored");
            tx.add_evidence(&tenant(), &[evidence(entry, given.id)]).await.expect("it is stored");
        }
        assert_eq!(tx.erase_analysis(&tenant(), given.id, at(5)).await.expect("it is erased"), 0);
        let taken_back = tx.take_back(&tenant(), given.id, &[kept.id], at(5)).await.expect("it is taken back");
        assert_eq!(taken_back, Erased { changed: vec![], removed: vec![gone.id], points: 1 });
        assert_eq!(tx.evidence_from(&tenant(), given.id).await.expect("it answers"), vec![evidence(kept.id, given.id)]);
        assert_eq!(tx.exemplars_of(&tenant(), &[kept.id]).await.expect("it answers").len(), 1);

        assert_eq!(tx.unsupported(&tenant(), &[kept.id]).await.expect("it answers"), []);
        let points = tx.forget_lessons(&tenant(), given.id, (&[kept.id], &[]), at(6)).await.expect("it is forgotten");
        assert_eq!((points, tx.unsupported(&tenant(), &[kept.id]).await.expect("it answers")), (0, vec![kept.id]));
        assert_eq!(tx.entries_taught_by(&tenant(), given.id).await.expect("it answers"), [kept.id]);
        let removed = tx.remove_unsupported(&tenant(), &[kept.id], at(7)).await.expect("it is removed");
        assert_eq!(removed, (vec![kept.id], 1));
        commit(tx).await;
        assert_eq!(store.entry(&tenant(), kept.id).await.expect("it answers"), None);
    })
    .await;
}
