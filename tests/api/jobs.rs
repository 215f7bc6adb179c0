//! The queue, as admins see it.

use serde_json::{Value, json};

use crate::api::fixtures::price_call;
use crate::support::app::TestApp;

const NOBODY: &str = "01a205c1-1395-7709-b7d2-8909f9a470df";

#[tokio::test]
async fn a_job_is_stopped_and_run_again_and_its_conversation_says_so() {
    let app = TestApp::spawn().await;
    assert_eq!(app.post("/conversations/", &price_call("100")).await.status, 202);
    let conversation = app.get("/conversations/100/").await.json();
    app.clock.advance_millis(2_500);
    let listed = app.get("/jobs/").await.json();
    assert_eq!(listed["count"], 1, "{listed}");
    let job = listed["results"][0].clone();
    let id = job["id"].as_str().expect("an id").to_owned();
    assert_eq!((&job["kind"], &job["state"], &job["attempts"]), (&json!("analyze"), &json!("queued"), &json!(0)));
    assert_eq!(job["conversation_id"], conversation["id"]);
    assert_eq!(
        (&job["finished_at"], &job["lease_end"], &job["last_error"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(job["created_at"], "2026-09-02T08:00:00Z");
    assert!(job["trace_id"].is_string() && job.get("payload").is_none(), "{job}");
    assert_eq!(app.get(&format!("/jobs/{id}/")).await.json(), job);

    let summary = app.get("/jobs/summary/").await.json();
    let counts = json!([{"kind": "analyze", "state": "queued", "count": 1, "oldest_s": 2.5}]);
    assert_eq!(summary, json!({"counts": counts, "oldest_queued_s": 2.5, "expired_exposures": 0}));

    let (retry, cancel) = (format!("/jobs/{id}/retry/"), format!("/jobs/{id}/cancel/"));
    assert_eq!(app.post(&retry, &json!({})).await.code(), "conflict");
    let cancelled = app.post(&cancel, &json!({})).await;
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (200, &json!("cancelled")), "{}", cancelled.text);
    assert_eq!(app.post(&cancel, &json!({})).await.code(), "conflict");
    assert_eq!(app.get("/conversations/100/").await.json()["status"], "failed");
    assert!(app.get("/jobs/summary/").await.json()["oldest_queued_s"].is_null());
    app.drain_jobs().await;
    assert_eq!(app.get("/jobs/?state=cancelled&kind=analyze").await.json()["count"], 1);

    let queued = app.post(&retry, &json!({})).await;
    assert_eq!((queued.status, &queued.json()["state"]), (200, &json!("queued")), "{}", queued.text);
    assert_eq!(app.get("/conversations/100/").await.json()["status"], "processing");
    app.drain_jobs().await;
    assert_eq!(app.get("/conversations/100/").await.json()["status"], "processed");
    assert_eq!(app.get(&format!("/jobs/{id}/")).await.json()["state"], "done");
    assert_eq!(app.post(&retry, &json!({})).await.code(), "conflict");
    assert!(app.get("/jobs/?limit=1").await.json()["next"].is_string());
    app.close().await;
}

#[tokio::test]
async fn wrong_filters_and_unknown_jobs_are_told() {
    let app = TestApp::spawn().await;
    for (query, field) in [
        ("state=asleep", "state"),
        ("from=noon", "from"),
        ("from=2026-09-02T00:00:00Z&to=2026-09-01T00:00:00Z", "from"),
        ("colour=red", "colour"),
    ] {
        let wrong = app.get(&format!("/jobs/?{query}")).await;
        assert_eq!((wrong.status, wrong.json()["field"].as_str()), (422, Some(field)), "{}", wrong.text);
    }
    for id in [NOBODY, "first"] {
        assert_eq!(app.get(&format!("/jobs/{id}/")).await.code(), "not_found");
        for verb in ["retry", "cancel"] {
            assert_eq!(app.post(&format!("/jobs/{id}/{verb}/"), &json!({})).await.code(), "not_found");
        }
    }
    app.close().await;
}
