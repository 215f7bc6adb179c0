//! What the index holds: marks, and points that must leave it.

use std::time::Duration;

use turnwise::domain::conversation::Outcome;
use turnwise::domain::error::ErrorClass;
use turnwise::domain::ids::{ConversationId, EntryId};
use turnwise::domain::knowledge::EntryStatus;
use turnwise::store::Store;
use turnwise::store::marks::{Collection, IndexProgress, Marked};
use uuid::Uuid;

use crate::store::fixtures::{
    GENERATION, at, begin, chunk, commit, evidence, exemplar, insert_conversation, insert_entry, insert_generation,
    other_tenant, record, tenant,
};
use crate::store::on_both;
use crate::store::open;
use crate::support::postgres::TestDatabase;

async fn add_exemplar(store: &Store, entry: EntryId, text: &str, said_in: Option<ConversationId>) -> Uuid {
    let exemplar = exemplar(entry, text, said_in);
    let mut tx = begin(store).await;
    tx.add_exemplars(&tenant(), std::slice::from_ref(&exemplar)).await.expect("it is stored");
    commit(tx).await;
    exemplar.id.0
}

async fn unmarked(store: &Store) -> usize {
    store.unmarked_exemplars(&tenant(), GENERATION, None, 100).await.expect("it answers").len()
}

async fn mark_all(store: &Store) -> Marked {
    let exemplars = store.unmarked_exemplars(&tenant(), GENERATION, None, 100).await.expect("it answers");
    let chunks = store.unmarked_chunks(&tenant(), GENERATION, None, 100).await.expect("it answers");
    let mut tx = begin(store).await;
    let a = tx.mark_exemplars(&tenant(), GENERATION, &exemplars, at(1)).await.expect("they are marked");
    let b = tx.mark_chunks(&tenant(), GENERATION, &chunks, at(1)).await.expect("they are marked");
    commit(tx).await;
    Marked { marked: a.marked + b.marked, changed: a.changed + b.changed, gone: a.gone + b.gone }
}

#[tokio::test]
async fn a_point_is_pending_until_it_is_marked() {
    on_both(async |store| {
        insert_generation(&store).await;
        let entry = insert_entry(&store, 1).await;
        add_exemplar(&store, entry.id, "what does it cost", None).await;
        add_exemplar(&store, entry.id, "price please", None).await;

        let pending = store.unmarked_exemplars(&tenant(), GENERATION, None, 100).await.expect("it answers");
        assert_eq!(pending.len(), 2);
        assert_eq!(pending[0].knowledge_type, entry.knowledge_type);
        assert_eq!((&pending[0].category, pending[0].status), (&entry.category, entry.status));
        let one = store.unmarked_exemplars(&tenant(), GENERATION, None, 1).await.expect("it answers");
        assert_eq!(one, pending[..1]);
        assert_eq!(store.unmarked_exemplars(&other_tenant(), GENERATION, None, 9).await.expect("it answers"), vec![]);

        assert_eq!(mark_all(&store).await, Marked { marked: 2, changed: 0, gone: 0 });
        assert_eq!(unmarked(&store).await, 0);
        let other_generation = store.unmarked_exemplars(&tenant(), "next", None, 100).await.expect("it answers");
        assert_eq!(other_generation.len(), 2);
        let progress = store.index_progress(&tenant(), GENERATION, Collection::Exemplars).await.expect("it counts");
        assert_eq!(progress, IndexProgress { points: 2, marked: 2 });
    })
    .await;
}

