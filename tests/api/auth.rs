//! Who gets in.

use reqwest::Method;
use serde_json::Value;
use turnwise::api::PREFIX;
use turnwise::api::keys::{FirstKey, ensure_admin_key};
use turnwise::domain::clock::Timestamp;
use turnwise::domain::ids::{KeyId, TenantId};
use turnwise::engine::secrets::hash_key;
use turnwise::store::keys::{ApiKey, KeyScope};

use crate::support::app::{ADMIN_KEY, CLI_KEY, TestApp, answer, exposed};

/// Every route of the OpenAPI document: method, path, and whether it says that it needs no key.
fn routes() -> Vec<(Method, String, bool)> {
    let document = serde_json::to_value(turnwise::api::openapi()).expect("JSON");
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let method = method.to_uppercase().parse().expect("a method");
            let is_open = operation.get("security").is_some_and(|security| security == &serde_json::json!([{}]));
            routes.push((method, path.replace("{id}", "some-id"), is_open));
        }
    }
    assert!(routes.len() >= 12, "{routes:?}");
    routes
}

#[tokio::test]
async fn every_route_but_health_wants_a_key() {
    let app = TestApp::spawn().await;
    let mut open = Vec::new();
    for (method, path, is_open) in routes() {
        for path in [path.clone(), path.trim_end_matches('/').to_owned()] {
            let without = answer(app.request(method.clone(), &path)).await;
            let wrong = answer(app.request(method.clone(), &path).bearer_auth("not-the-key-of-anybody")).await;
            if is_open {
                open.push(path);
                assert_eq!((without.status, wrong.status), (200, 200), "{method} {}", without.text);
                continue;
            }
            for refused in [without, wrong] {
                assert_eq!((refused.status, refused.code().as_str()), (401, "unauthorized"), "{method} {path}");
                assert_eq!(refused.header("www-authenticate"), "Bearer");
            }
            let with = answer(app.request(method.clone(), &path).bearer_auth(ADMIN_KEY)).await;
            assert!(![401, 403, 405, 500].contains(&with.status), "{method} {path}: {} {}", with.status, with.text);
        }
    }
    assert_eq!(open, ["/health/live", "/health/live", "/health/ready", "/health/ready"]);
    assert_eq!(answer(app.request(Method::GET, "/openapi.json")).await.status, 200);
    assert_eq!(answer(app.request(Method::GET, "/docs/")).await.status, 200);
    app.close().await;
}

#[tokio::test]
async fn a_key_is_sent_as_a_bearer() {
    let app = TestApp::spawn().await;
    let path = format!("{PREFIX}/conversations/");
    for (header, status) in [
        (format!("Bearer {ADMIN_KEY}"), 200),
        (format!("bearer  {ADMIN_KEY} "), 200),
        (ADMIN_KEY.to_owned(), 401),
        (format!("Basic {ADMIN_KEY}"), 401),
        ("Bearer ".to_owned(), 401),
        (format!("Bearer {ADMIN_KEY}x"), 401),
        (format!("Bearer {}", hash_key(ADMIN_KEY)), 401),
    ] {
        let request = app.request(Method::GET, &path).header("authorization", &header);
        assert_eq!(answer(request).await.status, status, "{header}");
    }
    let twice = app.request(Method::GET, &path).bearer_auth("another").bearer_auth(ADMIN_KEY);
    assert_eq!(answer(twice).await.status, 401);
    app.close().await;
}

#[tokio::test]
async fn a_key_that_is_revoked_expired_or_of_another_scope_does_not_open() {
    let app = TestApp::spawn().await;
    let moment = |text: &str| Timestamp::parse(text);
    let keys = [
        ("revoked-key-0123456789", KeyScope::Admin, None, moment("2026-09-01T00:00:00Z"), 401),
        ("expired-key-0123456789", KeyScope::Admin, moment("2026-09-02T08:00:00Z"), None, 401),
        ("expiring-key-0123456789", KeyScope::Admin, moment("2026-09-02T08:00:01Z"), None, 200),
        ("agent-key-0123456789", KeyScope::Agent, None, None, 403),
    ];
    for (number, (key, scope, expires_at, revoked_at, status)) in keys.into_iter().enumerate() {
        let stored = ApiKey {
            id: KeyId(uuid::Uuid::from_u128(number as u128)),
            tenant: TenantId::default_tenant(),
            name: key.to_owned(),
            scope,
            hash: hash_key(key),
            created_at: Timestamp::from_millis(0),
            last_used_at: None,
            expires_at,
            revoked_at,
        };
        let mut tx = app.app.engine.store.begin().await.expect("a transaction");
        tx.insert_key(&stored).await.expect("the key is stored");
        tx.commit().await.expect("a commit");
        let request = app.request(Method::GET, &format!("{PREFIX}/conversations/")).bearer_auth(key);
        assert_eq!(answer(request).await.status, status, "{key}");
    }

    // Also once it is known: the cache does not keep an expired key alive.
    app.clock.advance_millis(1_000);
    let expired = app.request(Method::GET, &format!("{PREFIX}/conversations/")).bearer_auth("expiring-key-0123456789");
    assert_eq!(answer(expired).await.status, 401);
    app.close().await;
}

