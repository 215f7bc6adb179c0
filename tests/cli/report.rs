//! `turnwise report`: the page and its plots, by this process and by a server.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::conversations::lines;
use super::process::Installation;

/// What a directory holds, by name.
fn files(installation: &Installation, dir: &str) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(installation.path(dir)).expect("it was made");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.expect("readable");
        let text = std::fs::read_to_string(entry.path()).expect("UTF-8");
        (entry.file_name().into_string().expect("UTF-8"), text)
    };
    entries.map(read).collect()
}

fn report(installation: &Installation, dir: &str, more: &[&str]) -> Value {
    let out = installation.path(dir).display().to_string();
    let words = [&["report", "--period", "weekly", "--to", "2026-09-03", "--out", &out, "--json"], more].concat();
    installation.run(&words).code(0).json()
}

#[test]
fn the_page_of_a_week_is_the_same_with_and_without_a_server() {
    let installation = Installation::new();
    installation.run_with(&["ingest", "-", "--quiet"], &lines(0..6), |_| {}).code(0);

    let told = report(&installation, "alone", &[]);
    assert_eq!((&told["period"], &told["start"]), (&json!("weekly"), &json!("2026-08-31")));
    let alone = files(&installation, "alone");
    let page = &alone["turnwise-weekly-2026-08-31.md"];
    for part in [
        "# Turnwise: week 36 of 2026, 31 August to 6 September",
        "| Conversations | 6 | 0 | +6 |",
        "| Success rate | 100.0 % (6 of 6) |",
        "| successful | 6 (100.0 %) |",
        "![Success rate by week](turnwise-weekly-2026-08-31-success.svg)",
        "## What it was about",
        "### New",
        "## Open now",
        "0 given up",
        "## What to do next",
    ] {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
    for name in ["success", "outcomes"] {
        let plot = &alone[&format!("turnwise-weekly-2026-08-31-{name}.svg")];
        assert!(plot.starts_with("<svg") && plot.contains("31 Aug") && plot.contains("</svg>"), "{plot}");
    }

    assert!(!alone.contains_key("turnwise-weekly-2026-08-31-latency.svg"), "nobody has retrieved anything");

    let server = installation.serve();
    report(&installation, "asked", &[]);
    // What is queued is that of the moment.
    let lasting = |files: BTreeMap<String, String>| -> Vec<(String, String)> {
        let without_queue =
            |text: &str| text.lines().filter(|line| !line.starts_with("The queue:")).collect::<String>();
        files.into_iter().map(|(name, text)| (name, without_queue(&text))).collect()
    };
    assert_eq!(lasting(files(&installation, "asked")), lasting(alone), "the same files");
    let other = report(&installation, "filtered", &["--channel", "chat", "--agent", "nobody"]);
    assert_eq!(other["start"], "2026-08-31");
    let page = &files(&installation, "filtered")["turnwise-weekly-2026-08-31.md"];
    for part in ["agent id = nobody, channel = chat", "Nothing is known of this period"] {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
    // By then everything that is there now is known, and nothing else has happened.
    let out = installation.path("later").display().to_string();
    let told = installation.run(&["report", "--to", "2999-01-01", "--out", &out, "--json"]).code(0).json();
    assert_eq!((told["plots"].as_array().map(Vec::len), &told["is_over"]), (Some(1), &json!(false)), "{told:#}");
    assert!(told["plots"][0].as_str().is_some_and(|plot| plot.ends_with("-learning.svg")), "{told:#}");
    // A monthly one, of which a moment names the end.
    let out = installation.path("month").display().to_string();
    let words = ["report", "--period", "monthly", "--to", "2026-10-01T00:00:00Z", "--out", &out];
    let ended = installation.run(&words).code(0);
    assert!(ended.stdout.trim_end().ends_with("turnwise-monthly-2026-09-01.md"), "{ended:#?}");
    drop(server);
}

#[test]
fn an_empty_installation_gets_a_page_that_says_so() {
    let installation = Installation::new().begun();
    let told = report(&installation, "empty", &[]);
    assert_eq!(told["plots"], json!([]));
    let page = &files(&installation, "empty")["turnwise-weekly-2026-08-31.md"];
    assert!(page.contains("nothing to plot") && page.contains("turnwise ingest"), "{page}");

    for (words, part) in [
        (vec!["report", "--to", "yesterday"], "2026-09-06"),
        (vec!["report", "--period", "hourly"], "daily, weekly, monthly"),
        (vec!["report", "--language", "?"], "--language"),
    ] {
        let ended = installation.run(&words).code(2);
        assert!(ended.stderr.contains(part), "{words:?}: {ended:#?}");
    }
    let blocked = installation.write("file", "");
    let ended = installation.run(&["report", "--to", "2026-09-03", "--out", &blocked]).code(1);
    assert!(ended.stderr.contains("--out"), "{ended:#?}");
}
