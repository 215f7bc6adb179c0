//! What happened, in numbers: distributions over training data, and performance by day, week and month.
//!
//! Guarantees: every number is computed from the rows at the moment of asking, so it is right after late outcomes,
//! corrections, deletions and re-processing; excluded conversations are counted and are in no rate and no average; a rate
//! or an average of nothing is `None`, never 0.
//!
//! Refuses: to hold texts; only key phrases and intents come out, which are redacted.

pub mod distribution;
pub mod performance;
pub mod settings;

use std::sync::Arc;

use crate::analytics::settings::MetricSettings;
use crate::domain::period::Calendar;
use crate::engine::Engine;

/// The service of analytics.
pub struct Analytics {
    engine: Arc<Engine>,
    calendar: Calendar,
}

impl Analytics {
    /// Analytics over the store of this engine.
    pub fn new(engine: Arc<Engine>, settings: &MetricSettings) -> Self {
        Self { engine, calendar: Calendar::new(settings.time_zone) }
    }
}

/// A part of a whole; `None` when there is no whole.
fn share(part: f64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part / whole as f64)
}
