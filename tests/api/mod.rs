//! The HTTP face, asked over a real socket.

mod auth;
mod conversations;
mod fixtures;
mod lists;
mod logs;
mod malformed;
mod operation;
mod retrieve;
