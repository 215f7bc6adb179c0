//! Conversations, from handing in to erasing.

use serde_json::{Value, json};

use crate::api::fixtures::{call, hours_call, price_call};
use crate::support::app::TestApp;
use crate::support::settled::settled;

#[tokio::test]
async fn the_same_conversation_twice_changes_nothing() {
    let app = TestApp::spawn().await;
    let first = app.post("/conversations/", &price_call("100")).await;
    assert_eq!(first.status, 202, "{}", first.text);
    let body = first.json();
    assert_eq!((body["external_id"].as_str(), body["status"].as_str()), (Some("100"), Some("received")));
    let location = first.header("location").to_owned();
    assert_eq!(location, format!("/api/v1/ai/conversations/{}/", body["id"].as_str().expect("an id")));
    assert_eq!(app.get_root(&location).await.status, 200);

    let again = app.post("/conversations", &price_call("100")).await;
    assert_eq!((again.status, &again.json()["id"]), (200, &body["id"]));
    app.drain_jobs().await;
    let entries = app.get("/training/knowledge-base/").await.json();
    assert!(entries["count"].as_i64() > Some(0), "{entries}");
    let after = app.post("/conversations/", &price_call("100")).await;
    assert_eq!((after.status, after.json()["status"].as_str()), (200, Some("processed")));
    app.drain_jobs().await;
    assert_eq!(app.get("/conversations/").await.json()["count"], 1);
    assert_eq!(app.get("/training/knowledge-base/").await.json(), entries);
    app.close().await;
}

#[tokio::test]
async fn other_content_is_a_conflict_unless_it_replaces() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let changed = call(
        "100",
        &[
            ("user", "Do you have parking for my car at the gym?"),
            ("agent", "Yes, there are sixty free parking spaces behind the building."),
            ("user", "Wonderful, thank you, that is all."),
        ],
    );
    let conflict = app.post("/conversations/", &changed).await;
    assert_eq!((conflict.status, conflict.code().as_str()), (409, "conflict"));
    assert!(conflict.text.contains("?replace=true"), "{}", conflict.text);
    assert_eq!(app.post("/conversations/?replace=maybe", &changed).await.code(), "invalid_fields");

    let replaced = app.post("/conversations/?replace=true", &changed).await;
    assert_eq!(replaced.status, 202, "{}", replaced.text);
    app.drain_jobs().await;
    let now = app.get("/conversations/100/").await.json();
    assert_eq!((now["version"].as_i64(), now["status"].as_str()), (Some(2), Some("processed")), "{now}");
    assert_eq!(contents(&app, "how much is the premium membership").await, "", "what it taught before is gone");
    assert!(contents(&app, "is there parking for my car").await.contains("sixty free parking spaces"));
    app.close().await;
}

#[tokio::test]
async fn a_conversation_is_shown_with_all_that_is_known_of_it() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let shown = app.get("/conversations/100").await.json();
    let id = shown["id"].as_str().expect("an id").to_owned();
    assert_eq!(app.get(&format!("/conversations/{id}/")).await.json(), shown, "by either id");
    assert!(!shown.to_string().contains("+1555100"), "who called is kept as a hash only");
    insta::assert_json_snapshot!(settled(shown));

    let none = app.get("/conversations/not-there/").await;
    assert_eq!((none.status, none.code().as_str()), (404, "not_found"));
    for name in ["a%00b", "%20", "%F0%9F%91%8D", "a%2Fb"] {
        assert_eq!(app.get(&format!("/conversations/{name}/")).await.status, 404, "{name}");
    }
    assert_eq!(app.get("/conversations/%FF/").await.code(), "malformed_request");
    app.close().await;
}

#[tokio::test]
async fn nobody_takes_the_place_of_another_conversation() {
    let app = TestApp::spawn().await;
    let first = app.post("/conversations/", &price_call("100")).await.json();
    let id = first["id"].as_str().expect("an id").to_owned();
    let mut second = hours_call("200");
    second["external_id"] = id.as_str().into();
    let second = app.post("/conversations/", &second).await;
    assert_eq!(second.status, 202, "{}", second.text);

    let path = format!("/conversations/{id}/");
    assert_eq!(app.get(&path).await.json()["external_id"], "100");
    assert_eq!(app.delete(&path).await.status, 204);
    assert_eq!(app.get("/conversations/100/").await.status, 404);
    // What is left is the one that was named so by its caller.
    assert_eq!(app.get(&path).await.json()["id"], second.json()["id"]);
    app.close().await;
}

