//! Opening a store: the backend is chosen by the URL, here and nowhere else.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
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
/// How long a PostgreSQL server may take to answer the first time. The pool would try for as long as
/// [`ACQUIRE_TIMEOUT`], and then not say what was wrong.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages that a connection that reads keeps: 2 MiB (SQLite counts KiB as negative numbers).
const READ_CACHE: &str = "-2048";
/// Pages that the connection that writes keeps: 8 MiB.
const WRITE_CACHE: &str = "-8192";
/// Statements that a connection keeps prepared. There are more than the hundred that sqlx keeps by itself, and those that take
/// turns would be prepared anew each time.
const STATEMENTS: usize = 300;
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

impl StoreSettings {
    /// The file that the URL names; none when it names a server.
    pub fn sqlite_file(&self) -> Option<&Path> {
        let rest = self.url.strip_prefix("sqlite:")?;
        Some(Path::new(rest.trim_start_matches("//")))
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
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|source| StoreError::Open {
            what: "creating the directory of store.url",
            source: source.into(),
        })?;
    }
    make_private(Path::new(path))?;

    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .statement_cache_capacity(STATEMENTS)
        .pragma("temp_store", "MEMORY")
        // Every connection has a cache of its own, which fills as the file grows; the system's serves them all.
        .pragma("cache_size", READ_CACHE);
    let write_options = options
        .clone()
        .pragma("cache_size", WRITE_CACHE)
        // What is deleted is overwritten with zeros, or an erased text could still be read in the file's free pages. Pages
        // that become free are written for it once more; what is only added costs nothing.
        .pragma("secure_delete", "ON")
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match settings.synchronous {
            Synchronous::Normal => SqliteSynchronous::Normal,
            Synchronous::Full => SqliteSynchronous::Full,
        })
        // A long read keeps the log from being reused; give the space back afterwards.
        .pragma("journal_size_limit", "67108864");
    // An endless life: reopening a SQLite connection brings nothing but a cold cache. And no ping before every use, which
    // would be a second trip to the connection's thread for each statement: a file does not hang up.
    let pool = SqlitePoolOptions::new()
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);

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

    Ok(Store { pool: Pool::Sqlite { read, write }, job_notify: Arc::new(Notify::new()), watch: Arc::default() })
}

/// Makes the file, empty, if it is not there, so that its owner alone can read it: it holds what people said. SQLite
/// gives the log beside it the same mode. The mode of a file that is there is somebody's choice.
fn make_private(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            Err(StoreError::Open { what: "creating the file of store.url", source: source.into() })
        }
        _ => Ok(()),
    }
}

async fn open_postgres(settings: &StoreSettings) -> Result<Store, StoreError> {
    if settings.postgres_connections < 2 {
        return Err(StoreError::Settings("store.postgres_connections must be at least 2".to_owned()));
    }
    // The parser's own error may quote the URL, and with it the password.
    let options = PgConnectOptions::from_str(&settings.url)
        .map_err(|_| StoreError::Settings("store.url is not a valid 'postgres://…' URL".to_owned()))?
        .statement_cache_capacity(STATEMENTS)
        .application_name("turnwise");
    reach(&options).await?;
    let pool = PgPoolOptions::new()
        .max_connections(settings.postgres_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(|source| StoreError::Open { what: "connecting to the server of store.url", source: source.into() })?;
    migrate(&POSTGRES_MIGRATIONS, &pool).await?;

    let job_notify = Arc::new(Notify::new());
    listen(&pool, Arc::downgrade(&job_notify)).await?;
    Ok(Store { pool: Pool::Postgres(pool), job_notify, watch: Arc::default() })
}

/// Fails soon and with the cause when nobody answers; every other trouble is left to the pool, which waits where that
/// helps, for a server that is still starting.
async fn reach(options: &PgConnectOptions) -> Result<(), StoreError> {
    let cause = match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(connection)) => {
            // It has shown what it was for; the server notices when it was not closed well.
            let _ = connection.close().await;
            return Ok(());
        }
        Ok(Err(sqlx::Error::Io(error))) => error.to_string(),
        Ok(Err(_)) => return Ok(()),
        Err(_) => format!("no answer within {} seconds", CONNECT_TIMEOUT.as_secs()),
    };
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let source = format!("{place}: {cause}; start the PostgreSQL server there, or correct store.url").into();
    Err(StoreError::Open { what: "connecting to the server of store.url", source })
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

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn what_is_made_is_its_owners_alone() {
        let outer = tempfile::tempdir().expect("a temporary directory");
        let dir = outer.path().join("data");
        let file = dir.join("turnwise.db");
        let settings = StoreSettings::new(format!("sqlite:{}", file.display()));
        assert_eq!(settings.sqlite_file(), Some(file.as_path()));
        let store = Store::open(&settings).await.expect("it opens");
        assert_eq!(mode(&dir), 0o700);
        for name in ["turnwise.db", "turnwise.db-wal", "turnwise.db-shm"] {
            assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
        }
        store.close().await;
    }

    #[tokio::test]
    async fn a_directory_that_was_there_keeps_its_mode() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        let file = dir.path().join("turnwise.db");
        let settings = StoreSettings::new(format!("sqlite:{}", file.display()));
        Store::open(&settings).await.expect("it opens").close().await;
        assert_eq!((mode(dir.path()), mode(&file)), (0o755, 0o600));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_soon_and_without_its_password() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let settings = StoreSettings::new(format!("postgres://u:hunter2@127.0.0.1:{port}/x?sslmode=disable"));
        assert_eq!(settings.sqlite_file(), None);
        let opened = tokio::time::timeout(Duration::from_secs(20), Store::open(&settings)).await;
        let Err(error) = opened.expect("it gives up before the pool would") else { panic!("nobody listens there") };
        let told = format!("{error}: {}", error.source().expect("a cause"));
        assert!(told.contains(&format!("127.0.0.1:{port}: Connection refused")), "{told}");
        assert!(told.contains("start the PostgreSQL server") && !told.contains("hunter2"), "{told}");
    }
}
