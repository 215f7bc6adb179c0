//! Sessions on a schedule, and the work that nobody starts.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use turnwise::app::{App, Parts};
use turnwise::domain::clock::{ManualClock, Timestamp};
use turnwise::domain::ids::{RandomIds, TenantId};
use turnwise::domain::schedule::Cron;
use turnwise::domain::training::{Selection, Session, SessionKind, SessionStatus};
use turnwise::learning::sessions::NewSession;
use turnwise::store::jobs::{JobFilter, KindLimit};
use turnwise::store::page::PageRequest;
use turnwise::store::sessions::SessionFilter;

use crate::api::fixtures::price_call;
use crate::support::app::{TestApp, config, embedders};
use crate::support::postgres::TestDatabase;

const START: &str = "/training/training-sessions/start_training/";
const LIST: &str = "/training/training-sessions/";
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// No fixed schedule, so that only what a test plans is due.
const NOTHING_FIXED: [&str; 8] = [
    "schedules.roll_up_metrics=",
    "schedules.merge_entries=",
    "schedules.prune=",
    "schedules.find_gaps=",
    "schedules.expire_exposures=",
    "schedules.optimize_index=",
    "schedules.relearn=",
    "schedules.refresh_metrics=",
];

async fn schedule(app: &TestApp, body: &Value) -> (String, Value) {
    let answer = app.post(START, body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let session = answer.json();
    (session["id"].as_str().expect("an id").to_owned(), session)
}

async fn step(app: &TestApp, id: &str, step: &str) -> Value {
    let answer = app.post(&format!("{LIST}{id}/{step}/"), &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Does what is due; how many ticks that were.
async fn run(app: &TestApp) -> usize {
    let ticks = app.app.run_schedules().await.expect("the schedules can be read");
    app.drain_jobs().await;
    ticks
}

#[tokio::test]
async fn a_session_with_a_pattern_makes_a_session_of_its_own_at_every_tick() {
    let app = TestApp::spawn_with(&NOTHING_FIXED).await;
    let (id, planned) = schedule(&app, &json!({"cron": "0 3 * * *", "name": "nightly"})).await;
    assert_eq!((&planned["status"], &planned["cron"]), (&json!("scheduled"), &json!("0 3 * * *")), "{planned:#}");
    assert_eq!((&planned["run_at"], &planned["started_at"]), (&json!("2026-09-03T03:00:00Z"), &Value::Null));
    assert_eq!(app.post("/conversations/", &price_call("100")).await.status, 202);
    assert_eq!(run(&app).await, 0);

    app.clock.advance_millis(19 * HOUR_MS);
    assert_eq!((run(&app).await, run(&app).await), (1, 0));
    let made = app.get(&format!("{LIST}?status=completed")).await.json();
    assert_eq!(made["count"], 1, "{made:#}");
    let made = &made["results"][0];
    assert_eq!((&made["name"], &made["cron"]), (&json!("nightly 2026-09-03T03:00:00Z"), &Value::Null), "{made:#}");
    let (shown, planned) = (app.get(LIST).await.json(), app.get(&format!("{LIST}{id}/")).await.json());
    assert_eq!(shown["count"], 2);
    assert_eq!(planned["status"], "scheduled");
    assert_eq!(planned["run_at"], "2026-09-04T03:00:00Z");

    // Three ticks were missed: the latest makes up for them.
    app.clock.advance_millis(3 * DAY_MS);
    assert_eq!((run(&app).await, run(&app).await), (1, 0));
    let last = app.get(LIST).await.json()["results"][0].clone();
    assert_eq!(last["name"], "nightly 2026-09-06T03:00:00Z", "{last:#}");

    assert_eq!(step(&app, &id, "pause").await["status"], "paused");
    app.clock.advance_millis(2 * DAY_MS);
    assert_eq!(run(&app).await, 0, "a paused schedule is not due");
    let resumed = step(&app, &id, "resume").await;
    assert_eq!((&resumed["status"], &resumed["run_at"]), (&json!("scheduled"), &json!("2026-09-09T03:00:00Z")));
    assert_eq!(run(&app).await, 0, "what it missed while it was paused is not made up for");
    app.clock.advance_millis(DAY_MS);
    assert_eq!(run(&app).await, 1);
    assert_eq!(step(&app, &id, "cancel").await["status"], "cancelled");
    app.clock.advance_millis(DAY_MS);
    assert_eq!(run(&app).await, 0);
    assert_eq!(app.post(&format!("{LIST}{id}/resume/"), &json!({})).await.status, 409);
    app.close().await;
}

#[tokio::test]
async fn a_cancelled_session_makes_no_other_although_its_schedule_came_back() {
    let app = TestApp::spawn_with(&NOTHING_FIXED).await;
    let (id, _) = schedule(&app, &json!({"cron": "0 3 * * *"})).await;
    let (store, tenant) = (&app.app.engine.store, TenantId::default_tenant());
    let row = store.schedules(&tenant).await.expect("it answers").remove(0);
    assert_eq!(step(&app, &id, "cancel").await["status"], "cancelled");
    // As when its zone was being changed at that moment.
    let mut tx = store.begin().await.expect("a transaction");
    tx.put_schedule(&row).await.expect("it is stored");
    tx.commit().await.expect("it commits");
    app.clock.advance_millis(19 * HOUR_MS);
    run(&app).await;
    assert_eq!(app.get(LIST).await.json()["count"], 1);
    assert_eq!(store.schedules(&tenant).await.expect("it answers"), []);
    app.close().await;
}

#[tokio::test]
async fn the_first_tick_is_at_run_at_or_behind_it() {
    let app = TestApp::spawn_with(&NOTHING_FIXED).await;
    for (run_at, first) in [
        ("2026-09-05T03:00:00Z", "2026-09-05T03:00:00Z"),
        ("2026-09-05T03:00:01Z", "2026-09-06T03:00:00Z"),
        ("2020-01-01T00:00:00Z", "2026-09-03T03:00:00Z"),
    ] {
        let (_, planned) = schedule(&app, &json!({"cron": "0 3 * * *", "run_at": run_at})).await;
        assert_eq!(planned["run_at"], first, "{run_at}");
    }
    app.close().await;
}

#[tokio::test]
async fn fixed_work_is_due_on_the_clock_of_the_tenant_also_when_that_changes() {
    let mut settings = NOTHING_FIXED.map(str::to_owned).to_vec();
    settings.retain(|setting| !setting.starts_with("schedules.relearn"));
    settings.extend(["schedules.relearn=0 4 * * SUN".to_owned(), "metrics.time_zone=Europe/Berlin".to_owned()]);
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let app = TestApp::spawn_with(&settings).await;
    assert_eq!(run(&app).await, 0);
    let tenant = TenantId::default_tenant();
    let known = app.app.engine.store.schedules(&tenant).await.expect("it answers");
    assert_eq!((known.len(), known[0].name.as_str()), (1, "relearn"));
    assert_eq!(known[0].next_run, Timestamp::parse("2026-09-06T02:00:00Z"));

    // Sunday the 25th of October at four is three in UTC: clocks go back on that night.
    let weeks = ["2026-10-18T02:00:00Z", "2026-10-25T03:00:00Z", "2026-11-01T03:00:00Z"];
    for (moment, next) in [("2026-10-17T00:00:00Z", weeks[0]), (weeks[0], weeks[1]), (weeks[1], weeks[2])] {
        let moment = Timestamp::parse(moment).expect("a time");
        let now = app.app.engine.now();
        app.clock.advance_millis(moment.as_millis() - now.as_millis());
        assert_eq!((run(&app).await, run(&app).await), (1, 0), "{moment}");
        let known = app.app.engine.store.schedules(&tenant).await.expect("it answers");
        assert_eq!(known[0].next_run, Timestamp::parse(next), "{moment}");
    }
    let made = app.get(&format!("{LIST}?kind=relearn")).await.json();
    assert_eq!(made["count"], 3, "{made:#}");
    assert_eq!(made["results"][0]["progress"], json!({"done": 0, "total": 0}), "there was nothing to learn anew");
    app.close().await;
}

#[tokio::test]
async fn exposures_expire_and_a_late_conversation_credits_them_all_the_same() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let question = json!({"utterance": "how much is the premium membership per month?", "conversation_id": "300"});
    let shown = app.post("/retrieve/", &question).await.json()["results"].as_array().expect("results").len();
    assert!(shown > 0);
    app.app.flush_exposures().await;
    run(&app).await;
    let tenant = TenantId::default_tenant();
    let expired = async || app.app.engine.store.totals(&tenant).await.expect("it answers").expired_exposures;
    app.clock.advance_millis(6 * DAY_MS);
    run(&app).await;
    assert_eq!(expired().await, 0);
    app.clock.advance_millis(2 * DAY_MS);
    run(&app).await;
    assert_eq!(expired().await, shown as i64);
    assert_eq!(app.get("/jobs/summary/").await.json()["expired_exposures"], json!(shown));

    app.learn([price_call("300")]).await;
    assert_eq!(expired().await, 0);
    let entries = app.get("/training/knowledge-base/").await.json();
    let used = entries["results"].as_array().expect("a list").iter();
    assert!(used.filter_map(|entry| entry["success"]["uses"].as_i64()).sum::<i64>() >= 1, "{entries:#}");
    app.close().await;
}

#[tokio::test]
async fn what_people_write_twice_becomes_one_case() {
    let app = TestApp::spawn().await;
    let content = "The premium membership is 49 dollars a month and includes the pool.";
    for title in ["Price of premium", "What premium costs"] {
        let entry = json!({
            "knowledge_type": "faq", "category": "sales", "language": "en", "title": title, "content": content,
            "trigger_phrases": ["how much is the premium membership", "price of the premium membership per month"],
        });
        assert_eq!(app.post("/training/knowledge-base/", &entry).await.status, 201);
    }
    app.drain_jobs().await;
    for _ in 0..3 {
        run(&app).await;
        app.clock.advance_millis(HOUR_MS);
    }
    let cases = app.get("/cases/?kind=near_duplicate").await.json();
    assert_eq!(cases["count"], 1, "{cases:#}");
    app.close().await;
}

#[tokio::test]
async fn a_session_goes_on_when_its_job_is_stopped_and_run_again() {
    let app = TestApp::spawn().await;
    assert_eq!(app.post("/conversations/", &price_call("100")).await.status, 202);
    let session = app.post(START, &json!({"kind": "process_new"})).await.json();
    let id = session["id"].as_str().expect("an id");
    let jobs = app.get("/jobs/?kind=training_session&state=queued").await.json();
    let job = jobs["results"][0]["id"].as_str().expect("a job").to_owned();
    assert_eq!(app.post(&format!("/jobs/{job}/cancel/"), &json!({})).await.status, 200);
    let shown = app.get(&format!("{LIST}{id}/")).await.json();
    assert_eq!(shown["status"], "failed", "{shown:#}");
    assert_eq!(shown["failures"].as_array().map(Vec::len), Some(1), "{shown:#}");
    assert_eq!(app.post(&format!("/jobs/{job}/retry/"), &json!({})).await.status, 200);
    assert_eq!(app.get(&format!("{LIST}{id}/")).await.json()["status"], "scheduled");
    app.drain_jobs().await;
    let shown = app.get(&format!("{LIST}{id}/")).await.json();
    assert_eq!((&shown["status"], &shown["failures"]), (&json!("completed"), &json!([])), "{shown:#}");
    app.close().await;
}

#[tokio::test]
async fn a_conversation_whose_job_is_stopped_is_not_waited_for() {
    let app = TestApp::spawn().await;
    assert_eq!(app.post("/conversations/", &price_call("100")).await.status, 202);
    let session = app.post(START, &json!({"kind": "process_new"})).await.json();
    let kinds = [KindLimit { kind: "training_session", limit: 1 }];
    let now = app.app.engine.now();
    let page = app.app.engine.store.claim("a test", &kinds, now, 60_000, 1).await.expect("it answers").remove(0);
    app.app.learner.run(&page).await.expect("it queues what there is to learn");
    let analyses = app.get("/jobs/?kind=analyze&state=queued").await.json();
    let newest = analyses["results"][0]["id"].as_str().expect("a job");
    assert_eq!(app.post(&format!("/jobs/{newest}/cancel/"), &json!({})).await.status, 200);
    app.drain_jobs().await;
    let ended = app.get(&format!("{LIST}{}/", session["id"].as_str().expect("an id"))).await.json();
    assert_eq!((&ended["status"], &ended["progress"]), (&json!("completed"), &json!({"done": 1, "total": 1})));
    assert_eq!(ended["failures"].as_array().map(Vec::len), Some(1), "{ended:#}");
    app.close().await;
}

/// One of several workers on one database.
async fn worker(directory: &Path, url: &str, clock: &Arc<ManualClock>) -> App {
    let store = format!("store.url={url}");
    let settings: Vec<&str> = NOTHING_FIXED.into_iter().chain([store.as_str()]).collect();
    let config = config(directory.to_path_buf(), &settings);
    let parts = Parts { clock: clock.clone(), ids: Arc::new(RandomIds), embedders: Some(embedders().await) };
    App::build(config, parts).await.expect("the application opens")
}

async fn sessions(app: &App) -> Vec<Session> {
    let tenant = TenantId::default_tenant();
    let page = PageRequest::first(100);
    app.engine.store.list_sessions(&tenant, &SessionFilter::default(), &page).await.expect("it answers").items
}

/// A tick happens once with two workers that look at the same time, and across a restart of both.
async fn ticks_once(url: &str) {
    let clock = Arc::new(ManualClock::at(Timestamp::parse("2026-09-02T08:00:00Z").expect("a time")));
    let directories = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
    let tenant = TenantId::default_tenant();
    let wanted = NewSession {
        name: Some("hourly".to_owned()),
        kind: SessionKind::ProcessNew,
        run_at: None,
        cron: Cron::parse("0 * * * *").ok(),
        selection: Selection::default(),
    };
    for round in 0..3 {
        let one = worker(directories[0].path(), url, &clock).await;
        let two = worker(directories[1].path(), url, &clock).await;
        if round == 0 {
            one.learner.start_session(&tenant, wanted.clone(), None).await.expect("it is planned");
        }
        for _ in 0..3 {
            clock.advance_millis(HOUR_MS);
            let (first, second) = tokio::join!(one.run_schedules(), two.run_schedules());
            let fired = first.expect("it looks") + second.expect("it looks");
            assert_eq!(fired, 1, "on {}", one.engine.store.database());
            assert_eq!(two.run_schedules().await.expect("it looks"), 0);
        }
        let (first, second) = tokio::join!(one.run_jobs(), two.run_jobs());
        first.expect("the queue can be read");
        second.expect("the queue can be read");
        let made = sessions(&one).await;
        let ended = made.iter().filter(|session| session.status == SessionStatus::Completed).count();
        assert_eq!((made.len(), ended), (1 + 3 * (round + 1), 3 * (round + 1)), "{made:#?}");
        // The last tick of a round is taken, and the next is an hour away: a restart does not take it again.
        one.close(None).await;
        two.close(None).await;
    }
    let one = worker(directories[0].path(), url, &clock).await;
    assert_eq!(one.run_schedules().await.expect("it looks"), 0);
    let jobs = one.engine.store.list_jobs(&tenant, &JobFilter::default(), &PageRequest::first(100)).await;
    let jobs = jobs.expect("it answers").items;
    assert_eq!(jobs.iter().filter(|job| job.kind == "training_session").count(), 9, "{jobs:#?}");
    let mut names: Vec<String> = sessions(&one).await.into_iter().map(|session| session.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 10, "every tick has a time of its own: {names:?}");
    one.close(None).await;
}

#[tokio::test]
async fn a_tick_happens_once_with_two_workers_and_across_restarts_on_sqlite() {
    let directory = tempfile::tempdir().expect("a directory");
    ticks_once(&format!("sqlite:{}", directory.path().join("turnwise.db").display())).await;
}

#[tokio::test]
async fn a_tick_happens_once_with_two_workers_and_across_restarts_on_postgres() {
    let database = TestDatabase::create().await;
    ticks_once(&database.url).await;
    database.drop().await;
}
