//! Keys: shown once, listed, revoked, limited; and whose they may be.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use turnwise::api::PREFIX;
use turnwise::engine::secrets::hash_key;

use crate::api::callers::{ask, make_key};
use crate::api::fixtures::price_call;
use crate::support::app::{ADMIN_KEY, CLI_KEY, TestApp, answer};

fn path(rest: &str) -> String {
    format!("{PREFIX}{rest}")
}

async fn retrieve(app: &TestApp, key: &str) -> u16 {
    let question = json!({"utterance": "how much is the premium membership"});
    ask(app, key, Method::POST, &path("/retrieve/"), Some(&question)).await.status
}

#[tokio::test]
async fn a_key_is_shown_once() {
    let app = TestApp::spawn().await;
    let wanted = json!({"name": " front desk ", "scope": "agent", "expires_at": "2026-10-01T00:00:00+02:00"});
    let made = app.post("/keys/", &wanted).await;
    assert_eq!((made.status, made.header("cache-control")), (201, "no-store"), "{}", made.text);
    let mut body = made.json();
    let key = body.as_object_mut().expect("an object").remove("key").expect("a key");
    let key = key.as_str().expect("a text");
    assert_eq!(key.len(), 64);
    let id = body["id"].as_str().expect("an id").to_owned();
    let expected = json!({
        "id": id, "tenant": "default", "name": "front desk", "scope": "agent", "created_at": "2026-09-02T08:00:00Z",
        "last_used_at": null, "expires_at": "2026-09-30T22:00:00Z", "revoked_at": null,
    });
    assert_eq!(body, expected);
    assert_eq!(made.header("location"), path(&format!("/keys/{id}/")));

    let shown = app.get(&format!("/keys/{id}/")).await;
    assert_eq!(shown.json(), expected);
    let listed = app.get("/keys/").await;
    assert_eq!((&listed.json()["count"], &listed.json()["results"][0]), (&json!(2), &expected));
    assert_eq!(app.get("/keys/?scope=curator").await.json()["count"], 0);
    for secret in [key, &hash_key(key), ADMIN_KEY, &hash_key(ADMIN_KEY)] {
        assert!(!shown.text.contains(secret) && !listed.text.contains(secret), "{}", listed.text);
    }

    assert_eq!(retrieve(&app, key).await, 200);
    // The use is noted beside the request.
    let noted =
        async { while app.get(&format!("/keys/{id}/")).await.json()["last_used_at"] != "2026-09-02T08:00:00Z" {} };
    tokio::time::timeout(Duration::from_secs(30), noted).await.expect("the use is noted");

    // On the dot: from then on it is refused, although it is known here.
    app.clock.advance_millis(28 * 86_400_000 + 14 * 3_600_000);
    assert_eq!(retrieve(&app, key).await, 401);
    app.close().await;
}

#[tokio::test]
async fn a_key_that_is_revoked_opens_nothing_from_then_on() {
    let app = TestApp::spawn().await;
    let (id, key) = make_key(&app, "default", "agent").await;
    assert_eq!(retrieve(&app, &key).await, 200, "it is known now");
    let key_path = format!("/keys/{id}/");
    assert_eq!(app.delete(&key_path).await.status, 204);
    assert_eq!(retrieve(&app, &key).await, 401);

    app.clock.advance_millis(5_000);
    assert_eq!(app.delete(&key_path).await.status, 204, "twice is as good as once");
    assert_eq!(app.get(&key_path).await.json()["revoked_at"], "2026-09-02T08:00:00Z");
    assert_eq!(retrieve(&app, &key).await, 401);
    for unknown in ["/keys/01a205c1-1395-7709-b7d2-8909f9a470df/", "/keys/front-desk/", "/keys/%20/"] {
        assert_eq!(app.delete(unknown).await.code(), "not_found", "{unknown}");
        assert_eq!(app.get(unknown).await.code(), "not_found", "{unknown}");
    }
    app.close().await;
}

#[tokio::test]
async fn a_wrong_field_of_a_key_is_named() {
    let app = TestApp::spawn().await;
    for (name, value) in [
        ("name", Value::Null),
        ("name", json!("")),
        ("name", json!("x".repeat(201))),
        ("name", json!("a\u{7}b")),
        ("scope", json!("root")),
        ("scope", json!("")),
        ("scope", json!(["admin"])),
        ("tenant", json!("Acme")),
        ("tenant", json!("")),
        ("tenant", json!("x".repeat(64))),
        ("expires_at", json!("tomorrow")),
        ("expires_at", json!("2026-09-02T08:00:00Z")),
        ("hash", json!("abc")),
    ] {
        let mut body = json!({"name": "front desk", "scope": "agent"});
        body[name] = value.clone();
        let refused = app.post("/keys/", &body).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (422, "invalid_fields"),
            "{name}={value}: {}",
            refused.text
        );
        assert_eq!(refused.json()["field"], name, "{}", refused.text);
    }
    let nothing = app.post("/keys/", &json!({})).await.json();
    let fields: Vec<&Value> =
        nothing["fields"].as_array().expect("fields").iter().map(|field| &field["field"]).collect();
    assert_eq!(fields, ["name", "scope"]);
    assert_eq!(app.get("/keys/?tenant=Acme").await.json()["field"], "tenant");
    assert_eq!(app.get("/keys/").await.json()["count"], 1, "nothing was made");
    app.close().await;
}

