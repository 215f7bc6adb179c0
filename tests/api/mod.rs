//! The HTTP face, asked over a real socket.

mod auth;
mod conversations;
mod erasure;
mod fixtures;
mod learning;
mod lists;
mod logs;
mod malformed;
mod operation;
mod retrieve;
