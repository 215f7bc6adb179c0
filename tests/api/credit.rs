//! The loop: what is shown, what of it is said, and how that ends.

use serde_json::{Value, json};
use turnwise::store::jobs::KindLimit;
use uuid::Uuid;

use crate::api::fixtures::{call, hours_call, price_call};
use crate::support::app::{TestApp, answer};

const PRICE: &str = "how much is the premium membership per month?";
const HOURS: &str = "what time do you open on sundays?";
const BASE: &str = "/training/knowledge-base/";

/// Asks as an agent does on a turn; the retrieval's id and the entries that were shown.
async fn ask(app: &TestApp, utterance: &str, conversation: Option<&str>) -> (String, Vec<String>) {
    let question = json!({"utterance": utterance, "conversation_id": conversation});
    let answer = app.post("/retrieve/", &question).await.json();
    let shown = answer["results"].as_array().expect("results").iter();
    let ids = shown.map(|entry| entry["knowledge_id"].as_str().expect("an id").to_owned());
    (answer["retrieval_id"].as_str().expect("an id").to_owned(), ids.collect())
}

async fn entries(app: &TestApp) -> Vec<Value> {
    app.get(BASE).await.json()["results"].as_array().expect("a list").clone()
}

/// The entry whose content holds these words.
async fn entry(app: &TestApp, words: &str) -> Value {
    let entries = entries(app).await;
    let found = entries.iter().find(|entry| entry["content"].as_str().is_some_and(|text| text.contains(words)));
    found.unwrap_or_else(|| panic!("{words} in {entries:#?}")).clone()
}

async fn uses(app: &TestApp) -> Vec<(String, i64)> {
    let used = entries(app).await;
    let used = used.iter().filter_map(|entry| {
        let uses = entry["success"]["uses"].as_i64().expect("a number");
        (uses > 0).then(|| (entry["id"].as_str().expect("an id").to_owned(), uses))
    });
    used.collect()
}

fn rate(entry: &Value) -> f64 {
    entry["success_rate"].as_f64().expect("a number")
}

/// A conversation in which the price is told in other words, and the second question is not answered.
fn used_call(external_id: &str) -> Value {
    call(
        external_id,
        &[
            ("user", PRICE),
            (
                "agent",
                "So the premium membership is 49 dollars a month, with the pool, the sauna and all group classes.",
            ),
            ("user", HOURS),
            ("agent", "Let me ask my colleague about that, one moment please."),
            ("user", "Never mind, thank you, that is all. Bye."),
        ],
    )
}

#[tokio::test]
async fn what_was_said_of_what_was_shown_is_counted_once() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100"), hours_call("200")]).await;
    let price = entry(&app, "49 dollars").await;
    let id = price["id"].as_str().expect("an id").to_owned();
    let mut shown = 0;
    for asked in [PRICE, HOURS, "and is there a place to park"] {
        shown += ask(&app, asked, Some("300")).await.1.len();
    }
    assert_eq!(uses(&app).await, []);
    let before = app.app.engine.store.count_conversations(&tenant()).await.expect("a number");
    app.learn([used_call("300")]).await;
    assert_eq!(uses(&app).await, [(id.clone(), 1)]);
    assert!(rate(&entry(&app, "49 dollars").await) > rate(&price));

    let again = app.post("/conversations/", &used_call("300")).await;
    assert_eq!(again.status, 200);
    app.drain_jobs().await;
    assert_eq!(uses(&app).await, [(id.clone(), 1)]);
    assert_eq!(app.app.engine.store.count_conversations(&tenant()).await.expect("a number"), before + 1);

    let metrics = app.get("/training/performance-metrics/?period=daily").await.json();
    let day = metrics["results"].as_array().expect("a list").iter().find(|day| day["retrievals"] == 3);
    let use_rate = day.unwrap_or_else(|| panic!("{metrics:#}"))["use_rate"].as_f64().expect("a number");
    assert!((use_rate - 1.0 / shown as f64).abs() < 1e-9, "{use_rate} of {shown}");

    // Erased, it has never been used.
    assert_eq!(app.delete("/conversations/300/").await.status, 204);
    assert_eq!(uses(&app).await, []);
    assert!((rate(&entry(&app, "49 dollars").await) - rate(&price)).abs() < 1e-9);
    app.close().await;
}

