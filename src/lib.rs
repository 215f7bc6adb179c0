//! Turnwise: the knowledge engine that AI phone and chat agents ask on every turn.
//!
//! It reads each finished conversation, learns from those that succeeded, and answers in milliseconds what is already
//! known that helps with what the user just said. `ARCHITECTURE.md` walks through the floors below.

pub mod cli;
pub mod domain;
pub mod embedding;
pub mod index;
pub mod store;
