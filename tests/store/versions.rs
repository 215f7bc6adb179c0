//! Versions of entries, and what a person wrote.

use turnwise::domain::entry_version::{Editor, EntrySnapshot, EntryVersion, VersionStep};
use turnwise::domain::error::ErrorClass;
use turnwise::domain::ids::KeyId;
use turnwise::domain::knowledge::{Curated, Entry};
use turnwise::domain::success::Posterior;
use turnwise::store::page::PageRequest;
use uuid::Uuid;

use crate::store::fixtures::{
    LEARNED, at, begin, commit, entry, evidence, exemplar, insert_conversation, insert_entry, language, other_tenant,
    tenant,
};
use crate::store::on_both;

fn version(entry: &Entry, number: i64, step: VersionStep) -> EntryVersion {
    EntryVersion {
        entry_id: entry.id,
        number,
        step,
        editor: Editor { key: Some(KeyId(Uuid::from_u128(77))), name: Some("Anna".to_owned()) },
        snapshot: Some(EntrySnapshot::of(entry, &[exemplar(entry.id, "what does it cost", None)])),
        created_at: at(number * 10),
    }
}

/// An entry of which every word is a person's.
fn written(number: u128) -> Entry {
    let curated = Curated { title: true, content: true, phrases: true, status: true };
    let posterior = Posterior::from_prior_rate(0.85);
    Entry { intent: None, prior_rate: Some(0.85), posterior, curated, ..entry(number) }
}

#[tokio::test]
async fn versions_come_back_the_last_first() {
    on_both(async |store| {
        let given = written(1);
        let mut tx = begin(&store).await;
        tx.insert_entry(&tenant(), &given, LEARNED).await.expect("it is stored");
        assert_eq!(tx.last_version(&tenant(), given.id).await.expect("it answers"), None);
        for (number, step) in [(1, VersionStep::Created), (2, VersionStep::Edited), (3, VersionStep::Retired)] {
            tx.insert_version(&tenant(), &version(&given, number, step)).await.expect("it is stored");
        }
        let second = version(&given, 2, VersionStep::Edited);
        assert_eq!(tx.version(&tenant(), given.id, 2).await.expect("it answers"), Some(second.clone()));
        assert_eq!(tx.version(&other_tenant(), given.id, 2).await.expect("it answers"), None);
        let last = tx.last_version(&tenant(), given.id).await.expect("it answers").expect("it is there");
        assert_eq!(last.number, 3);
        assert_eq!(tx.hold_entry(&tenant(), given.id).await.expect("it answers"), Some(given.clone()));
        commit(tx).await;

        let first = store.list_versions(&tenant(), given.id, None, &PageRequest::first(2)).await.expect("it answers");
        let numbers: Vec<i64> = first.items.iter().map(|version| version.number).collect();
        assert_eq!((numbers, first.count), (vec![3, 2], 3));
        let rest = PageRequest { limit: 2, offset: 0, after: first.next };
        let rest = store.list_versions(&tenant(), given.id, None, &rest).await.expect("it answers");
        assert_eq!(rest.items, vec![version(&given, 1, VersionStep::Created)]);
        let edited = store.list_versions(&tenant(), given.id, Some(VersionStep::Edited), &PageRequest::first(9)).await;
        assert_eq!(edited.expect("it answers").items, vec![second]);

        let mut tx = begin(&store).await;
        let again = tx.insert_version(&tenant(), &version(&given, 3, VersionStep::Edited)).await;
        assert_eq!(again.expect_err("the number is taken").class(), ErrorClass::Conflict);
    })
    .await;
}

#[tokio::test]
async fn erasing_a_conversation_blanks_what_versions_quote_and_nothing_else() {
    on_both(async |store| {
        let erased = insert_conversation(&store, 1).await;
        let (own, learned) = (written(11), insert_entry(&store, 12).await);
        let mut tx = begin(&store).await;
        tx.insert_entry(&tenant(), &own, LEARNED).await.expect("it is stored");
        for entry in [&own, &learned] {
            tx.insert_version(&tenant(), &version(entry, 1, VersionStep::Edited)).await.expect("it is stored");
            tx.add_evidence(&tenant(), &[evidence(entry.id, erased.id)]).await.expect("it is stored");
        }
        // Another one speaks for the learned entry, too.
        let kept = evidence(learned.id, turnwise::domain::ids::ConversationId(Uuid::from_u128(99)));
        tx.add_evidence(&tenant(), &[kept]).await.expect("it is stored");
        let result = tx.erase_conversation(&tenant(), erased.id, at(50)).await.expect("it is erased");
        assert_eq!(
            result.expect("it was there").removed,
            vec![],
            "a person worded the one, others speak for the other"
        );
        let of_own = tx.version(&tenant(), own.id, 1).await.expect("it answers").expect("it is there");
        assert_eq!(of_own, version(&own, 1, VersionStep::Edited));
        let of_learned = tx.version(&tenant(), learned.id, 1).await.expect("it answers").expect("it is there");
        assert_eq!(of_learned, EntryVersion { snapshot: None, ..version(&learned, 1, VersionStep::Edited) });

        tx.erase_entry(&tenant(), own.id, at(60)).await.expect("it is erased");
        assert_eq!(tx.version(&tenant(), own.id, 1).await.expect("it answers"), None);
        commit(tx).await;
    })
    .await;
}

#[tokio::test]
async fn exemplars_are_taken_away_with_their_points_and_change_their_language() {
    on_both(async |store| {
        let entry = insert_entry(&store, 1).await;
        let (gone, stays) = (exemplar(entry.id, "price", None), exemplar(entry.id, "cost", None));
        let mut tx = begin(&store).await;
        tx.add_exemplars(&tenant(), &[gone.clone(), stays.clone()]).await.expect("they are stored");
        tx.remove_exemplars(&tenant(), &[gone.id], at(5)).await.expect("it goes");
        tx.set_exemplars_language(&tenant(), entry.id, &language("ur")).await.expect("it changes");
        commit(tx).await;
        let left = store.exemplars_of(&tenant(), &[entry.id]).await.expect("it answers");
        assert_eq!(left, vec![turnwise::domain::knowledge::Exemplar { language: language("ur"), ..stays }]);
        let points = store.erased_points(&tenant(), 9).await.expect("it answers");
        assert_eq!(points.iter().map(|point| point.point_id).collect::<Vec<_>>(), [gone.id.0]);
    })
    .await;
}
