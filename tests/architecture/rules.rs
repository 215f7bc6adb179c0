//! Who may name whom. The floors are those of ARCHITECTURE.md.

use super::imports::{NamedPath, SourceFile};

/// The floors from the ground up; a room imports only rooms on floors below its own.
const FLOORS: [&[&str]; 7] = [
    &["domain"],
    &["store", "index", "embedding", "llm", "cache"],
    &["engine"],
    &["jobs"],
    &["retrieval", "learning", "agent", "analytics", "reembedding", "curation", "experiments"],
    &["evaluation"],
    &["api", "cli", "hooks", "mcp", "dashboard"],
];
const FACES: usize = 6;

/// One vendor, one room: the crate, and what the path of a file that names it begins with.
const VENDORS: [(&str, &[&str]); 8] = [
    ("sqlx", &["store/"]),
    ("qdrant_edge", &["index/edge", "index/lexical"]),
    ("qdrant_client", &["index/server"]),
    ("fastembed", &["embedding/"]),
    ("ort", &["embedding/"]),
    ("async_openai", &["llm/"]),
    ("redis", &["cache/redis"]),
    ("figment", &["config"]),
];

/// Crates of pure data and rules, which the domain may name.
const PURE: [&str; 21] = [
    "chrono",
    "chrono_tz",
    "croner",
    "hex",
    "hmac",
    "iban_validate",
    "luhn",
    "ndarray",
    "rand",
    "regex",
    "serde",
    "serde_json",
    "sha2",
    "statrs",
    "stop_words",
    "thiserror",
    "toml",
    "unicode_normalization",
    "unicode_segmentation",
    "uuid",
    "whatlang",
];

/// A file longer than this holds more than one thing.
const MAX_LINES: usize = 600;

/// What breaks the rules, one sentence each; `crates` are the names of all crates that the sources may depend on.
pub fn check(files: &[SourceFile], crates: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files {
        let mut found: Vec<String> = file.paths.iter().filter_map(|path| problem(file, path, crates)).collect();
        if file.reexports > 0 && file.path != "lib.rs" {
            found.push(format!("{}: `pub use` stands in lib.rs only", file.path));
        }
        if file.lines > MAX_LINES {
            found.push(format!("{}: {} lines, more than {MAX_LINES}", file.path, file.lines));
        }
        found.sort();
        found.dedup();
        problems.extend(found);
    }
    problems
}

fn problem(file: &SourceFile, path: &NamedPath, crates: &[String]) -> Option<String> {
    let first = path.segments[0].as_str();
    let reason = match first {
        "crate" => import_problem(file.module.first().map_or("lib", String::as_str), &path.segments[1], path.in_test)?,
        _ if path.in_test || !crates.iter().any(|name| name == first) => return None,
        _ => vendor_problem(file, first)?,
    };
    Some(format!("{}: names {}: {reason}", file.path, path.segments.join("::")))
}

fn vendor_problem(file: &SourceFile, vendor: &str) -> Option<String> {
    if file.path.starts_with("domain/") && !PURE.contains(&vendor) {
        return Some("the domain names no vendor crate".to_owned());
    }
    let (_, rooms) = VENDORS.iter().find(|(name, _)| *name == vendor)?;
    let allowed = rooms.iter().any(|room| file.path.starts_with(room));
    (!allowed).then(|| format!("{vendor} is named only in {}", rooms.join(", ")))
}

