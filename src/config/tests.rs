use std::collections::BTreeSet;
use std::path::PathBuf;

use figment::error::Kind;
use figment::providers::Serialized;
use secrecy::ExposeSecret;
use tempfile::TempDir;
use toml::{Table, Value};

use super::bounds::{BOUNDS, number};
use super::layers::{figment_of, flatten};
use super::manual;
use super::problem::Origin;
use super::*;

const NO_VARIABLES: [(&str, &str); 0] = [];

fn load(file: &str, variables: &[(&str, &str)], overrides: &[&str]) -> Result<Config, ConfigError> {
    let (_dir, path) = written(file);
    let variables = variables.iter().copied();
    Config::load(
        &ConfigSources::default().with_file(path).with_environment(variables).with_overrides(overrides.iter().copied()),
    )
}

fn written(file: &str) -> (TempDir, PathBuf) {
    let dir = TempDir::new().expect("a temporary directory can be made");
    let path = dir.path().join("turnwise.toml");
    std::fs::write(&path, file).expect("the temporary directory can be written to");
    (dir, path)
}

fn problems(file: &str, variables: &[(&str, &str)], overrides: &[&str]) -> Vec<String> {
    let error = load(file, variables, overrides).expect_err("it has problems");
    error.problems.iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
}

#[test]
fn the_defaults_are_valid_and_complete() {
    let config = Config::load(&ConfigSources::default()).expect("the defaults are valid");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.store.url, "sqlite:turnwise-data/turnwise.db");
    assert!(config.auth.bootstrap_key.is_none() && !config.auth.allow_loopback);
}

#[test]
fn a_later_source_wins() {
    let file = "[jobs]\npoll_ms = 20\nlease_ms = 2000\nmax_attempts = 2\n";
    let variables = [("TURNWISE_JOBS__LEASE_MS", "3000"), ("TURNWISE_JOBS__MAX_ATTEMPTS", "3")];
    let config = load(file, &variables, &["jobs.max_attempts=4"]).expect("it is valid");
    let jobs = &config.jobs;
    assert_eq!((jobs.poll_ms, jobs.lease_ms, jobs.max_attempts, jobs.backoff_min_ms), (20, 3000, 4, 500));
    let last = load("", &NO_VARIABLES, &["data.dir=a", "data.dir=b=c"]).expect("it is valid");
    assert_eq!(last.data.dir, PathBuf::from("b=c"));
    assert_eq!(last.store.url, "sqlite:b=c/turnwise.db");
}

#[test]
fn text_from_outside_is_read_as_the_key_wants_it() {
    let variables = [
        ("TURNWISE_AUTH__BOOTSTRAP_KEY", "01234567890123456789"),
        ("TURNWISE_AUTH__ALLOW_LOOPBACK", "true"),
        ("TURNWISE_RETRIEVAL__BAND", "0"),
        ("TURNWISE_JOBS__CONCURRENCY__INDEX_CHUNKS", "3"),
        ("TURNWISE_EMBEDDING__MODELS", "all-MiniLM-L6-v2, multilingual-e5-small"),
    ];
    let config = load("", &variables, &[]).expect("it is valid");
    let key = config.auth.bootstrap_key.expect("it was given");
    assert_eq!(key.expose_secret(), "01234567890123456789");
    assert!(config.auth.allow_loopback && config.retrieval.band == 0.0);
    assert_eq!(config.jobs.concurrency.index_chunks, 3);
    assert_eq!(config.embedding.models, ["all-MiniLM-L6-v2", "multilingual-e5-small"]);
    let listed = load("", &NO_VARIABLES, &["embedding.models=[\"one\"]"]).expect("it is valid");
    assert_eq!(listed.embedding.models, ["one"]);
}

#[test]
fn an_optional_number_can_be_given_as_text() {
    let config = load("", &NO_VARIABLES, &["retrieval.floor=0.4"]).expect("a valid configuration");
    assert_eq!(config.retrieval.floor, Some(0.4));
    let wrong = problems("", &NO_VARIABLES, &["retrieval.floor=low"]);
    assert!(wrong.iter().any(|problem| problem.contains("retrieval.floor")), "{wrong:?}");
}

