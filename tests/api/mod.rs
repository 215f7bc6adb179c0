//! The HTTP face, asked over a real socket.

mod analytics;
mod auth;
mod callers;
mod conversations;
mod credit;
mod curation;
mod erasure;
mod fixtures;
mod keys;
mod learning;
mod lists;
mod logs;
mod malformed;
mod operation;
mod retrieve;
mod scopes;
