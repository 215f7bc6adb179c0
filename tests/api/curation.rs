//! What people do with the knowledge base.

use serde_json::{Value, json};
use turnwise::api::PREFIX;

use crate::api::fixtures::price_call;
use crate::support::app::TestApp;

const BASE: &str = "/training/knowledge-base";

fn refund() -> Value {
    json!({
        "knowledge_type": "faq", "category": "billing", "title": "Refunds",
        "content": "Refunds are paid back to the card within five working days.",
        "trigger_phrases": ["how do I get my money back", "refund please"],
        "language": "en", "success_rate": 0.85,
    })
}

/// Writes the entry; where it is, below the prefix.
async fn write(app: &TestApp, body: &Value) -> String {
    let written = app.post(&format!("{BASE}/"), body).await;
    assert_eq!(written.status, 201, "{}", written.text);
    let path = format!("{BASE}/{}/", written.json()["id"].as_str().expect("an id"));
    assert_eq!(written.header("location"), format!("{PREFIX}{path}"));
    assert_eq!(app.get(&path).await.json(), written.json());
    path
}

/// Whether the refund entry is offered.
async fn is_offered(app: &TestApp, utterance: &str) -> bool {
    app.drain_jobs().await;
    let found = app.post("/retrieve/", &json!({"utterance": utterance, "language": "en"})).await;
    assert_eq!(found.status, 200, "{}", found.text);
    found.text.contains("five working days")
}

#[tokio::test]
async fn what_a_person_writes_is_found_until_it_is_deleted() {
    let app = TestApp::spawn().await;
    let path = write(&app, &refund()).await;
    let shown = app.get(&path).await.json();
    assert_eq!(shown["success_rate"], 0.85);
    assert_eq!((&shown["success"]["rate"], &shown["success"]["uses"]), (&json!(0.85), &json!(0)));
    assert_eq!((&shown["status"], &shown["evidence"]), (&json!("live"), &json!([])));
    assert!(is_offered(&app, "how do I get my money back?").await);

    assert_eq!(app.delete(&path).await.status, 204);
    assert!(!is_offered(&app, "how do I get my money back?").await);
    assert_eq!(app.get(&path).await.json()["status"], "retired");
    assert_eq!(app.delete(&path).await.status, 204, "doing it again changes nothing");
    assert_eq!(app.get(&format!("{path}versions/")).await.json()["count"], 2);

    let back = app.patch(&path, &json!({"status": "live"})).await;
    assert_eq!((back.status, back.json()["status"].as_str()), (200, Some("live")));
    assert!(is_offered(&app, "how do I get my money back?").await);

    assert_eq!(app.delete(&format!("{path}?erase=maybe")).await.code(), "invalid_fields");
    assert_eq!(app.delete(&format!("{path}?erase=true")).await.status, 204);
    assert!(!is_offered(&app, "how do I get my money back?").await);
    for gone in [app.get(&path).await, app.delete(&path).await, app.get(&format!("{path}versions/")).await] {
        assert_eq!((gone.status, gone.code().as_str()), (404, "not_found"));
    }
    app.close().await;
}

