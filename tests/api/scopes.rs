//! Every route of the OpenAPI document, with every scope and by another tenant. A new route is tried without a word here.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Map, Value, json};
use turnwise::store::keys::KeyScope;

use crate::api::callers::{ask, make_key};
use crate::api::content::{ask_in_vain, find_gaps, open_case};
use crate::api::fixtures::{hours_call, price_call};
use crate::support::app::{ADMIN_KEY, TestApp, answer};

/// An id that nothing has.
const NOBODY: &str = "01a205c1-1395-7709-b7d2-8909f9a470df";

/// All that agents may ever do: ask on every turn, hand in conversations, and tell how they went.
const OF_AGENTS: [&str; 6] = [
    "GET /api/v1/ai/training/knowledge-base/search_by_intent/",
    "POST /api/v1/ai/conversations/",
    "POST /api/v1/ai/outcomes/",
    "POST /api/v1/ai/retrieve/",
    "POST /api/v1/ai/training/knowledge-base/{id}/record_usage/",
    "POST /api/v1/ai/training/training-data/process_conversation/",
];

/// A route that wants a key.
struct Route {
    method: Method,
    /// With `{id}` where an id stands.
    path: String,
    /// The least scope, as the document says it.
    needed: KeyScope,
    /// A body that it takes, if it takes one.
    body: Option<Value>,
    /// Whether it searches.
    takes_q: bool,
}

impl Route {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path with this id in it.
    fn at(&self, id: &str) -> String {
        self.path.replace("{id}", id).replace("{version}", "1")
    }
}

fn routes(document: &Value) -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            if operation["security"] == json!([{}]) {
                continue;
            }
            let scope = operation["security"][0]["key"][0].as_str();
            let scope = scope.unwrap_or_else(|| panic!("{method} {path}: put it behind `needs` in src/api/routes.rs"));
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
            routes.push(Route {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                needed: scope.parse().expect("a scope"),
                body: (!schema.is_null()).then(|| sample(document, schema)),
                takes_q: parameters.iter().any(|parameter| parameter["name"] == "q"),
            });
        }
    }
    assert!(routes.len() >= 14, "{}", routes.len());
    routes
}

/// A value of this schema: its example, or what it asks for at least.
fn sample(document: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return sample(document, &document["components"]["schemas"][name]);
    }
    let given = [&schema["example"], &schema["examples"][0], &schema["default"], &schema["enum"][0]];
    if let Some(given) = given.into_iter().find(|given| !given.is_null()) {
        return given.clone();
    }
    for word in ["oneOf", "anyOf", "allOf"] {
        let choices = schema[word].as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(choice) = choices.iter().find(|choice| choice["type"] != "null") {
            return sample(document, choice);
        }
    }
    let kind = if schema["type"].is_array() { &schema["type"][0] } else { &schema["type"] };
    match (kind.as_str().unwrap_or_default(), schema["format"].as_str().unwrap_or_default()) {
        ("object", _) => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let is_wanted = |name: &str| required.is_empty() || required.iter().any(|wanted| wanted == name);
            let properties = schema["properties"].as_object().cloned().unwrap_or_default();
            let wanted = properties.iter().filter(|(name, _)| is_wanted(name));
            Value::Object(wanted.map(|(name, of)| (name.clone(), sample(document, of))).collect::<Map<_, _>>())
        }
        ("array", _) => json!([sample(document, &schema["items"])]),
        ("integer" | "number", _) if schema["minimum"].is_number() => schema["minimum"].clone(),
        ("integer" | "number", _) => json!(1),
        ("boolean", _) => json!(true),
        (_, "uuid") => json!(NOBODY),
        (_, "date-time") => json!("2031-01-01T00:00:00Z"),
        _ => json!("text"),
    }
}

fn document() -> Value {
    serde_json::to_value(turnwise::api::openapi()).expect("JSON")
}

#[tokio::test]
async fn a_route_opens_for_the_scope_that_it_names_and_for_higher_ones() {
    let app = TestApp::spawn().await;
    let mut keys = Vec::new();
    for scope in KeyScope::ALL {
        keys.push((*scope, make_key(&app, "default", scope.as_str()).await.1));
    }
    for route in routes(&document()) {
        let path = route.at(NOBODY);
        let without = answer(app.request(route.method.clone(), &path)).await;
        assert_eq!((without.status, without.code().as_str()), (401, "unauthorized"), "{}", route.name());
        for (scope, key) in &keys {
            let told = ask(&app, key, route.method.clone(), &path, None).await;
            let what = format!("{} with {scope}: {} {}", route.name(), told.status, told.text);
            if *scope < route.needed {
                assert_eq!((told.status, told.code().as_str()), (403, "forbidden"), "{what}");
                assert!(told.text.contains(&format!("the scope {}", route.needed)), "{what}");
            } else {
                assert!(![401, 403, 405].contains(&told.status) && told.status < 500, "{what}");
            }
        }
    }
    app.close().await;
}

