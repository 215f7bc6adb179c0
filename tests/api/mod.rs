//! The HTTP face, asked over a real socket.

mod analytics;
mod auth;
mod callers;
mod cases;
mod conversations;
mod credit;
mod curation;
mod erasure;
mod experiments;
pub(crate) mod fixtures;
mod gaps;
mod imports;
mod jobs;
mod keys;
mod learning;
mod lists;
mod logs;
mod malformed;
mod operation;
mod process;
mod retrieve;
mod rollups;
mod schedules;
mod scopes;
mod sessions;
