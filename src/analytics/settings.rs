//! Settings of analytics: section `[metrics]` of the configuration.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// How metrics are told. Every field is explained in `defaults.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricSettings {
    /// The time zone of days, weeks and months.
    pub time_zone: Tz,
}
