//! What several areas of the tests stand on.

pub mod postgres;
