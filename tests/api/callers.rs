//! Callers with keys of their own.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Answer, TestApp, answer};

/// Asks with this key; the path begins at the root.
pub async fn ask(app: &TestApp, key: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let request = app.request(method, path).bearer_auth(key);
    answer(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

/// A key that the operator made: its id and itself.
pub async fn make_key(app: &TestApp, tenant: &str, scope: &str) -> (String, String) {
    let made = app.post("/keys/", &json!({"name": "a test", "scope": scope, "tenant": tenant})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let body = made.json();
    let text = |name: &str| body[name].as_str().expect("a text").to_owned();
    (text("id"), text("key"))
}
