//! The contract of the store: every test here runs on SQLite and on PostgreSQL.

mod analytics;
mod cases;
mod conversations;
mod erasure;
mod experiments;
mod fixtures;
mod gaps;
mod imports;
mod index_marks;
mod jobs;
mod keys;
mod knowledge;
mod measures;
mod orderings;
mod queue_property;
mod records;
mod retrievals;
mod rollups;
mod rollups_property;
mod schedules;
mod schema;
mod sessions;
mod sqlite_file;
mod statements;
mod uses;
mod versions;

use tokio::runtime::Runtime;
use turnwise::store::Store;
use turnwise::store::settings::StoreSettings;

use crate::support::postgres::TestDatabase;

/// Runs a test on a fresh store of each kind.
async fn on_both(test: impl AsyncFn(Store)) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = open(&format!("sqlite:{}", directory.path().join("turnwise.db").display())).await;
    run(&test, store).await;

    let database = TestDatabase::create().await;
    let store = open(&database.url).await;
    run(&test, store).await;
    database.drop().await;
}

async fn run(test: &impl AsyncFn(Store), store: Store) {
    // Shown when the test fails, so that one sees where.
    println!("on {}", store.database());
    test(store.clone()).await;
    store.close().await;
}

/// Runs a property, which makes its cases by itself, on a fresh store in SQLite.
fn property_on_sqlite(property: impl FnOnce(&Runtime, &Store)) {
    let runtime = runtime();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = runtime.block_on(open(&format!("sqlite:{}", directory.path().join("turnwise.db").display())));
    property(&runtime, &store);
    runtime.block_on(store.close());
}

/// The same in PostgreSQL.
fn property_on_postgres(property: impl FnOnce(&Runtime, &Store)) {
    let runtime = runtime();
    let database = runtime.block_on(TestDatabase::create());
    let store = runtime.block_on(open(&database.url));
    property(&runtime, &store);
    runtime.block_on(store.close());
    runtime.block_on(database.drop());
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn open(url: &str) -> Store {
    let mut settings = StoreSettings::new(url);
    settings.postgres_connections = 4;
    Store::open(&settings).await.expect("the store opens")
}
