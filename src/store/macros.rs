//! The macros that write a body once and expand it once per driver, and the one that names statements.

/// Runs the body with the pool that reads.
macro_rules! on_read {
    ($store:expr, |$db:ident| $body:expr) => {
        match &$store.pool {
            $crate::store::Pool::Sqlite { read: $db, .. } => $body,
            $crate::store::Pool::Postgres($db) => $body,
        }
    };
}

/// Runs the body with the connection of a writing transaction.
macro_rules! on_tx {
    ($tx:expr, |$db:ident| $body:expr) => {
        match &mut $tx.inner {
            $crate::store::tx::Inner::Sqlite(transaction) => {
                let $db = &mut **transaction;
                $body
            }
            $crate::store::tx::Inner::Postgres(transaction) => {
                let $db = &mut **transaction;
                $body
            }
        }
    };
}

/// Names the whole statements of a file, and lists them for the test that prepares each on both databases.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$doc])* const $name: &str = $sql;)+

        /// Every statement above, with its name.
        pub(super) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name),)+];
    };
}

pub(super) use {on_read, on_tx, statements};