#[test]
fn variables_without_two_underscores_are_not_settings() {
    let variables = [
        ("TURNWISE_CLIENT_KEY", "k"),
        ("TURNWISE_MODEL_CACHE", "/c"),
        ("TURNWISE_TEST_POSTGRES_BIN", "/p"),
        ("TURNWISE_TEST__ANYTHING", "x"),
        ("TURNWISE_SERVER_LISTEN", "nonsense"),
        ("OTHER__THING", "x"),
    ];
    let config = load("", &variables, &[]).expect("none of them is read");
    assert_eq!(config.warnings(), ["TURNWISE_SERVER_LISTEN is not a setting; write TURNWISE_SERVER__LISTEN"]);
}

#[test]
fn another_key_is_offered_only_when_it_is_near() {
    let found = problems("[nope]\na = 1", &[("TURNWISE_LOG__LEVEL", "info")], &["=1", "server.listem=x"]).join("\n");
    assert!(found.contains("nope.a: unknown key; the sections are auth, data, embedding, "), "{found}");
    assert!(found.contains("log.level: unknown key; [log] has filter, format"), "{found}");
    assert!(found.contains(": an override has no key or no '='"), "{found}");
    assert!(found.contains("server.listem: unknown key; the nearest known key is server.listen"), "{found}");
}

#[test]
fn no_model_at_all_is_a_problem() {
    let found = problems("", &NO_VARIABLES, &["embedding.models="]).join("\n");
    let told = "embedding.models: must name at least one of the models multilingual-e5-small, ";
    assert!(found.contains(told), "{found}");
}

