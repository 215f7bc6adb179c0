//! Marks for the hours whose sums have changed since they were rolled up.
//!
//! Guarantees that whatever a transaction changed in what a day adds up to stands on a mark that commits with it:
//!
//! * a conversation, its record or its erasure marks the hour in which it began, and names the conversation: retrievals
//!   that named it count differently too, whenever they were. They are looked up when the mark is read, not when it is
//!   written, because a retrieval that another transaction is just writing cannot be seen by this one. That retrieval has
//!   a mark of its own; whichever of the two marks is used up last, both rows are there for all to see by then;
//! * a retrieval, and what becomes of what it showed, marks its own hour.
//!
//! A mark is a row of its own and is never updated: writers do not wait for each other, and who takes marks away takes
//! those that it has seen ([`crate::store::rolling_up`]). Knowledge entries need none: they are counted from the rows.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{ConversationId, TenantId};
use crate::domain::period::Span;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::moment;
use crate::store::statement::{Statement, inserts};
use crate::store::tx::Tx;

const HOUR_MS: i64 = 3_600_000;
/// Names of conversations in one statement, at most.
const MAX_NAMES: usize = 10_000;

const INSERT_MARKS: &str = "INSERT INTO metric_marks (tenant, hour, conversation_ref) VALUES";
/// Retrievals have the time of our own clock, so none was before the epoch, and the division rounds down.
const HOURS_OF_RETRIEVALS: &str = "SELECT DISTINCT t.created_at / 3600000 FROM retrievals t";
/// The index of the names begins with the tenant.
const BY_NAME: &str = " WHERE t.tenant = ";
/// No index of the tenant is walked through for a few ids.
const BY_ID: &str = " WHERE t.tenant || '' = ";

statements! {
    MARKED_HOURS = "SELECT m.hour FROM metric_marks m WHERE m.tenant = $1
        UNION SELECT t.created_at / 3600000 FROM metric_marks m CROSS JOIN retrievals t
        WHERE t.tenant = m.tenant AND t.conversation_ref = m.conversation_ref AND m.tenant = $1";
    MARKS = "SELECT m.id, m.hour, m.conversation_ref FROM metric_marks m WHERE m.tenant = $1 LIMIT $2";
    // The row is held until the transaction ends, so that nobody moves the conversation to another hour meanwhile.
    HOLD_PLACE = "UPDATE conversations SET status = status WHERE tenant = $1 AND id = $2
        RETURNING started_at, external_id";
}

/// A change of one transaction: whose, in which hour, and the conversation whose retrievals changed with it.
pub(super) type Change = (TenantId, i64, Option<String>);

/// Hours in which something has changed.
#[derive(Clone, Debug, Default)]
pub(super) struct MarkedHours(BTreeSet<i64>);

/// Marks as a run of rolling up reads them.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// Their ids.
    pub(super) ids: Vec<Uuid>,
    /// What they stand for.
    pub(super) hours: MarkedHours,
}

impl MarkedHours {
    /// Whether something has changed in this day.
    pub(super) fn touch(&self, day: Span) -> bool {
        let first = hour_of(day.start);
        let last = hour_of(day.end.plus_millis(-1));
        first <= last && self.0.range(first..=last).next().is_some()
    }

    /// Each of them from its first moment to the first behind it, the earliest first.
    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        self.0.iter().map(|hour| {
            let start = hour.saturating_mul(HOUR_MS);
            Span { start: moment(start), end: moment(start.saturating_add(HOUR_MS)) }
        })
    }
}

impl Store {
    /// The hours that have changed since they were rolled up.
    pub(super) async fn marked_hours(&self, tenant: &TenantId) -> Result<MarkedHours, StoreError> {
        let hours: Vec<(i64,)> = self.rows(Statement::new(MARKED_HOURS).bind(tenant)).await?;
        Ok(MarkedHours(hours.into_iter().map(|(hour,)| hour).collect()))
    }

