//! Health, metrics, documentation, and what surrounds every request.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use turnwise::api::PREFIX;

use crate::api::fixtures::price_call;
use crate::support::app::{ADMIN_KEY, TestApp, answer};

#[tokio::test]
async fn a_request_is_named_as_its_caller_names_it() {
    let app = TestApp::spawn().await;
    let named = answer(app.request(Method::GET, "/health/live").header("x-request-id", "turn-17.a")).await;
    assert_eq!(named.header("x-request-id"), "turn-17.a");
    let unnamed = answer(app.request(Method::GET, "/health/live")).await;
    let other = answer(app.request(Method::GET, "/health/live")).await;
    assert_eq!(unnamed.header("x-request-id").len(), 32);
    assert_ne!(unnamed.header("x-request-id"), other.header("x-request-id"));
    app.close().await;
}

#[tokio::test]
async fn metrics_tell_requests_and_the_queue() {
    turnwise::telemetry::start_metrics();
    let app = TestApp::spawn().await;
    assert_eq!(app.post("/conversations/", &price_call("100")).await.status, 202);
    let metrics = app.get_root("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "turnwise_requests_total{method=\"POST\",route=\"/api/v1/ai/conversations/\",status=\"202\"}",
        "turnwise_request_seconds_bucket{method=\"POST\",route=\"/api/v1/ai/conversations/\",le=\"0.01\"}",
        "turnwise_queue_jobs{kind=\"analyze\",state=\"queued\"}",
        "turnwise_resident_memory_bytes",
    ] {
        assert!(metrics.text.contains(line), "{line} is not in\n{}", metrics.text);
    }
    assert!(!metrics.text.contains("premium"), "a text is in the metrics");
    app.close().await;
}

#[tokio::test]
async fn the_document_names_every_route_once_and_every_failure() {
    let app = TestApp::spawn().await;
    let document = app.get_root("/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let mut routes: Vec<String> = Vec::new();
    let mut names = BTreeSet::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            routes.push(format!("{} {path}", method.to_uppercase()));
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
            assert!(operation["responses"]["500"].is_object(), "{path}");
            assert!(
                names.insert(operation["operationId"].as_str()),
                "{path}: {} is another's",
                operation["operationId"]
            );
        }
    }
    insta::assert_snapshot!(routes.join("\n"));
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for found in regex::Regex::new("#/components/schemas/([^\"]+)").expect("valid").captures_iter(&text) {
        assert!(schemas.contains_key(&found[1]), "{} is not there", &found[1]);
    }
    assert_eq!(schemas["KnowledgeType"]["enum"], serde_json::json!(["faq", "response_pattern", "objection_handling"]));
    app.close().await;
}

#[tokio::test]
async fn the_page_is_there_without_a_network() {
    let app = TestApp::spawn().await;
    let page = answer(app.request(Method::GET, "/docs")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("swagger-ui"), "{}", page.text);
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert_eq!(answer(app.request(Method::GET, &format!("/docs/{file}"))).await.status, 200, "{file}");
    }
    let setup = answer(app.request(Method::GET, "/docs/swagger-initializer.js")).await.text;
    assert!(setup.contains("/openapi.json"), "{setup}");
    app.close().await;
}

#[tokio::test]
async fn the_slash_at_the_end_is_optional_everywhere() {
    let app = TestApp::spawn().await;
    for path in ["/health/live", "/health/ready", "/metrics", "/openapi.json"] {
        assert_eq!(app.get_root(path).await.status, 200, "{path}");
        assert_eq!(app.get_root(&format!("{path}/")).await.status, 200, "{path}/");
    }
    let body = serde_json::json!({"utterance": "hello there"});
    assert_eq!(app.post("/retrieve", &body).await.status, 200);
    assert_eq!(app.post("/retrieve/", &body).await.status, 200);
    let with = app.get("/conversations/search/?q=hello&limit=2").await.json();
    assert_eq!(app.get("/conversations/search?q=hello&limit=2").await.json(), with);
    app.close().await;
}

#[tokio::test]
async fn a_connection_that_asks_nothing_whole_is_closed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let app = TestApp::spawn_with(&["server.request_timeout_ms=100"]).await;
    let address = app.url.strip_prefix("http://").expect("an address");
    for head in ["", "GET /health/live HTTP/1.1\r\nHost: x\r\nX-"] {
        let mut connection = tokio::net::TcpStream::connect(address).await.expect("a connection");
        connection.write_all(head.as_bytes()).await.expect("it is open");
        let mut answered = Vec::new();
        let read = connection.read_to_end(&mut answered).await;
        assert!(read.is_ok() && answered.is_empty(), "{read:?} {}", String::from_utf8_lossy(&answered));
    }
    app.close().await;
}

#[tokio::test]
async fn a_request_in_work_is_answered_after_the_stop() {
    let app = TestApp::spawn().await;
    let (mut sender, body) = futures::channel::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let request = app
        .request(Method::POST, &format!("{PREFIX}/retrieve/"))
        .bearer_auth(ADMIN_KEY)
        .header("content-type", "application/json")
        .body(reqwest::Body::wrap_stream(body));
    let asked = tokio::spawn(answer(request));
    sender.try_send(Ok(b"{\"utterance\":".to_vec())).expect("there is room");
    // Once a second part can be sent the first has left, and with it the head of the request; once the server has told
    // another request on a new connection, it has accepted this one.
    futures::future::poll_fn(|context| sender.poll_ready(context)).await.expect("the request is alive");
    assert_eq!(app.get_root("/health/live").await.status, 200);
    app.stop.cancel();
    sender.try_send(Ok(b"\"hello there\"}".to_vec())).expect("there is room");
    drop(sender);
    let answer = asked.await.expect("no panic");
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.json()["results"] == Value::Array(Vec::new()));
    app.close().await;
}
