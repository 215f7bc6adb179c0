//! Metrics along the true path: what was summed up beforehand is told like what is computed from the rows.

use serde_json::{Value, json};
use turnwise::domain::ids::TenantId;
use turnwise::engine::upkeep::roll_up_job;

use crate::api::fixtures::{hours_call, price_call};
use crate::support::app::TestApp;
use crate::support::settled::settled;

/// Everything that is told of performance.
async fn told(app: &TestApp) -> Vec<Value> {
    let mut told = Vec::new();
    for period in ["daily", "weekly", "monthly"] {
        for filter in ["", "agent_id=front-desk", "category=sales&language=en", "channel=chat"] {
            for path in ["", "summary/"] {
                let answer = app.get(&format!("/training/performance-metrics/{path}?period={period}&{filter}")).await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                told.push(settled(answer.json()));
            }
        }
    }
    told
}

/// Computed from the rows, rolled up, and from the rows again.
async fn check(app: &TestApp, what: &str) -> Vec<Value> {
    let (store, tenant) = (&app.app.engine.store, TenantId::default_tenant());
    let before = told(app).await;
    let mut tx = store.begin().await.expect("a transaction begins");
    let job = roll_up_job(&app.app.engine);
    assert!(tx.enqueue(&tenant, &job, app.app.engine.now()).await.expect("it is queued"), "{what}");
    tx.commit().await.expect("it commits");
    app.drain_jobs().await;
    let done = store.job(&tenant, job.id).await.expect("it answers").expect("it is there");
    assert_eq!(done.state.as_str(), "done", "{what}: {:?}", done.last_error);
    assert_eq!(told(app).await, before, "{what}: rolled up");
    let mut tx = store.begin().await.expect("a transaction begins");
    tx.drop_roll_ups(&tenant).await.expect("it answers");
    tx.commit().await.expect("it commits");
    assert_eq!(told(app).await, before, "{what}: forgotten");
    let mut tx = store.begin().await.expect("a transaction begins");
    tx.enqueue(&tenant, &roll_up_job(&app.app.engine), app.app.engine.now()).await.expect("it is queued");
    tx.commit().await.expect("it commits");
    app.drain_jobs().await;
    before
}

#[tokio::test]
async fn metrics_are_right_after_everything_that_happens_to_a_conversation() {
    let app = TestApp::spawn_with(&["metrics.time_zone=Europe/Berlin"]).await;
    check(&app, "nothing").await;
    // Asked before its conversation is there.
    let asked = json!({"utterance": "how much is the premium membership?", "conversation_id": "200"});
    assert_eq!(app.post("/retrieve/", &asked).await.status, 200);
    app.app.flush_exposures().await;
    check(&app, "a retrieval").await;
    let mut night = hours_call("300");
    night["started_at"] = "2026-08-31T21:59:00Z".into();
    night["channel"] = "chat".into();
    night.as_object_mut().expect("an object").remove("satisfaction");
    app.learn([price_call("100"), hours_call("200"), night]).await;
    let learned = check(&app, "conversations").await;
    assert_eq!(learned[0]["results"][0]["retrievals"], 1, "{}", learned[0]);

    let late = json!({"conversation_id": "200", "outcome": "excluded"});
    assert_eq!(app.post("/outcomes/", &late).await.status, 202);
    app.drain_jobs().await;
    let excluded = check(&app, "a late outcome").await;
    assert_ne!(excluded, learned);
    let rated = json!({"conversation_id": "100", "outcome": "successful", "satisfaction": 1});
    assert_eq!(app.post("/outcomes/", &rated).await.status, 202);
    app.drain_jobs().await;
    assert_ne!(check(&app, "a late rating").await, excluded);

    let labels = json!({"conversation_id": "100", "conversation_category": "billing", "outcome": "unsuccessful"});
    let taken = app.post("/training/training-data/process_conversation/", &labels).await;
    assert_eq!(taken.status, 202, "{}", taken.text);
    app.drain_jobs().await;
    check(&app, "given labels").await;

    let mut corrected = hours_call("300");
    corrected["started_at"] = "2026-08-29T10:00:00Z".into();
    let replaced = app.post("/conversations/?replace=true", &corrected).await;
    assert_eq!(replaced.status, 202, "{}", replaced.text);
    app.drain_jobs().await;
    check(&app, "replaced").await;

    assert_eq!(app.delete("/conversations/200/").await.status, 204);
    check(&app, "erased").await;
    app.close().await;
}

#[tokio::test]
async fn a_tenant_has_days_of_its_own_time_zone() {
    let app = TestApp::spawn_with(&["metrics.tenant_time_zones=default=Asia/Karachi,acme=UTC"]).await;
    app.learn([price_call("100")]).await;
    let summary = app.get("/training/performance-metrics/summary/?to=2026-09-01T19:00:00Z").await.json();
    assert_eq!(summary["period_start"], "2026-09-01T00:00:00+05:00");
    assert_eq!(summary["measures"]["conversations"]["value"], 1.0, "{summary}");
    let trend = app.get("/training/training-data/analytics/").await.json();
    assert_eq!(trend["trends"][0]["period_start"], "2026-09-01T00:00:00+05:00");
    app.close().await;
}
