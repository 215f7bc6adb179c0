//! A walk through every route of the OpenAPI document, with real content: both databases answer the same.

use std::collections::BTreeMap;

use regex::Regex;
use reqwest::Method;
use serde_json::{Value, json};
use turnwise::api::PREFIX;

use crate::api::callers::ask;
use crate::api::content::{ask_in_vain, find_gaps, open_case};
use crate::api::fixtures::{call, hours_call, price_call};
use crate::support::app::{ADMIN_KEY, TestApp};
use crate::support::postgres::TestDatabase;
use crate::support::settled::settled;

const ENTRIES: &str = "/training/knowledge-base/";
const RECORDS: &str = "/training/training-data/";
const SESSIONS: &str = "/training/training-sessions/";
const METRICS: &str = "/training/performance-metrics/";
/// What differs from run to run: chance, the computer's speed, what is written beside the requests, and what a model
/// measured.
const FLEETING: [&str; 6] =
    ["key", "last_used_at", "retrieval_p50_ms", "retrieval_p99_ms", "estimated_satisfaction", "average_success_score"];

/// Somebody who asks one route after the other, and notes what is answered.
struct Walker<'a> {
    app: &'a TestApp,
    /// The routes of the document with what their paths look like, those without an id first.
    routes: Vec<(String, Regex)>,
    /// How often each was asked.
    asked: BTreeMap<String, usize>,
    noted: Vec<Value>,
}

impl<'a> Walker<'a> {
    fn new(app: &'a TestApp) -> Self {
        let document = serde_json::to_value(turnwise::api::openapi()).expect("JSON");
        let id = Regex::new(r"\\\{[^/]*\\\}").expect("it is valid");
        let mut routes = Vec::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for method in item.as_object().expect("operations").keys() {
                let name = format!("{} {path}", method.to_uppercase());
                let looks = format!("^{}$", id.replace_all(&regex::escape(&name), "[^/]+"));
                routes.push((name, Regex::new(&looks).expect("it is valid")));
            }
        }
        routes.sort_by_key(|(name, _)| name.matches('{').count());
        let asked = routes.iter().map(|(name, _)| (name.clone(), 0)).collect();
        Self { app, routes, asked, noted: Vec::new() }
    }

    async fn get(&mut self, path: &str) -> Value {
        self.ask(ADMIN_KEY, Method::GET, &format!("{PREFIX}{path}"), None).await
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        self.ask(ADMIN_KEY, Method::POST, &format!("{PREFIX}{path}"), Some(body)).await
    }

    async fn delete(&mut self, path: &str) -> Value {
        self.ask(ADMIN_KEY, Method::DELETE, &format!("{PREFIX}{path}"), None).await
    }

    /// Asks a second after whatever was before, and notes the answer, which is a good one.
    async fn ask(&mut self, key: &str, method: Method, path: &str, body: Option<Value>) -> Value {
        self.app.clock.advance_millis(1_000);
        let bare = path.split('?').next().unwrap_or_default();
        let wanted = format!("{method} {bare}");
        let (route, _) = self.routes.iter().find(|(_, looks)| looks.is_match(&wanted)).expect("it is in the document");
        *self.asked.entry(route.clone()).or_default() += 1;
        let told = ask(self.app, key, method.clone(), path, body.as_ref()).await;
        assert!((200..300).contains(&told.status), "{method} {path}: {} {}", told.status, told.text);
        let answered = match told.header("content-type").split(';').next() {
            Some("application/json") => told.json(),
            // Those of all tests that run in this process.
            Some("text/plain") => json!(told.text.contains("# TYPE turnwise_")),
            Some("text/csv") => table(&told.text),
            _ => json!(told.text),
        };
        let mut noted = json!({"request": format!("{method} {path}"), "status": told.status, "answer": answered});
        if let Some(body) = body {
            noted["body"] = body;
        }
        self.noted.push(noted);
        answered
    }

    /// Everything that was answered, once no route is left.
    fn end(mut self) -> Value {
        let left: Vec<&String> = self.asked.iter().filter(|(_, times)| **times == 0).map(|(name, _)| name).collect();
        assert!(left.is_empty(), "nobody asked {left:#?}");
        self.noted.iter_mut().for_each(forget);
        settled(Value::Array(self.noted))
    }
}

