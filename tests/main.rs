//! Integration tests: one binary, so that everything links once.

mod architecture;
mod store;
mod support;
