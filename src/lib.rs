//! Turnwise: the knowledge engine that AI phone and chat agents ask on every turn.
//!
//! It reads each finished conversation, learns from those that succeeded, and answers in milliseconds what is already
//! known that helps with what the user just said. `ARCHITECTURE.md` walks through the floors below.

pub mod analytics;
pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod curation;
pub mod domain;
pub mod embedding;
pub mod engine;
pub mod evaluation;
pub mod experiments;
pub mod index;
pub mod jobs;
pub mod learning;
pub mod retrieval;
pub mod store;
pub mod telemetry;
