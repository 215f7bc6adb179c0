//! Learning from one conversation at a caller's request, with labels that it gives.

use serde_json::{Value, json};

use crate::api::fixtures::{hours_call, price_call};
use crate::support::app::TestApp;

const PROCESS: &str = "/training/training-data/process_conversation/";

/// A whole conversation with these labels, and without a label of its own.
fn labelled(mut conversation: Value, labels: &Value) -> Value {
    let fields = conversation.as_object_mut().expect("an object");
    for own in ["category", "outcome", "satisfaction"] {
        fields.remove(own);
    }
    fields.extend(labels.as_object().expect("an object").clone());
    conversation
}

async fn record(app: &TestApp, name: &str) -> Value {
    let answer = app.get(&format!("/training/training-data/{name}/")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn given_labels_win_and_stay_when_it_is_learned_from_again() {
    let app = TestApp::spawn().await;
    let labels = json!({"conversation_category": "billing", "outcome": "partial",
        "user_intents": ["booking", "information", "booking"]});
    let whole = labelled(price_call("100"), &labels);
    let taken = app.post(PROCESS, &whole).await;
    assert_eq!((taken.status, taken.json()["status"].as_str()), (202, Some("received")), "{}", taken.text);
    assert!(taken.header("location").contains("/training/training-data/"));
    app.drain_jobs().await;
    let first = record(&app, "100").await;
    let check = |record: &Value| {
        assert_eq!(record["conversation_category"], "billing", "{record:#}");
        assert_eq!(record["user_intents"], json!(["booking", "information"]));
        assert_eq!((&record["outcome"], &record["outcome_source"]), (&json!("partial"), &json!("caller")));
        for name in ["conversation_category", "user_intents"] {
            assert_eq!(record["reasons"][name], "given with the request");
        }
    };
    check(&first);

    // The same again changes nothing, in whichever way it is named.
    app.clock.advance_millis(60_000);
    let mut by_name = labels.clone();
    by_name["conversation_id"] = json!("100");
    for again in [&whole, &by_name] {
        let answer = app.post(PROCESS, again).await;
        assert_eq!((answer.status, answer.json()["status"].as_str()), (202, Some("processed")), "{}", answer.text);
        app.drain_jobs().await;
        assert_eq!(record(&app, "100").await, first);
    }

    by_name["relearn"] = json!(true);
    assert_eq!(app.post(PROCESS, &by_name).await.json()["status"], "received");
    app.drain_jobs().await;
    let anew = record(&app, "100").await;
    check(&anew);
    assert_ne!(anew["created_at"], first["created_at"]);

    let changed = json!({"conversation_id": "100", "conversation_category": "sales", "call_id": "CA7"});
    assert_eq!(app.post(PROCESS, &changed).await.json()["status"], "received");
    app.drain_jobs().await;
    let changed = record(&app, "100").await;
    assert_eq!((&changed["conversation_category"], &changed["call_id"]), (&json!("sales"), &json!("CA7")));
    assert_eq!(changed["user_intents"], json!(["booking", "information"]), "what is not given again stays");
    app.close().await;
}

#[tokio::test]
async fn an_outcome_alone_needs_no_new_analysis() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let before = record(&app, "100").await;
    let given = json!({"conversation_id": "100", "outcome": "unsuccessful"});
    assert_eq!(app.post(PROCESS, &given).await.json()["status"], "processing");
    app.drain_jobs().await;
    let after = record(&app, "100").await;
    assert_eq!((&after["outcome"], &after["created_at"]), (&json!("unsuccessful"), &before["created_at"]));
    assert_eq!(app.post(PROCESS, &given).await.json()["status"], "processed");
    app.close().await;
}

#[tokio::test]
async fn who_waits_is_answered_with_the_finished_record() {
    let app = TestApp::spawn().await;
    let worker = app.app.start_worker().await.expect("it starts");
    let mut whole = labelled(hours_call("200"), &json!({"conversation_category": "support", "outcome": "successful"}));
    whole["wait"] = json!(true);
    let answer = app.post(PROCESS, &whole).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["conversation_category"], "support");
    let named = json!({"conversation_id": "200", "outcome": "unsuccessful", "wait": true});
    let answer = app.post(PROCESS, &named).await;
    assert_eq!((answer.status, answer.json()["outcome"].as_str()), (200, Some("unsuccessful")), "{}", answer.text);
    app.app.stop_token().cancel();
    worker.await.expect("it does not panic");
    app.close().await;

    // Where nobody works, waiting has an end.
    let app = TestApp::spawn_with(&["server.request_timeout_ms=1000"]).await;
    let answer = app.post(PROCESS, &whole).await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (202, Some("received")), "{}", answer.text);
    app.close().await;
}

#[tokio::test]
async fn what_cannot_be_processed_is_told() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    for (wrong, field) in [
        (json!({}), "conversation_id"),
        (json!({"conversation_id": " "}), "conversation_id"),
        (json!({"conversation_id": "100", "agent_id": "anna"}), "agent_id"),
        (json!({"conversation_id": "100", "outcome": "great"}), "outcome"),
        (json!({"conversation_id": "100", "user_intents": ["ok", " "]}), "user_intents[1]"),
        (json!({"conversation_id": "100", "user_intents": vec!["a"; 21]}), "user_intents"),
        (json!({"conversation_id": "100", "conversation_category": ""}), "conversation_category"),
        (json!({"conversation_id": "100", "wait": "yes"}), "wait"),
        (json!({"external_id": "300"}), "agent_id"),
    ] {
        let answer = app.post(PROCESS, &wrong).await;
        assert_eq!((answer.status, answer.json()["field"].as_str()), (422, Some(field)), "{wrong} {}", answer.text);
    }
    assert_eq!(app.post(PROCESS, &json!({"conversation_id": "nobody"})).await.status, 404);
    let mut other = price_call("100");
    other["agent_id"] = json!("somebody else");
    assert_eq!(app.post(PROCESS, &other).await.status, 409);
    app.close().await;
}

#[tokio::test]
async fn labels_go_with_their_conversation() {
    let app = TestApp::spawn().await;
    let labels = json!({"conversation_category": "billing", "user_intents": ["booking"]});
    app.post(PROCESS, &labelled(price_call("100"), &labels)).await;
    app.drain_jobs().await;
    assert_eq!(app.delete("/conversations/100/").await.status, 204);
    app.learn([price_call("100")]).await;
    let record = record(&app, "100").await;
    assert_eq!(
        (&record["conversation_category"], &record["reasons"]["conversation_category"]),
        (&json!("sales"), &json!("given with the conversation"))
    );
    app.close().await;
}