#[tokio::test]
async fn openai_messages_and_other_names_of_roles_are_understood() {
    let app = TestApp::spawn().await;
    let mut conversation = price_call("100");
    conversation.as_object_mut().expect("an object").remove("turns");
    conversation["messages"] = json!([
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Do you take credit cards?"}], "name": "anna"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "x"}]},
        {"role": "function", "content": "{\"cards\": true}"},
        {"role": "assistant", "content": "Yes, we take all credit cards."},
    ]);
    // Some languages write what is not there as null, and every number with a point.
    conversation["turns"] = Value::Null;
    conversation["satisfaction"] = json!(5.0);
    assert_eq!(app.post("/conversations/", &conversation).await.status, 202);
    let shown = app.get("/conversations/100/").await.json();
    assert_eq!(shown["satisfaction"], 5);
    let turns: Vec<(&str, &str)> = shown["turns"]
        .as_array()
        .expect("turns")
        .iter()
        .map(|turn| (turn["speaker"].as_str().expect("a word"), turn["text"].as_str().expect("a text")))
        .collect();
    assert_eq!(
        turns,
        [
            ("system", "Be kind."),
            ("user", "Do you take credit cards?"),
            ("agent", ""),
            ("tool", "{\"cards\": true}"),
            ("agent", "Yes, we take all credit cards."),
        ]
    );
    app.close().await;
}

#[tokio::test]
async fn what_is_erased_is_found_nowhere() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100"), hours_call("200")]).await;
    assert!(contents(&app, "what does the premium membership cost").await.contains("49 dollars"));
    let found = app.get("/conversations/search/?q=premium+membership+price").await.json();
    assert!(external_ids(&found).contains(&"100".to_owned()), "{found}");

    assert_eq!(app.delete("/conversations/100").await.status, 204);
    let nothing = app.delete("/conversations/100").await;
    assert_eq!((nothing.status, nothing.code().as_str()), (404, "not_found"));
    assert_eq!(app.get("/conversations/100/").await.status, 404);
    for _ in 0..2 {
        assert!(!contents(&app, "what does the premium membership cost").await.contains("49 dollars"));
        let found = app.get("/conversations/search/?q=premium+membership+price").await.json();
        assert!(!external_ids(&found).contains(&"100".to_owned()), "{found}");
        for list in ["/training/knowledge-base/", "/training/training-data/", "/conversations/"] {
            let list = app.get(list).await.text;
            assert!(!list.contains("premium") && !list.contains("49 dollars"), "{list}");
        }
        // And it stays so when the jobs have run.
        app.drain_jobs().await;
    }
    assert!(contents(&app, "when do you open on sundays").await.contains("nine in the morning"), "the other stays");
    app.close().await;
}

#[tokio::test]
async fn conversations_are_found_by_meaning() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100"), hours_call("200")]).await;
    let found = app.get("/conversations/search?q=at+what+hour+are+you+open+at+the+weekend&limit=1").await.json();
    insta::assert_json_snapshot!(settled(found));

    let none = app.get("/conversations/search/?q=opening+hours&category=support&outcome=&from=&to=").await.json();
    assert_eq!((none["count"].as_i64(), none["next"].is_null()), (Some(0), true), "{none}");
    let before = app.get("/conversations/search/?q=opening+hours&to=2026-09-01T10:00:00Z").await.json();
    assert_eq!(before["count"], 0, "{before}");
    let since = app.get("/conversations/search/?q=opening+hours&from=2026-09-01T12:00:00+02:00").await.json();
    assert_eq!(since["count"], 2, "{since}");
    let wrong = app.get("/conversations/search/?outcome=good&from=yesterday&limit=0").await;
    let fields: Vec<String> = wrong.json()["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| field["field"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!((wrong.status, fields), (422, ["q", "limit", "outcome", "from"].map(str::to_owned).to_vec()));
    app.close().await;
}

/// The contents that a retrieval offers, one a line.
async fn contents(app: &TestApp, utterance: &str) -> String {
    let answer = app.post("/retrieve/", &json!({"utterance": utterance})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let results = answer.json()["results"].as_array().expect("results").clone();
    let contents: Vec<&str> = results.iter().filter_map(|result| result["content"].as_str()).collect();
    contents.join("\n")
}

fn external_ids(found: &Value) -> Vec<String> {
    let results = found["results"].as_array().expect("results");
    let ids = results.iter().map(|result| result["conversation"]["external_id"].as_str().expect("an id").to_owned());
    ids.collect()
}
