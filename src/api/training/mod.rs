//! Training data: what analysis found in conversations.

pub(super) mod analytics;
pub(super) mod list;
pub(super) mod show;
pub(super) mod wire;
