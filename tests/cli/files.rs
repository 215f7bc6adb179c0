//! Commands that work without a server.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use super::conversations::{conversation, external_id, lines, own_word};
use super::process::Installation;

#[test]
fn a_rejected_line_is_told_and_the_rest_is_learned_from() {
    let installation = Installation::new();
    let mut without_agent = conversation(7);
    without_agent.as_object_mut().expect("an object").remove("agent_id");
    let mut satisfied = conversation(8);
    satisfied["satisfaction"] = json!(9);
    let text = format!("{}{without_agent}\n{{\"external_id\"\n\n{satisfied}\n{}", lines(0..2), lines(2..4));
    let file = installation.write("calls.jsonl", &text);

    let ended = installation.run(&["ingest", &file]).code(3);
    let told: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(told.len(), 3, "{ended:#?}");
    assert!(told[0].starts_with(&format!("{file}: line 3: missing field `agent_id`")), "{told:?}");
    assert!(told[1].starts_with(&format!("{file}: line 4: EOF while parsing")), "{told:?}");
    assert_eq!(told[2], format!("{file}: line 6: satisfaction: must be 1 to 5"));
    assert!(ended.stdout.starts_with("4 accepted, 0 unchanged, 3 rejected\n4 learned from, 0 failed\n"), "{ended:#?}");
    assert!(ended.stdout.contains("resident memory: "), "{ended:#?}");

    // The same again changes nothing; and what was rejected is told by machines as well as by people.
    let ended = installation.run(&["ingest", &file, "--json"]).code(3);
    assert_eq!(ended.stderr, "");
    let events = ended.json_lines();
    let rejected: Vec<_> = events.iter().filter(|event| event["event"] == "rejected").collect();
    assert_eq!(rejected.iter().map(|event| &event["place"]).collect::<Vec<_>>(), ["line 3", "line 4", "line 6"]);
    let summary = events.last().expect("a summary");
    assert_eq!(summary["event"], "summary");
    assert_eq!((&summary["accepted"], &summary["unchanged"], &summary["rejected"]), (&json!(0), &json!(4), &json!(3)));
}

#[test]
fn other_content_is_rejected_until_it_may_replace() {
    let installation = Installation::new();
    installation.run_with(&["ingest", "-"], &lines(0..2), |_| {}).code(0);
    let mut changed = conversation(1);
    changed["turns"][2]["text"] = json!("It is free of charge since Monday, the zorblat way.");

    let ended = installation.run_with(&["ingest", "-"], &changed.to_string(), |_| {}).code(3);
    assert!(ended.stderr.contains(&external_id(1)) && ended.stderr.contains("--replace"), "{ended:#?}");

    let ended = installation.run_with(&["ingest", "--replace", "-"], &changed.to_string(), |_| {}).code(0);
    assert!(ended.stdout.starts_with("0 accepted, 1 replaced, 0 unchanged, 0 rejected"), "{ended:#?}");
    let found = installation.run(&["search", "zorblat", "--in", "conversations", "--json"]).code(0);
    assert!(found.stdout.contains("since Monday"), "{found:#?}");
}

#[test]
fn what_is_not_waited_for_is_learned_by_the_next() {
    let installation = Installation::new();
    let ended = installation.run_with(&["ingest", "--no-wait", "-", "--json"], &lines(0..3), |_| {}).code(0);
    let summary = ended.json();
    assert_eq!((&summary["accepted"], &summary["learned"]), (&json!(3), &json!(0)));

    let ended = installation.run_with(&["ingest", "-", "--json"], &lines(0..3), |_| {}).code(0);
    let summary = ended.json();
    assert_eq!((&summary["unchanged"], &summary["learned"]), (&json!(3), &json!(3)));
}