#[tokio::test]
async fn a_retrieval_id_beside_a_turn_is_enough() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let id = entry(&app, "49 dollars").await["id"].as_str().expect("an id").to_owned();
    let (retrieval, shown) = ask(&app, PRICE, None).await;
    assert!(shown.contains(&id));
    let mut conversation = used_call("300");
    conversation["turns"][1]["retrieval_id"] = json!(retrieval);
    app.learn([conversation]).await;
    assert_eq!(uses(&app).await, [(id, 1)]);
    app.close().await;
}

#[tokio::test]
async fn an_outcome_that_is_known_later_counts_and_can_be_corrected() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    ask(&app, PRICE, Some("300")).await;
    let mut open = used_call("300");
    (open["outcome"], open["satisfaction"]) = (json!("unknown"), Value::Null);
    app.learn([open]).await;
    let conversation = app.get("/conversations/300/").await.json()["id"].clone();
    let tell = async |outcome: &str, source: &str| {
        let told = json!({"conversation_id": "300", "outcome": outcome, "source": source});
        let answer = app.post("/outcomes/", &told).await;
        assert_eq!((answer.status, answer.json()["is_known"].as_bool()), (202, Some(true)), "{}", answer.text);
        app.drain_jobs().await;
        let list = app.get("/training/training-data/").await.json();
        let records = list["results"].as_array().expect("a list").clone();
        let record = records.iter().find(|record| record["ai_conversation"] == conversation);
        let record = record.unwrap_or_else(|| panic!("{list:#}")).clone();
        (record["outcome"].clone(), record["outcome_source"].clone(), rate(&entry(&app, "49 dollars").await))
    };
    let failed = tell("unsuccessful", "platform").await;
    assert_eq!((&failed.0, &failed.1), (&json!("unsuccessful"), &json!("platform")));
    let mended = tell("successful", "caller").await;
    assert_eq!((&mended.0, &mended.1), (&json!("successful"), &json!("caller")));
    assert!(mended.2 > failed.2 + 0.05, "{} {}", mended.2, failed.2);
    let unheard = tell("unsuccessful", "platform").await;
    assert_eq!(unheard, mended, "the caller is believed before the platform");
    assert_eq!(uses(&app).await.iter().map(|(_, uses)| uses).sum::<i64>(), 1);
    app.close().await;
}

#[tokio::test]
async fn an_outcome_may_come_before_its_conversation() {
    let app = TestApp::spawn().await;
    let told = json!({"conversation_id": "100", "outcome": "unsuccessful", "satisfaction": 1.0});
    let answer = app.post("/outcomes/", &told).await;
    assert_eq!((answer.status, answer.json()["is_known"].as_bool()), (202, Some(false)));
    app.learn([price_call("100")]).await;
    let list = app.get("/training/training-data/").await.json();
    assert_eq!(list["results"][0]["outcome"], "unsuccessful", "{list:#}");
    for (wrong, field) in [
        (json!({"outcome": "successful"}), "conversation_id"),
        (json!({"conversation_id": "1"}), "outcome"),
        (json!({"conversation_id": "1", "outcome": "great"}), "outcome"),
        (json!({"conversation_id": "1", "outcome": "partial", "satisfaction": 6}), "satisfaction"),
        (json!({"conversation_id": "1", "outcome": "partial", "confidence": 2}), "confidence"),
        (json!({"conversation_id": "1", "outcome": "partial", "source": "me"}), "source"),
    ] {
        let answer = app.post("/outcomes/", &wrong).await;
        assert_eq!((answer.status, answer.json()["field"].as_str()), (422, Some(field)), "{}", answer.text);
    }
    app.close().await;
}