#[tokio::test]
async fn an_admin_rules_over_the_own_tenant_and_the_operator_over_all() {
    let app = TestApp::spawn().await;
    let (acme_id, acme) = make_key(&app, "acme", "admin").await;
    let (desk_id, desk) = make_key(&app, "default", "agent").await;
    let make = async |key: &str, body: Value| ask(&app, key, Method::POST, &path("/keys/"), Some(&body)).await;

    let own = make(&acme, json!({"name": "own", "scope": "curator"})).await;
    assert_eq!((own.status, &own.json()["tenant"]), (201, &json!("acme")), "{}", own.text);
    assert_eq!(make(&acme, json!({"name": "own", "scope": "agent", "tenant": "acme"})).await.status, 201);
    for foreign in ["default", "beta"] {
        let refused = make(&acme, json!({"name": "x", "scope": "agent", "tenant": foreign})).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"), "{foreign}");
    }
    assert_eq!(make(&desk, json!({"name": "x", "scope": "agent"})).await.status, 403);
    let curator = own.json()["key"].as_str().expect("a key").to_owned();
    assert_eq!(make(&curator, json!({"name": "x", "scope": "agent"})).await.status, 403);

    let seen = ask(&app, &acme, Method::GET, &path("/keys/"), None).await.json();
    let tenants: Vec<&Value> = seen["results"].as_array().expect("keys").iter().map(|key| &key["tenant"]).collect();
    assert_eq!(tenants, ["acme"; 3]);
    let other = ask(&app, &acme, Method::GET, &path("/keys/?tenant=default"), None).await;
    assert_eq!(other.json()["count"], 0, "{}", other.text);
    let desk_path = path(&format!("/keys/{desk_id}/"));
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(ask(&app, &acme, method, &desk_path, None).await.status, 404);
    }
    assert_eq!(retrieve(&app, &desk).await, 200, "it is still good");

    assert_eq!(app.get("/keys/").await.json()["count"], 5);
    assert_eq!(app.get("/keys/?tenant=acme").await.json()["count"], 3);
    assert_eq!(ask(&app, &acme, Method::GET, "/metrics", None).await.status, 403, "they are about everybody");
    assert_eq!(app.delete(&format!("/keys/{acme_id}/")).await.status, 204);
    assert_eq!(ask(&app, &acme, Method::GET, &path("/keys/"), None).await.status, 401);
    app.close().await;
}

#[tokio::test]
async fn a_tenant_learns_from_its_own_conversations_only() {
    let app = TestApp::spawn().await;
    let (_, agent) = make_key(&app, "acme", "agent").await;
    let (_, curator) = make_key(&app, "acme", "curator").await;
    let taken = ask(&app, &agent, Method::POST, &path("/conversations/"), Some(&price_call("100"))).await;
    assert_eq!(taken.status, 202, "{}", taken.text);
    app.drain_jobs().await;

    let question = json!({"utterance": "how much is the premium membership"});
    let known = ask(&app, &agent, Method::POST, &path("/retrieve/"), Some(&question)).await;
    assert!(known.text.contains("49 dollars"), "{}", known.text);
    let listed = ask(&app, &curator, Method::GET, &path("/conversations/"), None).await;
    assert_eq!(listed.json()["count"], 1, "{}", listed.text);
    assert!(!app.post("/retrieve/", &question).await.text.contains("49 dollars"));
    assert_eq!(app.get("/conversations/").await.json()["count"], 0);
    // The caller's id is their own: the same one of another tenant is another conversation.
    assert_eq!(app.post("/conversations/", &price_call("100")).await.status, 202);
    app.close().await;
}

#[tokio::test]
async fn a_key_that_asks_too_often_waits_and_no_other_does() {
    let app = TestApp::spawn_with(&["server.requests_per_minute_per_key=3"]).await;
    let (_, agent) = make_key(&app, "default", "agent").await;
    for _ in 0..2 {
        assert_eq!(app.get("/conversations/").await.status, 200);
    }
    let refused = app.get("/conversations/").await;
    assert_eq!((refused.status, refused.code().as_str(), refused.header("retry-after")), (429, "rate_limited", "20"));
    assert_eq!(app.get_root("/metrics").await.status, 429, "wherever it asks");
    assert_eq!(retrieve(&app, &agent).await, 200);
    for _ in 0..5 {
        let local = app.request(Method::GET, &path("/conversations/")).bearer_auth(CLI_KEY);
        assert_eq!(answer(local).await.status, 200, "commands of this machine are not counted");
        assert_eq!(answer(app.request(Method::GET, "/health/live")).await.status, 200);
    }
    app.clock.advance_millis(20_000);
    assert_eq!(app.get("/conversations/").await.status, 200);
    assert_eq!(app.get("/conversations/").await.status, 429);
    app.close().await;
}
