//! The queue at work: takes jobs that are due, runs them, renews their leases, tries again, gives up, stops gracefully.
//!
//! Refuses to know what a job does: the handler comes from `app.rs`.

pub mod backoff;
pub mod runner;
pub mod settings;
