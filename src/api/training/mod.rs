//! Training data: what analysis found in conversations, and the sessions that learn from many of them.

pub(super) mod analytics;
pub(super) mod list;
pub(super) mod process;
pub(super) mod sessions;
pub(super) mod show;
pub(super) mod wire;
