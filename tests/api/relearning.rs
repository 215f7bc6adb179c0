//! Learning anew keeps what is known of the entries that are learned again.

use serde_json::{Value, json};

use crate::api::fixtures::{hours_call, price_call};
use crate::support::app::TestApp;

const BASE: &str = "/training/knowledge-base/";
const PROCESS: &str = "/training/training-data/process_conversation/";
const START: &str = "/training/training-sessions/start_training/";
const PRICE: &str = "how much is the premium membership per month?";

/// The entry about the price.
async fn price(app: &TestApp) -> Value {
    let list = app.get(BASE).await.json();
    let mut entries = list["results"].as_array().expect("a list").iter();
    let found = entries.find(|entry| entry["content"].as_str().is_some_and(|text| text.contains("49 dollars")));
    found.unwrap_or_else(|| panic!("{list:#}")).clone()
}

async fn count(app: &TestApp) -> Value {
    app.get(BASE).await.json()["count"].clone()
}

/// The ids of the entries that are offered.
async fn offered(app: &TestApp) -> Vec<Value> {
    let answer = app.post("/retrieve/", &json!({"utterance": PRICE})).await.json();
    answer["results"].as_array().expect("a list").iter().map(|entry| entry["knowledge_id"].clone()).collect()
}

async fn relearn(app: &TestApp) {
    app.clock.advance_millis(60_000);
    let again = app.post(PROCESS, &json!({"conversation_id": "100", "relearn": true})).await;
    assert_eq!((again.status, again.json()["status"].as_str()), (202, Some("received")), "{}", again.text);
}

#[tokio::test]
async fn what_is_learned_again_keeps_its_id_and_its_uses() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let (learned, entries) = (price(&app).await, count(&app).await);
    let path = format!("{BASE}{}/", learned["id"].as_str().expect("an id"));
    for _ in 0..3 {
        assert_eq!(app.post(&format!("{path}record_usage/"), &json!({"success": false})).await.status, 200);
    }
    let failing = app.get(&path).await.json()["success_rate"].as_f64().expect("a rate");
    assert!(failing + 0.1 < learned["success_rate"].as_f64().expect("a rate"));
    let check = async |how: &str| {
        let again = price(&app).await;
        for name in ["id", "created_at", "status", "category", "title", "trigger_phrases"] {
            assert_eq!(again[name], learned[name], "{how}: {name}");
        }
        assert_eq!((&again["success"]["uses"], &again["evidence_count"]), (&json!(3), &json!(1)), "{how}: {again:#}");
        let rate = again["success_rate"].as_f64().expect("a rate");
        assert!((rate - failing).abs() < 0.05, "{how}: {rate} {failing}");
        assert_eq!(count(&app).await, entries, "{how}");
    };

    relearn(&app).await;
    assert!(offered(&app).await.contains(&learned["id"]), "it stays in use meanwhile");
    app.drain_jobs().await;
    check("process_conversation").await;
    assert_eq!(app.post(START, &json!({"kind": "relearn", "filter": {}})).await.status, 202);
    app.drain_jobs().await;
    check("a session").await;
    // The same turns with another rating.
    let mut rated = price_call("100");
    rated["satisfaction"] = json!(4);
    assert_eq!(app.post("/conversations/?replace=true", &rated).await.status, 202);
    assert!(offered(&app).await.contains(&learned["id"]), "it stays in use meanwhile");
    app.drain_jobs().await;
    check("a replacement").await;
    assert!(offered(&app).await.contains(&learned["id"]));

    // Other labels reach it.
    let labelled = json!({"conversation_id": "100", "conversation_category": "billing"});
    assert_eq!(app.post(PROCESS, &labelled).await.status, 202);
    app.drain_jobs().await;
    let labelled = price(&app).await;
    assert_eq!((&labelled["id"], &labelled["category"]), (&learned["id"], &json!("billing")));

    // Erased, it leaves nothing behind: the same call makes another entry, which was never used.
    assert_eq!(app.delete("/conversations/100/").await.status, 204);
    assert_eq!(app.get(&path).await.status, 404);
    app.learn([price_call("100")]).await;
    assert_eq!(price(&app).await["success"]["uses"], 0);
    app.close().await;
}

#[tokio::test]
async fn what_is_said_no_more_goes_at_once_and_the_rest_stays() {
    let app = TestApp::spawn().await;
    let mut both = price_call("100");
    let turns = both["turns"].as_array_mut().expect("a list");
    turns.extend(hours_call("200")["turns"].as_array().expect("a list").clone());
    app.learn([both.clone()]).await;
    let learned = price(&app).await;
    let hours = app.get(&format!("{BASE}?search=sundays")).await.json()["results"][0]["id"].clone();
    let hours = format!("{BASE}{}/", hours.as_str().expect("an id"));

    let turns = both["turns"].as_array_mut().expect("a list");
    let answer = turns.iter_mut().find(|turn| turn["text"].as_str().is_some_and(|text| text.contains("nine")));
    answer.expect("it is there")["text"] = json!("I would have to ask my colleague about that, one moment please.");
    assert_eq!(app.post("/conversations/?replace=true", &both).await.status, 202);
    assert_eq!(app.get(&hours).await.status, 404, "before it is learned from");
    assert_eq!(price(&app).await["id"], learned["id"]);
    app.drain_jobs().await;
    assert_eq!(price(&app).await["id"], learned["id"]);
    app.close().await;
}

#[tokio::test]
async fn what_a_person_retired_stays_retired() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let (learned, entries) = (price(&app).await, count(&app).await);
    let path = format!("{BASE}{}/", learned["id"].as_str().expect("an id"));
    assert_eq!(app.delete(&path).await.status, 204);
    app.drain_jobs().await;
    relearn(&app).await;
    app.drain_jobs().await;
    let retired = app.get(&path).await.json();
    assert_eq!((&retired["status"], &retired["evidence_count"]), (&json!("retired"), &json!(1)), "{retired:#}");
    assert_eq!(count(&app).await, entries);
    assert!(!offered(&app).await.contains(&learned["id"]));
    app.close().await;
}

#[tokio::test]
async fn a_conversation_that_says_nothing_any_more_teaches_nothing() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let mut excluded = price_call("100");
    excluded["outcome"] = json!("excluded");
    assert_eq!(app.post("/conversations/?replace=true", &excluded).await.status, 202);
    app.drain_jobs().await;
    assert_eq!(count(&app).await, 0);
    assert_eq!(offered(&app).await, Vec::<Value>::new());
    app.close().await;
}