/// A table as the list of its rows.
fn table(text: &str) -> Value {
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let names = lines.next().expect("a head");
    let row = |cells: Vec<String>| -> Value {
        names.iter().cloned().zip(cells).map(|(name, cell)| (name, Value::String(cell))).collect()
    };
    lines.map(row).collect()
}

/// Takes out what differs from run to run.
fn forget(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(forget),
        Value::Object(fields) => {
            for (name, field) in fields {
                match FLEETING.contains(&name.as_str()) && !field.is_null() {
                    true => *field = json!("differs"),
                    false => forget(field),
                }
            }
        }
        _ => {}
    }
}

fn id_of(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value:#}")).to_owned()
}

fn refund() -> Value {
    json!({
        "knowledge_type": "response_pattern", "category": "billing", "title": "Refunds", "language": "en",
        "content": "Refunds are paid back to the card within five working days.",
        "trigger_phrases": ["how do I get my money back", "refund please"], "success_rate": 0.85,
    })
}

/// What was asked in vain is dismissed, opened again and answered.
async fn walk_gaps(walker: &mut Walker<'_>) {
    ask_in_vain(walker.app, "501").await;
    find_gaps(walker.app).await;
    let listed = walker.get("/gaps/?status=open&ordering=volume").await;
    let path = format!("/gaps/{}/", id_of(&listed["results"][0]));
    walker.get(&path).await;
    walker.post(&format!("{path}dismiss/"), json!({"reason": "not our business"})).await;
    walker.post(&format!("{path}undo/"), json!({})).await;
    let words = json!({"content": "There are two charging points behind the building.", "category": "service"});
    walker.post(&format!("{path}accept/"), words).await;
    walker.app.drain_jobs().await;
}

/// A conversation comes in and is learned from; how another ended is told later.
async fn walk_conversations(walker: &mut Walker<'_>) {
    for conversation in [price_call("100"), hours_call("200")] {
        walker.post("/conversations/", conversation).await;
        walker.app.drain_jobs().await;
    }
    walker.get("/conversations/?category=sales&limit=1").await;
    walker.get("/conversations/100/").await;
    walker.get("/conversations/search/?q=monthly+price&limit=2").await;

    let question = json!({"utterance": "how much is the premium membership per month?", "conversation_id": "300"});
    walker.post("/retrieve/", question).await;
    walker.app.app.flush_exposures().await;
    let mut later = call(
        "300",
        &[
            ("user", "how much is the premium membership per month?"),
            ("agent", "The premium membership is 49 dollars a month, with the pool and all group classes."),
            ("user", "Thank you, I will think about it. Bye."),
        ],
    );
    later.as_object_mut().expect("an object").remove("outcome");
    walker.post("/conversations/", later).await;
    walker.app.drain_jobs().await;
    let outcome = json!({"conversation_id": "300", "outcome": "successful", "satisfaction": 4, "source": "platform"});
    walker.post("/outcomes/", outcome).await;
    walker.app.drain_jobs().await;
}

