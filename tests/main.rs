//! Integration tests: one binary, so that everything links once.

mod store;
mod support;
