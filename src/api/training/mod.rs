//! Training data: what analysis found in conversations.

pub(super) mod list;
pub(super) mod wire;
