//! Integration tests: one binary, so that everything links once.

mod api;
mod architecture;
mod cli;
mod contract;
mod store;
mod support;