#[test]
fn what_agents_may_do_is_little_and_the_document_says_what_else_is_needed() {
    let document = document();
    for route in routes(&document) {
        let name = route.name();
        assert!(route.needed > KeyScope::Agent || OF_AGENTS.contains(&name.as_str()), "{name} opens for agents");
        let operation = &document["paths"][&route.path][route.method.as_str().to_lowercase()];
        let told = operation["description"].as_str().unwrap_or_default();
        assert!(told.contains(&format!("the scope `{}`", route.needed)), "{name}: {told}");
        assert!(operation["responses"]["403"]["description"].is_string(), "{name}");
    }
}

#[tokio::test]
async fn what_belongs_to_another_tenant_does_not_exist() {
    let app = TestApp::spawn().await;
    let entries = fill(&app).await;
    let question = json!({"utterance": "how much is the premium membership", "conversation_id": "100"});
    assert!(app.post("/retrieve/", &question).await.text.contains("49 dollars"));
    app.app.flush_exposures().await;
    let own = app.get("/conversations/100/").await.json()["id"].as_str().expect("an id").to_owned();
    let (_, stranger) = make_key(&app, "acme", "admin").await;

    let routes = routes(&document());
    let mut tried = BTreeSet::new();
    for route in &routes {
        let Some((list, _)) = route.path.split_once("{id}") else {
            let path = if route.takes_q { format!("{}?q=premium+membership", route.path) } else { route.path.clone() };
            let body = route.body.as_ref().filter(|_| route.path.ends_with("/retrieve/")).map(|_| &question);
            if route.method == Method::GET || body.is_some() {
                let told = ask(&app, &stranger, route.method.clone(), &path, body).await;
                assert!(told.status < 500, "{}: {}", route.name(), told.text);
                for secret in ["49 dollars", "front-desk", own.as_str()] {
                    assert!(!told.text.contains(secret), "{} tells {secret}: {}", route.name(), told.text);
                }
            }
            continue;
        };
        let id = existing(&app, &routes, list).await;
        let id = id.unwrap_or_else(|| panic!("there is nothing in {list}: put something there in `fill`"));
        tried.insert(list.to_owned());
        let before = seen_by_owner(&app, list, &id).await;
        let told = ask(&app, &stranger, route.method.clone(), &route.at(&id), route.body.as_ref()).await;
        let hint = "if it is its body that is wrong, give the body's schema an example";
        assert_eq!(told.status, 404, "{} {:?} ({hint}): {}", route.name(), route.body, told.text);
        assert_eq!(told.code(), "not_found", "{}", route.name());
        assert_eq!(seen_by_owner(&app, list, &id).await, before, "{}", route.name());
    }
    let kinds = ["cases", "conversations", "experiments", "gaps", "jobs", "keys"].map(str::to_owned).into_iter();
    let trained = ["knowledge-base", "training-data", "training-sessions"].map(|kind| format!("training/{kind}"));
    let expected: BTreeSet<String> = kinds.chain(trained).map(|kind| format!("/api/v1/ai/{kind}/")).collect();
    assert_eq!(tried, expected, "a new kind of id stands here, too");
    let by_name = ask(&app, &stranger, Method::GET, "/api/v1/ai/conversations/100/", None).await;
    assert_eq!(by_name.status, 404, "also by the caller's own id");
    ids_in_bodies_and_filters(&app, &stranger, &own, &entries).await;
    app.close().await;
}

