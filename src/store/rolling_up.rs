//! One run of rolling up: some days of a tenant are summed up anew, and the marks that asked for it are taken away.
//!
//! Guarantees that no change is lost between reading and writing, although nothing is locked while a day is computed:
//!
//! * A run reads the marks first and the rows after that, so that whatever a mark stands for is in the sums. It takes
//!   away exactly the marks that it has read; a change that commits while it computes has another mark, which stays, and
//!   the day counts as changed until the next run.
//! * Every day that a mark stands for is written anew or dropped in the transaction that takes the mark away. A day that
//!   was dropped is computed from the rows by who asks, and found by a later run as one that was not rolled up.
//! * Two runs of a tenant at once, as after a lost lease: one could write sums over those that the other made later. A run
//!   therefore writes only if no other has written since it began to read (`metric_runs`); else it starts anew.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::ids::TenantId;
use crate::domain::period::{Calendar, PeriodKind, Span};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::metric_groups::Groups;
use crate::store::rollups::{key, slices};
use crate::store::rows::{json, moment};
use crate::store::spans::with_periods;
use crate::store::statement::{Statement, Value, inserts};
use crate::store::tx::Tx;

/// Marks that one run takes away, at most.
const MAX_MARKS: usize = 10_000;
/// Days that one run computes, at most.
const MAX_DAYS: usize = 8;
/// Gaps between rolled days that are looked through by one statement.
const MAX_GAPS: usize = 1_000;

const LATEST: &str = " SELECT p.number, (SELECT MAX(c.started_at) FROM conversations c
    WHERE c.started_at >= p.low AND c.started_at < p.high AND c.tenant = ";
const LATEST_RETRIEVAL: &str = "), (SELECT MAX(t.created_at) FROM retrievals t
    WHERE t.created_at >= p.low AND t.created_at < p.high AND t.tenant = ";
const LATEST_FIRST: &str = ") FROM periods p ORDER BY p.number";
const INSERT_ROLLUPS: &str =
    "INSERT INTO metric_rollups (tenant, slice, low, number, high, agent_id, category, language,
    channel, sums) VALUES";
/// Without the index of the tenant: SQLite would walk through all its marks, also those of which a run takes away none.
const DELETE_MARKS: &str = "DELETE FROM metric_marks WHERE tenant || '' = ";

statements! {
    LAST_RUN = "SELECT number FROM metric_runs WHERE tenant = $1";
    NEXT_RUN = "INSERT INTO metric_runs (tenant, number) VALUES ($1, $2) ON CONFLICT (tenant) DO UPDATE
        SET number = excluded.number WHERE metric_runs.number = excluded.number - 1";
    ANOTHER_RUN = "INSERT INTO metric_runs (tenant, number) VALUES ($1, 1) ON CONFLICT (tenant) DO UPDATE
        SET number = metric_runs.number + 1";
    ROLLED_DAYS = "SELECT low, high FROM metric_rollups WHERE tenant = $1 AND slice = 'total' ORDER BY low";
    DROP_DAY = "DELETE FROM metric_rollups WHERE tenant = $1 AND low = $2
        AND slice IN ('total', 'agent', 'category', 'language', 'channel', 'cross')";
    DROP_DAYS = "DELETE FROM metric_rollups WHERE tenant = $1";
}

/// What a run has computed and is about to write.
pub struct RollUp {
    /// The run that it follows.
    after: i64,
    marks: Vec<Uuid>,
    dropped: Vec<Span>,
    made: Vec<(Span, Groups)>,
    is_full: bool,
}

impl RollUp {
    /// Whether there was more to do than one run does.
    pub fn has_more(&self) -> bool {
        self.is_full
    }
}

impl Store {
    /// Computes what a run of rolling up writes: the days that have changed, the newest first, and then those that were
    /// never rolled up or are days of another calendar.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn prepare_roll_up(&self, tenant: &TenantId, calendar: &Calendar) -> Result<RollUp, StoreError> {
        // In this order: see above.
        let last: Option<(i64,)> = self.row(Statement::new(LAST_RUN).bind(tenant)).await?;
        let marks = self.metric_marks(tenant, MAX_MARKS).await?;
        let rolled: Vec<(i64, i64)> = self.rows(Statement::new(ROLLED_DAYS).bind(tenant)).await?;

        let (mut covered, foreign): (BTreeSet<_>, BTreeSet<_>) =
            rolled.into_iter().partition(|day| calendar.days(span(*day)).iter().map(|day| key(*day)).eq([*day]));
        let changed: BTreeSet<(i64, i64)> = marks.hours.spans().flat_map(|hour| calendar.days(hour)).map(key).collect();
        let mut due: Vec<(i64, i64)> = changed.iter().rev().take(MAX_DAYS).copied().collect();
        let left: BTreeSet<(i64, i64)> = changed.iter().filter(|day| !due.contains(day)).copied().collect();
        covered.retain(|day| !left.contains(day));
        covered.extend(&due);
        while due.len() < MAX_DAYS {
            let Some(latest) = self.latest_outside(tenant, calendar, &covered).await? else { break };
            let found = calendar.days(Span { start: latest, end: latest.plus_millis(1) });
            let Some(day) = found.into_iter().map(key).find(|day| !covered.contains(day)) else { break };
            due.push(day);
            covered.insert(day);
        }

