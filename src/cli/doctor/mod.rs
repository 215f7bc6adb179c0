//! `turnwise doctor`: what is not well with this installation, and what to do about it.
//!
//! Guarantees: every check runs that can, whatever the others find; each finding that is not well has a remedy. Opening
//! a database brings its schema up to date, as every start does; nothing else is changed.

mod index;
mod machine;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::cli::backend::held_message;
use crate::cli::client::Client;
use crate::cli::failure::{Exit, Failure};
use crate::cli::lock::{DataDirLock, Holder, Lock};
use crate::cli::print::{Voice, table};
use crate::config::Config;
use crate::config::problem::ConfigError;
use crate::embedding::embedder::Embedder;
use crate::embedding::embedders::Embedders;
use crate::embedding::error::EmbeddingError;
use crate::embedding::manifest::Manifest;
use crate::engine::error::chain;
use crate::store::Store;

/// What brings back models and the library.
const MAKE_MODELS: &str = "run `make models` where Turnwise was built, or set embedding.models_dir to where they are";

/// What brings back a server that is not there.
const REACH_POSTGRES: &str = "see that the PostgreSQL server of store.url runs (`systemctl start postgresql`, or \
                              `docker compose up --wait postgres`) and lets this user in";

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and somebody should know.
    Warning,
    /// Turnwise cannot work so.
    Wrong,
}

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was looked at.
    check: &'static str,
    /// How well it is.
    state: State,
    /// What was found.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: State::Ok, found: found.into(), remedy: None }
    }

    fn warning(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, state: State::Warning, found: found.into(), remedy: Some(remedy.into()) }
    }

    fn wrong(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, state: State::Wrong, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// Runs the command.
///
/// # Errors
/// When the findings cannot be printed.
pub async fn run(config: Result<Config, ConfigError>, voice: Voice) -> Result<Exit, Failure> {
    let (findings, exit): (Vec<Finding>, Exit) = match config {
        Ok(config) => (examine(&config).await, Exit::Unwell),
        Err(error) => {
            let told = error.problems.iter().map(|problem| configuration_problem(&problem.to_string()));
            (told.collect(), Exit::Misconfigured)
        }
    };
    let wrong = findings.iter().any(|finding| finding.state == State::Wrong);
    if voice.json {
        voice.say_json(&serde_json::json!({"ok": !wrong, "findings": findings}))?;
    } else {
        print(&findings, voice)?;
    }
    Ok(if wrong { exit } else { Exit::Done })
}

fn configuration_problem(problem: &str) -> Finding {
    let remedy = "correct it; src/defaults.toml, which `turnwise config print` shows, says what each key means";
    Finding::wrong("configuration", problem, remedy)
}

async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("configuration", "no problems")];
    findings.push(library(config));
    let (embedders, models) = models(config).await;
    findings.extend(models);

    let dir = &config.data.dir;
    findings.extend(machine::examine(dir));
    let lock = if dir.is_dir() { DataDirLock::take(dir, "doctor").map(Some) } else { Ok(None) };
    match lock {
        // It is a file, which was told above.
        Ok(None) if dir.exists() => {}
        Ok(None) => findings.push(Finding::ok("lock", "nobody uses the data directory; it does not exist yet")),
        Ok(Some(Lock::Taken(lock))) => {
            findings.push(Finding::ok("lock", "nobody uses the data directory"));
            findings.extend(database_and_index(config, embedders.as_ref()).await);
            drop(lock);
        }
        Ok(Some(Lock::Held(Some(Holder { url: Some(url), pid, .. })))) => {
            findings
                .push(Finding::ok("lock", format!("the server with process {pid} at {url} uses the data directory")));
            findings.push(server(&url).await);
        }
        Ok(Some(Lock::Held(holder))) => {
            let found = held_message(config, holder.as_ref());
            findings.push(Finding::warning(
                "lock",
                found,
                "run doctor again when it has ended, to check database and index",
            ));
        }
        Err(error) => findings.push(Finding::wrong(
            "lock",
            format!("{} cannot be locked: {error}", dir.display()),
            "use a data directory on a local file system that you may write to",
        )),
    }
    findings
}

fn library(config: &Config) -> Finding {
    let path = config.embedding.library();
    let shown = path.display();
    match std::fs::metadata(&path) {
        Ok(_) => {
            Finding::ok("ONNX Runtime", format!("{shown}, version {} wanted", Manifest::embedded().runtime.version))
        }
        Err(error) => Finding::wrong(
            "ONNX Runtime",
            format!("{shown}: {error}"),
            format!("{MAKE_MODELS}, or embedding.onnxruntime to the library"),
        ),
    }
}

