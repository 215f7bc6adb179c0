//! Measuring on labelled data how good learning and retrieval are, and fitting what is fitted.
//!
//! Refuses: to tune on a test split. Who belongs to it is decided by a hash of the id, in [`split`].

pub mod abstention;
pub mod demo;
pub mod fit;
pub mod labels;
pub mod sgd;
pub mod split;
