//! What happened, in numbers: distributions over training data, and performance by day, week and month.
//!
//! Guarantees: every number is what the rows say at the moment of asking, after late outcomes, corrections, deletions and
//! re-processing, too, because of sums that were made beforehand only those are taken that nothing has changed since;
//! excluded conversations are counted and are in no rate and no average; a conversation of which only the record was imported
//! is in no average of turns or seconds and in no estimate; a rate or an average of nothing is `None`, never 0.
//!
//! Refuses: to hold texts; only key phrases and intents come out, which are redacted.

pub mod distribution;
pub mod performance;
pub mod rolling_up;
pub mod settings;

use std::sync::Arc;

use crate::analytics::settings::MetricSettings;
use crate::domain::ids::TenantId;
use crate::domain::period::{Calendar, TimeZones};
use crate::engine::Engine;

/// The service of analytics.
pub struct Analytics {
    engine: Arc<Engine>,
    zones: TimeZones,
}

impl Analytics {
    /// Analytics over the store of this engine.
    pub fn new(engine: Arc<Engine>, settings: &MetricSettings) -> Self {
        Self { engine, zones: settings.zones() }
    }

    /// The periods of a tenant.
    fn calendar(&self, tenant: &TenantId) -> Calendar {
        Calendar::new(self.zones.of(tenant))
    }
}

/// A part of a whole; `None` when there is no whole.
fn share(part: f64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part / whole as f64)
}