        let days: Vec<Span> = due.into_iter().map(span).collect();
        let groups = self.metric_groups(tenant, &days).await?;
        Ok(RollUp {
            after: last.map_or(0, |(number,)| number),
            is_full: days.len() == MAX_DAYS || marks.ids.len() == MAX_MARKS,
            marks: marks.ids,
            dropped: left.into_iter().chain(foreign).map(span).collect(),
            made: days.into_iter().zip(groups).collect(),
        })
    }

    /// The last moment at which a conversation began or a retrieval was asked that lies in none of these days.
    async fn latest_outside(
        &self,
        tenant: &TenantId,
        calendar: &Calendar,
        covered: &BTreeSet<(i64, i64)>,
    ) -> Result<Option<Timestamp>, StoreError> {
        for gaps in gaps(calendar, covered).chunks(MAX_GAPS) {
            let mut select = with_periods(gaps);
            select.push_with(LATEST, tenant).push_with(LATEST_RETRIEVAL, tenant).push(LATEST_FIRST);
            let found: Vec<(i64, Option<i64>, Option<i64>)> = self.rows(select).await?;
            let latest = found.into_iter().find_map(|(_, began, asked)| began.max(asked));
            if let Some(latest) = latest {
                return Ok(Some(moment(latest)));
            }
        }
        Ok(None)
    }
}

impl Tx {
    /// Writes what a run has computed. `false` when another run has written since: then this transaction must be rolled
    /// back, and the run begun anew.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn write_roll_up(&mut self, tenant: &TenantId, run: &RollUp) -> Result<bool, StoreError> {
        if self.execute(Statement::new(NEXT_RUN).bind(tenant).bind(run.after + 1)).await? == 0 {
            return Ok(false);
        }
        for day in run.dropped.iter().chain(run.made.iter().map(|(day, _)| day)) {
            self.execute(Statement::new(DROP_DAY).bind(tenant).bind(day.start)).await?;
        }
        for (day, groups) in &run.made {
            self.execute_all(inserts(INSERT_ROLLUPS, rows(tenant, *day, groups)?, "")).await?;
        }
        let mut delete = Statement::new("");
        delete.push_with(DELETE_MARKS, tenant).push(" AND id IN ").push_list(run.marks.iter().copied());
        self.execute(delete).await?;
        Ok(true)
    }

    /// Forgets all that was rolled up, so that it is made again from the rows. A run that is just computing writes nothing
    /// of it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn drop_roll_ups(&mut self, tenant: &TenantId) -> Result<(), StoreError> {
        self.execute(Statement::new(ANOTHER_RUN).bind(tenant)).await?;
        self.execute(Statement::new(DROP_DAYS).bind(tenant)).await?;
        Ok(())
    }
}

/// The rows of a day.
fn rows(tenant: &TenantId, day: Span, groups: &Groups) -> Result<Vec<[Value; 10]>, StoreError> {
    let mut rows = Vec::new();
    for (number, ((slice, group), sums)) in slices(groups).into_iter().enumerate() {
        rows.push([
            tenant.into(),
            slice.as_str().into(),
            day.start.into(),
            number.into(),
            day.end.into(),
            group.agent_id.into(),
            group.category.into(),
            group.language.into(),
            group.channel.into(),
            json("metric_rollups.sums", &sums)?.into(),
        ]);
    }
    Ok(rows)
}

/// What lies between these days, before the first and behind the last, the latest first. What lies outside of all years
/// belongs to no day and is looked for nowhere.
fn gaps(calendar: &Calendar, covered: &BTreeSet<(i64, i64)>) -> Vec<Span> {
    let day_at = |millis| {
        let number = calendar.number_at(PeriodKind::Daily, Timestamp::from_millis(millis));
        calendar.span(PeriodKind::Daily, number)
    };
    let mut gaps = Vec::new();
    let mut end = day_at(i64::MAX).end;
    for day in covered.iter().rev().copied().map(span) {
        if day.end < end {
            gaps.push(Span { start: day.end, end });
        }
        end = end.min(day.start);
    }
    let start = day_at(i64::MIN).start;
    if start < end {
        gaps.push(Span { start, end });
    }
    gaps
}

fn span((low, high): (i64, i64)) -> Span {
    Span { start: moment(low), end: moment(high) }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn what_is_not_covered_lies_in_gaps() {
        let calendar = Calendar::new(Tz::UTC);
        let day = |number: i64| (number * DAY_MS, (number + 1) * DAY_MS);
        let covered = BTreeSet::from([day(3), day(4), day(7)]);
        let found = gaps(&calendar, &covered);
        let bounded: Vec<(i64, i64)> = found.iter().map(|gap| key(*gap)).collect();
        let [last, between, first] = bounded[..] else { panic!("{bounded:?}") };
        assert_eq!((last.0, between, first.1), (8 * DAY_MS, (5 * DAY_MS, 7 * DAY_MS), 3 * DAY_MS));
        assert_eq!(gaps(&calendar, &BTreeSet::new()).len(), 1);
    }
}
