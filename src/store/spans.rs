//! Rows of spans of time.

use crate::domain::ids::TenantId;
use crate::domain::period::Span;
use crate::store::dialect::Dialect;
use crate::store::statement::{Statement, Value};

/// A table of which each row has a moment, with how its rows in spans are found.
#[derive(Clone, Copy)]
pub(super) struct Dated {
    joined: &'static str,
    within: &'static str,
    lateral: &'static str,
    named: &'static str,
}

macro_rules! dated {
    ($table:literal, $name:literal, $moment:literal) => {
        Dated {
            joined: concat!(" FROM periods p CROSS JOIN ", $table, " ", $name),
            within: concat!(
                " WHERE ",
                $name,
                ".",
                $moment,
                " >= p.low AND ",
                $name,
                ".",
                $moment,
                " < p.high AND ",
                $name,
                ".tenant = "
            ),
            lateral: concat!(
                " FROM periods p CROSS JOIN LATERAL (SELECT * FROM ",
                $table,
                " WHERE ",
                $moment,
                " >= p.low AND ",
                $moment,
                " < p.high AND tenant = "
            ),
            named: concat!(" OFFSET 0) ", $name),
        }
    };
}

/// Conversations, `c`, by when they began.
pub(super) const CONVERSATIONS: Dated = dated!("conversations", "c", "started_at");
/// Retrievals, `t`, by when they were asked.
pub(super) const RETRIEVALS: Dated = dated!("retrievals", "t", "created_at");
/// Entries, `e`, by when they were made.
pub(super) const ENTRIES: Dated = dated!("knowledge_entries", "e", "created_at");
/// What is known of conversations, `f`, by when they began.
pub(super) const FACTS: Dated = dated!("record_facts", "f", "started_at");

/// `WITH periods (number, low, high)`: these spans as a table, numbered by their place.
pub(super) fn with_periods(spans: &[Span]) -> Statement {
    let mut select = Statement::new("WITH periods (number, low, high) AS (VALUES ");
    for (number, span) in spans.iter().enumerate() {
        if number > 0 {
            select.push(", ");
        }
        select.push_list([Value::from(number), Value::from(span.start), Value::from(span.end)]);
    }
    select.push(")");
    select
}

/// `FROM` the spans `p` and the rows of each that are a tenant's, with what is joined to them, up to a `WHERE` that more can be
/// added to. It goes first over the spans and then, by index, over the rows of each.
pub(super) fn push_rows_of_spans(
    select: &mut Statement,
    dialect: Dialect,
    rows: Dated,
    joins: &'static str,
    tenant: &TenantId,
) {
    match dialect.looks_into_each_span() {
        true => select.push_with(rows.lateral, tenant).push(rows.named).push(joins).push(" WHERE p.number >= 0"),
        false => select.push(rows.joined).push(joins).push_with(rows.within, tenant),
    };
}
