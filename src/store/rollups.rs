//! Sums of days that were made beforehand, so that a year is asked for as fast as an hour.
//!
//! Guarantees that an answer is what the rows say now, however far rolling up is behind: a day counts as rolled up only
//! while nothing of it is marked ([`crate::store::metric_marks`]), and every other day is computed from the rows. A day is
//! told by its first moment and the first behind it, so that days of another time zone are other days and are never taken
//! for those of this one.

use std::collections::BTreeMap;

use sqlx::types::Json;

use crate::domain::conversation::word_enum;
use crate::domain::ids::TenantId;
use crate::domain::language::Language;
use crate::domain::period::{Calendar, Span};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::measures::{MetricFilter, SpanSums};
use crate::store::metric_groups::{GroupKey, Groups};
use crate::store::statement::Statement;

/// Spans in one statement, at most.
const MAX_SPANS: usize = 1_000;

const ROLLED: &str = "SELECT r.slice, r.low, r.high, r.sums FROM metric_rollups r WHERE r.tenant = ";

word_enum!(
    /// What rows of a day tell apart.
    Slice {
        /// Nothing: one row, which every day that was rolled up has.
        Total = "total",
        /// Agents.
        Agent = "agent",
        /// Categories.
        Category = "category",
        /// Languages.
        Language = "language",
        /// Channels.
        Channel = "channel",
        /// All of these at once.
        Cross = "cross",
    }
);

/// Days that were rolled up, by their first moment and the first behind it.
type Days = BTreeMap<(i64, i64), SpanSums>;

#[derive(sqlx::FromRow)]
struct RolledRow {
    slice: String,
    low: i64,
    high: i64,
    sums: Json<SpanSums>,
}

impl Store {
    /// The sums of each of these spans, in their order: the same as [`Store::span_sums`], and fast for whole days of the
    /// calendar that were rolled up.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn rolled_span_sums(
        &self,
        tenant: &TenantId,
        filter: &MetricFilter,
        calendar: &Calendar,
        spans: &[Span],
    ) -> Result<Vec<SpanSums>, StoreError> {
        let Some(slice) = Slice::of(filter) else { return self.span_sums(tenant, filter, spans).await };
        let start = spans.iter().map(|span| span.start).min();
        let end = spans.iter().map(|span| span.end).max();
        let Some((start, end)) = start.zip(end) else { return Ok(Vec::new()) };
        // The marks first: what was marked before this was either rolled up or dropped with its mark, so that a day without
        // a mark now has no older sums in what is read next. The other way round a day could be read before, and its mark
        // looked for after, it was rolled up anew.
        let marked = self.marked_hours(tenant).await?;
        let rolled = self.rolled_days(tenant, filter, slice, Span { start, end }).await?;

        let mut sums = vec![SpanSums::default(); spans.len()];
        let mut rest: Vec<(usize, Span)> = Vec::new();
        for (number, (span, sums)) in spans.iter().zip(&mut sums).enumerate() {
            for day in calendar.days(*span) {
                let is_whole = span.start <= day.start && day.end <= span.end;
                let known = rolled.get(&key(day)).filter(|_| is_whole && !marked.touch(day));
                match known {
                    Some(known) => sums.merge(known),
                    None => add_to_rest(&mut rest, number, cut(day, *span)),
                }
            }
        }
        for rest in rest.chunks(MAX_SPANS) {
            let spans: Vec<Span> = rest.iter().map(|(_, span)| *span).collect();
            for ((number, _), fresh) in rest.iter().zip(self.conversation_sums(tenant, filter, &spans).await?) {
                if let Some(sums) = sums.get_mut(*number) {
                    sums.merge(&fresh);
                }
            }
        }
        self.count_new_entries(tenant, filter, spans, &mut sums).await?;
        Ok(sums)
    }

    /// The days that were rolled up and begin in a span, with what passes the filter. One statement, because a day that is
    /// just being rolled up anew is then seen as it was, or as it is, and never empty.
    async fn rolled_days(
        &self,
        tenant: &TenantId,
        filter: &MetricFilter,
        slice: Slice,
        span: Span,
    ) -> Result<Days, StoreError> {
        let mut select = Statement::new("");
        push_slice(&mut select, tenant, Slice::Total, span);
        if slice != Slice::Total {
            select.push(" UNION ALL ");
            push_slice(&mut select, tenant, slice, span);
            select
                .push_some(" AND r.agent_id = ", filter.agent_id.as_ref())
                .push_some(" AND r.category = ", filter.category.as_ref())
                .push_some(" AND r.language = ", filter.language.as_ref().map(Language::as_str))
                .push_some(" AND r.channel = ", filter.channel.as_ref());
        }
        let mut days = Days::new();
        for row in self.rows::<RolledRow>(select).await? {
            // The row of everything says that the day is there, also when nothing of it passes.
            let day = days.entry((row.low, row.high)).or_default();
            if row.slice == slice.as_str() {
                day.merge(&row.sums.0);
            }
        }
        Ok(days)
    }
}

