//! Performance metrics: by day, week and month, and compared with the period before.

mod arm;
pub(super) mod csv_table;
pub(super) mod list;
pub(super) mod summary;
pub(super) mod wire;
