//! The truth: conversations, knowledge and jobs, on SQLite or PostgreSQL.
//!
//! Guarantees: both databases run the same SQL text; what truly differs is a documented pair in `dialect`. Every row
//! has a tenant and every function takes one, except where the subject is the installation itself: the queue's
//! workers, index generations, the look-up of a key, the keys of everybody for who runs it. Reads are methods of
//! [`Store`] and see committed rows only; writes are methods of [`Tx`], so that one business operation is one
//! transaction and its follow-up job rides in it.
//!
//! Refuses: to log or print a text, a key or a database URL; to hold a transaction open across anything but SQL (that
//! is for the callers to keep); to let a type of `sqlx` out of this room.

pub mod analytics;
pub mod cases;
pub mod chunks;
mod conversation_states;
pub mod conversations;
mod dialect;
pub mod distributions;
pub mod entries;
pub mod erasure;
pub mod error;
mod evidence;
pub mod exemplars;
pub mod experiments;
pub mod facts;
mod gap_entries;
pub mod gap_retrievals;
pub mod gaps;
pub mod generations;
pub mod imports;
pub mod jobs;
pub mod keys;
pub mod labels;
mod listen;
mod macros;
pub mod marks;
pub mod measures;
mod metric_groups;
mod metric_marks;
mod open;
pub mod outcomes;
pub mod page;
pub mod plans;
pub mod records;
pub mod retrievals;
pub mod rolling_up;
pub mod rollups;
mod rows;
pub mod schedules;
mod search;
pub mod session_items;
pub mod sessions;
pub mod settings;
mod spans;
mod statement;
pub mod statements;
mod turns;
pub mod tx;
pub mod upkeep;
pub mod uses;
pub mod versions;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::store::dialect::Dialect;
use crate::store::plans::Watch;

/// The relational store. Cloning it is cheap; all clones share the connections.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    /// Woken after every commit that enqueued a job, here or (on PostgreSQL) in another process.
    job_notify: Arc<Notify>,
    /// For who wants to see the plans of what is read.
    watch: Arc<Watch>,
}

#[derive(Clone)]
enum Pool {
    /// One writer, because SQLite has one write lock: waiting for it in a queue is fairer than polling for it.
    Sqlite {
        read: sqlx::SqlitePool,
        write: sqlx::SqlitePool,
    },
    Postgres(sqlx::PgPool),
}

impl Store {
    /// Woken after a commit that enqueued a job or gave one back. It keeps one wake-up for a waiter that was busy, so
    /// it serves one waiter per process: the job runner.
    pub fn job_notify(&self) -> &Notify {
        &self.job_notify
    }

    /// Which database this is: `sqlite` or `postgres`.
    pub fn database(&self) -> &'static str {
        match self.dialect() {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
        }
    }

    /// Closes all connections, after the statements that run now. Later calls fail with [`StoreError::Unavailable`].
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { read, write } => {
                read.close().await;
                // The writer goes last, so that it folds the write-ahead log into the database file.
                write.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    fn dialect(&self) -> Dialect {
        match &self.pool {
            Pool::Sqlite { .. } => Dialect::Sqlite,
            Pool::Postgres(_) => Dialect::Postgres,
        }
    }
}
