//! What stands on a report, before it is written down. The fields are named as in the API, which they are read from.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::cli::jobs::QueueSummary;
use crate::domain::conversation::Outcome;
use crate::domain::knowledge::{EntryStatus, KnowledgeType};
use crate::domain::period::PeriodKind;
use crate::domain::success::SuccessRate;

/// Entries that are named as best, as most failing and as new.
pub const NAMED: usize = 8;

/// Everything that a report tells.
#[derive(Clone, Debug)]
pub struct Facts {
    /// How long its period is.
    pub kind: PeriodKind,
    /// The first day of the period.
    pub start: NaiveDate,
    /// Whether the period has ended.
    pub is_over: bool,
    /// What is counted, by name and value; empty when everything is.
    pub filters: Vec<(&'static str, String)>,
    /// The period and those before it, the earliest first.
    pub periods: Vec<Period>,
    /// The entries worth a look.
    pub entries: Entries,
    /// What is open now, where the key may see it.
    pub open: Open,
    /// What links begin with: nothing, or the address of a server.
    pub link_base: String,
}

/// One period.
#[derive(Clone, Debug, Default)]
pub struct Period {
    /// Its first day.
    pub start: NaiveDate,
    /// Its numbers.
    pub metric: Metric,
    /// What its conversations were about, when there were any.
    pub analysis: Option<Analysis>,
}

/// The numbers of a period.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Metric {
    /// Its first moment.
    pub period_start: String,
    /// Conversations, excluded ones included.
    pub conversations: i64,
    /// `successful` among `successful`, `unsuccessful` and `partial`.
    pub success_rate: Option<f64>,
    /// Turns of a conversation.
    pub average_turns: Option<f64>,
    /// Seconds of a conversation.
    pub average_duration_s: Option<f64>,
    /// Mean of given ratings, 1 to 5.
    pub average_satisfaction: Option<f64>,
    /// Mean estimate where nobody rated, 1 to 5.
    pub estimated_satisfaction: Option<f64>,
    /// US dollars in all.
    pub cost_usd: f64,
    /// US dollars for each success.
    pub cost_per_success_usd: Option<f64>,
    /// What agents asked.
    pub retrievals: i64,
    /// Share of retrievals that offered something.
    pub hit_rate: Option<f64>,
    /// Share of retrievals that offered nothing.
    pub abstention_rate: Option<f64>,
    /// Share of what was shown that was used.
    pub use_rate: Option<f64>,
    /// Median latency, in milliseconds.
    pub retrieval_p50_ms: Option<f64>,
    /// 99th percentile of latency, in milliseconds.
    pub retrieval_p99_ms: Option<f64>,
    /// Entries at the end of the period.
    pub knowledge_entries: i64,
    /// Entries that were made in it.
    pub new_entries: i64,
}

impl Metric {
    /// Whether nothing at all happened, and nothing was known.
    pub fn is_empty(&self) -> bool {
        self.conversations == 0 && self.retrievals == 0 && self.knowledge_entries == 0
    }
}

/// What the analysed conversations of a period were like together.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Analysis {
    /// How many ended in each way.
    pub outcomes: BTreeMap<Outcome, i64>,
    /// By category, the most frequent first.
    pub categories: Vec<Counted>,
    /// By intent, the most frequent first.
    pub user_intents: Vec<Counted>,
}

/// A word and how many conversations have it.
#[derive(Clone, Debug, Deserialize)]
pub struct Counted {
    /// The word.
    pub name: String,
    /// How many.
    pub count: i64,
}

impl Analysis {
    /// How many ended so.
    pub fn ended(&self, outcome: Outcome) -> i64 {
        self.outcomes.get(&outcome).copied().unwrap_or_default()
    }

    /// How many count for the success rate.
    pub fn judged(&self) -> i64 {
        [Outcome::Successful, Outcome::Partial, Outcome::Unsuccessful].into_iter().map(|one| self.ended(one)).sum()
    }

    /// How many there are.
    pub fn total(&self) -> i64 {
        self.outcomes.values().sum()
    }
}

