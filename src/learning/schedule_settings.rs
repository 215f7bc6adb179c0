//! Settings of the fixed schedules: section `[schedules]` of the configuration.

use serde::{Deserialize, Deserializer};

use crate::domain::schedule::{Cron, Work};

/// When the work that nobody starts is due, for every tenant; `None`: never. Every field is explained in `defaults.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// Metrics of open days, weeks and months.
    #[serde(deserialize_with = "pattern")]
    pub roll_up_metrics: Option<Cron>,
    /// Near-duplicates among new entries.
    #[serde(deserialize_with = "pattern")]
    pub merge_entries: Option<Cron>,
    /// What is kept no longer.
    #[serde(deserialize_with = "pattern")]
    pub prune: Option<Cron>,
    /// What nobody could answer.
    #[serde(deserialize_with = "pattern")]
    pub find_gaps: Option<Cron>,
    /// Exposures that wait for nothing any more.
    #[serde(deserialize_with = "pattern")]
    pub expire_exposures: Option<Cron>,
    /// The index, beside what writing makes due.
    #[serde(deserialize_with = "pattern")]
    pub optimize_index: Option<Cron>,
    /// Conversations that an earlier pipeline read.
    #[serde(deserialize_with = "pattern")]
    pub relearn: Option<Cron>,
    /// The success of every entry, which fades with time.
    #[serde(deserialize_with = "pattern")]
    pub refresh_metrics: Option<Cron>,
}

impl ScheduleSettings {
    /// All of them, each with what is due.
    pub fn all(&self) -> [(Work, Option<&Cron>); 8] {
        [
            (Work::RollUpMetrics, self.roll_up_metrics.as_ref()),
            (Work::MergeEntries, self.merge_entries.as_ref()),
            (Work::Prune, self.prune.as_ref()),
            (Work::FindGaps, self.find_gaps.as_ref()),
            (Work::ExpireExposures, self.expire_exposures.as_ref()),
            (Work::OptimizeIndex, self.optimize_index.as_ref()),
            (Work::Relearn, self.relearn.as_ref()),
            (Work::RefreshMetrics, self.refresh_metrics.as_ref()),
        ]
    }
}

/// A pattern; empty text is none.
fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cron>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    Cron::parse(&text).map(Some).map_err(|error| serde::de::Error::custom(error.message))
}
