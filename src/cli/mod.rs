//! The command line: what `turnwise` does when it is started by hand.

pub mod conversations_file;
pub mod convert;
pub mod input;
pub mod json_items;