#[tokio::test]
async fn pending_exemplars_of_a_conversation_are_those_of_its_entries() {
    on_both(async |store| {
        insert_generation(&store).await;
        let conversation = insert_conversation(&store, 7).await;
        let (ours, theirs) = (insert_entry(&store, 1).await, insert_entry(&store, 2).await);
        let older = add_exemplar(&store, ours.id, "said by somebody else", None).await;
        let own = add_exemplar(&store, ours.id, "said here", Some(conversation.id)).await;
        add_exemplar(&store, theirs.id, "not ours", None).await;
        let mut tx = begin(&store).await;
        tx.add_evidence(&tenant(), &[evidence(ours.id, conversation.id)]).await.expect("it is stored");
        commit(tx).await;

        let pending = store.unmarked_exemplars(&tenant(), GENERATION, Some(conversation.id), 9).await;
        let mut found: Vec<Uuid> = pending.expect("it answers").iter().map(|pending| pending.exemplar.id.0).collect();
        let mut expected = vec![older, own];
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    })
    .await;
}

#[tokio::test]
async fn whatever_changes_the_payload_removes_the_marks() {
    on_both(async |store| {
        insert_generation(&store).await;
        let conversation = insert_conversation(&store, 7).await;
        let (mut entry, bystander) = (insert_entry(&store, 1).await, insert_entry(&store, 2).await);
        add_exemplar(&store, entry.id, "what does it cost", None).await;
        add_exemplar(&store, bystander.id, "when do you open", None).await;
        let mut tx = begin(&store).await;
        let chunks = [chunk(conversation.id, 0, "user: hi"), chunk(conversation.id, 1, "agent: 29")];
        tx.replace_chunks(&tenant(), conversation.id, &chunks, at(1)).await.expect("they are stored");
        commit(tx).await;
        assert_eq!(mark_all(&store).await.marked, 4);

        let mut tx = begin(&store).await;
        tx.set_entry_status(&tenant(), entry.id, EntryStatus::Suspect, None, at(2)).await.expect("it answers");
        commit(tx).await;
        assert_eq!(unmarked(&store).await, 1);
        assert_eq!(mark_all(&store).await.marked, 1);

        entry.category = "support".to_owned();
        let mut tx = begin(&store).await;
        tx.update_entry(&tenant(), &entry).await.expect("it answers");
        commit(tx).await;
        let pending = store.unmarked_exemplars(&tenant(), GENERATION, None, 9).await.expect("it answers");
        assert_eq!(pending.iter().map(|pending| pending.category.as_str()).collect::<Vec<_>>(), ["support"]);
        assert_eq!(mark_all(&store).await.marked, 1);

        let mut tx = begin(&store).await;
        let mut analysed = record(conversation.id);
        analysed.outcome = Outcome::Partial;
        tx.upsert_record(&tenant(), &analysed).await.expect("it is stored");
        commit(tx).await;
        let pending = store.unmarked_chunks(&tenant(), GENERATION, Some(conversation.id), 9).await.expect("it answers");
        assert_eq!(pending.len(), 2);
        assert_eq!((pending[0].outcome, pending[0].category.as_deref()), (Some(Outcome::Partial), Some("sales")));
        assert_eq!(mark_all(&store).await.marked, 2);

        let mut tx = begin(&store).await;
        tx.set_posterior(&tenant(), entry.id, entry.posterior).await.expect("it answers");
        tx.replace_chunks(&tenant(), conversation.id, &chunks, at(3)).await.expect("they are the same");
        commit(tx).await;
        assert_eq!(mark_all(&store).await.marked, 0, "nothing that the index holds has changed");
    })
    .await;
}

