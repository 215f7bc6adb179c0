//! Training sessions: learning from many conversations.

use futures::future::join_all;
use serde_json::{Value, json};
use turnwise::store::jobs::KindLimit;

use crate::api::fixtures::{hours_call, price_call};
use crate::support::app::TestApp;

const BULK: &str = "/training/training-data/bulk_process/";
const START: &str = "/training/training-sessions/start_training/";
const LIST: &str = "/training/training-sessions/";

async fn start(app: &TestApp, path: &str, body: &Value) -> String {
    let answer = app.post(path, body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let session = answer.json();
    assert_eq!((&session["status"], &session["started_at"]), (&json!("scheduled"), &Value::Null), "{session:#}");
    session["id"].as_str().expect("an id").to_owned()
}

async fn session(app: &TestApp, id: &str) -> Value {
    app.get(&format!("{LIST}{id}/")).await.json()
}

async fn step(app: &TestApp, id: &str, step: &str) -> (u16, Value) {
    let answer = app.post(&format!("{LIST}{id}/{step}/"), &json!({})).await;
    (answer.status, answer.json()["status"].clone())
}

async fn hand_in(app: &TestApp, conversations: impl IntoIterator<Item = Value>) {
    for conversation in conversations {
        assert_eq!(app.post("/conversations/", &conversation).await.status, 202);
    }
}

#[tokio::test]
async fn a_session_learns_from_what_is_new_and_says_what_it_made() {
    let app = TestApp::spawn().await;
    hand_in(&app, [price_call("100"), hours_call("200"), price_call("300")]).await;
    let id = start(&app, BULK, &json!({"conversation_ids": ["100", "200"]})).await;
    app.drain_jobs().await;
    let done = session(&app, &id).await;
    assert_eq!((&done["status"], &done["kind"]), (&json!("completed"), &json!("process_new")), "{done:#}");
    assert_eq!(done["progress"], json!({"done": 2, "total": 2}), "{done:#}");
    assert_eq!((&done["failures"], &done["created"]["records"]), (&json!([]), &json!(2)), "{done:#}");
    assert!(done["created"]["entries"].as_i64() >= Some(1) && done["created"]["exemplars"].as_i64() >= Some(1));
    assert!(done["finished_at"].is_string());

    let nothing = start(&app, BULK, &json!({"filter": {}})).await;
    app.drain_jobs().await;
    let nothing = session(&app, &nothing).await;
    assert_eq!((&nothing["status"], &nothing["progress"]), (&json!("completed"), &json!({"done": 0, "total": 0})));
    app.close().await;
}

#[tokio::test]
async fn relearning_goes_page_by_page_and_makes_the_same_knowledge() {
    let app = TestApp::spawn().await;
    app.learn((0..60).map(|at| if at % 2 == 0 { price_call(&at.to_string()) } else { hours_call(&at.to_string()) }))
        .await;
    let contents = async || {
        let list = app.get("/training/knowledge-base/?limit=100").await.json();
        let entries = list["results"].as_array().expect("a list").iter();
        let mut contents: Vec<String> = entries.map(|entry| entry["content"].to_string()).collect();
        contents.sort();
        contents
    };
    let before = contents().await;
    app.clock.advance_millis(60_000);
    let id = start(&app, START, &json!({"kind": "relearn", "name": "anew", "filter": {"language": "en"}})).await;
    app.drain_jobs().await;
    let done = session(&app, &id).await;
    assert_eq!((&done["status"], &done["name"]), (&json!("completed"), &json!("anew")), "{done:#}");
    assert_eq!(done["progress"], json!({"done": 60, "total": 60}));
    assert_eq!(done["created"]["records"], 60);
    assert_eq!(contents().await.len(), before.len());
    assert_eq!(app.get("/conversations/?status=processed").await.json()["count"], 60);
    app.close().await;
}

#[tokio::test]
async fn a_session_waits_for_its_moment_and_can_be_paused_resumed_and_cancelled() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let later = json!({"kind": "relearn", "run_at": "2026-09-02T09:00:00Z"});
    let (one, two) = (start(&app, START, &later).await, start(&app, START, &later).await);
    app.drain_jobs().await;
    assert_eq!(session(&app, &one).await["status"], "scheduled");
    for _ in 0..2 {
        assert_eq!(step(&app, &one, "pause").await, (200, json!("paused")));
        assert_eq!(step(&app, &two, "cancel").await, (200, json!("cancelled")));
    }
    assert_eq!(step(&app, &two, "resume").await.0, 409);
    app.clock.advance_millis(2 * 3_600_000);
    app.drain_jobs().await;
    assert_eq!(session(&app, &one).await["status"], "paused");
    assert_eq!(session(&app, &two).await["progress"], json!({"done": 0, "total": 0}));

    assert_eq!(step(&app, &one, "resume").await, (200, json!("scheduled")));
    app.drain_jobs().await;
    assert_eq!(session(&app, &one).await["status"], "completed");
    assert_eq!(step(&app, &one, "pause").await.0, 409);

    let list = app.get(&format!("{LIST}?status=completed")).await.json();
    assert_eq!((list["count"].as_i64(), list["results"][0]["id"].as_str()), (Some(1), Some(one.as_str())));
    assert_eq!(app.get(LIST).await.json()["count"], 2);
    assert_eq!(app.get(&format!("{LIST}not-an-id/")).await.status, 404);
    app.close().await;
}

