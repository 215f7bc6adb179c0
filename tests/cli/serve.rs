//! A server and what others see of it.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use turnwise::domain::ids::TenantId;
use turnwise::store::Store;
use turnwise::store::jobs::JobState;
use turnwise::store::settings::StoreSettings;

use super::conversations::{lines, own_word};
use super::process::Installation;

fn lock_file(installation: &Installation) -> Value {
    let text = std::fs::read_to_string(installation.data_dir().join("turnwise.lock")).expect("there is one");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

#[test]
fn a_second_server_is_told_who_has_the_directory() {
    let installation = Installation::new();
    let server = installation.serve();
    let lock = lock_file(&installation);
    assert_eq!((&lock["pid"], &lock["url"]), (&json!(server.pid()), &json!(server.url)));

    let second = installation.run(&["serve"]).code(1);
    for part in ["in use", &server.pid().to_string(), &server.url] {
        assert!(second.stderr.contains(part), "{part} is missing: {second:#?}");
    }
    assert_eq!(second.stdout, "");
    let reindex = installation.run(&["reindex"]).code(1);
    assert!(reindex.stderr.contains("in use") && reindex.stderr.contains("for itself"), "{reindex:#?}");
    assert_eq!(lock_file(&installation), lock, "the first one's lock file is untouched");
}

#[test]
fn what_a_killed_server_left_is_no_obstacle() {
    let installation = Installation::new();
    let first = installation.serve();
    let pid = first.pid();
    let key = || std::fs::read_to_string(installation.data_dir().join("cli.key")).expect("there is one");
    let first_key = key();
    first.kill();
    assert_eq!(lock_file(&installation)["pid"], json!(pid), "it had no time to clean up");

    let second = installation.serve();
    assert_eq!(lock_file(&installation)["pid"], json!(second.pid()));
    assert_ne!(key(), first_key, "made anew at each start");
}

#[test]
fn the_admin_key_is_shown_once_and_not_on_standard_output() {
    let installation = Installation::new();
    let first = |words: &[&str]| {
        let mut child = installation
            .command(words)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let mut stdout = std::io::BufReader::new(child.stdout.take().expect("piped"));
        std::io::BufRead::read_line(&mut stdout, &mut line).expect("UTF-8");
        child.kill().expect("it runs");
        let output = child.wait_with_output().expect("it ends");
        (line, String::from_utf8(output.stderr).expect("UTF-8"))
    };
    let shown = |text: &str| text.lines().any(|line| line.trim().len() == 64 && !line.trim().contains(' '));
    let (stdout, stderr) = first(&["serve"]);
    assert!(stdout.starts_with("listening on http://127.0.0.1:"), "{stdout}\n{stderr}");
    assert!(shown(&stderr), "{stderr}");
    let (_, stderr) = first(&["serve"]);
    assert!(!shown(&stderr), "{stderr}");
}

#[test]
fn commands_ask_the_server_that_runs() {
    let installation = Installation::new();
    let server = installation.serve();
    let mode = std::fs::metadata(installation.data_dir().join("cli.key")).expect("there is one").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut text = lines(0..4);
    text.push_str(
        "{\"external_id\":\"x\",\"agent_id\":\"\",\"channel\":\"chat\",\"started_at\":\"\",\"ended_at\":\"\"}\n",
    );
    let ended = installation.run_with(&["ingest", "-", "--json"], &text, |_| {}).code(3);
    let events = ended.json_lines();
    assert_eq!(events[0]["place"], json!("line 5"), "{ended:#?}");
    let reason = events[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("agent_id") && reason.contains("started_at"), "{reason}");
    let summary = events.last().expect("a summary");
    assert_eq!((&summary["accepted"], &summary["learned"]), (&json!(4), &json!(4)), "{ended:#?}");
    let again = installation.run_with(&["ingest", "-", "--json"], &lines(0..4), |_| {}).code(0).json();
    assert_eq!((&again["accepted"], &again["unchanged"]), (&json!(0), &json!(4)), "{again:#}");

    let word = own_word(3);
    let question = format!("what is the monthly price of the {word} invoice?");
    let over_http = installation.run(&["retrieve", &question, "--json"]).code(0).json();
    let searched = installation.run(&["search", &question, "--json"]).code(0).json();
    let conversations = installation.run(&["search", &question, "--in", "conversations", "--json"]).code(0).json();
    for found in [&over_http["results"][0], &searched[0], &conversations[0]] {
        assert!(found.to_string().contains(&word), "{over_http:#}\n{searched:#}\n{conversations:#}");
    }
    assert!(installation.run(&["doctor"]).code(0).stdout.contains("is ready"));

    let wrong_key = |command: &mut std::process::Command| {
        command.env("TURNWISE_CLIENT_KEY", "not-the-key-of-this-server");
    };
    let refused = installation.run_with(&["retrieve", &question], "", wrong_key).code(1);
    assert!(refused.stderr.contains("unauthorized") && refused.stderr.contains("TURNWISE_CLIENT_KEY"), "{refused:#?}");
    // An address that was named gets no key that it was not named with.
    let refused = Installation::bare().run(&["retrieve", &question, "--url", &server.url]).code(1);
    assert!(refused.stderr.contains("unauthorized"), "{refused:#?}");

    let (status, printed) = server.terminate();
    assert!(status.success() && printed.is_empty(), "{status}, {printed:?}");
    let alone = installation.run(&["retrieve", &question, "--json"]).code(0).json();
    assert_eq!(
        alone["results"][0]["knowledge_id"], over_http["results"][0]["knowledge_id"],
        "the same without a server"
    );
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_gives_its_work_back() {
    let installation = Installation::new().set("server.shutdown_grace_ms=0");
    let server = installation.serve();
    installation.run_with(&["ingest", "-", "--no-wait"], &lines(0..40), |_| {}).code(0);
    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
    assert!(!installation.data_dir().join("cli.key").exists());
    assert_eq!(lock_file(&installation), Value::Null);

    let store = || async {
        let url = format!("sqlite:{}", installation.data_dir().join("turnwise.db").display());
        Store::open(&StoreSettings::new(url)).await.expect("the database is whole")
    };
    let tenant = TenantId::default_tenant();
    let left = store().await;
    let counts = left.queue_stats().await.expect("readable");
    assert!(counts.iter().all(|count| count.state == JobState::Queued), "{counts:?}");
    assert!(left.unfinished_jobs(&tenant).await.expect("readable") > 0, "40 conversations take longer than that");
    left.close().await;

    let ended = installation.run_with(&["ingest", "-", "--json"], &lines(0..40), |_| {}).code(0).json();
    assert_eq!((&ended["unchanged"], &ended["learning_failed"]), (&json!(40), &json!(0)), "{ended:#}");
    let done = store().await;
    assert_eq!(done.unfinished_jobs(&tenant).await.expect("readable"), 0);
    done.close().await;
}