#[tokio::test]
async fn an_edit_changes_what_is_named_and_is_a_version_that_can_be_put_back() {
    let app = TestApp::spawn().await;
    let path = write(&app, &refund()).await;
    assert!(!is_offered(&app, "can I bring my dog along").await);
    let before = app.get(&path).await.json();

    let edit = json!({"title": "Dogs", "trigger_phrases": ["refund please", "can I bring my dog along"]});
    let edited = app.patch(&path, &edit).await;
    assert_eq!(edited.status, 200, "{}", edited.text);
    let edited = edited.json();
    assert_eq!(edited["trigger_phrases"], json!(["refund please", "can I bring my dog along"]));
    assert_eq!((&edited["title"], &edited["content"]), (&json!("Dogs"), &before["content"]));
    assert_eq!(edited["success_rate"], 0.85);
    assert!(is_offered(&app, "can I bring my dog along").await);

    // Somebody who has not seen that change must look again.
    let stale = json!({"title": "Late", "updated_at": before["updated_at"]});
    assert_eq!(app.patch(&path, &stale).await.code(), "conflict");
    let fresh = json!({"category": "shipping", "updated_at": edited["updated_at"]});
    assert_eq!(app.patch(&path, &fresh).await.json()["category"], "shipping");
    assert_eq!(app.patch(&path, &json!({"category": "shipping"})).await.status, 200, "nothing is new");

    let versions = app.get(&format!("{path}versions/")).await.json();
    let of_each = |name: &str| -> Vec<Value> {
        versions["results"].as_array().expect("results").iter().map(|version| version[name].clone()).collect()
    };
    assert_eq!(of_each("version"), [json!(3), json!(2), json!(1)]);
    assert_eq!(of_each("step"), [json!("edited"), json!("edited"), json!("created")]);
    assert!(of_each("editor_name").iter().all(Value::is_string), "{versions}");
    assert_eq!(of_each("created_at").len(), 3);
    assert_eq!(versions["results"][2]["entry"]["title"], "Refunds");
    assert_eq!(app.get(&format!("{path}versions/?step=created")).await.json()["count"], 1);
    let paged = app.get(&format!("{path}versions/?limit=2")).await.json();
    assert!(paged["next"].is_string() && paged["count"] == 3, "{paged}");

    let restored = app.post(&format!("{path}versions/1/restore/"), &json!({})).await;
    assert_eq!(restored.status, 200, "{}", restored.text);
    let restored = restored.json();
    for name in ["title", "content", "category", "status", "success_rate", "language"] {
        assert_eq!(restored[name], before[name], "{name}");
    }
    let phrases = restored["trigger_phrases"].as_array().expect("phrases");
    assert_eq!(phrases.len(), 2);
    assert!(phrases.contains(&json!("how do I get my money back")), "{restored}");
    let last = app.get(&format!("{path}versions/?limit=1")).await.json();
    assert_eq!((&last["count"], &last["results"][0]["step"]), (&json!(4), &json!("restored")));
    assert!(is_offered(&app, "how do I get my money back?").await);
    app.close().await;
}

#[tokio::test]
async fn every_status_may_follow_every_other() {
    let app = TestApp::spawn().await;
    let path = write(&app, &refund()).await;
    for status in ["candidate", "quarantined", "shadow", "live", "suspect", "retired", "live", "candidate", "live"] {
        let moved = app.patch(&path, &json!({"status": status})).await.json();
        assert_eq!(moved["status"], status);
        assert_eq!(moved["status_reason"].is_null(), status == "live", "{moved}");
        assert_eq!(is_offered(&app, "how do I get my money back?").await, status == "live", "{status}");
    }
    app.close().await;
}

#[tokio::test]
async fn a_language_and_a_kind_are_found_as_they_were_changed() {
    let app = TestApp::spawn().await;
    let path = write(&app, &refund()).await;
    let search = format!("{BASE}/search_by_intent/?q=refund");
    let count = async |filter: &str| {
        app.drain_jobs().await;
        app.get(&format!("{search}&{filter}")).await.json()["count"].as_i64().expect("a count")
    };
    assert_eq!((count("language=en").await, count("knowledge_type=faq").await), (1, 1));
    let change = json!({"language": "de-AT", "knowledge_type": "support_pattern", "success_rate": 0.3});
    let changed = app.patch(&path, &change).await.json();
    assert_eq!((&changed["language"], &changed["knowledge_type"]), (&json!("de"), &json!("response_pattern")));
    assert_eq!(changed["success_rate"], 0.3);
    assert_eq!((count("language=en").await, count("language=de").await), (0, 1));
    assert_eq!((count("knowledge_type=faq").await, count("knowledge_type=response_pattern").await), (0, 1));
    app.close().await;
}

