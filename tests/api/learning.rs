//! Learning when several hands are in it at once.

use futures::future::join_all;
use serde_json::Value;
use turnwise::domain::conversation::ConversationStatus;
use turnwise::domain::ids::TenantId;
use turnwise::store::conversations::StoredConversation;
use turnwise::store::jobs::{Job, KindLimit};

use crate::api::fixtures::{call, hours_call, price_call};
use crate::support::app::TestApp;
use crate::support::postgres::TestDatabase;

#[tokio::test]
async fn what_two_conversations_say_at_once_is_one_thing() {
    let alone = TestApp::spawn().await;
    alone.learn([price_call("100")]).await;
    let learned = entries(&alone).await;
    assert!(learned > 0);
    alone.close().await;

    let app = TestApp::spawn().await;
    for external_id in ["100", "200"] {
        assert_eq!(app.post("/conversations/", &price_call(external_id)).await.status, 202);
    }
    for kind in ["analyze", "index_chunks"] {
        for job in claim(&app, kind).await {
            app.app.learner.run(&job).await.expect("it runs");
        }
    }
    let jobs = claim(&app, "distill").await;
    assert_eq!(jobs.len(), 2);
    for ran in join_all(jobs.iter().map(|job| app.app.learner.run(job))).await {
        ran.expect("it runs");
    }
    app.drain_jobs().await;
    assert_eq!(entries(&app).await, learned);
    app.close().await;
}

#[tokio::test]
async fn a_job_that_is_given_up_fails_what_it_was_for() {
    let app = TestApp::spawn().await;
    assert_eq!(app.post("/conversations/", &price_call("100")).await.status, 202);
    let of_the_first = claim(&app, "analyze").await.remove(0);
    assert_eq!(app.post("/conversations/?replace=true", &hours_call("100")).await.status, 202);
    let upkeep = claim(&app, "erase_points").await.remove(0);
    for job in [of_the_first, upkeep] {
        app.app.learner.note_failure(&job, "no model").await.expect("it answers");
        let now = stored(&app, "100").await;
        assert_eq!((now.version, now.status, now.failure), (2, ConversationStatus::Received, None), "{}", job.kind);
    }

    let of_the_second = claim(&app, "analyze").await.remove(0);
    app.app.learner.note_failure(&of_the_second, "no model").await.expect("it answers");
    let now = stored(&app, "100").await;
    assert_eq!((now.status, now.failure.as_deref()), (ConversationStatus::Failed, Some("analyze: no model")));
    app.close().await;
}

#[tokio::test]
async fn on_postgres_what_is_handed_in_at_once_is_taken_once_and_learned() {
    let database = TestDatabase::create().await;
    let url = format!("store.url={}", database.url);
    let app = TestApp::spawn_with(&[url.as_str()]).await;
    let same = price_call("100");
    let answers = join_all((0..8).map(|_| app.post("/conversations/", &same))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 202]);

    let others: Vec<Value> = (2..6).map(parking_call).collect();
    for answer in join_all(others.iter().map(|other| app.post("/conversations/?replace=true", other))).await {
        assert_eq!(answer.status, 202, "{}", answer.text);
    }
    app.drain_jobs().await;
    let now = stored(&app, "100").await;
    assert_eq!((now.version, now.status), (5, ConversationStatus::Processed), "{:?}", now.failure);
    app.close().await;
    database.drop().await;
}

/// A call about so many parking spaces.
fn parking_call(spaces: usize) -> Value {
    let asked = format!("Do you have parking for my {spaces} cars at the gym?");
    let answered = format!("Yes, there are {spaces}0 free parking spaces behind the building.");
    call("100", &[("user", &asked), ("agent", &answered), ("user", "Wonderful, thank you, that is all.")])
}

async fn claim(app: &TestApp, kind: &str) -> Vec<Job> {
    let kinds = [KindLimit { kind, limit: 9 }];
    app.app.engine.store.claim("a test", &kinds, app.app.engine.now(), 60_000, 9).await.expect("it answers")
}

async fn stored(app: &TestApp, external_id: &str) -> StoredConversation {
    let tenant = TenantId::default_tenant();
    let found = app.app.engine.store.conversation_by_external_id(&tenant, external_id).await.expect("it answers");
    found.expect("it is there")
}

/// How many entries there are.
async fn entries(app: &TestApp) -> i64 {
    app.get("/training/knowledge-base/").await.json()["count"].as_i64().expect("a count")
}