#[tokio::test]
async fn a_rating_that_is_told_is_the_conversations() {
    let app = TestApp::spawn().await;
    let tell = async |told: Value| assert_eq!(app.post("/outcomes/", &told).await.status, 202);
    let rating = async || app.get("/conversations/100/").await.json()["satisfaction"].clone();
    tell(json!({"conversation_id": "100", "outcome": "successful", "satisfaction": 2})).await;
    app.learn([price_call("100")]).await;
    assert_eq!(rating().await, 2, "it was handed in with 5");
    tell(json!({"conversation_id": "100", "outcome": "successful", "satisfaction": 4})).await;
    assert_eq!(rating().await, 4);
    // An outcome alone says nothing of it, and a platform is not believed before the caller.
    tell(json!({"conversation_id": "100", "outcome": "partial"})).await;
    tell(json!({"conversation_id": "100", "outcome": "partial", "source": "platform", "satisfaction": 1})).await;
    app.drain_jobs().await;
    assert_eq!(rating().await, 4);
    let metrics = app.get("/training/performance-metrics/?period=daily").await.json();
    let day = metrics["results"].as_array().expect("a list").iter().find(|day| day["conversations"] == 1);
    assert_eq!(day.unwrap_or_else(|| panic!("{metrics:#}"))["average_satisfaction"], 4.0);

    let mut again = price_call("100");
    again["satisfaction"] = json!(1);
    assert_eq!(app.post("/conversations/?replace=true", &again).await.status, 202);
    app.drain_jobs().await;
    assert_eq!(rating().await, 4, "what was told apart from it counts first");
    app.close().await;
}

#[tokio::test]
async fn an_outcome_that_is_told_during_learning_neither_ends_it_early_nor_is_lost() {
    let app = TestApp::spawn().await;
    let mut open = price_call("100");
    (open["outcome"], open["satisfaction"]) = (json!("unknown"), Value::Null);
    assert_eq!(app.post("/conversations/", &open).await.status, 202);
    let tell = async |outcome: &str| {
        let told = json!({"conversation_id": "100", "outcome": outcome});
        assert_eq!(app.post("/outcomes/", &told).await.status, 202);
    };
    tell("unsuccessful").await;
    for kind in ["analyze", "index_chunks", "distill", "credit"] {
        let (kinds, store) = ([KindLimit { kind, limit: 1 }], &app.app.engine.store);
        let jobs = store.claim("a test", &kinds, app.app.engine.now(), 60_000, 1).await.expect("it answers");
        assert_eq!(jobs.len(), 1, "{kind}");
        app.app.learner.run(&jobs[0]).await.expect("it runs");
    }
    assert_eq!(app.get("/conversations/100/").await.json()["status"], "processing");
    // The stage that would have looked is over.
    tell("successful").await;
    app.drain_jobs().await;
    let record = app.get("/training/training-data/").await.json()["results"][0].clone();
    assert_eq!((&record["outcome"], &record["outcome_source"]), (&json!("successful"), &json!("caller")), "{record:#}");
    assert_eq!(app.get("/conversations/100/").await.json()["status"], "processed");
    assert_eq!(entry(&app, "49 dollars").await["status"], "live");
    app.close().await;
}

/// A conversation in which the question is asked and something else is said; the agent's turn names the retrieval.
fn evasive_call(external_id: &str, retrieval: &str) -> Value {
    let turns = [
        ("user", PRICE),
        ("agent", "Let me ask my colleague about that, one moment please."),
        ("user", "Never mind, thank you, that is all. Bye."),
    ];
    let mut conversation = call(external_id, &turns);
    conversation["turns"][1]["retrieval_id"] = json!(retrieval);
    conversation
}

