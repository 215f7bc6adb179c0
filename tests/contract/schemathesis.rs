//! schemathesis tries every route by what the OpenAPI document says of it, and looks whether what is answered is what
//! the document promises. `schemathesis.toml` says which of its checks are told better.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::api::content::{ask_in_vain, find_gaps, open_case};
use crate::api::fixtures::{hours_call, price_call};
use crate::support::app::{Answer, CLI_KEY, TestApp};
use crate::support::postgres::TestDatabase;

const PROGRAM_VARIABLE: &str = "TURNWISE_TEST_SCHEMATHESIS";
const NOT_FOUND: &str = "this test needs schemathesis, and it is not installed: run `make test`, which installs it, or \
    install tests/contract/requirements.txt with pip and name the program in TURNWISE_TEST_SCHEMATHESIS";
const SETTINGS: &str = include_str!("schemathesis.toml");
/// Where things with an id are listed; the last word is the name of their dictionary in the settings.
const LISTS: [&str; 9] = [
    "/cases/",
    "/conversations/",
    "/experiments/",
    "/gaps/",
    "/jobs/",
    "/keys/",
    "/training/knowledge-base/",
    "/training/training-data/",
    "/training/training-sessions/",
];

#[track_caller]
fn made(answer: Answer) -> Value {
    assert!((200..300).contains(&answer.status), "{} {}", answer.status, answer.text);
    answer.json()
}

/// Puts something behind every route.
async fn fill(app: &TestApp) {
    ask_in_vain(app, "501").await;
    find_gaps(app).await;
    app.learn([price_call("100"), hours_call("200")]).await;
    let mut entries = Vec::new();
    for title in ["Refunds", "Money back"] {
        let entry = json!({
            "knowledge_type": "faq", "category": "billing", "title": title, "language": "en", "success_rate": 0.85,
            "content": "Refunds are paid back to the card within five working days.",
            "trigger_phrases": ["how do I get my money back", "refund please"],
        });
        let written = made(app.post("/training/knowledge-base/", &entry).await);
        entries.push(written["id"].as_str().expect("an id").to_owned());
    }
    open_case(app, &entries[0], &entries[1]).await;
    let arms = json!([
        {"name": "with", "share": 0.9, "settings": {}}, {"name": "without", "share": 0.1, "settings": {"holdout": true}},
    ]);
    let experiment = json!({"name": "what is it worth", "kind": "holdout", "arms": arms});
    let experiment = made(app.post("/experiments/", &experiment).await);
    let start = format!("/experiments/{}/start/", experiment["id"].as_str().expect("an id"));
    made(app.post(&start, &json!({})).await);
    let nightly = json!({"name": "nightly", "cron": "0 3 * * *"});
    made(app.post("/training/training-sessions/start_training/", &nightly).await);
    made(app.post("/keys/", &json!({"name": "front desk", "scope": "agent"})).await);
    let question = json!({"utterance": "how much is the premium membership per month?", "conversation_id": "300"});
    made(app.post("/retrieve/", &question).await);
    app.app.flush_exposures().await;
    app.drain_jobs().await;
}

/// The settings, with the ids of what is there.
async fn settings(app: &TestApp) -> String {
    let mut settings = SETTINGS.to_owned();
    for list in LISTS {
        let listed = made(app.get(&format!("{list}?limit=3")).await);
        let items = listed["results"].as_array().expect("a list");
        let ids: Vec<&str> = items.iter().map(|item| item["id"].as_str().expect("an id")).collect();
        assert!(!ids.is_empty(), "there is nothing in {list}");
        let name = list.trim_end_matches('/').rsplit('/').next().expect("a word");
        settings.push_str(&format!("\n[dictionaries.{name}]\nvalues = {ids:?}\n"));
    }
    settings
}

/// Runs it in a directory of its own; what it printed, when something is not as the document says.
fn run(directory: &Path, url: &str, phases: &str) -> Result<(), String> {
    let program = std::env::var(PROGRAM_VARIABLE).unwrap_or_else(|_| "schemathesis".to_owned());
    // The key of this machine is in no list, so that what is tried cannot revoke it. All checks are on without a word;
    // `--checks` would win over the settings.
    let output = Command::new(program)
        .current_dir(directory)
        .args(["--config-file", "schemathesis.toml", "run", &format!("{url}/openapi.json")])
        .args(["--header", &format!("Authorization: Bearer {CLI_KEY}")])
        .args(["--phases", phases, "--max-examples", "10", "--workers", "1"])
        .args(["--generation-deterministic", "--continue-on-failure", "--no-color", "--request-timeout", "60"])
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .output()
        .expect(NOT_FOUND);
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // It ends well, too, when it finds nothing to try.
    let is_clean = output.status.success() && printed.contains(" passed");
    // What was found comes last, and is all that a short log should hold.
    let found =
        printed.find("= FAILURES =").or_else(|| printed.find("= ERRORS =")).map_or(&*printed, |at| &printed[at..]);
    if is_clean { Ok(()) } else { Err(format!("{}\n{found}", output.status)) }
}

async fn keeps_the_document(app: TestApp, phases: &'static str) {
    fill(&app).await;
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("schemathesis.toml"), settings(&app).await).expect("it is writable");
    // Somebody must do what is queued, or who says `wait` waits long.
    let worker = app.app.start_worker().await.expect("it starts");
    let url = app.url.clone();
    let running = tokio::task::spawn_blocking(move || run(directory.path(), &url, phases));
    let found = running.await.expect("it is run to its end");
    app.app.stop_token().cancel();
    worker.await.expect("it does not panic");
    app.close().await;
    if let Err(printed) = found {
        panic!("the API is not as its document says, or schemathesis does not run:\n{printed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_as_the_document_says_on_sqlite() {
    keeps_the_document(TestApp::spawn().await, "examples,coverage,fuzzing,stateful").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_as_the_document_says_on_postgres() {
    let database = TestDatabase::create().await;
    let url = format!("store.url={}", database.url);
    keeps_the_document(TestApp::spawn_with(&[url.as_str()]).await, "coverage,fuzzing").await;
    database.drop().await;
}
