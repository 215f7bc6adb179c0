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

/// What `ascending!` and `descending!` make.
macro_rules! order {
    ($number:literal, $id:literal, $bound:expr, $than:literal, $direction:literal) => {
        $crate::store::page::Order {
            place: concat!(", ", $number, " AS ordered_by"),
            bound: $bound,
            behind: concat!(" AND (", $number, ", ", $id, ") ", $than, " ("),
            by: concat!(" ORDER BY ", $number, $direction, ", ", $id, $direction),
        }
    };
}

/// The [`Order`](crate::store::page::Order) by a number, a column or what is `computed` of columns, the smallest first, and
/// by an id where two have the same.
macro_rules! ascending {
    (computed $number:literal, $id:literal) => {
        $crate::store::macros::order!($number, $id, Some(concat!(" AND ", $number, " >= ")), ">", "")
    };
    ($number:literal, $id:literal) => {
        $crate::store::macros::order!($number, $id, None, ">", "")
    };
}

/// As `ascending!`, the greatest first.
macro_rules! descending {
    (computed $number:literal, $id:literal) => {
        $crate::store::macros::order!($number, $id, Some(concat!(" AND ", $number, " <= ")), "<", " DESC")
    };
    ($number:literal, $id:literal) => {
        $crate::store::macros::order!($number, $id, None, "<", " DESC")
    };
}

/// The order that an `Option<CreatedOrder>` names; without one the newest comes first.
macro_rules! by_creation {
    ($order:expr, $moment:literal, $id:literal) => {
        match $order {
            Some($crate::store::page::CreatedOrder::CreatedAt) => $crate::store::macros::ascending!($moment, $id),
            Some($crate::store::page::CreatedOrder::CreatedAtDown) | None => {
                $crate::store::macros::descending!($moment, $id)
            }
        }
    };
}

pub(super) use {ascending, by_creation, descending, on_read, on_tx, order, statements};