#[tokio::test]
async fn a_use_that_names_its_retrieval_alone_is_of_the_conversation_that_names_it_too() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let known = entry(&app, "49 dollars").await;
    let id = known["id"].as_str().expect("an id").to_owned();
    let record = async |retrieval: &str| {
        let told = json!({"success": null, "retrieval_id": retrieval});
        assert_eq!(app.post(&format!("{BASE}{id}/record_usage/"), &told).await.status, 200);
    };

    let (before, _) = ask(&app, PRICE, None).await;
    record(&before).await;
    assert!((rate(&entry(&app, "49 dollars").await) - rate(&known)).abs() < 1e-9, "nobody knows yet");
    app.learn([evasive_call("300", &before)]).await;
    let first = entry(&app, "49 dollars").await;
    assert!(rate(&first) > rate(&known), "it ended well: {first:#}");

    let (after, _) = ask(&app, PRICE, None).await;
    app.learn([evasive_call("400", &after)]).await;
    assert_eq!(uses(&app).await, [(id.clone(), 1)], "nothing of it was said");
    record(&after).await;
    assert!(rate(&entry(&app, "49 dollars").await) > rate(&first));
    assert_eq!(uses(&app).await, [(id.clone(), 2)]);
    let shown = app.app.engine.store.retrievals_of(&tenant(), &["300"]).await.expect("it answers");
    assert!(shown.is_empty(), "they named no conversation");
    let metrics = app.get("/training/performance-metrics/?period=daily").await.json();
    let day = metrics["results"].as_array().expect("a list").iter().find(|day| day["retrievals"] == 2);
    let use_rate = day.unwrap_or_else(|| panic!("{metrics:#}"))["use_rate"].as_f64().expect("a number");
    assert!(use_rate > 0.0, "what a caller tells was used");

    for conversation in ["300", "400"] {
        assert_eq!(app.delete(&format!("/conversations/{conversation}/")).await.status, 204);
    }
    assert_eq!(uses(&app).await, []);
    app.close().await;
}

#[tokio::test]
async fn a_rating_or_a_correction_that_is_told_during_learning_is_not_lost() {
    let app = TestApp::spawn().await;
    let tell = async |id: &str, outcome: &str, satisfaction: Value| {
        let told = json!({"conversation_id": id, "outcome": outcome, "satisfaction": satisfaction});
        assert_eq!(app.post("/outcomes/", &told).await.status, 202);
    };
    tell("200", "unsuccessful", Value::Null).await;
    for mut conversation in [price_call("100"), hours_call("200")] {
        conversation["satisfaction"] = Value::Null;
        assert_eq!(app.post("/conversations/", &conversation).await.status, 202);
    }
    for kind in ["analyze", "index_chunks", "distill", "credit"] {
        let (kinds, store) = ([KindLimit { kind, limit: 2 }], &app.app.engine.store);
        let jobs = store.claim("a test", &kinds, app.app.engine.now(), 60_000, 2).await.expect("it answers");
        assert_eq!(jobs.len(), 2, "{kind}");
        for job in jobs {
            app.app.learner.run(&job).await.expect("it runs");
        }
    }
    tell("100", "successful", json!(1)).await;
    tell("200", "unknown", Value::Null).await;
    app.drain_jobs().await;
    let records = app.get("/training/training-data/").await.json()["results"].clone();
    let record = async |external_id: &str| {
        let conversation = app.get(&format!("/conversations/{external_id}/")).await.json();
        assert_eq!(conversation["status"], "processed");
        let mut records = records.as_array().expect("a list").iter();
        records.find(|record| record["ai_conversation"] == conversation["id"]).expect("its record").clone()
    };
    let rated = record("100").await;
    assert!(rated["success_score"].as_f64().is_some_and(|score| score < 0.85), "{rated:#}");
    let taken_back = record("200").await;
    assert_ne!(taken_back["outcome"], "unsuccessful", "{taken_back:#}");
    app.close().await;
}