#[test]
fn what_was_learned_can_be_asked_and_searched() {
    let installation = Installation::new();
    installation.run_with(&["ingest", "-", "--quiet"], &lines(0..6), |_| {}).code(0);

    let word = own_word(3);
    let question = format!("what is the monthly price of the {word} invoice?");
    let answer = installation.run(&["retrieve", &question, "--json", "--limit", "1"]).code(0).json();
    assert_eq!(answer["abstained"], json!(false), "{answer:#}");
    assert!(answer["results"][0]["content"].as_str().expect("a text").contains(&word), "{answer:#}");

    let shown = installation.run(&["retrieve", &question, "--explain", "--context", "agent: How can I help?"]).code(0);
    for part in ["1. ", &word, "similarity 0.", "embed", "total", " ms"] {
        assert!(shown.stdout.contains(part), "{part} is missing: {shown:#?}");
    }
    assert!(!shown.stdout.contains('\u{1b}'), "no colours without a terminal");

    let found =
        installation.run(&["search", &question, "--in", "conversations", "--json", "--limit", "2"]).code(0).json();
    let ids: Vec<&Value> =
        found.as_array().expect("a list").iter().map(|hit| &hit["conversation"]["external_id"]).collect();
    assert!(ids.len() == 2 && ids.contains(&&json!(external_id(3))), "{found:#}");
    let found = installation.run(&["search", &question]).code(0);
    assert!(found.stdout.starts_with("similarity  kind"), "{found:#?}");
    assert!(found.stdout.contains(&word), "{found:#?}");

    let written = installation.run(&["reindex", "--json"]).code(0).json();
    assert!(written["points"].as_u64().expect("a number") > 0, "{written:#}");
    let again = installation.run(&["retrieve", &question, "--json", "--limit", "1"]).code(0).json();
    assert_eq!(again["results"][0]["knowledge_id"], answer["results"][0]["knowledge_id"]);
}

/// Writes other bytes over every file below a directory.
fn damage(dir: &Path) {
    for entry in std::fs::read_dir(dir).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            damage(&path);
        } else {
            std::fs::write(&path, [0xa5; 777]).expect("writable");
        }
    }
}

#[test]
fn a_damaged_index_is_made_anew() {
    let installation = Installation::new();
    installation.run_with(&["ingest", "-", "--quiet"], &lines(0..3), |_| {}).code(0);
    let question = format!("How much does the {} subscription cost per month?", own_word(1));
    let answer = installation.run(&["retrieve", &question, "--json", "--limit", "1"]).code(0).json();
    assert_eq!(answer["abstained"], json!(false), "{answer:#}");

    damage(&installation.data_dir().join("index"));
    let written = installation.run(&["reindex", "--json"]).code(0).json();
    assert!(written["points"].as_u64().expect("a number") > 0, "{written:#}");
    let again = installation.run(&["retrieve", &question, "--json", "--limit", "1"]).code(0).json();
    assert_eq!(again["results"][0]["knowledge_id"], answer["results"][0]["knowledge_id"], "{again:#}");
    installation.run(&["doctor"]).code(0);
}

#[test]
fn what_is_not_there_is_told_before_anything_is_made() {
    let installation = Installation::bare();
    let missing = installation.path("nope").display().to_string();
    let folder = installation.path(".").display().to_string();
    for file in [&missing, &folder] {
        let ended = installation.run(&["ingest", file]).code(1);
        assert!(ended.stderr.contains("cannot be read") && ended.stdout.is_empty(), "{ended:#?}");
    }
    let ended = installation.run(&["reindex"]).code(1);
    assert!(ended.stderr.contains("there is no installation here"), "{ended:#?}");
    assert!(!installation.data_dir().exists(), "nothing was made");

    let ended = installation.run(&["convert", "csv", "/dev/null"]).code(1);
    assert!(ended.stderr.contains("conversation_id, speaker and text"), "{ended:#?}");
}

