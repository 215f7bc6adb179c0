//! The HTTP face, asked over a real socket.

mod analytics;
mod auth;
mod callers;
mod cases;
mod conversations;
mod credit;
mod curation;
mod erasure;
pub(crate) mod fixtures;
mod jobs;
mod keys;
mod learning;
mod lists;
mod logs;
mod malformed;
mod operation;
mod process;
mod retrieve;
mod scopes;
mod sessions;
