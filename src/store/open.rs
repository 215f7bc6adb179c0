//! Opening a store: the backend is chosen by the URL, here and nowhere else.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Notify;

use crate::store::Pool;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::listen::listen;
use crate::store::settings::{StoreSettings, Synchronous};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a call waits for a free connection before it gives up.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Pages that a connection that reads keeps: 2 MiB (SQLite counts KiB as negative numbers).
const READ_CACHE: &str = "-2048";
/// Pages that the connection that writes keeps: 8 MiB.
const WRITE_CACHE: &str = "-8192";
/// How long SQLite waits for another process (a backup, a shell) that holds its lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

impl Store {
    /// Opens the database that the URL names, creates a SQLite file that is not there yet, and brings the schema up to
    /// date.
    ///
    /// # Errors
    /// [`StoreError::Settings`] for a URL or numbers that cannot work, [`StoreError::Open`] when the database cannot be
    /// reached or was written by a newer version.
    pub async fn open(settings: &StoreSettings) -> Result<Self, StoreError> {
        let scheme = settings.url.split(':').next().unwrap_or_default();
        match scheme {
            "sqlite" => open_sqlite(settings).await,
            "postgres" | "postgresql" => open_postgres(settings).await,
            _ => Err(StoreError::Settings(
                "store.url must begin with 'sqlite:' (a file) or 'postgres://' (a server)".to_owned(),
            )),
        }
    }
}

async fn open_sqlite(settings: &StoreSettings) -> Result<Store, StoreError> {
    let path = settings.url.trim_start_matches("sqlite:").trim_start_matches("//");
    if path.is_empty() || path.starts_with(":memory:") {
        return Err(StoreError::Settings(
            "store.url must name a file, such as 'sqlite:turnwise-data/turnwise.db'".to_owned(),
        ));
    }
    if settings.read_connections == 0 {
        return Err(StoreError::Settings("store.read_connections must be at least 1".to_owned()));
    }
    if let Some(directory) = Path::new(path).parent() {
        std::fs::create_dir_all(directory).map_err(|source| StoreError::Open {
            what: "creating the directory of store.url",
            source: source.into(),
        })?;
    }

    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .pragma("temp_store", "MEMORY")
        // Every connection has a cache of its own, which fills as the file grows; the system's serves them all.
        .pragma("cache_size", READ_CACHE);
    let write_options = options
        .clone()
        .pragma("cache_size", WRITE_CACHE)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match settings.synchronous {
            Synchronous::Normal => SqliteSynchronous::Normal,
            Synchronous::Full => SqliteSynchronous::Full,
        })
        // A long read keeps the log from being reused; give the space back afterwards.
        .pragma("journal_size_limit", "67108864");
    // An endless life: reopening a SQLite connection brings nothing but a cold cache.
    let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).idle_timeout(None).max_lifetime(None);

    let write = pool
        .clone()
        .max_connections(1)
        .connect_with(write_options)
        .await
        .map_err(|source| StoreError::Open { what: "opening the file of store.url", source: source.into() })?;
    migrate(&SQLITE_MIGRATIONS, &write).await?;
    let read = pool
        .max_connections(settings.read_connections)
        .connect_with(options.pragma("query_only", "ON"))
        .await
        .map_err(|source| StoreError::Open {
        what: "opening the file of store.url to read",
        source: source.into(),
    })?;

    Ok(Store { pool: Pool::Sqlite { read, write }, job_notify: Arc::new(Notify::new()) })
}

async fn open_postgres(settings: &StoreSettings) -> Result<Store, StoreError> {
    if settings.postgres_connections < 2 {
        return Err(StoreError::Settings("store.postgres_connections must be at least 2".to_owned()));
    }
    // The parser's own error may quote the URL, and with it the password.
    let options = PgConnectOptions::from_str(&settings.url)
        .map_err(|_| StoreError::Settings("store.url is not a valid 'postgres://…' URL".to_owned()))?
        .application_name("turnwise");
    let pool = PgPoolOptions::new()
        .max_connections(settings.postgres_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(|source| StoreError::Open { what: "connecting to the server of store.url", source: source.into() })?;
    migrate(&POSTGRES_MIGRATIONS, &pool).await?;

    let job_notify = Arc::new(Notify::new());
    listen(&pool, Arc::downgrade(&job_notify)).await?;
    Ok(Store { pool: Pool::Postgres(pool), job_notify })
}

async fn migrate<'a, A>(migrations: &Migrator, database: A) -> Result<(), StoreError>
where
    A: sqlx::Acquire<'a>,
    <A::Connection as std::ops::Deref>::Target: sqlx::migrate::Migrate,
{
    migrations
        .run(database)
        .await
        .map_err(|source| StoreError::Open { what: "bringing the schema up to date", source: source.into() })
}
