//! What `turnwise doctor` finds, and what it says to do.

use serde_json::{Value, json};

use super::conversations::lines;
use super::process::{Ended, Installation};

/// The findings of a check.
fn findings(ended: &Ended, check: &str) -> Vec<Value> {
    let report = ended.json();
    let all = report["findings"].as_array().expect("a list").clone();
    all.into_iter().filter(|finding| finding["check"] == check).collect()
}

#[test]
fn a_missing_model_is_named_with_its_remedy() {
    let installation = Installation::bare().set("embedding.models_dir=nowhere");
    let ended = installation.run(&["doctor"]).code(1);
    assert!(ended.stdout.contains("WRONG") && ended.stdout.contains("make models"), "{ended:#?}");
    assert!(!installation.data_dir().exists(), "doctor makes nothing");

    let ended = installation.run(&["doctor", "--json"]).code(1);
    assert_eq!(ended.json()["ok"], json!(false));
    for check in ["model", "ONNX Runtime"] {
        let found = findings(&ended, check);
        assert_eq!(found[0]["state"], "wrong", "{found:?}");
        assert!(found[0]["remedy"].as_str().expect("a remedy").contains("make models"), "{found:?}");
    }
}

#[test]
fn a_healthy_installation_has_its_index_in_line() {
    let installation = Installation::new();
    installation.run_with(&["ingest", "-", "--quiet"], &lines(0..3), |_| {}).code(0);
    let ended = installation.run(&["doctor", "--json"]).code(0);
    assert_eq!(ended.json()["ok"], json!(true));
    let states: Vec<Value> = findings(&ended, "index").iter().map(|finding| finding["state"].clone()).collect();
    assert_eq!(states, ["ok", "ok"], "{ended:#?}");
    assert_eq!(findings(&ended, "database")[0]["state"], "ok", "{ended:#?}");
}

#[test]
fn every_problem_of_the_configuration_is_listed() {
    let installation = Installation::bare().set("server.listen=nowhere").set("jobs.pol_ms=5");
    let ended = installation.run(&["doctor", "--json"]).code(2);
    assert_eq!(findings(&ended, "configuration").len(), 2, "{ended:#?}");
    assert!(ended.stdout.contains("such as 127.0.0.1:8080"), "{ended:#?}");
}

#[test]
fn a_directory_that_cannot_be_used_is_wrong() {
    let installation = Installation::bare();
    std::fs::write(installation.data_dir(), "a file").expect("the directory is writable");
    let ended = installation.run(&["doctor", "--json"]).code(1);
    assert_eq!(findings(&ended, "data directory")[0]["state"], "wrong", "{ended:#?}");
    assert!(findings(&ended, "data directory")[0]["found"].to_string().contains("is a file"), "{ended:#?}");
    let ended = installation.run(&["serve"]).code(1);
    assert!(ended.stderr.contains("is a file and not a directory"), "{ended:#?}");
}

#[test]
fn what_is_wrong_is_not_blamed_on_the_index() {
    let installation = Installation::bare().set("learning.intents_file=/nope");
    std::fs::create_dir(installation.data_dir()).expect("the directory is writable");
    let ended = installation.run(&["doctor", "--json"]).code(1);
    let wrong = findings(&ended, "configuration").pop().expect("a finding");
    assert_eq!(wrong["state"], "wrong", "{ended:#?}");
    assert!(wrong["found"].to_string().contains("learning.intents_file: /nope"), "{ended:#?}");

    let database = installation.data_dir().join("turnwise.db");
    std::fs::write(database, [0x5a; 4096]).expect("the directory is writable");
    let ended = installation.run(&["doctor", "--json"]).code(1);
    let wrong = findings(&ended, "database").pop().expect("a finding");
    assert!(wrong["remedy"].to_string().contains("restore a backup"), "{ended:#?}");
}