/// The active models, if all of them can be loaded, and what is to say about each.
async fn models(config: &Config) -> (Option<Embedders>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut opened = Vec::new();
    for name in &config.embedding.models {
        match open_model(config, name).await {
            Ok(embedder) => {
                let spec = embedder.spec();
                findings.push(Finding::ok("model", format!("{name} loads, {} dimensions", spec.dimension)));
                opened.push(embedder);
            }
            Err(error) => findings.push(Finding::wrong("model", format!("{name}: {}", chain(&error)), MAKE_MODELS)),
        }
    }
    let all = opened.len() == config.embedding.models.len();
    let mut opened = opened.into_iter();
    let embedders = opened.next().filter(|_| all).map(|first| Embedders::of(first, opened.collect()));
    (embedders, findings)
}

async fn open_model(config: &Config, name: &str) -> Result<Arc<Embedder>, EmbeddingError> {
    let manifest = Manifest::embedded();
    let Some(spec) = manifest.model(name) else {
        let known = manifest.names().join(", ");
        return Err(EmbeddingError::UnknownModel { name: name.to_owned(), known });
    };
    let settings = config.embedding.clone();
    let opened = tokio::task::spawn_blocking(move || Embedder::open(&settings, spec)).await;
    let opened =
        opened.map_err(|error| EmbeddingError::Panicked { model: name.to_owned(), message: error.to_string() })?;
    opened.map(Arc::new)
}

async fn database_and_index(config: &Config, embedders: Option<&Embedders>) -> Vec<Finding> {
    let store = match Store::open(&config.store).await {
        Ok(store) => store,
        Err(error) => return vec![database_problem(config, chain(&error))],
    };
    let mut findings = vec![match store.check_statements().await {
        Ok(check) if check.refused.is_empty() => Finding::ok(
            "database",
            format!("{}, schema up to date, {} statements understood", store.database(), check.prepared),
        ),
        Ok(check) => Finding::wrong(
            "database",
            format!("{} statements are refused, such as {}", check.refused.len(), check.refused[0]),
            "the schema was changed by hand; restore a backup",
        ),
        Err(error) => database_problem(config, chain(&error)),
    }];
    match embedders {
        Some(embedders) => findings.extend(index::examine(config, &store, embedders).await),
        None => findings.push(Finding::warning(
            "index",
            "not looked at, because a model cannot be loaded",
            "run doctor again when the models load",
        )),
    }
    store.close().await;
    findings
}

/// What is wrong with the database, and what to do. SQLite says only in words that a file is damaged.
fn database_problem(config: &Config, found: String) -> Finding {
    let damaged = ["not a database", "malformed"].iter().any(|words| found.contains(words));
    let remedy = match config.store.sqlite_file() {
        Some(file) if damaged => format!(
            "{} is no SQLite database or is damaged: restore a backup, or move it away to begin anew",
            file.display()
        ),
        Some(file) => {
            format!("see that {} can be written, and that no newer Turnwise has opened it", file.display())
        }
        None => REACH_POSTGRES.to_owned(),
    };
    Finding::wrong("database", found, remedy)
}

async fn server(url: &str) -> Finding {
    let remedy = "see the log of the server";
    let ready = match Client::new(url, None) {
        Ok(client) => client.ready().await,
        Err(failure) => Err(failure),
    };
    match ready {
        Ok(Ok(())) => Finding::ok("server", format!("{url} is ready: its database and its index are open")),
        Ok(Err(reason)) => Finding::wrong("server", format!("{url} is not ready: {reason}"), remedy),
        Err(failure) => Finding::wrong("server", failure.to_string(), remedy),
    }
}

fn print(findings: &[Finding], voice: Voice) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for finding in findings {
        let state = match finding.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Wrong => "WRONG",
        };
        rows.push(vec![state.to_owned(), finding.check.to_owned(), finding.found.clone()]);
        if let Some(remedy) = &finding.remedy {
            rows.push(vec![String::new(), String::new(), format!("-> {remedy}")]);
        }
    }
    voice.say(&table(&[], rows))
}

/// A path that exists: the directory, or what it will be made in.
fn existing(dir: &Path) -> &Path {
    dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."))
}
