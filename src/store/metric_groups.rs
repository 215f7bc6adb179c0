//! What days add up to, apart for every agent, category, language and channel: what roll-ups are made of.
//!
//! Guarantees that the groups of a span add up to what [`Store::span_sums`] computes for it, because the sums are the same
//! text: only what is grouped by differs.

use std::collections::BTreeMap;

use crate::domain::ids::TenantId;
use crate::domain::period::Span;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::measures::{
    ConversationRow, NUMBERED, SpanSums, push_conversations, push_exposures, push_retrievals,
};
use crate::store::rows::{position, word};
use crate::store::spans::with_periods;

/// Whose sums they are. Retrievals that named no conversation that is there are nobody's.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub(super) struct GroupKey {
    #[sqlx(rename = "group_agent")]
    pub(super) agent_id: Option<String>,
    #[sqlx(rename = "group_category")]
    pub(super) category: Option<String>,
    #[sqlx(rename = "group_language")]
    pub(super) language: Option<String>,
    #[sqlx(rename = "group_channel")]
    pub(super) channel: Option<String>,
}

/// The sums of a span, by whose they are.
pub(super) type Groups = BTreeMap<GroupKey, SpanSums>;

// What filters compare (`MetricFilter`).
const GROUP: &str = "c.agent_id AS group_agent, COALESCE(f.category, c.category) AS group_category,
    COALESCE(f.language, c.language) AS group_language, c.channel AS group_channel, ";
const BY_GROUP: &str = " GROUP BY p.number, group_agent, group_category, group_language, group_channel";

#[derive(sqlx::FromRow)]
struct ConversationGroup {
    #[sqlx(flatten)]
    key: GroupKey,
    #[sqlx(flatten)]
    row: ConversationRow,
}

#[derive(sqlx::FromRow)]
struct RetrievalGroup {
    number: i64,
    #[sqlx(flatten)]
    key: GroupKey,
    excluded_one: i64,
    bin_us: i64,
    asked: i64,
    unanswered: i64,
}

#[derive(sqlx::FromRow)]
struct ExposureGroup {
    number: i64,
    #[sqlx(flatten)]
    key: GroupKey,
    shown: i64,
    said: i64,
}

impl Store {
    /// The groups of each of these spans, in their order. New entries are in none of them.
    pub(super) async fn metric_groups(&self, tenant: &TenantId, spans: &[Span]) -> Result<Vec<Groups>, StoreError> {
        let mut groups = vec![Groups::new(); spans.len()];
        if spans.is_empty() {
            return Ok(groups);
        }
        let mut conversations = with_periods(spans);
        push_conversations(conversations.push(NUMBERED).push(GROUP), self.dialect(), tenant);
        conversations.push(BY_GROUP).push(", ended");
        for ConversationGroup { key, row } in self.rows::<ConversationGroup>(conversations).await? {
            let outcome = word("conversations.outcome", &row.ended)?;
            if let Some(groups) = groups.get_mut(position("periods.number", row.number)?) {
                groups.entry(key).or_default().add_conversations(outcome, &row);
            }
        }

        let mut retrievals = with_periods(spans);
        push_retrievals(retrievals.push(NUMBERED).push(GROUP), self.dialect(), tenant);
        retrievals.push(BY_GROUP).push(", excluded_one, bin_us");
        for found in self.rows::<RetrievalGroup>(retrievals).await? {
            if let Some(groups) = groups.get_mut(position("periods.number", found.number)?) {
                let sums = groups.entry(found.key).or_default();
                sums.add_retrievals(found.excluded_one != 0, found.bin_us, (found.asked, found.unanswered));
            }
        }

        let mut exposures = with_periods(spans);
        push_exposures(exposures.push(NUMBERED).push(GROUP), self.dialect(), tenant);
        exposures.push(BY_GROUP);
        for found in self.rows::<ExposureGroup>(exposures).await? {
            if let Some(groups) = groups.get_mut(position("periods.number", found.number)?) {
                let sums = groups.entry(found.key).or_default();
                (sums.shown, sums.used) = (found.shown, found.said);
            }
        }
        Ok(groups)
    }
}
