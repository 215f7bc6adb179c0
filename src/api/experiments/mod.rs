//! Experiments: made, started, stopped, and what they say.

pub(super) mod create;
pub(super) mod list;
pub(super) mod results;
pub(super) mod show;
pub(super) mod steps;
mod wire;

use std::sync::Arc;

use crate::api::Services;
use crate::api::error::ApiError;
use crate::domain::ids::ExperimentId;
use crate::experiments::Experimenter;

/// The id that a path names; what cannot be one names no experiment.
fn experiment_id(name: &str) -> Result<ExperimentId, ApiError> {
    name.trim().parse().map_err(|_| ApiError::not_found("experiment", name))
}

/// What makes and compares experiments.
fn experimenter(services: &Services) -> Experimenter {
    Experimenter::new(Arc::clone(&services.engine))
}