#[tokio::test]
async fn what_changed_or_went_while_it_was_indexed_is_not_marked() {
    on_both(async |store| {
        insert_generation(&store).await;
        let conversation = insert_conversation(&store, 7).await;
        let (kept, changed, removed) =
            (insert_entry(&store, 1).await, insert_entry(&store, 2).await, insert_entry(&store, 3).await);
        for entry in [&kept, &changed, &removed] {
            add_exemplar(&store, entry.id, "what does it cost", None).await;
        }
        let mut tx = begin(&store).await;
        let chunks = [chunk(conversation.id, 0, "user: hi")];
        tx.replace_chunks(&tenant(), conversation.id, &chunks, at(1)).await.expect("they are stored");
        commit(tx).await;

        // An index stage has read these and upserts them; meanwhile the rows move on.
        let exemplars = store.unmarked_exemplars(&tenant(), GENERATION, None, 9).await.expect("it answers");
        let read_chunks = store.unmarked_chunks(&tenant(), GENERATION, None, 9).await.expect("it answers");
        let mut tx = begin(&store).await;
        tx.set_entry_status(&tenant(), changed.id, EntryStatus::Retired, None, at(2)).await.expect("it answers");
        tx.erase_entry(&tenant(), removed.id, at(2)).await.expect("it answers");
        tx.erase_conversation(&tenant(), conversation.id, at(2)).await.expect("it answers");
        commit(tx).await;
        let erased = store.erased_points(&tenant(), 9).await.expect("it answers");
        assert_eq!(erased.len(), 2);
        let mut tx = begin(&store).await;
        tx.clear_erased_points(&tenant(), &erased).await.expect("they are cleared");
        commit(tx).await;

        let mut tx = begin(&store).await;
        let marked = tx.mark_exemplars(&tenant(), GENERATION, &exemplars, at(3)).await.expect("it answers");
        assert_eq!(marked, Marked { marked: 1, changed: 1, gone: 1 });
        let marked = tx.mark_chunks(&tenant(), GENERATION, &read_chunks, at(3)).await.expect("it answers");
        assert_eq!(marked, Marked { marked: 0, changed: 0, gone: 1 });
        commit(tx).await;

        // The upsert brought two erased texts back; they are to be deleted again.
        assert_eq!(store.erased_points(&tenant(), 9).await.expect("it answers").len(), 2);
        assert_eq!(unmarked(&store).await, 1);
    })
    .await;
}

#[tokio::test]
async fn on_postgres_a_change_waits_for_a_mark_that_is_being_written() {
    let database = TestDatabase::create().await;
    let store = open(&database.url).await;
    insert_generation(&store).await;
    let entry = insert_entry(&store, 1).await;
    add_exemplar(&store, entry.id, "what does it cost", None).await;
    let pending = store.unmarked_exemplars(&tenant(), GENERATION, None, 9).await.expect("it answers");
    let mut marking = begin(&store).await;
    marking.mark_exemplars(&tenant(), GENERATION, &pending, at(1)).await.expect("they are marked");

    let mut change = tokio::spawn({
        let store = store.clone();
        async move {
            let mut tx = begin(&store).await;
            tx.set_entry_status(&tenant(), entry.id, EntryStatus::Retired, None, at(2)).await.expect("it answers");
            commit(tx).await;
        }
    });
    // A change that did not wait would be over by then, and the mark would be kept for a payload that is no more.
    let _ = tokio::time::timeout(Duration::from_millis(300), &mut change).await;
    commit(marking).await;
    change.await.expect("the change goes on");
    assert_eq!(unmarked(&store).await, 1);
    store.close().await;
    database.drop().await;
}