#[test]
fn what_is_made_is_its_owners_alone() {
    let installation = Installation::new();
    installation.run_with(&["ingest", "-", "--quiet"], &lines(0..1), |_| {}).code(0);
    let mode = |name: &str| {
        let path = installation.data_dir().join(name);
        std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!((mode("."), mode("turnwise.db"), mode("index")), (0o700, 0o600, 0o700));
}

#[test]
fn a_variable_with_one_underscore_is_told() {
    let installation = Installation::bare();
    let listen = |command: &mut std::process::Command| _ = command.env("TURNWISE_SERVER_LISTEN", "127.0.0.1:1");
    let ended = installation.run_with(&["config", "print"], "", listen).code(0);
    assert!(ended.stderr.contains("write TURNWISE_SERVER__LISTEN"), "{ended:#?}");
}

#[test]
fn what_convert_writes_ingest_reads() {
    let installation = Installation::new();
    let chat = json!({"messages": [
        {"role": "system", "content": "You are a helpful agent."},
        {"role": "user", "content": "Can I bring my dog to the hotel?"},
        {"role": "assistant", "content": "Yes, dogs are welcome for 15 euros a night."},
        {"role": "user", "content": "Perfect, thanks!"},
    ]});
    let file = installation.write("chats.jsonl", &format!("{chat}\n{{\"messages\":7}}\n"));

    let converted = installation.run(&["convert", "openai", &file]).code(3);
    assert!(converted.stderr.contains("line 2: "), "{converted:#?}");
    assert_eq!(converted.stdout.lines().count(), 1);
    let again = installation.run(&["convert", "openai", &file, "--quiet"]).code(3);
    assert_eq!(again.stdout, converted.stdout, "the same bytes");

    let ended = installation.run_with(&["ingest", "-", "--json"], &converted.stdout, |_| {}).code(0);
    assert_eq!(ended.json()["accepted"], json!(1));
}

#[test]
fn the_configuration_is_printed_without_secrets() {
    let installation = Installation::bare().set("auth.bootstrap_key=hunter2-hunter2-hunter2");
    let printed = installation
        .run_with(&["config", "print"], "", |command| {
            command.env("TURNWISE_STORE__URL", "postgres://turnwise:hunter2@db.internal/turnwise");
        })
        .code(0);
    assert!(!printed.stdout.contains("hunter2"), "{}", printed.stdout);
    assert!(printed.stdout.contains("***"), "{}", printed.stdout);
    let json = installation.run(&["config", "print", "--json"]).code(0).json();
    assert_eq!(json["server"]["listen"], json!("127.0.0.1:0"));
    assert!(!json.to_string().contains("hunter2"));
}

#[test]
fn wrong_usage_is_told_in_one_message_with_code_2() {
    let installation = Installation::bare();
    let dir = installation.data_dir();
    for (words, part) in [
        (vec!["retrieve", "?!"], "TEXT: must hold"),
        (vec!["retrieve", "hello", "--limit", "0"], "limit: must be 1 to 50"),
        (vec!["search", "hello", "--outcome", "partial"], "--in conversations"),
        (vec!["serve", "--url", "http://127.0.0.1:1"], "--url has no meaning here"),
        (vec!["retrieve", "hello", "--url", "https://127.0.0.1"], "--url must be an address"),
        (vec!["config", "print", "--set", "server.listem=x"], "server.listen"),
        (vec!["config", "print", "--config", "no-such-file.toml"], "no-such-file.toml"),
    ] {
        let ended = installation.run(&words).code(2);
        assert!(ended.stderr.contains(part), "{words:?}: {ended:#?}");
        assert!(ended.stderr.starts_with("turnwise: "), "{words:?}: {ended:#?}");
        assert_eq!(ended.stdout, "");
    }
    assert!(!dir.exists(), "nothing was made");
    let version = installation.run(&["--version"]).code(0);
    assert_eq!(version.stdout, format!("turnwise {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_directory_that_is_not_there_is_told_and_not_made() {
    let installation = Installation::bare();
    let id = "01a205c1-1395-7709-b7d2-8909f9a470df";
    for words in [
        vec!["retrieve", "hello"],
        vec!["search", "hello"],
        vec!["jobs"],
        vec!["report"],
        vec!["keys", "list"],
        vec!["keys", "revoke", id],
    ] {
        let ended = installation.run(&words).code(1);
        for part in ["there is nothing at ", "--data-dir", "turnwise serve", "turnwise ingest"] {
            assert!(ended.stderr.contains(part), "{words:?}: {part} is missing: {ended:#?}");
        }
        assert_eq!(ended.stdout, "");
        assert!(!installation.data_dir().exists(), "{words:?} made it");
    }
}
