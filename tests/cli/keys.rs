//! `turnwise keys`, by this process and by a server.

use std::process::Command;

use serde_json::{Value, json};

use super::process::{Ended, Installation};

/// Runs a command with a key of its own.
fn with_key(installation: &Installation, key: &str, words: &[&str]) -> Ended {
    let give = |command: &mut Command| _ = command.env("TURNWISE_CLIENT_KEY", key);
    installation.run_with(words, "", give)
}

fn keys(installation: &Installation) -> Vec<Value> {
    let listed = installation.run(&["keys", "list", "--json"]).code(0).json();
    listed.as_array().expect("a list").clone()
}

#[test]
fn a_key_is_made_before_the_first_start_used_and_revoked() {
    let installation = Installation::new();
    let made = installation.run(&["keys", "create", "front desk", "--scope", "agent"]).code(0);
    let agent = made.stdout.trim_end().to_owned();
    assert!(agent.len() == 64 && !agent.contains(char::is_whitespace), "{made:#?}");
    assert!(made.stderr.contains("shown only now") && !made.stderr.contains(&agent), "{made:#?}");
    let known = keys(&installation);
    assert_eq!(known.len(), 1, "no admin key is made by the way: {known:#?}");
    assert_eq!((&known[0]["name"], &known[0]["scope"]), (&json!("front desk"), &json!("agent")));
    assert!(!known[0].to_string().contains(&agent));
    let shown = installation.run(&["keys", "list"]).code(0);
    for part in ["front desk", "agent", "default", "valid", "last used"] {
        assert!(shown.stdout.contains(part), "{part} is missing: {shown:#?}");
    }

    let server = installation.serve();
    with_key(&installation, &agent, &["retrieve", "hello there"]).code(0);
    let refused = with_key(&installation, &agent, &["keys", "list"]).code(1);
    assert!(refused.stderr.contains("admin") && refused.stderr.contains("agent"), "{refused:#?}");

    let words = ["keys", "create", "night shift", "--scope", "curator", "--tenant", "acme", "--expires", "2999-01-31"];
    let made = installation.run(&[&words[..], &["--json"]].concat()).code(0).json();
    assert_eq!((&made["tenant"], &made["expires_at"]), (&json!("acme"), &json!("2999-01-31T00:00:00Z")));
    assert!(made["key"].as_str().is_some_and(|key| key.len() == 64), "it is in the answer to who made it");
    let of_acme = installation.run(&["keys", "list", "--tenant", "acme", "--json"]).code(0).json();
    assert_eq!(of_acme[0]["id"], made["id"]);

    let id = known[0]["id"].as_str().expect("an id");
    let revoked = installation.run(&["keys", "revoke", id]).code(0);
    assert!(revoked.stdout.contains("front desk") && revoked.stdout.contains("is revoked"), "{revoked:#?}");
    let refused = with_key(&installation, &agent, &["retrieve", "hello there"]).code(1);
    assert!(refused.stderr.contains("unauthorized"), "{refused:#?}");
    let again = installation.run(&["keys", "revoke", id, "--json"]).code(0).json();
    assert!(again["revoked_at"].is_string(), "{again:#}");
    assert!(installation.run(&["keys", "list"]).code(0).stdout.contains("revoked"));
    drop(server);
}

#[test]
fn what_is_wrong_with_a_key_is_told_with_what_would_be_right() {
    let installation = Installation::new();
    for (words, code, part) in [
        (vec!["keys", "create", "x"], 2, "--scope"),
        (vec!["keys", "create", "x", "--scope", "god"], 2, "agent, curator, admin"),
        (vec!["keys", "create", "x", "--scope", "agent", "--expires", "soon"], 2, "2027-01-31"),
        (vec!["keys", "create", "x", "--scope", "agent", "--expires", "2001-01-01"], 1, "in the future"),
        (vec!["keys", "create", "x", "--scope", "agent", "--tenant", "No Such"], 1, "tenant"),
        (vec!["keys", "create", " ", "--scope", "agent"], 1, "name"),
        (vec!["keys", "revoke", "7"], 2, "<ID>"),
        (vec!["keys", "revoke", "01a205c1-1395-7709-b7d2-8909f9a470df"], 1, "turnwise keys list"),
    ] {
        let ended = installation.run(&words).code(code);
        assert!(ended.stderr.contains(part), "{words:?}: {ended:#?}");
        assert_eq!(ended.stdout, "");
    }
    assert!(keys(&installation).is_empty());
}

#[test]
fn a_lost_admin_key_is_replaced_where_no_model_can_be_loaded() {
    let installation = Installation::bare().set("embedding.models_dir=nowhere").begun();
    let none = installation.run(&["keys", "list"]).code(0);
    assert!(none.stdout.starts_with("There is no key yet; "), "{none:#?}");
    let made = installation.run(&["keys", "create", "rescue", "--scope", "admin", "--json"]).code(0).json();
    let known = keys(&installation);
    assert_eq!((known.len(), &known[0]["id"], &known[0]["tenant"]), (1, &made["id"], &json!("default")));
    let none = installation.run(&["keys", "list", "--scope", "agent"]).code(0);
    assert!(none.stdout.starts_with("There is no such key; "), "{none:#?}");
    let id = made["id"].as_str().expect("an id");
    let revoked = installation.run(&["keys", "revoke", id, "--json"]).code(0).json();
    assert!(revoked["revoked_at"].is_string(), "{revoked:#}");
    assert!(!installation.data_dir().join("index").exists(), "the database alone was opened");
}
