//! The queue at work: takes jobs that are due, runs them, renews their leases, tries again, gives up, stops gracefully; and
//! beside it the look at what is scheduled.
//!
//! Refuses to know what a job does: the handler comes from `app.rs`.

pub mod backoff;
pub mod runner;
pub mod schedules;
pub mod settings;