    /// Some of the marks, at most `limit`, and the hours that they stand for.
    pub(super) async fn metric_marks(&self, tenant: &TenantId, limit: usize) -> Result<Marks, StoreError> {
        let rows: Vec<(Uuid, i64, Option<String>)> = self.rows(Statement::new(MARKS).bind(tenant).bind(limit)).await?;
        let (mut marks, mut names) = (Marks::default(), BTreeSet::new());
        for (id, hour, conversation) in rows {
            marks.ids.push(id);
            marks.hours.0.insert(hour);
            names.extend(conversation);
        }
        let names: Vec<String> = names.into_iter().collect();
        for names in names.chunks(MAX_NAMES) {
            let mut select = Statement::new(HOURS_OF_RETRIEVALS);
            select.push_with(BY_NAME, tenant).push(" AND t.conversation_ref IN ").push_list(names);
            marks.hours.0.extend(self.rows::<(i64,)>(select).await?.into_iter().map(|(hour,)| hour));
        }
        Ok(marks)
    }
}

impl Tx {
    /// Notes that what the hour of this moment adds up to is changed here, and that of the retrievals that named the
    /// conversation; written with the commit.
    pub(super) fn mark_metrics(&mut self, tenant: &TenantId, moment: Timestamp, conversation_ref: Option<&str>) {
        self.changed.insert((tenant.clone(), hour_of(moment), conversation_ref.map(str::to_owned)));
    }

    /// Marks a conversation as it stands in the database, which stays so until this transaction ends or changes it; the
    /// caller's id of it. Nothing when there is none.
    pub(super) async fn mark_conversation(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
    ) -> Result<Option<String>, StoreError> {
        let held: Option<(i64, String)> = self.rows(Statement::new(HOLD_PLACE).bind(tenant).bind(id.0)).await?.pop();
        let Some((started_at, external_id)) = held else { return Ok(None) };
        self.mark_metrics(tenant, moment(started_at), Some(&external_id));
        Ok(Some(external_id))
    }

    /// Marks the hours of these retrievals. Called after they were changed, so that it sees all that were, and before they
    /// are deleted.
    pub(super) async fn mark_retrievals(&mut self, tenant: &TenantId, ids: &[Uuid]) -> Result<(), StoreError> {
        let mut select = Statement::new(HOURS_OF_RETRIEVALS);
        select.push_with(BY_ID, tenant).push(" AND t.id IN ").push_list(ids.iter().copied());
        for (hour,) in self.rows::<(i64,)>(select).await? {
            self.changed.insert((tenant.clone(), hour, None));
        }
        Ok(())
    }

    /// Writes what was noted; the last thing before the commit.
    pub(super) async fn write_marks(&mut self) -> Result<(), StoreError> {
        let changed = std::mem::take(&mut self.changed);
        let rows = changed
            .into_iter()
            .map(|(tenant, hour, conversation)| [(&tenant).into(), hour.into(), conversation.into()]);
        self.execute_all(inserts(INSERT_MARKS, rows, "")).await?;
        Ok(())
    }
}

fn hour_of(moment: Timestamp) -> i64 {
    moment.as_millis().div_euclid(HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: i64, end: i64) -> Span {
        Span { start: moment(start), end: moment(end) }
    }

    #[test]
    fn an_hour_touches_every_day_that_it_lies_in() {
        let marked = MarkedHours(BTreeSet::from([-1, 30]));
        // Midnight in Kolkata is half past the hour.
        let half = HOUR_MS / 2;
        assert!(marked.touch(span(0, 30 * HOUR_MS + half)) && marked.touch(span(30 * HOUR_MS + half, 54 * HOUR_MS)));
        assert!(marked.touch(span(-half, 0)) && !marked.touch(span(0, 30 * HOUR_MS)));
        assert!(!marked.touch(span(31 * HOUR_MS, 55 * HOUR_MS)) && !marked.touch(span(30 * HOUR_MS, 30 * HOUR_MS)));
        let spans: Vec<Span> = marked.spans().collect();
        assert_eq!(spans, [span(-HOUR_MS, 0), span(30 * HOUR_MS, 31 * HOUR_MS)]);
    }
}
