//! Taking over entries and training records of another system.

use reqwest::Method;
use serde_json::{Value, json};
use turnwise::api::PREFIX;

use crate::api::callers::{ask, make_key};
use crate::api::fixtures::price_call;
use crate::support::app::TestApp;

const IMPORT: &str = "/training/import/";

fn refund() -> Value {
    json!({
        "key": "voice.agentknowledgebase/7", "knowledge_type": "response_template", "category": "billing",
        "title": "Refunds", "content": "Refunds are paid back to the card within five working days.",
        "trigger_phrases": ["how do I get my money back", "refund please"], "language": "en", "success_rate": 0.85,
        "created_at": "2024-05-01T10:00:00Z",
    })
}

fn record() -> Value {
    json!({
        "key": "voice.conversationtrainingdata/3", "ai_conversation": "17", "conversation_category": "sales",
        "outcome": "successful", "success_score": 0.75, "key_phrases": ["monthly price"],
        "user_intents": ["booking", "information"], "conversation_summary": "The user asked for the price.",
        "language": "en", "created_at": "2024-05-01T10:00:00Z",
    })
}

async fn import(app: &TestApp, entries: &[Value], records: &[Value]) -> Value {
    let answer = app.post(IMPORT, &json!({"entries": entries, "records": records})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[track_caller]
fn counts(report: &Value, expected: [u64; 4]) {
    let counted = ["created", "updated", "unchanged", "invalid"].map(|name| report[name].as_u64().expect("a number"));
    assert_eq!(counted, expected, "{report:#}");
}

#[tokio::test]
async fn an_entry_is_taken_over_once_and_found() {
    let app = TestApp::spawn().await;
    let dry = app.post(IMPORT, &json!({"entries": [refund()], "dry_run": true})).await.json();
    counts(&dry, [1, 0, 0, 0]);
    assert!(dry["entries"][0]["id"].is_null() && dry["dry_run"] == true, "{dry}");
    assert_eq!(app.get("/training/knowledge-base/").await.json()["count"], 0);

    let report = import(&app, &[refund()], &[]).await;
    counts(&report, [1, 0, 0, 0]);
    let path = format!("/training/knowledge-base/{}/", report["entries"][0]["id"].as_str().expect("an id"));
    let shown = app.get(&path).await.json();
    assert_eq!((&shown["success_rate"], &shown["success"]["uses"]), (&json!(0.85), &json!(0)));
    assert_eq!((&shown["knowledge_type"], &shown["status"]), (&json!("response_pattern"), &json!("live")));
    assert_eq!(shown["trigger_phrases"], refund()["trigger_phrases"]);
    assert_eq!(shown["created_at"], "2024-05-01T10:00:00Z");
    app.drain_jobs().await;
    let question = json!({"utterance": "how can I get my money back?", "language": "en"});
    assert!(app.post("/retrieve/", &question).await.text.contains("five working days"));

    counts(&import(&app, &[refund()], &[]).await, [0, 0, 1, 0]);
    assert_eq!(app.get(&path).await.json(), shown);
    let mut changed = refund();
    changed["content"] = json!("Refunds are paid back within three days.");
    changed["success_rate"] = json!(0.5);
    let report = import(&app, &[changed.clone()], &[]).await;
    counts(&report, [0, 1, 0, 0]);
    let after = app.get(&path).await.json();
    assert_eq!((&after["content"], &after["success_rate"]), (&changed["content"], &json!(0.5)));
    assert_eq!(after["trigger_phrases"], shown["trigger_phrases"]);

    // From here on it is the curator's.
    let edited = app.patch(&path, &json!({"title": "Money back"})).await;
    assert_eq!(edited.status, 200, "{}", edited.text);
    let edited = edited.json();
    counts(&import(&app, &[refund()], &[]).await, [0, 0, 1, 0]);
    counts(&import(&app, &[changed], &[]).await, [0, 0, 1, 0]);
    assert_eq!(app.get(&path).await.json(), edited);

    // What was erased is new.
    assert_eq!(app.delete(&format!("{path}?erase=true")).await.status, 204);
    counts(&import(&app, &[refund()], &[]).await, [1, 0, 0, 0]);
    app.drain_jobs().await;
    assert!(app.post("/retrieve/", &question).await.text.contains("five working days"));
    app.close().await;
}

#[tokio::test]
async fn what_is_good_is_taken_over_and_the_rest_told_in_its_place() {
    let app = TestApp::spawn().await;
    let mut nameless = refund();
    nameless["key"] = Value::Null;
    let mut again = refund();
    again["content"] = json!("Something else.");
    let mut wrong = record();
    wrong["key"] = json!("x/4");
    let entries = [refund(), json!({"title": "?", "success_rate": 85}), nameless.clone(), nameless, again];
    let report = import(&app, &entries, &[wrong, record(), json!({"outcome": "great", "success_score": 2})]).await;
    let statuses = |of: &str| -> Vec<Value> {
        report[of].as_array().expect("results").iter().map(|result| result["status"].clone()).collect()
    };
    assert_eq!(statuses("entries"), ["created", "invalid", "created", "unchanged", "invalid"]);
    assert_eq!(statuses("records"), ["created", "invalid", "invalid"]);
    counts(&report, [3, 0, 1, 4]);
    let fields = |of: &str, place: usize| -> Vec<Value> {
        let errors = report[of][place]["errors"].as_array().expect("errors");
        assert!(errors.iter().all(|error| error["message"].is_string()), "{report:#}");
        errors.iter().map(|error| error["field"].clone()).collect()
    };
    let missing = ["knowledge_type", "category", "content", "trigger_phrases", "title", "success_rate"];
    assert_eq!(fields("entries", 1), missing);
    assert_eq!(fields("entries", 4), ["key"]);
    assert_eq!(fields("records", 1), ["ai_conversation"]);
    assert_eq!(fields("records", 2), ["ai_conversation", "outcome", "success_score"]);

    let many = vec![refund(); 201];
    assert_eq!(app.post(IMPORT, &json!({"entries": many})).await.code(), "invalid_fields");
    let misspelt = app.post(IMPORT, &json!({"entries": [{"tittle": "a"}]})).await;
    assert!(misspelt.status == 422 && misspelt.text.contains("entries[0].tittle"), "{}", misspelt.text);
    counts(&import(&app, &[], &[]).await, [0; 4]);
    app.close().await;
}

#[tokio::test]
async fn a_record_is_training_data_without_a_transcript() {
    let app = TestApp::spawn().await;
    let report = import(&app, &[], &[record()]).await;
    counts(&report, [1, 0, 0, 0]);
    counts(&import(&app, &[], &[record()]).await, [0, 0, 1, 0]);
    let id = report["records"][0]["id"].as_str().expect("an id").to_owned();
    let listed = app.get("/training/training-data/").await.json();
    assert_eq!(listed["count"], 1);
    let shown = &listed["results"][0];
    assert_eq!(shown["ai_conversation"], json!(id));
    for name in ["conversation_category", "outcome", "success_score", "key_phrases", "user_intents"] {
        assert_eq!(shown[name], record()[name], "{name}");
    }
    assert_eq!(shown["conversation_summary"], record()["conversation_summary"]);
    assert_eq!(shown["created_at"], "2024-05-01T10:00:00Z");
    let conversation = app.get("/conversations/17/").await.json();
    assert_eq!((&conversation["status"], &conversation["turns"]), (&json!("processed"), &json!([])));
    let key = &conversation["metadata"]["imported"]["key"];
    assert_eq!(key, "voice.conversationtrainingdata/3", "{conversation:#}");
    assert_eq!(app.get("/training/training-data/17/").await.json()["id"], shown["id"]);
    assert_eq!(app.get("/training/training-data/analytics/").await.status, 200);
    assert_eq!(app.get("/training/performance-metrics/?period=monthly").await.status, 200);

    // There is nothing to learn from, and nothing is lost by trying.
    let session = json!({"kind": "relearn", "filter": {}});
    let started = app.post("/training/training-sessions/start_training/", &session).await;
    assert!(started.status < 300, "{}", started.text);
    app.drain_jobs().await;
    let process = "/training/training-data/process_conversation/";
    assert_eq!(app.post(process, &json!({"conversation_id": "17", "relearn": true})).await.code(), "conflict");
    assert_eq!(app.get("/training/training-data/").await.json()["results"][0], *shown);
    let told = app.post("/outcomes/", &json!({"conversation_id": "17", "outcome": "unsuccessful"})).await;
    assert!(told.status < 300, "{}", told.text);
    app.drain_jobs().await;
    let corrected = app.get("/training/training-data/17/").await.json();
    assert_eq!((&corrected["outcome"], &corrected["user_intents"]), (&json!("unsuccessful"), &shown["user_intents"]));
    assert_eq!(app.get("/conversations/17/").await.json()["status"], "processed");

    let mut changed = record();
    changed["conversation_summary"] = json!("The user booked.");
    counts(&import(&app, &[], &[changed]).await, [0, 1, 0, 0]);
    assert_eq!(app.get("/training/training-data/17/").await.json()["conversation_summary"], "The user booked.");
    assert_eq!(app.delete("/conversations/17/").await.status, 204);
    assert_eq!(app.get("/training/training-data/").await.json()["count"], 0);
    app.close().await;
}

#[tokio::test]
async fn the_conversation_itself_takes_the_place_of_its_record() {
    let app = TestApp::spawn().await;
    let report = import(&app, &[], &[record()]).await;
    let mut call = price_call("17");
    call.as_object_mut().expect("an object").remove("category");
    app.learn([call]).await;
    let learned = app.get("/training/training-data/17/").await.json();
    assert_eq!(learned["ai_conversation"], report["records"][0]["id"]);
    assert_eq!(
        (&learned["conversation_category"], &learned["user_intents"]),
        (&json!("sales"), &record()["user_intents"])
    );
    assert_ne!(learned["conversation_summary"], record()["conversation_summary"]);
    assert_eq!(learned["turns"].as_array().expect("turns").len(), 6);

    let mut changed = record();
    changed["outcome"] = json!("partial");
    counts(&import(&app, &[], &[changed]).await, [0, 0, 1, 0]);
    assert_eq!(app.get("/training/training-data/17/").await.json(), learned);
    app.close().await;
}

#[tokio::test]
async fn agents_may_not_import_and_tenants_do_not_share_what_they_took_over() {
    let app = TestApp::spawn().await;
    let body = json!({"entries": [refund()]});
    let path = format!("{PREFIX}{IMPORT}");
    let (_, agent) = make_key(&app, "default", "agent").await;
    assert_eq!(ask(&app, &agent, Method::POST, &path, Some(&body)).await.code(), "forbidden");
    let (_, curator) = make_key(&app, "default", "curator").await;
    let (_, stranger) = make_key(&app, "acme", "curator").await;
    let own = ask(&app, &curator, Method::POST, &path, Some(&body)).await.json();
    let other = ask(&app, &stranger, Method::POST, &path, Some(&body)).await.json();
    assert_eq!((&own["created"], &other["created"]), (&json!(1), &json!(1)));
    assert_ne!(own["entries"][0]["id"], other["entries"][0]["id"]);
    app.close().await;
}
