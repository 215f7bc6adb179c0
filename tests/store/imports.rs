//! What is noted of entries that were taken over.

use turnwise::domain::error::ErrorClass;
use turnwise::domain::ids::EntryId;
use turnwise::store::entries::{EntrySource, Origin};
use turnwise::store::imports::ImportedEntryNote;
use uuid::Uuid;

use crate::store::fixtures::{at, begin, commit, entry, other_tenant, tenant};
use crate::store::on_both;

fn note(content_hash: &str, version: i64) -> ImportedEntryNote {
    ImportedEntryNote { content_hash: content_hash.to_owned(), version }
}

#[tokio::test]
async fn a_note_is_replaced_and_goes_with_its_entry() {
    on_both(async |store| {
        let given = entry(1);
        let mut tx = begin(&store).await;
        let source = EntrySource { origin: Origin::Import, pipeline_version: 0 };
        tx.insert_entry(&tenant(), &given, source).await.expect("it is stored");
        assert_eq!(tx.imported_entry(&tenant(), given.id).await.expect("it is read"), None);
        for note in [note("a", 1), note("b", 3)] {
            tx.note_imported_entry(&tenant(), given.id, &note, at(5)).await.expect("it is noted");
            assert_eq!(tx.imported_entry(&tenant(), given.id).await.expect("it is read"), Some(note));
        }
        assert_eq!(tx.imported_entry(&other_tenant(), given.id).await.expect("it is read"), None);
        commit(tx).await;

        let mut tx = begin(&store).await;
        tx.erase_entry(&tenant(), given.id, at(6)).await.expect("it is erased");
        assert_eq!(tx.imported_entry(&tenant(), given.id).await.expect("it is read"), None);
        commit(tx).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_noted_of_an_entry_that_is_not_there() {
    on_both(async |store| {
        let mut tx = begin(&store).await;
        let missing = EntryId(Uuid::from_u128(99));
        let error = tx.note_imported_entry(&tenant(), missing, &note("a", 1), at(5)).await.expect_err("there is none");
        assert_eq!(error.class(), ErrorClass::NotFound);
    })
    .await;
}