#[tokio::test]
async fn a_persons_words_outrank_what_conversations_teach() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let list = app.get(&format!("{BASE}/?search=dollars")).await.json();
    let learned = list["results"][0].clone();
    let path = format!("{BASE}/{}/", learned["id"].as_str().expect("an id"));
    let words = "The premium membership is 49 dollars a month, all classes included.";
    let edited = app.patch(&path, &json!({"content": words, "status": "live"})).await.json();
    assert_eq!(edited["content"], words);
    // What it was before anybody changed it is a version of its own.
    let versions = app.get(&format!("{path}versions/")).await.json();
    assert_eq!((&versions["count"], &versions["results"][1]["step"]), (&json!(2), &json!("learned")));
    assert_eq!(versions["results"][1]["entry"]["content"], learned["content"]);

    app.learn([price_call("200")]).await;
    assert_eq!(app.delete("/conversations/100/").await.status, 204);
    let kept = app.get(&path).await.json();
    assert_eq!((&kept["content"], &kept["status"]), (&json!(words), &json!("live")));
    // What the version quoted has gone with the conversation, and cannot come back.
    let versions = app.get(&format!("{path}versions/?step=learned")).await.json();
    assert!(versions["results"][0]["entry"].is_null(), "{versions}");
    let number = versions["results"][0]["version"].as_i64().expect("a number");
    assert_eq!(app.post(&format!("{path}versions/{number}/restore/"), &json!({})).await.code(), "conflict");
    app.close().await;
}

#[tokio::test]
async fn wrong_bodies_and_unknown_entries_are_told() {
    let app = TestApp::spawn().await;
    for (name, value, field) in [
        ("knowledge_type", json!("poem"), "knowledge_type"),
        ("knowledge_type", Value::Null, "knowledge_type"),
        ("category", json!(""), "category"),
        ("title", json!("x".repeat(201)), "title"),
        ("content", json!("a\u{0}b"), "content"),
        ("content", json!("x".repeat(5001)), "content"),
        ("trigger_phrases", json!([]), "trigger_phrases"),
        ("trigger_phrases", json!("price"), "trigger_phrases"),
        ("trigger_phrases", json!(["price", 7]), "trigger_phrases[1]"),
        ("trigger_phrases", json!(["price", "?!"]), "trigger_phrases[1]"),
        ("trigger_phrases", json!(vec!["price"; 201]), "trigger_phrases"),
        ("language", json!("english"), "language"),
        ("status", json!("dead"), "status"),
        ("success_rate", json!(85), "success_rate"),
        ("success_rate", json!("0.85"), "success_rate"),
        ("colour", json!("red"), "colour"),
    ] {
        let mut body = refund();
        body[name] = value.clone();
        let wrong = app.post(&format!("{BASE}/"), &body).await;
        assert_eq!((wrong.status, wrong.code().as_str()), (422, "invalid_fields"), "{name}={value:.40}");
        assert_eq!(wrong.json()["field"], field, "{name}={value:.40}: {}", wrong.text);
    }
    let missing = app.post(&format!("{BASE}/"), &json!({})).await.json();
    assert_eq!(missing["fields"].as_array().map(Vec::len), Some(5), "{missing}");
    assert_eq!(app.get(&format!("{BASE}/")).await.json()["count"], 0);

    let path = write(&app, &refund()).await;
    for (body, field) in [
        (json!({}), "body"),
        (json!({"updated_at": "2026-09-02T08:00:00Z"}), "body"),
        (json!({"updated_at": "noon", "title": "x"}), "updated_at"),
        (json!({"uses": 7}), "uses"),
        (json!({"title": 7}), "title"),
        (json!({"status": "gone"}), "status"),
        (json!({"success_rate": -0.1}), "success_rate"),
    ] {
        let wrong = app.patch(&path, &body).await;
        assert_eq!((wrong.status, wrong.json()["field"].as_str()), (422, Some(field)), "{body}: {}", wrong.text);
    }
    assert_eq!(app.get(&format!("{path}versions/?step=dreamt")).await.code(), "invalid_fields");
    let nowhere = format!("{BASE}/01a205c1-1395-7709-b7d2-8909f9a470df/");
    for path in [nowhere, format!("{BASE}/some-name/")] {
        let title = json!({"title": "x"});
        let answers = [app.get(&path).await, app.delete(&path).await, app.patch(&path, &title).await];
        let restored = app.post(&format!("{path}versions/1/restore/"), &json!({})).await;
        for gone in answers.into_iter().chain([restored, app.get(&format!("{path}versions/")).await]) {
            assert_eq!((gone.status, gone.code().as_str()), (404, "not_found"), "{path}");
        }
    }
    for number in ["7", "first", "99999999999999999999"] {
        let gone = app.post(&format!("{path}versions/{number}/restore/"), &json!({})).await;
        assert_eq!((gone.status, gone.code().as_str()), (404, "not_found"), "{number}");
    }
    app.close().await;
}