impl Slice {
    /// Whose rows answer a filter; `None` when it asks for more than roll-ups tell apart, as the arm of an experiment.
    fn of(filter: &MetricFilter) -> Option<Self> {
        let mut rest = filter.clone();
        let given = [
            rest.agent_id.take().map(|_| Self::Agent),
            rest.category.take().map(|_| Self::Category),
            rest.language.take().map(|_| Self::Language),
            rest.channel.take().map(|_| Self::Channel),
        ];
        if rest != MetricFilter::default() {
            return None;
        }
        let mut given = given.into_iter().flatten();
        Some(match (given.next(), given.next()) {
            (None, _) => Self::Total,
            (Some(only), None) => only,
            (Some(_), Some(_)) => Self::Cross,
        })
    }

    /// Under which key a group counts among the rows of this slice; `None` when no filter would find it there.
    fn key(self, group: &GroupKey) -> Option<GroupKey> {
        let none = GroupKey::default;
        let only = |key: GroupKey| Some(key).filter(|key| *key != none());
        match self {
            Self::Total => Some(none()),
            Self::Agent => only(GroupKey { agent_id: group.agent_id.clone(), ..none() }),
            Self::Category => only(GroupKey { category: group.category.clone(), ..none() }),
            Self::Language => only(GroupKey { language: group.language.clone(), ..none() }),
            Self::Channel => only(GroupKey { channel: group.channel.clone(), ..none() }),
            Self::Cross => only(group.clone()),
        }
    }
}

/// The rows of a day with these groups.
pub(super) fn slices(groups: &Groups) -> BTreeMap<(Slice, GroupKey), SpanSums> {
    let mut rows = BTreeMap::from([((Slice::Total, GroupKey::default()), SpanSums::default())]);
    for (group, sums) in groups {
        for slice in Slice::ALL.iter().copied() {
            if let Some(key) = slice.key(group) {
                rows.entry((slice, key)).or_default().merge(sums);
            }
        }
    }
    rows
}

/// How a day is told apart from others.
pub(super) fn key(day: Span) -> (i64, i64) {
    (day.start.as_millis(), day.end.as_millis())
}

fn push_slice(select: &mut Statement, tenant: &TenantId, slice: Slice, span: Span) {
    select
        .push_with(ROLLED, tenant)
        .push_with(" AND r.slice = ", slice.as_str())
        .push_with(" AND r.low >= ", span.start)
        .push_with(" AND r.low < ", span.end);
}

/// What of a day lies in a span.
fn cut(day: Span, span: Span) -> Span {
    Span { start: day.start.max(span.start), end: day.end.min(span.end) }
}

/// Adds what has to be computed for the span of this number; what follows the last one without a gap becomes one with it.
fn add_to_rest(rest: &mut Vec<(usize, Span)>, number: usize, span: Span) {
    match rest.last_mut() {
        Some((last, before)) if *last == number && before.end == span.start => before.end = span.end,
        _ => rest.push((number, span)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;

    fn span(start: i64, end: i64) -> Span {
        Span { start: Timestamp::from_millis(start), end: Timestamp::from_millis(end) }
    }

    #[test]
    fn a_filter_is_answered_by_the_narrowest_rows() {
        let of = |agent: Option<&str>, channel: Option<&str>| {
            let (agent_id, channel) = (agent.map(str::to_owned), channel.map(str::to_owned));
            Slice::of(&MetricFilter { agent_id, channel, ..MetricFilter::default() })
        };
        assert_eq!(of(None, None), Some(Slice::Total));
        assert_eq!(of(Some("anna"), None), Some(Slice::Agent));
        assert_eq!(of(None, Some("chat")), Some(Slice::Channel));
        assert_eq!(of(Some("anna"), Some("chat")), Some(Slice::Cross));
    }

    #[test]
    fn a_day_has_a_row_for_whatever_can_be_asked() {
        let sums = |conversations| SpanSums { conversations, ..SpanSums::default() };
        let group = |agent: Option<&str>, category: Option<&str>| GroupKey {
            agent_id: agent.map(str::to_owned),
            category: category.map(str::to_owned),
            ..GroupKey::default()
        };
        let groups = Groups::from([
            (group(Some("anna"), Some("sales")), sums(1)),
            (group(Some("anna"), Some("support")), sums(2)),
            (group(None, None), sums(4)),
        ]);
        let rows = slices(&groups);
        let of = |slice, agent, category| rows.get(&(slice, group(agent, category))).map(|sums| sums.conversations);
        assert_eq!(of(Slice::Total, None, None), Some(7));
        assert_eq!(of(Slice::Agent, Some("anna"), None), Some(3));
        assert_eq!(of(Slice::Category, None, Some("support")), Some(2));
        assert_eq!(of(Slice::Cross, Some("anna"), Some("sales")), Some(1));
        assert_eq!(rows.len(), 6);
        assert_eq!(slices(&Groups::new()).len(), 1, "an empty day has been looked at, too");
    }

    #[test]
    fn what_is_not_rolled_up_is_asked_for_in_as_few_spans_as_possible() {
        let mut rest = Vec::new();
        for (number, part) in [(0, span(0, 10)), (0, span(10, 20)), (0, span(30, 40)), (1, span(40, 50))] {
            add_to_rest(&mut rest, number, part);
        }
        assert_eq!(rest, [(0, span(0, 20)), (0, span(30, 40)), (1, span(40, 50))]);
        assert_eq!(cut(span(0, 10), span(5, 20)), span(5, 10));
    }
}
