//! What several areas of the tests stand on.

pub mod app;
pub mod postgres;
pub mod settled;