#[tokio::test]
async fn usage_that_is_recorded_is_believed_and_counted_once() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let known = entry(&app, "49 dollars").await;
    let id = known["id"].as_str().expect("an id").to_owned();
    let path = format!("{BASE}{id}/record_usage/");
    let (retrieval, _) = ask(&app, PRICE, Some("300")).await;
    let record = async |body: Value| {
        let answer = app.post(&path, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        (body["success"]["uses"].as_i64().expect("a number"), rate(&body))
    };
    let failed = record(json!({"success": false, "retrieval_id": retrieval})).await;
    assert!(failed.0 == 1 && failed.1 < rate(&known), "{failed:?}");
    let mended = record(json!({"success": true, "retrieval_id": retrieval})).await;
    assert!(mended.0 == 1 && mended.1 > rate(&known), "{mended:?}");
    app.learn([used_call("300")]).await;
    assert_eq!(uses(&app).await, [(id.clone(), 1)], "the conversation shows the same use");

    let known = rate(&entry(&app, "49 dollars").await);
    for _ in 0..2 {
        let unknown = record(json!({"success": null, "conversation_id": "400"})).await;
        assert!(unknown.0 == 2 && (unknown.1 - known).abs() < 1e-9, "nobody knows yet: {unknown:?} {known}");
    }
    assert_eq!(record(json!({"success": true})).await.0, 3);
    assert_eq!(record(json!({})).await.0, 4, "without a name every call counts");

    let body = json!({"knowledge_type": "faq", "category": "service", "title": "Parking", "content": "It is free.",
        "trigger_phrases": ["where can I park"], "language": "en"});
    let unseen = app.post(BASE, &body).await.json()["id"].as_str().expect("an id").to_owned();
    let unseen = format!("{BASE}{unseen}/record_usage/");
    let refused = app.post(&unseen, &json!({"success": true, "retrieval_id": retrieval})).await;
    assert_eq!((refused.status, refused.json()["field"].as_str()), (422, Some("retrieval_id")), "{}", refused.text);
    assert!(refused.text.contains("that retrieval did not show this entry"), "{}", refused.text);

    let nobody = Uuid::from_u128(1);
    for (path, body, status) in [
        (format!("{BASE}{nobody}/record_usage/"), json!({}), 404),
        (format!("{BASE}not-an-id/record_usage/"), json!({}), 404),
        (path.clone(), json!({"retrieval_id": nobody}), 404),
        (path.clone(), json!({"retrieval_id": "x"}), 422),
        (path.clone(), json!({"success": "yes"}), 422),
        (path.clone(), json!({"conversation_id": " "}), 422),
    ] {
        let answer = app.post(&path, &body).await;
        assert_eq!(answer.status, status, "{body} {}", answer.text);
    }
    app.close().await;
}

/// What existing agents ask on every turn.
#[tokio::test]
async fn an_agent_that_searches_by_intent_is_shown_what_it_finds() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100"), hours_call("200")]).await;
    let key = app.post("/keys/", &json!({"name": "agent", "scope": "agent"})).await.json();
    let key = key["key"].as_str().expect("a key").to_owned();
    let path = format!("/api/v1/ai{BASE}search_by_intent/?q=how+much+is+the+premium+membership&conversation_id=300");
    let search = async |path: &str| answer(app.request(reqwest::Method::GET, path).bearer_auth(&key)).await;
    let found = search(&path).await.json();
    assert!(found["retrieval_id"].is_string(), "{found:#}");
    let first = &found["results"][0];
    assert!(first["content"].as_str().is_some_and(|text| text.contains("49 dollars")), "{found:#}");
    assert!(first["score"].is_number() && first["similarity"].is_number() && first["trigger_phrases"].is_array());
    assert_eq!(found["count"].as_u64(), found["results"].as_array().map(|list| list.len() as u64));
    let retired = search(&format!("{path}&status=retired")).await;
    assert_eq!((retired.status, retired.json()["field"].as_str()), (422, Some("status")));

    // A person who looks is shown nothing, so to speak.
    let looked = app.get(&format!("{BASE}search_by_intent/?q=price&conversation_id=300")).await.json();
    assert!(looked.get("retrieval_id").is_none(), "{looked:#}");
    app.app.flush_exposures().await;
    let shown = app.app.engine.store.retrievals_of(&tenant(), &["300"]).await.expect("it answers");
    assert_eq!(shown.len(), 1);
    app.learn([used_call("300")]).await;
    assert_eq!(uses(&app).await.len(), 1);
    app.close().await;
}

fn tenant() -> turnwise::domain::ids::TenantId {
    turnwise::domain::ids::TenantId::default_tenant()
}