#[test]
fn an_unknown_key_is_named_with_its_source_and_the_nearest_known_key() {
    let (_dir, path) = written("[server]\nlisten_on = \"127.0.0.1:1\"\n[retreival]\n");
    let sources = ConfigSources::default()
        .with_file(&path)
        .with_environment([("TURNWISE_STORE__URI", "x")])
        .with_overrides(["auth.key=k"]);
    let error = Config::load(&sources).expect_err("three keys are unknown");

    let file = Origin::File(path.display().to_string());
    let variable = Origin::Environment("TURNWISE_STORE__URI".to_owned());
    let found: Vec<_> = error.problems.iter().map(|problem| (problem.key.as_str(), problem.origin.clone())).collect();
    let expected = [
        ("retreival", file.clone()),
        ("server.listen_on", file),
        ("store.uri", variable),
        ("auth.key", Origin::CommandLine),
    ];
    for one in expected {
        assert!(found.contains(&one), "{one:?} in {found:?}");
    }
    let text = error.to_string();
    assert!(text.starts_with("the configuration has 4 problems:\n"), "{text}");
    assert!(text.contains("server.listen_on (from "), "{text}");
    assert!(text.contains("unknown key; the nearest known key is server.listen\n"), "{text}");
    assert!(
        text.contains("environment variable TURNWISE_STORE__URI): unknown key; the nearest known key is store.url")
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let file = "[server]\nlisten = 'here'\nmax_in_flight = 'many'\nmax_body_bytes = 3\n\
                [jobs]\nbackoff_min_ms = 900\nbackoff_max_ms = 800\n[log]\nformat = 'xml'\nfilter = 'a=loud'\n\
                [data]\ndirectory = 'x'\n";
    let found = problems(
        file,
        &[("TURNWISE_RETRIEVAL__DEADLINE_MS", "-1"), ("TURNWISE_AUTH__ALLOW_LOOPBACK", "yes")],
        &["retrieval.band=nan", "oops"],
    );
    let text = found.join("\n");
    for key in [
        "server.listen: must be an IP address and a port, such as 127.0.0.1:8080",
        "server.max_in_flight: must be a whole number, not string \"many\"",
        "server.max_body_bytes: must be 1024 to 1073741824, not 3",
        "jobs.backoff_min_ms: must not exceed jobs.backoff_max_ms (800)",
        "log.format: must be one of text, json, not \"xml\"",
        "log.filter: must be levels by module",
        "data.directory: unknown key; [data] has dir",
        "retrieval.deadline_ms: must be 1 to 60000, not -1",
        "auth.allow_loopback: must be true or false, not string \"yes\"",
        "retrieval.band: must be 0 to 1, not NaN",
        ": an override has no key or no '='",
    ] {
        assert!(text.contains(key), "{key:?} is missing in\n{text}");
    }
    assert_eq!(found.len(), 11, "{text}");
}

#[test]
fn a_tenants_time_zone_is_checked() {
    let given = load("", &NO_VARIABLES, &["metrics.tenant_time_zones=acme=Asia/Karachi, beta=UTC"]);
    assert_eq!(given.expect("it is valid").metrics.tenant_time_zones.len(), 2);
    for (wrong, why) in [("acme=Mars", "must be TENANT=ZONE"), ("acme=UTC,acme=Asia/Karachi", "more than once")] {
        let setting = format!("metrics.tenant_time_zones={wrong}");
        let found = problems("", &NO_VARIABLES, &[setting.as_str()]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("metrics.tenant_time_zones") && found[0].contains(why), "{found:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem() {
    let missing = ConfigSources::default().with_file("/nowhere/turnwise.toml");
    let text = Config::load(&missing).expect_err("there is no such file").to_string();
    assert!(text.contains("/nowhere/turnwise.toml: cannot be read"), "{text}");

    let found = problems("[auth]\nbootstrap_key = \"hunter2-hunter2-hunter2\n", &NO_VARIABLES, &[]);
    assert!(found[0].contains("line 2 is not valid TOML") && !found[0].contains("hunter2"), "{found:?}");
    assert!(problems("server = 3", &NO_VARIABLES, &[])[0].contains("server: is a section"));
    assert!(load("[server]\n", &NO_VARIABLES, &[]).is_ok());
}

#[test]
fn answering_without_a_key_is_for_loopback_only() {
    let open = |listen: &str| load("[auth]\nallow_loopback = true", &[], &[&format!("server.listen={listen}")]);
    for loopback in ["127.0.0.1:0", "127.8.8.8:80", "[::1]:80"] {
        assert!(open(loopback).is_ok(), "{loopback}");
    }
    for outside in ["0.0.0.0:80", "10.0.0.1:80", "[::]:80"] {
        let text = open(outside).expect_err("others could call").to_string();
        assert!(text.contains("auth.allow_loopback") && text.contains(outside), "{text}");
        assert!(text.contains("must be a loopback address"), "{text}");
    }
    assert!(load("", &NO_VARIABLES, &["server.listen=0.0.0.0:80"]).is_ok());
}

#[test]
fn secrets_are_never_shown() {
    let secrets = [
        ("TURNWISE_AUTH__BOOTSTRAP_KEY", "hunter2-bootstrap-key"),
        ("TURNWISE_PRIVACY__CALLER_KEY", "hunter2-caller-key-x"),
        ("TURNWISE_STORE__URL", "postgres://turnwise:hunter2@db.internal:5432/turnwise"),
    ];
    let config = load("", &secrets, &[]).expect("it is valid");
    for text in [config.print().to_owned(), format!("{config:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(
        config.print().contains("bootstrap_key = \"***\" # from environment variable TURNWISE_AUTH__BOOTSTRAP_KEY")
    );
    assert!(config.print().contains("url = \"postgres://***@db.internal:5432/turnwise\""), "{}", config.print());

    for url in
        ["postgres://db/turnwise?user=u&password=hunter2", "postgres://turnwise:hunter2", "postgres://u:hunter2/@x"]
    {
        let config = load("", &[("TURNWISE_STORE__URL", url)], &[]).expect("it looks like a URL");
        assert!(!config.print().contains("hunter2"), "{url}");
    }
    for (key, value) in [("auth.bootstrap_key", "hunter2"), ("privacy.caller_key", "hunter2 hunter2 hunter2")] {
        let found = problems("", &NO_VARIABLES, &[&format!("{key}={value}")]).join("\n");
        assert!(found.contains("at least 16 visible ASCII characters") && !found.contains("hunter2"), "{found}");
    }
    for file in ["[auth]\nbootstrap_key = 16161616", "[store]\nurl = 16161616", "[store]\nurl = 'ftp:16161616'"] {
        let found = problems(file, &NO_VARIABLES, &[]).join("\n");
        assert!(!found.contains("16161616"), "{found}");
    }
}

#[test]
fn what_is_printed_can_be_read_again_and_says_where_it_came_from() {
    let config =
        load("[data]\ndir = '/srv/turn \"wise\"'", &NO_VARIABLES, &["retrieval.band=0.5"]).expect("it is valid");
    let printed = config.print();
    assert!(printed.contains("band = 0.5 # from the command line\n"), "{printed}");
    assert!(printed.contains("lexical_weight = 0.05\n"), "{printed}");
    let again = load(printed, &NO_VARIABLES, &[]).expect("what is printed is valid");
    assert_eq!(again.data.dir, config.data.dir);
    assert_eq!(again.store.url, config.store.url);

    let defaults = Config::load(&ConfigSources::default()).expect("the defaults are valid");
    let url = "url = \"sqlite:turnwise-data/turnwise.db\" # from data.dir";
    assert_eq!(defaults.print().replace(url, "url = \"\""), manual::MANUAL);
}

/// The fields that a table of the configuration takes, as its struct names them when it meets one that it lacks.
fn fields_of(section: &str) -> BTreeSet<String> {
    let defaults = flatten(&manual::defaults());
    let figment = figment_of(defaults.iter().map(|(key, value)| (key.as_str(), value)));
    let bogus = format!("{section}.no_such_key");
    let figment = figment.merge(Serialized::default(bogus.trim_start_matches('.'), 1));
    let error = figment.extract::<Config>().expect_err("every struct refuses unknown fields");
    let Kind::UnknownField(_, fields) = error.kind else { panic!("[{section}] takes unknown fields: {error}") };
    fields.iter().map(|field| (*field).to_owned()).collect()
}

fn tables(table: &Table, name: &str, found: &mut Vec<(String, BTreeSet<String>)>) {
    found.push((name.to_owned(), table.keys().cloned().collect()));
    for (key, value) in table {
        if let Value::Table(inner) = value {
            tables(inner, &format!("{name}.{key}"), found);
        }
    }
}

#[test]
fn every_key_of_the_structs_stands_in_the_manual() {
    let mut found = Vec::new();
    tables(&manual::defaults(), "", &mut found);
    assert_eq!(found.len(), 15, "the sections, jobs.concurrency and the whole");
    for (section, keys) in found {
        assert_eq!(fields_of(section.trim_start_matches('.')), keys, "[{section}]");
    }
}

#[test]
fn every_key_of_the_manual_has_a_line_and_a_comment() {
    let known: BTreeSet<String> = flatten(&manual::defaults()).into_iter().map(|(key, _)| key).collect();
    let lines: Vec<_> = manual::lines().collect();
    let mut seen = BTreeSet::new();
    for (position, line) in lines.iter().enumerate() {
        let Some(key) = &line.key else { continue };
        assert!(line.text.parse::<Table>().is_ok(), "{key} must stand on one line");
        assert!(lines[position - 1].text.starts_with("# "), "{key} has no comment");
        seen.insert(key.clone());
    }
    assert_eq!(seen, known);
}

#[test]
fn the_manual_names_the_bounds_of_every_number() {
    let lines: Vec<_> = manual::lines().collect();
    for (key, value) in flatten(&manual::defaults()) {
        let bounds = BOUNDS.iter().find(|(name, ..)| *name == key);
        // An optional number that is not given stands as an empty text.
        let given = number(&value).is_some() || (bounds.is_some() && value.as_str() == Some(""));
        assert_eq!(given, bounds.is_some(), "{key}");
        let Some((_, least, greatest)) = bounds else { continue };
        let position = lines.iter().position(|line| line.key.as_ref() == Some(&key)).expect("each key has a line");
        let start = lines[..position].iter().rposition(|line| !line.text.starts_with('#')).map_or(0, |last| last + 1);
        let comment: String = lines[start..position].iter().map(|line| line.text.trim_start_matches('#')).collect();
        assert!(comment.ends_with(&format!("llowed: {least} to {greatest}.")), "{key}: {comment}");
    }
    assert!(BOUNDS.iter().all(|(key, ..)| flatten(&manual::defaults()).iter().any(|(known, _)| known == key)));
}
