//! Integration tests: one binary, so that everything links once.

mod api;
mod architecture;
mod cli;
mod store;
mod support;
