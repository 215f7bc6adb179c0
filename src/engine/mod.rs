//! What the services share: one `Error`, the open index generations, the understanding of turns, entries and
//! running experiments in memory.

pub mod error;
pub mod experiments;
pub mod generations;
pub mod hydration;
pub mod queue;
pub mod secrets;
pub mod understanding;
pub mod upkeep;

use std::sync::Arc;

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::ids::IdSource;
use crate::engine::experiments::RunningExperiments;
use crate::engine::generations::Generations;
use crate::engine::hydration::EntryCache;
use crate::engine::understanding::Understanding;
use crate::store::Store;

/// Everything that a service works with; built once in `app.rs`.
pub struct Engine {
    /// The truth.
    pub store: Store,
    /// One index generation per active model; the first answers queries.
    pub generations: Generations,
    /// Entries in memory.
    pub entries: EntryCache,
    /// Running experiments in memory.
    pub experiments: RunningExperiments,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
}

impl Engine {
    /// What speakers do and what users want, for the model that answers queries.
    pub fn understanding(&self) -> &Understanding {
        &self.generations.first().understanding
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh UUIDv7.
    pub fn new_uuid(&self) -> uuid::Uuid {
        self.ids.uuid(self.clock.now())
    }
}
