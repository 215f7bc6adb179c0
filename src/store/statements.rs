//! The registry of all whole statements.
//!
//! Guarantees that none is forgotten: whole statements are written inside `statements!` or in `dialect`, only those may
//! hold a `$n`, and a test that reads this directory keeps it so.

use sqlx::Executor;

use crate::store::Store;
use crate::store::analytics;
use crate::store::cases;
use crate::store::chunks;
use crate::store::conversation_states;
use crate::store::conversations;
use crate::store::entries;
use crate::store::erasure;
use crate::store::error::StoreError;
use crate::store::evidence;
use crate::store::experiments;
use crate::store::facts;
use crate::store::gap_entries;
use crate::store::gap_retrievals;
use crate::store::gaps;
use crate::store::generations;
use crate::store::imports;
use crate::store::jobs;
use crate::store::keys;
use crate::store::labels;
use crate::store::macros::on_read;
use crate::store::marks;
use crate::store::measures;
use crate::store::metric_marks;
use crate::store::outcomes;
use crate::store::records;
use crate::store::rolling_up;
use crate::store::schedules;
use crate::store::session_items;
use crate::store::sessions;
use crate::store::turns;
use crate::store::upkeep;
use crate::store::uses;
use crate::store::versions;

/// The files with statements, by module name.
const FILES: &[(&str, &[(&str, &str)])] = &[
    ("analytics", analytics::STATEMENTS),
    ("cases", cases::STATEMENTS),
    ("chunks", chunks::STATEMENTS),
    ("conversation_states", conversation_states::STATEMENTS),
    ("conversations", conversations::STATEMENTS),
    ("entries", entries::STATEMENTS),
    ("erasure", erasure::STATEMENTS),
    ("evidence", evidence::STATEMENTS),
    ("experiments", experiments::STATEMENTS),
    ("facts", facts::STATEMENTS),
    ("gap_entries", gap_entries::STATEMENTS),
    ("gap_retrievals", gap_retrievals::STATEMENTS),
    ("gaps", gaps::STATEMENTS),
    ("generations", generations::STATEMENTS),
    ("imports", imports::STATEMENTS),
    ("jobs", jobs::STATEMENTS),
    ("keys", keys::STATEMENTS),
    ("labels", labels::STATEMENTS),
    ("marks", marks::STATEMENTS),
    ("measures", measures::STATEMENTS),
    ("metric_marks", metric_marks::STATEMENTS),
    ("outcomes", outcomes::STATEMENTS),
    ("records", records::STATEMENTS),
    ("rolling_up", rolling_up::STATEMENTS),
    ("schedules", schedules::STATEMENTS),
    ("session_items", session_items::STATEMENTS),
    ("sessions", sessions::STATEMENTS),
    ("turns", turns::STATEMENTS),
    ("upkeep", upkeep::STATEMENTS),
    ("uses", uses::STATEMENTS),
    ("versions", versions::STATEMENTS),
];

/// What came of preparing every statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementCheck {
    /// How many the database took.
    pub prepared: usize,
    /// Those that it refused, each with file, name and reason.
    pub refused: Vec<String>,
}

impl Store {
    /// Prepares every statement that the store can run, and runs none: for `turnwise doctor`, and for the test that
    /// both databases take the one text.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn check_statements(&self) -> Result<StatementCheck, StoreError> {
        let dialect = ("dialect", self.dialect().statements());
        let files = FILES.iter().map(|(file, statements)| (*file, statements.to_vec()));
        let mut check = StatementCheck::default();
        on_read!(self, |db| {
            // A connection of its own, closed afterwards: a statement that was prepared without values must not stay in
            // the cache that executions with values use.
            let mut connection = db.acquire().await?;
            for (file, statements) in files.chain([dialect]) {
                for (name, sql) in statements {
                    let sql = sqlx::SqlSafeStr::into_sql_str(sql);
                    match (&mut *connection).prepare(sql).await {
                        Ok(_) => check.prepared += 1,
                        Err(error) => check.refused.push(format!("{file}::{name}: {error}")),
                    }
                }
            }
            connection.close().await?;
        });
        Ok(check)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::FILES;
    use crate::store::dialect::Dialect;

    /// The sources of this room, by module name.
    fn sources() -> Vec<(String, String)> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
        let mut sources: Vec<(String, String)> = fs::read_dir(directory)
            .expect("the sources are here")
            .map(|file| file.expect("it can be read").path())
            .map(|path| {
                let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
                (name, fs::read_to_string(&path).expect("sources are UTF-8"))
            })
            .collect();
        sources.sort();
        sources
    }

    /// The source without its tests, and the names and the rest when the `statements!` block is cut out.
    fn split(source: &str) -> (Vec<String>, String) {
        let source = source.split("#[cfg(test)]").next().expect("there is a first part");
        let Some((before, block)) = source.split_once("\nstatements! {\n") else { return (vec![], source.to_owned()) };
        let (block, after) = block.split_once("\n}\n").expect("the block ends");
        let names = block
            .lines()
            .filter_map(|line| line.strip_prefix("    "))
            .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
            .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.to_owned()))
            .collect();
        (names, format!("{before}\n{after}"))
    }

    #[test]
    fn every_statement_is_registered() {
        let mut written = BTreeSet::new();
        for (file, source) in sources() {
            written.extend(split(&source).0.into_iter().map(|name| format!("{file}::{name}")));
        }
        let registered: BTreeSet<String> = FILES
            .iter()
            .flat_map(|(file, statements)| statements.iter().map(move |(name, _)| format!("{file}::{name}")))
            .collect();
        assert!(written.len() > 50, "{} statements found", written.len());
        assert_eq!(written, registered);
    }

    #[test]
    fn only_whole_statements_number_their_places() {
        for (file, source) in
            sources().iter().filter(|(file, _)| !["macros", "statement", "dialect"].contains(&&**file))
        {
            let (_, rest) = split(source);
            let code = rest.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let numbered = line.as_bytes().windows(2).any(|pair| pair[0] == b'$' && pair[1].is_ascii_digit());
                assert!(!numbered, "{file}: a statement outside `statements!`: {line}");
            }
        }
    }

    #[test]
    fn the_pairs_are_listed_and_are_few() {
        let (_, source) = sources().into_iter().find(|(file, _)| file == "dialect").expect("the file is there");
        let listed: BTreeSet<&str> = [Dialect::Sqlite, Dialect::Postgres]
            .into_iter()
            .flat_map(|dialect| dialect.statements().into_iter().map(|(_, sql)| sql))
            .collect();
        let written = source.lines().filter(|line| {
            line.starts_with("const ") && (line.contains("_SQLITE: &str") || line.contains("_POSTGRES: &str"))
        });
        assert_eq!(written.count(), listed.len());
        assert!(source.matches("/// Pair ").count() <= 10, "more than ten pairs is an alarm");
    }
}