/// A curator writes an entry, changes it and puts it back; agents find it and say how it helped.
async fn walk_knowledge(walker: &mut Walker<'_>) {
    let made = walker.post("/keys/", json!({"name": "front desk", "scope": "agent"})).await;
    let agent = made["key"].as_str().expect("it is shown once").to_owned();
    let id = id_of(&walker.post(ENTRIES, refund()).await);
    let path = format!("{ENTRIES}{id}/");
    walker.app.drain_jobs().await;
    let change = json!({"title": "Money back", "success_rate": 0.75});
    walker.ask(ADMIN_KEY, Method::PATCH, &format!("{PREFIX}{path}"), Some(change)).await;
    walker.get(&format!("{path}versions/")).await;
    walker.post(&format!("{path}versions/1/restore/"), json!({})).await;
    walker.app.drain_jobs().await;

    walker.get(&format!("{ENTRIES}search_by_intent/?intent=refund&category=billing&limit=3")).await;
    let question = "how+do+I+get+my+money+back&category=billing&conversation_id=400";
    let search = format!("{PREFIX}{ENTRIES}search_by_intent/?q={question}");
    let shown = walker.ask(&agent, Method::GET, &search, None).await;
    assert_eq!(shown["results"][0]["id"], json!(id), "{shown:#}");
    walker.app.app.flush_exposures().await;
    let used = json!({"success": true, "retrieval_id": shown["retrieval_id"]});
    let used_path = format!("{PREFIX}{path}record_usage/");
    walker.ask(&agent, Method::POST, &used_path, Some(used)).await;
    walker.get(&path).await;
    walker.get(&format!("{ENTRIES}?search=card")).await;

    let mut other = refund();
    other["content"] = json!("You get your money back on your card within a week.");
    other["trigger_phrases"] = json!(["when is my refund on the card"]);
    let other = id_of(&walker.post(ENTRIES, other).await);
    walker.app.drain_jobs().await;
    let case = format!("/cases/{}/", open_case(walker.app, &id, &other).await);
    walker.get("/cases/?kind=near_duplicate").await;
    walker.get(&case).await;
    walker.post(&format!("{case}decide/"), json!({"decision": "merge", "reason": "the same"})).await;
    walker.post(&format!("{case}undo/"), json!({})).await;
    walker.app.drain_jobs().await;
    walker.delete(&format!("{ENTRIES}{other}/")).await;
    walker.app.drain_jobs().await;
}

/// What was learned from conversations, and learning from them again, now and every night.
async fn walk_training(walker: &mut Walker<'_>) {
    walker.get(&format!("{RECORDS}?outcome=successful&min_score=0.1")).await;
    walker.get(&format!("{RECORDS}100/")).await;
    let labels = json!({
        "conversation_id": "200", "conversation_category": "support", "outcome": "partial",
        "user_intents": ["booking", "information"],
    });
    walker.post(&format!("{RECORDS}process_conversation/"), labels).await;
    walker.app.drain_jobs().await;
    walker.get(&format!("{RECORDS}analytics/?period=daily")).await;
    let session = walker.post(&format!("{RECORDS}bulk_process/"), json!({"conversation_ids": ["100", "200"]})).await;
    walker.app.drain_jobs().await;
    walker.get(&format!("{SESSIONS}{}/", id_of(&session))).await;

    let start = format!("{SESSIONS}start_training/");
    let nightly = json!({"kind": "relearn", "name": "nightly", "cron": "0 3 * * *", "filter": {"category": "sales"}});
    let schedule = format!("{SESSIONS}{}/", id_of(&walker.post(&start, nightly).await));
    for step in ["pause", "resume", "cancel"] {
        walker.post(&format!("{schedule}{step}/"), json!({})).await;
    }
    walker.get(SESSIONS).await;

    let entry = json!({
        "key": "agentknowledgebase/7", "knowledge_type": "response_template", "category": "sales", "title": "Trial",
        "content": "The first week is free of charge.", "trigger_phrases": ["free trial"], "success_rate": 0.9,
        "language": "en", "created_at": "2026-08-01T10:00:00Z",
    });
    let record = json!({
        "key": "conversationtrainingdata/3", "ai_conversation": "17", "conversation_category": "sales",
        "outcome": "successful", "success_score": 0.75, "key_phrases": ["free trial"], "user_intents": ["booking"],
        "conversation_summary": "The user asked for a trial.", "language": "en", "created_at": "2026-09-01T10:00:00Z",
    });
    let wrong = json!({"title": "nothing else"});
    walker.post("/training/import/", json!({"entries": [entry, wrong], "records": [record]})).await;
    walker.app.drain_jobs().await;
}

