//! What existing agents send to the training system that Turnwise replaces: the names and values that they send, they
//! find in the answers.

use serde_json::json;

use crate::api::fixtures::price_call;
use crate::support::app::TestApp;
use crate::support::postgres::TestDatabase;

async fn knowledge_keeps_its_names(app: &TestApp) {
    let sent = json!({
        "knowledge_type": "response_pattern",
        "category": "sales",
        "title": "Questions about the price",
        "content": "The premium plan is 49 dollars a month. Shall I set it up for you?",
        "trigger_phrases": ["price", "cost", "quote"],
        "success_rate": 0.85,
    });
    let written = app.post("/training/knowledge-base/", &sent).await;
    assert_eq!(written.status, 201, "{}", written.text);
    let written = written.json();
    let id = written["id"].as_str().expect("an id").to_owned();
    app.drain_jobs().await;

    let shown = app.get(&format!("/training/knowledge-base/{id}")).await.json();
    let list = app.get("/training/knowledge-base/?category=sales&knowledge_type=response_pattern").await.json();
    let found = app.get("/training/knowledge-base/search_by_intent/?intent=pricing&category=sales").await.json();
    for answered in [&written, &shown, &list["results"][0], &found["results"][0]] {
        assert_eq!(answered["id"], id.as_str(), "{answered}");
        for (name, value) in sent.as_object().expect("an object") {
            assert_eq!(&answered[name], value, "{name} in {answered}");
        }
    }
}

async fn training_data_keep_their_names(app: &TestApp) {
    app.learn([price_call("100")]).await;
    let conversation = app.get("/conversations/100/").await.json()["id"].clone();
    let labels = json!({
        "conversation_category": "sales",
        "outcome": "successful",
        "user_intents": ["booking", "information"],
    });
    let mut sent = labels.clone();
    sent["conversation_id"] = json!("100");
    let taken = app.post("/training/training-data/process_conversation/", &sent).await;
    assert_eq!((taken.status, &taken.json()["conversation_id"]), (202, &conversation), "{}", taken.text);
    app.drain_jobs().await;

    let shown = app.get("/training/training-data/100").await.json();
    let list = app.get("/training/training-data/?category=sales&outcome=successful").await.json();
    for answered in [&shown, &list["results"][0]] {
        assert_eq!(answered["ai_conversation"], conversation, "{answered}");
        for (name, value) in labels.as_object().expect("an object") {
            assert_eq!(&answered[name], value, "{name} in {answered}");
        }
    }
}

#[tokio::test]
async fn knowledge_keeps_its_names_on_sqlite() {
    let app = TestApp::spawn().await;
    knowledge_keeps_its_names(&app).await;
    training_data_keep_their_names(&app).await;
    app.close().await;
}

#[tokio::test]
async fn knowledge_keeps_its_names_on_postgres() {
    let database = TestDatabase::create().await;
    let url = format!("store.url={}", database.url);
    let app = TestApp::spawn_with(&[url.as_str()]).await;
    knowledge_keeps_its_names(&app).await;
    training_data_keep_their_names(&app).await;
    app.close().await;
    database.drop().await;
}