/// Why the room `from` may not import the room `to`, if it may not.
fn import_problem(from: &str, to: &str, in_test: bool) -> Option<String> {
    let refused = |reason: &str| Some(reason.to_owned());
    match (from, to) {
        _ if from == to => None,
        ("lib" | "main", _) => None,
        (_, "app") if in_test || from == "cli" => None,
        (_, "app") => refused("only main, cli and tests import the composition root"),
        (_, "config") if in_test || ["app", "cli"].contains(&from) => None,
        (_, "config") => refused("only main, app and cli import the configuration; take what you need as an argument"),
        ("app", "cli") => refused("cli calls app, not the other way"),
        ("app", _) => None,
        ("config", "telemetry") => None,
        ("config", _) if floor(to)? < FACES => None,
        ("config", _) => refused("the configuration imports the settings of floors below the faces"),
        (_, "telemetry") if floor(from) == Some(FACES) => None,
        (_, "telemetry") => {
            refused("only main, app, config and the faces import it; report through tracing and metrics")
        }
        ("telemetry", _) => refused("telemetry imports no room"),
        ("jobs", "index" | "embedding" | "llm" | "cache" | "engine") => {
            refused("jobs imports the store and the domain; app.rs gives it the services that it runs")
        }
        _ => match (floor(from), floor(to)) {
            (Some(own), Some(other)) if other < own => None,
            (Some(own), Some(other)) if other == own => refused("that is sideways"),
            (Some(_), Some(_)) => refused("that is upward"),
            (None, _) => Some(format!("the room {from} has no floor; give it one in tests/architecture/rules.rs")),
            (_, None) => Some(format!("the room {to} has no floor; give it one in tests/architecture/rules.rs")),
        },
    }
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    /// The problems of one file, without its name.
    #[track_caller]
    fn check_file(path: &str, text: &str, expected: &[&str]) {
        let crates = ["sqlx", "qdrant_edge", "fastembed", "ort", "serde", "axum"].map(str::to_owned);
        let found = check(&[parse(path, text)], &crates);
        assert_eq!(found.len(), expected.len(), "{path}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found:?} lacks {expected:?}");
        }
    }

    #[test]
    fn downward_is_fine() {
        check_file(
            "api/retrieve.rs",
            "use crate::retrieval::Retriever; use crate::store::Store; use crate::domain::X;",
            &[],
        );
        check_file("engine/mod.rs", "use crate::store::Store; use crate::index::VectorIndex;", &[]);
        check_file("learning/distill.rs", "use crate::engine::Engine; use crate::learning::acts::Act;", &[]);
        check_file("jobs/runner.rs", "use crate::store::jobs::Job; use crate::domain::clock::Clock;", &[]);
        check_file("app.rs", "use crate::api::router; use crate::config::Config; use crate::jobs::Runner;", &[]);
        check_file("cli/serve.rs", "use crate::app::App; use crate::config::Config;", &[]);
        check_file("config.rs", "use crate::store::settings::StoreSettings; use crate::telemetry::LogSettings;", &[]);
        check_file("main.rs", "fn main() { turnwise::cli::main() }", &[]);
    }

    #[test]
    fn upward_is_refused() {
        check_file("store/mod.rs", "use crate::retrieval::Retriever;", &["upward"]);
        check_file("domain/ids.rs", "use crate::store::Store;", &["upward"]);
        check_file("learning/mod.rs", "use crate::api::ApiError;", &["upward"]);
        check_file("jobs/runner.rs", "use crate::learning::analyze;", &["upward"]);
        check_file("retrieval/mod.rs", "use crate::app::App;", &["composition root"]);
        check_file("api/mod.rs", "use crate::app::App;", &["composition root"]);
        check_file("retrieval/mod.rs", "use crate::config::Config;", &["configuration"]);
        check_file("index/mod.rs", "use crate::telemetry::render_metrics;", &["telemetry"]);
        check_file("store/mod.rs", "use crate::engine::error::Error;", &["upward"]);
        check_file("engine/mod.rs", "use crate::learning::Learner;", &["upward"]);
    }

    #[test]
    fn sideways_is_refused() {
        check_file("store/mod.rs", "use crate::index::point::Point;", &["sideways"]);
        check_file("retrieval/mod.rs", "use crate::learning::acts::Act;", &["sideways"]);
        check_file("api/mod.rs", "use crate::cli::Args;", &["sideways"]);
        check_file("jobs/runner.rs", "use crate::index::Index;", &["jobs imports the store"]);
        check_file("jobs/runner.rs", "use crate::engine::Engine;", &["jobs imports the store"]);
    }

    #[test]
    fn no_spelling_goes_unseen() {
        check_file("store/rows.rs", "fn f() -> u8 { crate::index::count() }", &["crate::index::count"]);
        check_file("store/rows.rs", "use super::super::index::point::Point;", &["crate::index::point::Point"]);
        check_file("store/mod.rs", "use super::index::Index;", &["crate::index::Index"]);
        check_file("store/rows.rs", "fn f() { on_read!(s, |db| crate::api::x(db)) }", &["crate::api::x"]);
        check_file("store/rows.rs", "use {crate::{domain::X, api::Y}, std::fmt};", &["crate::api::Y"]);
        check_file("store/rows.rs", "pub struct S { x: Vec<crate::api::Y> }", &["crate::api::Y"]);
    }

    #[test]
    fn a_vendor_stays_in_its_room() {
        check_file("store/rows.rs", "use sqlx::Row;", &[]);
        check_file("learning/mod.rs", "use sqlx::Row;", &["sqlx is named only in store/"]);
        check_file("index/edge.rs", "use qdrant_edge::Shard;", &[]);
        check_file("index/mod.rs", "fn f(s: &qdrant_edge::Shard) {}", &["qdrant_edge is named only in"]);
        check_file("retrieval/mod.rs", "fn f() { ort::init() }", &["ort is named only in embedding/"]);
        check_file("domain/ids.rs", "use serde::Serialize;", &[]);
        check_file("domain/ids.rs", "use axum::Json;", &["no vendor crate"]);
    }

    #[test]
    fn tests_may_build_the_whole_and_nothing_else_may_lean_on_that() {
        check_file("api/mod.rs", "#[cfg(test)] mod tests { use crate::app::App; use sqlx::Row; }", &[]);
        check_file("store/mod.rs", "#[cfg(test)] mod tests { use crate::index::Index; }", &["sideways"]);
    }

    #[test]
    fn a_room_without_a_floor_is_refused() {
        check_file("misc/mod.rs", "use crate::domain::X;", &["the room misc has no floor"]);
        check_file("api/mod.rs", "use crate::misc::X;", &["the room misc has no floor"]);
    }

    #[test]
    fn reexports_and_long_files_are_refused() {
        check_file("domain/mod.rs", "pub use self::ids::EntryId;", &["`pub use` stands in lib.rs only"]);
        check_file("domain/mod.rs", "pub(crate) use word_enum;", &[]);
        check_file("lib.rs", "pub use domain::ids::EntryId;", &[]);
        check_file("domain/mod.rs", &"// x\n".repeat(601), &["601 lines"]);
    }
}