/// A hold-out is made, run, looked at and stopped.
async fn walk_experiments(walker: &mut Walker<'_>) {
    let arms = json!([
        {"name": "with", "share": 0.5, "settings": {}}, {"name": "without", "share": 0.5, "settings": {"holdout": true}},
    ]);
    let wanted = json!({"name": "what is it worth", "kind": "holdout", "metric": "success_rate", "arms": arms});
    let made = walker.post("/experiments/", wanted).await;
    let path = format!("/experiments/{}/", id_of(&made));
    walker.post(&format!("{path}start/"), json!({})).await;
    let mut arms = [0, 0];
    for number in 0..12 {
        let name = format!("arm-{number}");
        let question = json!({"utterance": "how much is the premium membership per month?", "conversation_id": name});
        let told = walker.app.post("/retrieve/", &question).await.json();
        let is_held_out = told["reason"] == "holdout";
        let arm = &mut arms[usize::from(is_held_out)];
        *arm += 1;
        if *arm <= 2 {
            let mut conversation = price_call(&name);
            conversation["outcome"] = json!(if is_held_out { "unsuccessful" } else { "successful" });
            walker.app.app.flush_exposures().await;
            walker.app.learn([conversation]).await;
        }
    }
    walker.app.app.flush_exposures().await;
    walker.get(&format!("{path}results/?mde=0.1")).await;
    walker.post(&format!("{path}stop/"), json!({})).await;
    walker.get(&path).await;
    walker.get("/experiments/?status=stopped").await;
    let query = format!("?period=daily&from=2026-09-01T00:00:00Z&experiment={}&arm=with", id_of(&made));
    walker.get(&format!("{METRICS}{query}")).await;
}

/// The numbers, the queue, the keys and the health of it all; and what is erased.
async fn walk_operation(walker: &mut Walker<'_>) {
    walker.get(&format!("{METRICS}?period=weekly&from=2026-08-25T00:00:00Z")).await;
    walker.get(&format!("{METRICS}?period=monthly&from=2026-08-25T00:00:00Z&format=csv")).await;
    walker.get(&format!("{METRICS}summary/?period=daily")).await;

    walker.post("/conversations/", hours_call("600")).await;
    let queued = walker.get("/jobs/?state=queued&kind=analyze").await;
    let job = format!("/jobs/{}/", id_of(&queued["results"][0]));
    walker.post(&format!("{job}cancel/"), json!({})).await;
    walker.post(&format!("{job}retry/"), json!({})).await;
    walker.get("/jobs/summary/").await;
    walker.app.drain_jobs().await;
    walker.get(&job).await;

    let keys = walker.get("/keys/?scope=agent").await;
    let key = format!("/keys/{}/", id_of(&keys["results"][0]));
    walker.delete(&key).await;
    walker.get(&key).await;
    walker.delete("/conversations/100/").await;
    for path in ["/health/live", "/health/ready", "/metrics"] {
        walker.ask(ADMIN_KEY, Method::GET, path, None).await;
    }
}

async fn walk(app: &TestApp) -> Value {
    turnwise::telemetry::start_metrics();
    let mut walker = Walker::new(app);
    walk_gaps(&mut walker).await;
    walk_conversations(&mut walker).await;
    walk_knowledge(&mut walker).await;
    walk_training(&mut walker).await;
    walk_experiments(&mut walker).await;
    walk_operation(&mut walker).await;
    walker.end()
}

/// What is offered is not left to chance here.
const SURE: &str = "retrieval.success_order=lower_bound";

#[tokio::test]
async fn every_route_answers_with_the_same_on_both_databases() {
    let app = TestApp::spawn_with(&[SURE]).await;
    let on_sqlite = walk(&app).await;
    app.close().await;
    let database = TestDatabase::create().await;
    let url = format!("store.url={}", database.url);
    let app = TestApp::spawn_with(&[SURE, url.as_str()]).await;
    let on_postgres = walk(&app).await;
    app.close().await;
    database.drop().await;

    let steps = |walked: &Value| walked.as_array().expect("a list").clone();
    for (one, other) in steps(&on_sqlite).iter().zip(steps(&on_postgres)) {
        assert_eq!(*one, other, "on SQLite and on PostgreSQL");
    }
    insta::assert_json_snapshot!("every_route", on_sqlite);
}
