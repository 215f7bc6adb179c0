//! Conversations in, knowledge out: what the learning path does, stage by stage.
//!
//! `accept` → `analyze` → `chunk` → `index_chunks` → `distill` → `index_exemplars`. Guarantees: a stage commits its
//! result and the next job in one transaction; every stage may run twice and changes nothing the second time; no model is
//! called inside a transaction; everything derived is redacted.

pub mod accept;
pub mod analysis;
pub mod chunking;
pub mod distillation;
pub mod erasure;
pub mod indexing;
pub mod pipeline;
pub mod settings;

use std::sync::Arc;

use crate::domain::draft::CallerKey;
use crate::engine::Engine;
use crate::learning::settings::LearningSettings;

/// Version of the pipeline that makes records and entries; a column of both.
pub const PIPELINE_VERSION: i64 = 1;

/// Learns from conversations.
pub struct Learner {
    /// What it works with.
    pub engine: Arc<Engine>,
    /// How it learns.
    pub settings: LearningSettings,
    /// Key of the hash that stands for a caller.
    pub callers: CallerKey,
}