#[tokio::test]
async fn a_refresh_goes_over_every_entry() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100"), hours_call("200")]).await;
    let entries = app.get("/training/knowledge-base/").await.json()["count"].clone();
    let id = start(&app, START, &json!({"kind": "refresh_metrics"})).await;
    app.drain_jobs().await;
    let done = session(&app, &id).await;
    assert_eq!((&done["status"], &done["progress"]["done"]), (&json!("completed"), &entries), "{done:#}");
    app.close().await;
}

#[tokio::test]
async fn a_session_that_was_paused_and_resumed_counts_a_page_once() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100"), hours_call("200")]).await;
    let entries = app.get("/training/knowledge-base/").await.json()["count"].clone();
    let id = start(&app, START, &json!({"kind": "refresh_metrics"})).await;
    assert_eq!(step(&app, &id, "pause").await, (200, json!("paused")));
    assert_eq!(step(&app, &id, "resume").await, (200, json!("scheduled")));
    let (store, kinds) = (&app.app.engine.store, [KindLimit { kind: "training_session", limit: 9 }]);
    let jobs = store.claim("a test", &kinds, app.app.engine.now(), 60_000, 9).await.expect("it answers");
    assert_eq!(jobs.len(), 2, "the one from before the pause is still there");
    for ran in join_all(jobs.iter().map(|job| app.app.learner.run(job))).await {
        ran.expect("it runs");
    }
    app.drain_jobs().await;
    let done = session(&app, &id).await;
    assert_eq!((&done["status"], &done["progress"]["done"]), (&json!("completed"), &entries), "{done:#}");
    app.close().await;
}

#[tokio::test]
async fn a_wrong_session_is_told_field_by_field() {
    let app = TestApp::spawn().await;
    for (path, wrong, field) in [
        (BULK, json!({}), "conversation_ids"),
        (BULK, json!({"conversation_ids": []}), "conversation_ids"),
        (BULK, json!({"conversation_ids": ["nobody"]}), "conversation_ids[0]"),
        (BULK, json!({"conversation_ids": ["1"], "filter": {}}), "filter"),
        (BULK, json!({"filter": {"outcome": "great"}}), "filter.outcome"),
        (BULK, json!({"filter": {"form": "x"}}), "filter.form"),
        (START, json!({"kind": "dance"}), "kind"),
        (START, json!({"run_at": "tomorrow"}), "run_at"),
        (START, json!({"cron": "0 3 * *"}), "cron"),
        (START, json!({"cron": "0 0 30 2 *"}), "cron"),
        (START, json!({"cron": "0 3 * * *", "run_at": "9000-01-01T00:00:00Z"}), "run_at"),
        (START, json!({"kind": "refresh_metrics", "filter": {}}), "filter"),
    ] {
        let answer = app.post(path, &wrong).await;
        assert_eq!((answer.status, answer.json()["field"].as_str()), (422, Some(field)), "{wrong} {}", answer.text);
    }
    app.close().await;
}