/// An entry.
#[derive(Clone, Debug, Deserialize)]
pub struct EntryLine {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub knowledge_type: KnowledgeType,
    /// Its category.
    pub category: String,
    /// Its heading.
    pub title: String,
    /// Whether it is offered.
    pub status: EntryStatus,
    /// How often it led to success.
    pub success: SuccessRate,
    /// Its language.
    pub language: String,
    /// Conversations that gave this answer.
    pub evidence_count: i64,
    /// When it was made, RFC 3339 in UTC.
    pub created_at: String,
}

/// The entries worth a look.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// How many were looked at.
    pub looked_at: usize,
    /// Whether there are more than that.
    pub are_more: bool,
    /// Those that surely helped, the surest first.
    pub best: Vec<EntryLine>,
    /// Those that surely did not, the surest first.
    pub failing: Vec<EntryLine>,
    /// Those that were made in the period, the last made first; the first of them.
    pub new: Vec<EntryLine>,
}

impl Entries {
    /// Picks from all entries; `new` are those that were made in the period.
    pub fn pick(entries: Vec<EntryLine>, are_more: bool, mut new: Vec<EntryLine>) -> Self {
        let looked_at = entries.len();
        let is_current = |entry: &EntryLine| matches!(entry.status, EntryStatus::Live | EntryStatus::Suspect);
        let used = entries.into_iter().filter(|entry| entry.success.uses > 0 && is_current(entry));
        let (mut best, mut failing): (Vec<EntryLine>, Vec<EntryLine>) = used.partition(|one| one.success.rate >= 0.5);
        // By the nearer end of the interval: one lucky use is no proof.
        best.sort_by(|one, other| order(other.success.low, one.success.low, one, other));
        failing.sort_by(|one, other| order(one.success.high, other.success.high, one, other));
        for named in [&mut best, &mut failing, &mut new] {
            named.truncate(NAMED);
        }
        Self { looked_at, are_more, best, failing, new }
    }
}

fn order(first: f64, second: f64, one: &EntryLine, other: &EntryLine) -> Ordering {
    first.total_cmp(&second).then_with(|| one.id.cmp(&other.id))
}

/// What waits for somebody, as it is when the report is written; `None` where the key may not see it.
#[derive(Clone, Debug, Default)]
pub struct Open {
    /// Cases that nobody has decided: how many, and the last noticed.
    pub cases: Option<(i64, Vec<Case>)>,
    /// Gaps, the worst first: how many, and the first of them.
    pub gaps: Option<(i64, Vec<Gap>)>,
    /// The queue.
    pub jobs: Option<QueueSummary>,
}

/// A case.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// Why it is one.
    pub detail: String,
}

/// Something that users ask for and nothing known answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Gap {
    /// Its id.
    pub id: String,
    /// What is asked.
    pub title: String,
    /// How often.
    pub volume: i64,
    /// What gaps are ranked by.
    pub score: f64,
    /// Its language.
    pub language: String,
    /// An answer that was given in a call that went well, if there is one.
    pub draft: Option<IgnoredAny>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, status: EntryStatus, (rate, low, high): (f64, f64, f64), uses: i64) -> EntryLine {
        EntryLine {
            id: id.to_owned(),
            knowledge_type: KnowledgeType::Faq,
            category: "sales".to_owned(),
            title: id.to_owned(),
            status,
            success: SuccessRate { rate, low, high, uses },
            language: "en".to_owned(),
            evidence_count: 1,
            created_at: "2026-09-01T10:00:00Z".to_owned(),
        }
    }

    #[test]
    fn entries_are_named_by_what_is_sure_and_only_when_used() {
        let live = EntryStatus::Live;
        let picked = Entries::pick(
            vec![
                entry("lucky", live, (0.9, 0.3, 1.0), 1),
                entry("proved", live, (0.8, 0.7, 0.9), 60),
                entry("unused", live, (0.9, 0.5, 1.0), 0),
                entry("retired", EntryStatus::Retired, (0.1, 0.0, 0.2), 80),
                entry("poor", EntryStatus::Suspect, (0.3, 0.2, 0.4), 70),
                entry("unlucky", live, (0.3, 0.0, 0.8), 1),
            ],
            false,
            Vec::new(),
        );
        let ids = |entries: &[EntryLine]| entries.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>();
        assert_eq!(
            (ids(&picked.best), ids(&picked.failing)),
            (vec!["proved".to_owned(), "lucky".to_owned()], vec!["poor".to_owned(), "unlucky".to_owned()],)
        );
        assert_eq!(picked.looked_at, 6);
    }
}
