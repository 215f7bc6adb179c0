//! A real shard in a temporary directory.