#[tokio::test]
async fn the_key_of_the_cli_opens_from_this_machine_only() {
    let app = TestApp::spawn().await;
    let path = format!("{PREFIX}/conversations/");
    let local = app.request(Method::GET, &path).bearer_auth(CLI_KEY);
    assert_eq!(answer(local).await.status, 200);
    let forwarded = app.request(Method::GET, &path).bearer_auth(CLI_KEY).header("x-forwarded-for", "10.1.2.3");
    assert_eq!(answer(forwarded).await.status, 401);
    app.close().await;
}

#[tokio::test]
async fn this_machine_needs_no_key_where_that_is_allowed() {
    let app = TestApp::spawn_with(&["auth.allow_loopback=true"]).await;
    let path = format!("{PREFIX}/conversations/");
    assert_eq!(answer(app.request(Method::GET, &path)).await.status, 200);
    for (header, value) in [
        ("x-forwarded-for", "10.1.2.3"),
        ("host", "rebound.example"),
        ("origin", "https://page.example"),
        ("authorization", "Bearer wrong-is-wrong"),
    ] {
        assert_eq!(answer(app.request(Method::GET, &path).header(header, value)).await.status, 401, "{header}");
    }
    app.close().await;
}

#[tokio::test]
async fn the_first_start_makes_one_key_and_later_ones_none() {
    let app = TestApp::spawn().await;
    let engine = &app.app.engine;
    assert!(matches!(ensure_admin_key(engine, None).await, Ok(FirstKey::Kept)), "the configured one is there");

    let other = tempfile::tempdir().expect("a directory");
    let config = crate::support::app::config(other.path().to_path_buf(), &[]);
    let parts = turnwise::app::Parts { embedders: Some(crate::support::app::embedders().await), ..Default::default() };
    let fresh = turnwise::app::App::build(config, parts).await.expect("it opens");
    // One that the command line made before: it opens nothing that an admin needs.
    let agent = ApiKey {
        id: KeyId(uuid::Uuid::from_u128(1)),
        tenant: TenantId::default_tenant(),
        name: "made before".to_owned(),
        scope: KeyScope::Agent,
        hash: hash_key("agent-key-0123456789"),
        created_at: Timestamp::from_millis(0),
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    };
    let mut tx = fresh.engine.store.begin().await.expect("a transaction");
    tx.insert_key(&agent).await.expect("the key is stored");
    tx.commit().await.expect("committed");
    let Ok(FirstKey::Made(key)) = ensure_admin_key(&fresh.engine, None).await else { panic!("no key was made") };
    assert!(matches!(ensure_admin_key(&fresh.engine, None).await, Ok(FirstKey::Kept)));
    let key = exposed(&key);
    assert_eq!(key.len(), 64);
    let stored = fresh.engine.store.key_by_hash(&hash_key(&key)).await.expect("a look-up").expect("a key");
    assert_eq!((stored.scope, stored.name.as_str()), (KeyScope::Admin, "first"));
    fresh.close(None).await;
    app.close().await;
}

#[tokio::test]
async fn nothing_is_answered_before_everything_is_open() {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    let app = TestApp::spawn().await;
    let settings = crate::support::app::api_settings(&app.app.config);
    let ids = std::sync::Arc::new(turnwise::domain::ids::CountingIds::default());
    let api = turnwise::api::Api::new(settings, app.clock.clone(), ids, app.stop.clone());
    let ask = |path: &'static str| {
        let request = Request::builder().uri(path).header("authorization", format!("Bearer {ADMIN_KEY}"));
        let router = turnwise::api::router(api.clone());
        async move {
            let response = router.oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer");
            let status = response.status().as_u16();
            let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
            (status, serde_json::from_slice::<Value>(&bytes).expect("JSON"))
        }
    };
    assert_eq!(ask("/health/live").await.0, 200);
    for path in ["/health/ready", "/api/v1/ai/conversations/", "/metrics"] {
        let (status, body) = ask(path).await;
        assert_eq!((status, body["code"].as_str()), (503, Some("unavailable")), "{path}");
        assert!(body["message"].as_str().is_some_and(|message| message.starts_with("starting: ")), "{body}");
    }

    api.open(crate::support::app::services(&app.app));
    assert_eq!(ask("/health/ready").await.0, 200);
    app.stop.cancel();
    let (status, body) = ask("/health/ready").await;
    assert_eq!(status, 503);
    assert!(body["message"].as_str().is_some_and(|message| message.starts_with("stopping: ")), "{body}");
    app.close().await;
}