/// What a stranger gets for ids of another tenant that stand elsewhere than in a path.
async fn ids_in_bodies_and_filters(app: &TestApp, stranger: &str, conversation: &str, entries: &[String]) {
    let before = seen_by_owner(app, "/api/v1/ai/conversations/", conversation).await;
    let experiment = app.get("/experiments/").await.json()["results"][0].clone();
    let id = experiment["id"].as_str().expect("an id");
    let arm = experiment["arms"][0]["name"].as_str().expect("a name").replace(' ', "+");
    let arms = json!([
        {"name": "a", "share": 0.5, "settings": {"entry_id": entries[0]}},
        {"name": "b", "share": 0.5, "settings": {"entry_id": entries[1]}},
    ]);
    let training = "/api/v1/ai/training";
    let refused = [
        (format!("{training}/training-data/process_conversation/"), json!({"conversation_id": conversation}), 404),
        (format!("{training}/training-data/bulk_process/"), json!({"conversation_ids": [conversation]}), 422),
        ("/api/v1/ai/experiments/".to_owned(), json!({"name": "theirs", "kind": "entry", "arms": arms}), 422),
    ];
    for (path, body, status) in refused {
        let told = ask(app, stranger, Method::POST, &path, Some(&body)).await;
        assert_eq!(told.status, status, "{path} {body}: {}", told.text);
    }
    for path in [
        format!("{training}/performance-metrics/?experiment={id}&arm={arm}"),
        format!("{training}/performance-metrics/summary/?experiment={id}&arm={arm}"),
    ] {
        let told = ask(app, stranger, Method::GET, &path, None).await;
        assert_eq!((told.status, told.code().as_str()), (404, "not_found"), "{path}");
    }
    let cases = ask(app, stranger, Method::GET, &format!("/api/v1/ai/cases/?entry={}", entries[0]), None).await.json();
    assert_eq!(cases["count"], 0, "{cases}");
    // It may be the stranger's own name of a conversation to come.
    let outcome = json!({"conversation_id": conversation, "outcome": "unsuccessful"});
    let told = ask(app, stranger, Method::POST, "/api/v1/ai/outcomes/", Some(&outcome)).await;
    assert_eq!((told.status, &told.json()["is_known"]), (202, &json!(false)), "{}", told.text);
    app.drain_jobs().await;
    assert_eq!(seen_by_owner(app, "/api/v1/ai/conversations/", conversation).await, before);
}

/// Puts something into lists that cannot be filled by posting to them; the ids of two entries.
async fn fill(app: &TestApp) -> Vec<String> {
    ask_in_vain(app, "501").await;
    find_gaps(app).await;
    app.learn([price_call("100"), hours_call("200")]).await;
    let mut entries = Vec::new();
    for title in ["Refunds", "Money back"] {
        let entry = json!({
            "knowledge_type": "faq", "category": "billing", "title": title, "language": "en",
            "content": "Refunds are paid back to the card within five working days.",
            "trigger_phrases": ["how do I get my money back"],
        });
        let written = app.post("/training/knowledge-base/", &entry).await;
        assert_eq!(written.status, 201, "{}", written.text);
        entries.push(written.json()["id"].as_str().expect("an id").to_owned());
    }
    open_case(app, &entries[0], &entries[1]).await;
    let nightly = json!({"name": "nightly", "cron": "0 3 * * *"});
    let planned = app.post("/training/training-sessions/start_training/", &nightly).await;
    assert_eq!(planned.status, 202, "{}", planned.text);
    app.drain_jobs().await;
    entries
}

/// The id of something of the default tenant in this list; made, where there is nothing and it can be made.
async fn existing(app: &TestApp, routes: &[Route], list: &str) -> Option<String> {
    let listed = ask(app, ADMIN_KEY, Method::GET, list, None).await;
    if listed.status == 200 {
        let listed = listed.json();
        let items = listed["results"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_own = |item: &&Value| item["tenant"].is_null() || item["tenant"] == "default";
        if let Some(id) = items.iter().find(is_own).and_then(|item| item["id"].as_str()) {
            return Some(id.to_owned());
        }
    }
    let maker = routes.iter().find(|route| route.method == Method::POST && route.path == list)?;
    let made = ask(app, ADMIN_KEY, Method::POST, list, maker.body.as_ref()).await;
    if made.status >= 300 {
        return None;
    }
    made.json()["id"].as_str().map(str::to_owned)
}

/// What the owner sees of it; without its last use, which is noted beside the requests.
async fn seen_by_owner(app: &TestApp, list: &str, id: &str) -> Value {
    let shown = ask(app, ADMIN_KEY, Method::GET, &format!("{list}{id}/"), None).await;
    let mut body = shown.json();
    if let Some(fields) = body.as_object_mut() {
        for fleeting in ["last_used_at", "request_id"] {
            fields.remove(fleeting);
        }
    }
    body
}
