//! Conversations in, knowledge out: what the learning path does, stage by stage.
//!
//! `accept` → `analyze` → `index_chunks` → `distill` → `credit` → `index_exemplars`. Guarantees: a stage commits its
//! result and the next job in one transaction; every stage may run twice and changes nothing the second time; no model is
//! called inside a transaction; everything derived is redacted.

pub mod accept;
pub mod analysis;
pub mod answered_gaps;
pub mod chunking;
pub mod credit;
pub mod distillation;
pub mod erasure;
pub mod gap_utterances;
pub mod gaps;
pub mod indexing;
pub mod merging;
pub mod pipeline;
pub mod relearning;
pub mod schedule_settings;
pub mod schedules;
pub mod sessions;
pub mod settings;
pub mod suspects;
pub mod tenant_locks;
pub mod told;
pub mod upkeep;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use tokio::sync::Mutex;

use crate::domain::draft::CallerKey;
use crate::domain::period::TimeZones;
use crate::engine::Engine;
use crate::learning::schedule_settings::ScheduleSettings;
use crate::learning::settings::LearningSettings;
use crate::learning::tenant_locks::TenantLocks;

/// Version of the pipeline that makes records and entries; a column of both.
pub const PIPELINE_VERSION: i64 = 1;

/// Learns from conversations.
pub struct Learner {
    /// What it works with.
    pub engine: Arc<Engine>,
    /// How it learns.
    pub settings: LearningSettings,
    /// When the work that nobody starts is due.
    pub schedules: ScheduleSettings,
    /// On whose clock, for every tenant.
    pub zones: TimeZones,
    /// The minute in which the schedules were last brought in line with the configuration.
    pub schedules_kept: AtomicI64,
    /// Key of the hash that stands for a caller.
    pub callers: CallerKey,
    /// Held by a distillation from looking what is known until what it found is written: two at once would both find the
    /// same thing new.
    pub distilling: TenantLocks,
    /// Held while points are written and marked, and while erased ones are taken out: an erased text that was being
    /// indexed could otherwise be written behind its deletion, and taken off the list of erased ones by it.
    pub index_writes: Mutex<()>,
}