#[tokio::test]
async fn a_text_that_is_said_again_is_not_deleted() {
    on_both(async |store| {
        insert_generation(&store).await;
        let conversation = insert_conversation(&store, 7).await;
        let chunks = [chunk(conversation.id, 0, "user: hi"), chunk(conversation.id, 1, "agent: 29")];
        let mut tx = begin(&store).await;
        tx.replace_chunks(&tenant(), conversation.id, &chunks, at(1)).await.expect("they are stored");
        tx.replace_chunks(&tenant(), conversation.id, &chunks[..1], at(2)).await.expect("one goes");
        commit(tx).await;
        let erased = store.erased_points(&tenant(), 9).await.expect("it answers");
        assert_eq!(erased.iter().map(|point| point.point_id).collect::<Vec<_>>(), [chunks[1].id.0]);
        assert_eq!((erased[0].collection, erased[0].created_at), (Collection::Chunks, at(2)));

        // It comes back before anybody has deleted it: nothing is to be deleted any more.
        let mut tx = begin(&store).await;
        tx.replace_chunks(&tenant(), conversation.id, &chunks, at(3)).await.expect("it is back");
        commit(tx).await;
        assert_eq!(store.erased_points(&tenant(), 9).await.expect("it answers"), vec![]);

        // It comes back and is indexed while the deletion is under way: it must be indexed again.
        assert_eq!(mark_all(&store).await.marked, 2);
        let mut tx = begin(&store).await;
        tx.clear_erased_points(&tenant(), &erased).await.expect("they are cleared");
        commit(tx).await;
        assert_eq!(store.unmarked_chunks(&tenant(), GENERATION, None, 9).await.expect("it answers").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_index_is_compared_a_page_at_a_time() {
    on_both(async |store| {
        insert_generation(&store).await;
        let entry = insert_entry(&store, 1).await;
        let mut ids = Vec::new();
        for number in 0..5 {
            ids.push(add_exemplar(&store, entry.id, &format!("utterance {number}"), None).await);
        }
        mark_all(&store).await;
        ids.sort();
        let mut tx = begin(&store).await;
        let missing = tx.unmark_points(&tenant(), Collection::Exemplars, Some(GENERATION), &ids[1..3]).await;
        assert_eq!(missing.expect("it answers"), 2);
        let other = tx.unmark_points(&tenant(), Collection::Chunks, None, &ids).await;
        assert_eq!(other.expect("it answers"), 0);
        commit(tx).await;

        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.point_marks(&tenant(), GENERATION, Collection::Exemplars, after, 2).await;
            let page = page.expect("it answers");
            let Some(last) = page.last() else { break };
            after = Some(last.point_id);
            found.extend(page);
        }
        assert_eq!(found.iter().map(|point| point.point_id).collect::<Vec<_>>(), ids);
        assert_eq!(found.iter().map(|point| point.marked).collect::<Vec<_>>(), [true, false, false, true, true]);
        let chunks = store.point_marks(&tenant(), GENERATION, Collection::Chunks, None, 9).await;
        assert_eq!(chunks.expect("it answers"), vec![]);
    })
    .await;
}

#[tokio::test]
async fn a_generation_is_begun_once_and_goes_with_its_marks() {
    on_both(async |store| {
        insert_generation(&store).await;
        let generation = store.generations().await.expect("it answers").remove(0);
        assert_eq!((generation.name.as_str(), generation.dimension), (GENERATION, 384));
        let entry = insert_entry(&store, 1).await;
        add_exemplar(&store, entry.id, "what does it cost", None).await;
        mark_all(&store).await;

        let mut tx = begin(&store).await;
        assert!(!tx.insert_generation(&generation).await.expect("it is there"));
        assert_eq!(tx.unmark_generation(GENERATION).await.expect("it answers"), 1);
        commit(tx).await;
        assert_eq!(unmarked(&store).await, 1);
        mark_all(&store).await;
        let mut tx = begin(&store).await;
        assert!(tx.delete_generation(GENERATION).await.expect("it answers"));
        assert!(!tx.delete_generation(GENERATION).await.expect("it answers"));
        let pending = store.unmarked_exemplars(&tenant(), "next", None, 9).await.expect("it answers");
        let error = tx.mark_exemplars(&tenant(), "next", &pending, at(1)).await.expect_err("no such generation");
        assert_eq!(error.class(), ErrorClass::NotFound);
    })
    .await;
}

#[tokio::test]
async fn tenants_are_those_with_rows() {
    on_both(async |store| {
        assert_eq!(store.tenants().await.expect("it answers"), vec![]);
        insert_conversation(&store, 1).await;
        let mut tx = begin(&store).await;
        let entry = crate::store::fixtures::entry(5);
        tx.insert_entry(&other_tenant(), &entry, crate::store::fixtures::LEARNED).await.expect("it is stored");
        commit(tx).await;
        assert_eq!(store.tenants().await.expect("it answers"), vec![other_tenant(), tenant()]);
    })
    .await;
}
