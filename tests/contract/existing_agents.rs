//! What existing agents send to the training system that Turnwise replaces: the names and values that they send, they
//! find in the answers.

use serde_json::{Value, json};

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

/// Lists, in each of the ways in which callers go through them.
async fn lists_keep_their_ways(app: &TestApp) {
    for (number, knowledge_type) in
        ["response_template", "support_pattern", "objection_handling", "faq"].iter().enumerate()
    {
        let entry = json!({
            "knowledge_type": knowledge_type, "category": "support", "title": format!("Opening hours {number}"),
            "content": format!("On day {number} we are open from nine to six."),
            "trigger_phrases": [format!("opening hours on day {number}")],
        });
        let written = app.post("/training/knowledge-base", &entry).await;
        assert_eq!(written.status, 201, "the slash at the end is optional: {}", written.text);
        let known_as = if number < 2 { "response_pattern" } else { *knowledge_type };
        assert_eq!(written.json()["knowledge_type"], known_as);
        app.clock.advance_millis(1_000);
    }
    let unknown = json!({
        "knowledge_type": "poem", "category": "support", "title": "x", "content": "x", "trigger_phrases": ["x"],
    });
    let refused = app.post("/training/knowledge-base/", &unknown).await;
    assert_eq!((refused.status, refused.json()["field"].as_str()), (422, Some("knowledge_type")));

    let titles = async |query: &str| {
        let list = app.get(&format!("/training/knowledge-base{query}")).await.json();
        assert_eq!(list["count"], 4, "{query}: {list}");
        let titles: Vec<String> = list["results"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| entry["title"].as_str().expect("a title").replace("Opening hours ", ""))
            .collect();
        (titles.join(" "), !list["next"].is_null(), !list["previous"].is_null())
    };
    for slash in ["", "/"] {
        for (query, expected, has_next, has_previous) in [
            ("", "3 2 1 0", false, false),
            ("&limit=3", "3 2 1", true, false),
            ("&limit=2&offset=1", "2 1", true, true),
            ("&page=2&page_size=3", "0", false, true),
            ("&page_size=4&search=HOURS", "3 2 1 0", false, false),
        ] {
            let told = titles(&format!("{slash}?category=support{query}")).await;
            assert_eq!(told, (expected.to_owned(), has_next, has_previous), "{slash}{query}");
        }
    }
    let next = app.get("/training/knowledge-base/?category=support&limit=3").await.json()["next"].clone();
    let next = next.as_str().and_then(|url| url.strip_prefix(&app.url)).expect("an absolute URL").to_owned();
    let rest = app.get_root(&next).await.json();
    assert_eq!((&rest["results"][0]["title"], &rest["next"]), (&json!("Opening hours 0"), &Value::Null), "{rest}");
}

/// What agents say of an entry that they used counts, and is told under the names that they know.
async fn usage_keeps_its_names(app: &TestApp) {
    let list = app.get("/training/knowledge-base/?category=sales&knowledge_type=response_pattern").await.json();
    let id = list["results"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/training/knowledge-base/{id}/record_usage");
    for (success, uses) in [(json!(true), 1), (json!(false), 2), (Value::Null, 3)] {
        let told = app.post(&path, &json!({"success": success})).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let told = told.json();
        assert_eq!((&told["id"], &told["success"]["uses"]), (&json!(id), &json!(uses)), "{success}: {told}");
        assert_eq!(told["success_rate"], told["success"]["rate"]);
    }
}

async fn all_of_it(app: TestApp) {
    knowledge_keeps_its_names(&app).await;
    training_data_keep_their_names(&app).await;
    lists_keep_their_ways(&app).await;
    usage_keeps_its_names(&app).await;
    app.close().await;
}

#[tokio::test]
async fn knowledge_keeps_its_names_on_sqlite() {
    all_of_it(TestApp::spawn().await).await;
}

#[tokio::test]
async fn knowledge_keeps_its_names_on_postgres() {
    let database = TestDatabase::create().await;
    let url = format!("store.url={}", database.url);
    all_of_it(TestApp::spawn_with(&[url.as_str()]).await).await;
    database.drop().await;
}
