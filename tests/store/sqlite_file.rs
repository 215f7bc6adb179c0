//! What is particular to a SQLite file, and to settings.

use turnwise::domain::error::ErrorClass;
use turnwise::store::Store;
use turnwise::store::error::StoreError;
use turnwise::store::settings::{StoreSettings, Synchronous};

use crate::store::fixtures::{at, begin, commit, conversation, insert_conversation, tenant};

#[tokio::test]
async fn a_file_is_made_with_its_directory_and_opened_again() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("deep/er/turnwise.db");
    for (synchronous, count) in [(Synchronous::Normal, 1), (Synchronous::Full, 2)] {
        let mut settings = StoreSettings::new(format!("sqlite://{}", path.display()));
        settings.synchronous = synchronous;
        let store = Store::open(&settings).await.expect("it opens");
        insert_conversation(&store, count).await;
        assert_eq!(store.count_conversations(&tenant()).await.expect("it counts"), count as i64);
        store.close().await;
    }
    let log = path.with_extension("db-wal");
    assert!(path.exists() && !log.exists(), "closing folds the log into the file");
}

#[tokio::test]
async fn reads_go_on_while_somebody_writes() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite:{}", directory.path().join("turnwise.db").display());
    let store = Store::open(&StoreSettings::new(url)).await.expect("it opens");
    insert_conversation(&store, 1).await;
    let mut tx = begin(&store).await;
    tx.insert_conversation(&tenant(), &conversation(2), at(1)).await.expect("it is stored");
    let reads = (0..8).map(|_| {
        let store = store.clone();
        async move { store.count_conversations(&tenant()).await.expect("it counts") }
    });
    assert_eq!(futures::future::join_all(reads).await, vec![1; 8]);
    commit(tx).await;
    assert_eq!(store.count_conversations(&tenant()).await.expect("it counts"), 2);
}

#[tokio::test]
async fn settings_that_cannot_work_are_explained_without_the_url() {
    let no_reader = StoreSettings { read_connections: 0, ..StoreSettings::new("sqlite:/tmp/never-made.db") };
    let one_connection = StoreSettings { postgres_connections: 1, ..StoreSettings::new("postgres://u:hunter2@h/d") };
    let cases = [
        (StoreSettings::new("mysql://root:hunter2@db/turnwise"), "must begin with"),
        (StoreSettings::new("sqlite::memory:"), "must name a file"),
        (StoreSettings::new("sqlite:"), "must name a file"),
        (StoreSettings::new("postgres://u:hunter2@h:notaport/d"), "not a valid"),
        (no_reader, "read_connections"),
        (one_connection, "postgres_connections"),
    ];
    for (settings, expected) in cases {
        let Err(error) = Store::open(&settings).await else { panic!("{settings:?} was opened") };
        assert!(matches!(error, StoreError::Settings(_)), "{error:?}");
        assert_eq!(error.class(), ErrorClass::Permanent);
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected) && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("notes.txt");
    std::fs::write(
        &path,
        "this is no database, it is a text of more than a hundred bytes, so that it has the length of a header of one",
    )
    .expect("it is written");
    let Err(error) = Store::open(&StoreSettings::new(format!("sqlite:{}", path.display()))).await else {
        panic!("it was opened")
    };
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite:{}", directory.path().join("turnwise.db").display());
    let store = Store::open(&StoreSettings::new(url)).await.expect("it opens");
    store.close().await;
    let error = store.count_conversations(&tenant()).await.expect_err("it is closed");
    assert_eq!(error.class(), ErrorClass::Transient);
}
