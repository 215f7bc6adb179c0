//! Experiments: made, run, and what they say.

use reqwest::Method;
use serde_json::{Value, json};
use turnwise::api::PREFIX;
use turnwise::domain::ids::TenantId;

use crate::api::callers::{ask, make_key};
use crate::api::fixtures::price_call;
use crate::support::app::TestApp;

const QUESTION: &str = "how much is the premium membership per month?";
const METRICS: &str = "/training/performance-metrics/";

async fn create(app: &TestApp, body: &Value) -> Value {
    let made = app.post("/experiments/", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let experiment = made.json();
    let path = format!("{PREFIX}/experiments/{}/", experiment["id"].as_str().expect("an id"));
    assert_eq!(made.header("location"), path);
    experiment
}

async fn step(app: &TestApp, id: &str, step: &str) -> (u16, Value) {
    let answer = app.post(&format!("/experiments/{id}/{step}/"), &json!({})).await;
    (answer.status, answer.json())
}

/// Makes an experiment and starts it; its id.
async fn run(app: &TestApp, body: &Value) -> String {
    let made = create(app, body).await;
    assert_eq!((&made["status"], &made["started_at"]), (&json!("draft"), &Value::Null), "{made:#}");
    let id = made["id"].as_str().expect("an id").to_owned();
    let (status, running) = step(app, &id, "start").await;
    assert_eq!((status, &running["status"]), (200, &json!("running")), "{running:#}");
    assert!(running["started_at"].is_string());
    id
}

async fn retrieve(app: &TestApp, conversation: Option<&str>) -> Value {
    let answer = app.post("/retrieve/", &json!({"utterance": QUESTION, "conversation_id": conversation})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn is_held_out(answer: &Value) -> bool {
    answer["reason"] == "holdout"
}

fn holdout() -> Value {
    json!({"name": "what is it worth", "kind": "holdout", "arms": [
        {"name": "with", "share": 0.5, "settings": {}},
        {"name": "without", "share": 0.5, "settings": {"holdout": true}}]})
}

async fn results(app: &TestApp, id: &str, query: &str) -> Value {
    app.app.flush_exposures().await;
    let answer = app.get(&format!("/experiments/{id}/results/{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn a_hold_out_is_offered_nothing_and_says_what_knowledge_is_worth() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    assert!(!is_held_out(&retrieve(&app, Some("before")).await), "nothing runs yet");
    let id = run(&app, &holdout()).await;
    let (mut given, mut held) = (Vec::new(), Vec::new());
    for number in 0..24 {
        let name = format!("call-{number}");
        let first = retrieve(&app, Some(&name)).await;
        let again = retrieve(&app, Some(&name)).await;
        assert_eq!(is_held_out(&first), is_held_out(&again), "{name}");
        if is_held_out(&first) {
            assert_eq!((&first["abstained"], &first["results"]), (&json!(true), &json!([])), "{first:#}");
            assert!(first["retrieval_id"].is_string());
            held.push(name);
        } else {
            assert!(first["results"][0]["content"].as_str().is_some_and(|text| text.contains("49 dollars")));
            given.push(name);
        }
    }
    assert!(given.len() >= 2 && held.len() >= 2, "{given:?} {held:?}");
    let rendered = json!({"utterance": QUESTION, "conversation_id": held[0], "render": {"max_tokens": 300}});
    assert_eq!(app.post("/retrieve/", &rendered).await.json()["prompt_block"], "");
    for _ in 0..8 {
        assert!(!is_held_out(&retrieve(&app, None).await), "it names no conversation");
    }

    let mut calls: Vec<Value> = given[..2].iter().map(|name| price_call(name)).collect();
    for name in &held[..2] {
        let mut call = price_call(name);
        (call["outcome"], call["satisfaction"]) = (json!("unsuccessful"), json!(2));
        calls.push(call);
    }
    app.app.flush_exposures().await;
    app.learn(calls).await;
    let told = results(&app, &id, "?mde=0.1").await;
    assert_eq!((&told["control"], &told["metric"]), (&json!("without"), &json!("success_rate")), "{told:#}");
    assert_eq!((&told["mde"], &told["sample_ratio"]["is_mismatch"]), (&json!(0.1), &json!(false)));
    assert_eq!(told["sample_size_per_arm"], Value::Null, "nothing without knowledge was successful: {told:#}");
    let (with, without) = (&told["arms"][0], &told["arms"][1]);
    assert_eq!((&with["assigned"], &without["assigned"]), (&json!(given.len()), &json!(held.len())));
    for (arm, successful) in [(with, 2), (without, 0)] {
        let counts = (&arm["conversations"], &arm["judged"], &arm["successful"]);
        assert_eq!(counts, (&json!(2), &json!(2), &json!(successful)), "{told:#}");
    }
    assert_eq!((&with["lift"]["absolute"], &with["decision"]), (&json!(1.0), &json!("keep_going")));
    assert!(with["lift"]["low"].as_f64().is_some_and(|low| low < 1.0) && with["test"].is_null(), "{with:#}");
    assert_eq!(
        (&without["is_control"], &without["lift"], &without["decision"]),
        (&json!(true), &json!(null), &json!(null))
    );
    let rate = &with["success_rate"];
    assert!(rate["rate"] == 1.0 && rate["low"].as_f64().is_some_and(|low| low > 0.2 && low < 0.5), "{rate:#}");
    let satisfaction = &with["guardrails"]["average_satisfaction"];
    assert_eq!((&satisfaction["value"], &satisfaction["difference"]), (&json!(5.0), &json!(3.0)), "{with:#}");
    assert_eq!(with["guardrails"]["average_duration_s"]["value"], 150.0);

    // By arm, the metrics are of its conversations.
    let count = async |arm: &str| {
        let list = app.get(&format!("{METRICS}?experiment={id}&arm={arm}")).await.json();
        let periods = list["results"].as_array().unwrap_or_else(|| panic!("{list:#}")).clone();
        let day = periods.into_iter().find(|day| day["conversations"] != 0);
        day.map(|day| (day["conversations"].clone(), day["success_rate"].clone()))
    };
    assert_eq!(count("with").await, Some((json!(2), json!(1.0))));
    assert_eq!(count("without").await, Some((json!(2), json!(0.0))));

    let (status, stopped) = step(&app, &id, "stop").await;
    assert_eq!((status, &stopped["status"]), (200, &json!("stopped")), "{stopped:#}");
    assert!(!is_held_out(&retrieve(&app, Some(&held[0])).await), "it has ended");
    assert_eq!(step(&app, &id, "stop").await.0, 200);
    assert_eq!(step(&app, &id, "start").await.0, 409);
    // An outcome that is told late counts all the same, and what is erased does not.
    let late = json!({"conversation_id": held[0], "outcome": "successful"});
    assert_eq!(app.post("/outcomes/", &late).await.status, 202);
    app.drain_jobs().await;
    assert_eq!(app.delete(&format!("/conversations/{}/", given[0])).await.status, 204);
    let told = results(&app, &id, "").await;
    assert_eq!((&told["arms"][1]["successful"], &told["status"]), (&json!(1), &json!("stopped")), "{told:#}");
    assert_eq!(told["arms"][0]["assigned"], given.len() - 1, "{told:#}");
    assert!(told["sample_size_per_arm"].as_i64().is_some_and(|needed| needed > 1_000), "{told:#}");
    app.close().await;
}

#[tokio::test]
async fn an_entry_is_tried_against_its_rival() {
    let app = TestApp::spawn().await;
    let mut entries = Vec::new();
    for content in ["Parking is free behind the house.", "You can park in our garage for two dollars an hour."] {
        let body = json!({"knowledge_type": "faq", "category": "service", "title": "Parking", "content": content,
            "trigger_phrases": [QUESTION], "language": "en"});
        let written = app.post("/training/knowledge-base/", &body).await;
        assert_eq!(written.status, 201, "{}", written.text);
        entries.push(written.json()["id"].clone());
    }
    app.drain_jobs().await;
    assert_eq!(retrieve(&app, Some("before")).await["results"].as_array().map(Vec::len), Some(2));
    let arms = [
        json!({"name": "a", "share": 0.5, "settings": {"entry_id": entries[0]}}),
        json!({"name": "b", "share": 0.5, "settings": {"entry_id": entries[1]}}),
    ];
    let narrow = json!({"name": "elsewhere", "kind": "entry", "arms": arms, "filter": {"category": "sales"}});
    run(&app, &narrow).await;
    let both = retrieve(&app, Some("call-0")).await;
    assert_eq!(both["results"].as_array().map(Vec::len), Some(2), "it is not in that category: {both:#}");

    let id = run(&app, &json!({"name": "rivals", "kind": "entry", "arms": arms, "metric": "satisfaction"})).await;
    let mut seen = [0, 0];
    for number in 0..24 {
        let shown = retrieve(&app, Some(&format!("call-{number}"))).await;
        let results = shown["results"].as_array().expect("a list");
        assert_eq!(results.len(), 1, "{shown:#}");
        let place = entries.iter().position(|entry| *entry == results[0]["knowledge_id"]).expect("one of the two");
        seen[place] += 1;
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    let told = results(&app, &id, "").await;
    assert_eq!((&told["arms"][0]["assigned"], &told["arms"][1]["assigned"]), (&json!(seen[0]), &json!(seen[1])));
    assert_eq!((&told["control"], &told["arms"][1]["value"]), (&json!("a"), &Value::Null));

    let [first, second] = [&entries[0], &entries[1]].map(|id| id.as_str().expect("an id").to_owned());
    for query in ["", "?erase=true"] {
        let kept = app.delete(&format!("/training/knowledge-base/{first}/{query}")).await;
        assert_eq!((kept.status, kept.code().as_str()), (409, "conflict"), "{}", kept.text);
        assert!(kept.text.contains("stop the experiment first"), "{}", kept.text);
    }
    // An erasure of conversations asks no experiment.
    let (engine, tenant) = (&app.app.engine, TenantId::default_tenant());
    let mut tx = engine.store.begin().await.expect("a transaction begins");
    tx.erase_entry(&tenant, first.parse().expect("an id"), engine.now()).await.expect("it is erased");
    tx.commit().await.expect("it commits");
    engine.entries.forget_all();
    engine.experiments.renew(&engine.store, &tenant).await.expect("they are read");
    for number in 0..24 {
        let shown = retrieve(&app, Some(&format!("call-{number}"))).await;
        let shown: Vec<&Value> =
            shown["results"].as_array().expect("a list").iter().map(|entry| &entry["knowledge_id"]).collect();
        assert_eq!(shown, [&json!(second)], "nobody is left without either");
    }
    let running = app.get("/experiments/?status=running").await.json();
    for experiment in running["results"].as_array().expect("a list") {
        assert_eq!(step(&app, experiment["id"].as_str().expect("an id"), "stop").await.0, 200);
    }
    assert_eq!(app.delete(&format!("/training/knowledge-base/{second}/")).await.status, 204);
    app.close().await;
}

#[tokio::test]
async fn experiments_are_listed_and_belong_to_their_tenant() {
    let app = TestApp::spawn().await;
    let filtered = json!({"name": " narrow ", "kind": "threshold", "metric": "cost", "filter": {"language": "EN"},
        "arms": [{"name": "low", "share": 0.9, "settings": {"floor": 0.2}}, {"name": "plain", "share": 0.1}]});
    let made = create(&app, &filtered).await;
    assert_eq!((&made["name"], &made["metric"]), (&json!("narrow"), &json!("cost")), "{made:#}");
    assert_eq!(made["filter"], json!({"category": null, "language": "en"}));
    let low = json!({"name": "low", "share": 0.9, "settings": {"floor": 0.2}});
    assert_eq!((&made["arms"][0], &made["arms"][1]["settings"]), (&low, &json!({})));
    let id = made["id"].as_str().expect("an id").to_owned();
    assert_eq!(app.get(&format!("/experiments/{id}/")).await.json(), made);
    assert_eq!(step(&app, &id, "stop").await.0, 409, "it is a draft");
    let other = run(&app, &holdout()).await;
    assert_eq!(step(&app, &other, "start").await.0, 200, "it runs already");
    for (query, expected) in [("", 2), ("?kind=holdout", 1), ("?status=draft", 1), ("?status=stopped", 0)] {
        assert_eq!(app.get(&format!("/experiments/{query}")).await.json()["count"], expected, "{query}");
    }

    let (_, stranger) = make_key(&app, "acme", "admin").await;
    for (method, path) in [
        (Method::GET, format!("/experiments/{other}/")),
        (Method::GET, format!("/experiments/{other}/results/")),
        (Method::POST, format!("/experiments/{other}/start/")),
        (Method::POST, format!("/experiments/{other}/stop/")),
        (Method::GET, format!("{METRICS}?experiment={other}&arm=with")),
        (Method::GET, format!("{METRICS}summary/?experiment={other}&arm=with")),
    ] {
        let told = ask(&app, &stranger, method, &format!("{PREFIX}{path}"), None).await;
        assert_eq!((told.status, told.code().as_str()), (404, "not_found"), "{path}");
    }
    let list = ask(&app, &stranger, Method::GET, &format!("{PREFIX}/experiments/"), None).await;
    assert_eq!(list.json()["count"], 0);
    for path in ["/experiments/first/", "/experiments/first/results/"] {
        assert_eq!(app.get(path).await.code(), "not_found");
    }
    let unknown = app.get(&format!("{METRICS}?experiment={other}&arm=third")).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "not_found"));
    app.close().await;
}

#[tokio::test]
async fn a_wrong_experiment_is_told_field_by_field() {
    let app = TestApp::spawn().await;
    let arm = |name: &str, share: f64, settings: Value| json!({"name": name, "share": share, "settings": settings});
    let of = |kind: &str, first: Value, second: Value| json!({"name": "n", "kind": kind, "arms": [arm("a", 0.5, first), arm("b", 0.5, second)]});
    let with = |name: &str, value: Value| {
        let mut body = of("ranker", json!({}), json!({"band": 0.1}));
        body[name] = value;
        body
    };
    let nobody = "01a205c1-1395-7709-b7d2-8909f9a470df";
    let other = "01a205c1-1395-7709-b7d2-8909f9a470e0";
    for (wrong, field) in [
        (json!({}), "name"),
        (with("kind", json!("dance")), "kind"),
        (with("metric", json!("joy")), "metric"),
        (with("arms", json!([])), "arms"),
        (with("arms", json!({})), "arms"),
        (with("arms", json!([arm("a", 0.5, json!({})), arm("b", 0.4, json!({}))])), "arms"),
        (with("arms", json!([arm("a", 0.5, json!({})), arm("a", 0.5, json!({}))])), "arms[1].name"),
        (with("arms", json!([arm("a", 0.5, json!({})), {"name": "b"}])), "arms[1].share"),
        (with("arms", json!([{"name": "a", "share": "half"}])), "arms[0].share"),
        (with("arms", json!([arm("a", 0.5, json!([])), arm("b", 0.5, json!({}))])), "arms[0].settings"),
        (with("filter", json!({"channel": "phone"})), "filter.channel"),
        (with("filter", json!({"language": "english"})), "filter.language"),
        (with("traffic", json!(1)), "traffic"),
        (of("holdout", json!({}), json!({})), "arms"),
        (of("holdout", json!({"holdout": true}), json!({"holdout": true})), "arms"),
        (of("ranker", json!({}), json!({"floor": 0.4})), "arms[1].settings.floor"),
        (of("ranker", json!({"success_order": "luck"}), json!({})), "arms[0].settings.success_order"),
        (of("threshold", json!({}), json!({"floor": 2})), "arms[1].settings.floor"),
        (of("entry", json!({"entry_id": nobody}), json!({})), "arms[1].settings.entry_id"),
        (of("entry", json!({"entry_id": nobody}), json!({"entry_id": other})), "arms[0].settings.entry_id"),
    ] {
        let answer = app.post("/experiments/", &wrong).await;
        assert_eq!((answer.status, answer.json()["field"].as_str()), (422, Some(field)), "{wrong} {}", answer.text);
    }
    let id = run(&app, &holdout()).await;
    for (path, field) in [
        (format!("/experiments/{id}/results/?mde=0"), "mde"),
        (format!("/experiments/{id}/results/?mde=2"), "mde"),
        (format!("{METRICS}?experiment={id}"), "arm"),
        (format!("{METRICS}?arm=with"), "experiment"),
        (format!("{METRICS}summary/?arm=with"), "experiment"),
        ("/experiments/?status=over".to_owned(), "status"),
    ] {
        let answer = app.get(&path).await;
        assert_eq!((answer.status, answer.json()["field"].as_str()), (422, Some(field)), "{path} {}", answer.text);
    }
    app.close().await;
}
