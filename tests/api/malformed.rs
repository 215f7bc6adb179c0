//! What is malformed, oversized, empty, not UTF-8, deeply nested or of a wrong type gets a clear 4xx, never a 500.

use reqwest::Method;
use serde_json::{Value, json};
use turnwise::api::PREFIX;

use crate::api::fixtures::price_call;
use crate::support::app::{ADMIN_KEY, Answer, MAX_BODY_BYTES, TestApp, answer};

/// Bodies that no endpoint takes: what they are, the bytes, and the code. `language` is a field of all of them.
fn bodies() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    vec![
        ("empty", Vec::new(), "malformed_json"),
        ("white space", b" \n\t ".to_vec(), "malformed_json"),
        ("cut off", b"{\"language\": \"e".to_vec(), "malformed_json"),
        ("no JSON", b"utterance=hello".to_vec(), "malformed_json"),
        ("two values", b"{} {}".to_vec(), "malformed_json"),
        ("a comment", b"{/* x */}".to_vec(), "malformed_json"),
        ("a control character", b"{\"language\":\"a\x01b\"}".to_vec(), "malformed_json"),
        ("half a surrogate", b"{\"language\":\"\\ud83d\"}".to_vec(), "malformed_json"),
        ("not UTF-8", b"{\"utterance\":\"\xff\xfe\"}".to_vec(), "malformed_json"),
        ("UTF-16", b"\xff\xfe{\x00}\x00".to_vec(), "malformed_json"),
        ("a NUL", b"\0".to_vec(), "malformed_json"),
        ("NaN", b"{\"language\":NaN}".to_vec(), "malformed_json"),
        ("a huge number", b"{\"language\":1e999}".to_vec(), "malformed_json"),
        ("nested lists", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes(), "invalid_fields"),
        ("open lists", "[".repeat(200_000).into_bytes(), "malformed_json"),
        ("too large", vec![b' '; MAX_BODY_BYTES + 1], "body_too_large"),
        ("far too large", vec![b'['; 3 * MAX_BODY_BYTES], "body_too_large"),
        ("null", b"null".to_vec(), "invalid_fields"),
        ("a text", b"\"hello\"".to_vec(), "invalid_fields"),
        ("a number", b"7".to_vec(), "invalid_fields"),
        ("a list", b"[]".to_vec(), "invalid_fields"),
        ("a list of values", b"[\"hello\", null]".to_vec(), "invalid_fields"),
        ("an empty object", b"{}".to_vec(), "invalid_fields"),
        ("an unknown field", b"{\"utternace\":\"x\"}".to_vec(), "invalid_fields"),
        ("an unknown field, cut off", b"{\"a\":".to_vec(), "malformed_json"),
        ("an unknown field, and more", b"{\"a\":1} x".to_vec(), "malformed_json"),
        ("a field twice", b"{\"language\":\"en\",\"language\":\"en\"}".to_vec(), "invalid_fields"),
        ("a number as a text", b"{\"language\":7}".to_vec(), "invalid_fields"),
        ("an object as a text", b"{\"category\":{\"$gt\":\"\"}}".to_vec(), "invalid_fields"),
    ]
}

#[tokio::test]
async fn no_endpoint_takes_what_is_no_body() {
    let app = TestApp::spawn().await;
    for path in ["/conversations/", "/retrieve/", "/retrieve", "/training/knowledge-base/"] {
        for (what, body, code) in bodies() {
            let answer = app.post_bytes(path, body).await;
            assert_eq!(answer.code(), code, "{path}: {what}: {}", answer.text);
            assert!((400..500).contains(&answer.status), "{path}: {what}");
        }
    }
    app.close().await;
}

#[tokio::test]
async fn a_body_must_say_that_it_is_json() {
    let app = TestApp::spawn().await;
    let send = async |kind: Option<&str>| {
        let mut request = app.request(Method::POST, &format!("{PREFIX}/retrieve/")).bearer_auth(ADMIN_KEY);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        answer(request.body("{\"utterance\":\"hello there\"}")).await
    };
    assert_eq!(send(Some("application/json; charset=utf-8")).await.status, 200);
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("*/*"),
    ] {
        let refused = send(kind).await;
        assert_eq!((refused.status, refused.code().as_str()), (415, "unsupported_media_type"), "{kind:?}");
    }
    let latin = send(Some("application/json; charset=iso-8859-1")).await;
    assert_eq!(latin.code(), "unsupported_media_type");
    assert!(latin.text.contains("iso-8859-1"), "{}", latin.text);
    let gzip = app.request(Method::POST, &format!("{PREFIX}/retrieve/")).bearer_auth(ADMIN_KEY);
    let gzip = gzip.header("content-type", "application/json").header("content-encoding", "gzip");
    let gzip = answer(gzip.body(b"\x1f\x8b\x08".to_vec())).await;
    assert_eq!(gzip.code(), "unsupported_media_type");
    assert!(gzip.text.contains("gzip"), "{}", gzip.text);
    app.close().await;
}

#[tokio::test]
async fn a_wrong_field_of_a_conversation_is_named() {
    let app = TestApp::spawn().await;
    let many = |count: usize| -> Value { vec![json!({"speaker": "user", "text": "hi"}); count].into() };
    let cases: Vec<(&str, Value, &str)> = vec![
        ("external_id", Value::Null, "external_id"),
        ("external_id", json!(""), "external_id"),
        ("external_id", json!("a\u{0}b"), "external_id"),
        ("external_id", json!("x".repeat(201)), "external_id"),
        ("external_id", json!("search"), "external_id"),
        ("external_id", json!(".."), "external_id"),
        ("agent_id", json!(7), "agent_id"),
        ("channel", json!(" "), "channel"),
        ("language", json!("english"), "language"),
        ("outcome", json!("good"), "outcome"),
        ("satisfaction", json!(0), "satisfaction"),
        ("satisfaction", json!(4.5), "satisfaction"),
        ("satisfaction", json!("5"), "satisfaction"),
        ("started_at", json!("yesterday"), "started_at"),
        ("started_at", json!("0000-01-01T00:00:00Z"), "started_at"),
        ("ended_at", json!("2026-08-31T10:00:00Z"), "ended_at"),
        ("ended_at", json!("9999-01-01T00:00:00Z"), "ended_at"),
        ("usage", json!({"prompt_tokens": -1}), "usage"),
        ("usage", json!({"prompt_tokens": 1.5}), "usage.prompt_tokens"),
        ("usage", json!({"tokens": 1}), "usage.tokens"),
        ("usage", json!([]), "usage"),
        ("usage", json!([1, 2, 0.5]), "usage"),
        ("metadata", json!([1]), "metadata"),
        ("metadata", json!({"a": "x".repeat(17_000)}), "metadata"),
        ("metadata", json!({"a": "\u{0}"}), "metadata"),
        ("turns", json!([]), "turns"),
        ("turns", json!("hello"), "turns"),
        ("turns", Value::Null, "turns"),
        ("turns", json!([["user", "hi", null, null]]), "turns[0]"),
        ("turns", many(2001), "turns"),
        ("turns", json!([{"speaker": "martian", "text": "hi"}]), "turns[0].speaker"),
        ("turns", json!([{"speaker": "user", "text": "hi"}, {"speaker": "user"}]), "turns[1].text"),
        ("turns", json!([{"speaker": "user", "text": null}]), "turns[0].text"),
        ("turns", json!([{"speaker": "user", "text": "a\u{0}b"}]), "turns[0].text"),
        ("turns", json!([{"speaker": "user", "text": "x".repeat(20_001)}]), "turns[0].text"),
        ("turns", json!([{"speaker": "user", "text": "hi", "at": "noon"}]), "turns[0].at"),
        ("turns", json!([{"speaker": "user", "text": "hi", "retrieval_id": "x"}]), "turns[0].retrieval_id"),
        ("turns", json!([{"speaker": "user", "text": "hi", "mood": "good"}]), "turns[0].mood"),
        ("messages", json!([{"role": "user", "content": "hi"}]), "messages"),
        ("messages", json!({"role": "user"}), "messages"),
        ("messages", json!([["user", "hi"]]), "messages[0]"),
    ];
    for (name, value, field) in cases {
        let mut body = price_call("100");
        body[name] = value.clone();
        let answer = app.post("/conversations/", &body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (422, "invalid_fields"),
            "{name}={value:.60}: {}",
            answer.text
        );
        assert_eq!(answer.json()["field"], field, "{name}={value:.60}: {}", answer.text);
    }
    let whole = price_call("100").to_string();
    for (open, close) in [("{\"a\":", "}"), ("[", "]")] {
        let nested = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        let deep = whole.replace("{\"campaign\":\"autumn\"}", &nested);
        assert_ne!(deep, whole);
        let answer = app.post_bytes("/conversations/", deep).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "malformed_json"), "{}", answer.text);
    }
    assert_eq!(app.get("/conversations/").await.json()["count"], 0);
    app.close().await;
}

#[tokio::test]
async fn a_wrong_field_of_a_question_is_named() {
    let app = TestApp::spawn().await;
    for (name, value, field) in [
        ("render", json!([200]), "render"),
        ("render", json!({}), "render.max_tokens"),
        ("context", json!([["user", "x"]]), "context[0]"),
        ("context", json!([{"speaker": "user"}]), "context[0].text"),
        ("utterance", json!("\u{1}\u{2}\u{1b}[31m"), "utterance"),
    ] {
        let mut body = json!({"utterance": "hello there"});
        body[name] = value.clone();
        let answer = app.post("/retrieve/", &body).await;
        assert_eq!(answer.code(), "invalid_fields", "{name}={value}");
        assert_eq!(answer.json()["field"], field, "{name}={value}: {}", answer.text);
    }
    let nothing = json!({"utterance": "hello there", "context": null, "render": null});
    assert_eq!(app.post("/retrieve/", &nothing).await.status, 200);
    app.close().await;
}

#[tokio::test]
async fn all_that_is_wrong_with_a_conversation_is_told_at_once() {
    let app = TestApp::spawn().await;
    let wrong = app
        .post(
            "/conversations/",
            &json!({"language": "x", "satisfaction": 9, "turns": [{"speaker": "x", "text": "y"}], "outcome": "good"}),
        )
        .await;
    let fields: Vec<String> = wrong.json()["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| field["field"].as_str().expect("a name").to_owned())
        .collect();
    let expected = [
        "external_id",
        "agent_id",
        "channel",
        "language",
        "outcome",
        "started_at",
        "ended_at",
        "satisfaction",
        "turns[0].speaker",
    ];
    assert_eq!(fields, expected);
    app.close().await;
}

#[tokio::test]
async fn unusual_conversations_are_learned_from_or_refused() {
    let app = TestApp::spawn().await;
    let texts = [
        "🙂".repeat(5_000),
        "x".repeat(20_000),
        "\u{202e}\u{200b}\u{feff}\u{1b}[2J\r\n\t".to_owned(),
        "मैं 👩‍👩‍👧‍👦 آپ کی مدد ﷽ ".repeat(100),
        String::new(),
        "?!".to_owned(),
        "1".repeat(4_000),
    ];
    for (number, text) in texts.iter().enumerate() {
        let mut conversation = price_call(&format!("c-{number}"));
        conversation["turns"] = json!([{"speaker": "user", "text": text}, {"speaker": "agent", "text": text}]);
        conversation["metadata"] = json!({"emoji 👍": [null, {"deep": [[[[1.5]]]]}]});
        let answer = app.post("/conversations/", &conversation).await;
        assert_eq!(answer.status, 202, "{text:.20}: {}", answer.text);
        app.drain_jobs().await;
        let shown = app.get(&format!("/conversations/c-{number}/")).await.json();
        assert_eq!(shown["turns"][0]["text"], text.as_str(), "stored as received");
        assert_eq!(shown["status"], "processed", "{}", shown["failure"]);
    }
    app.close().await;
}

#[tokio::test]
async fn malformed_urls_are_refused_in_the_same_shape() {
    let app = TestApp::spawn().await;
    let check = |answer: Answer, status: u16, code: &str, what: &str| {
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}: {}", answer.text);
    };
    for (path, status, code) in [
        ("/conversations/search/?q=%FF", 400, "malformed_request"),
        ("/conversations/search/?q=%ZZ", 400, "malformed_request"),
        ("/conversations/search/?q=a%00b", 422, "invalid_fields"),
        ("/conversations/search/?q=a&q=b", 422, "invalid_fields"),
        ("/conversations/search/", 422, "invalid_fields"),
        ("/conversations/?category=%00", 422, "invalid_fields"),
        ("/conversations/?category=%07", 422, "invalid_fields"),
        ("/conversations/?page=999999999999999999999", 422, "invalid_fields"),
        ("/training/knowledge-base/?limit=-1", 422, "invalid_fields"),
        ("/conversations/?from=2026-09-02T00:00:00Z&to=2026-09-01T00:00:00Z", 422, "invalid_fields"),
        ("/conversations/search/?q=a&from=2026-09-02T00:00:00Z&to=2026-09-01T00:00:00Z", 422, "invalid_fields"),
        ("/training/training-data/?min_score=0.9&max_score=0.1", 422, "invalid_fields"),
        ("/nowhere/", 404, "not_found"),
        ("/", 404, "not_found"),
        ("//conversations/", 404, "not_found"),
        ("/conversations/a/b/", 404, "not_found"),
    ] {
        check(app.get(path).await, status, code, path);
    }
    check(app.get_root("/nowhere").await, 404, "not_found", "/nowhere");
    check(app.get_root("/docs/nowhere.js").await, 404, "not_found", "/docs/nowhere.js");
    let wrong_method =
        answer(app.request(Method::PUT, &format!("{PREFIX}/conversations/")).bearer_auth(ADMIN_KEY)).await;
    assert_eq!(wrong_method.header("allow"), "POST,GET,HEAD");
    check(wrong_method, 405, "method_not_allowed", "PUT");
    let long = format!("/conversations/search/?q={}", "x".repeat(10_001));
    check(app.get(&long).await, 422, "invalid_fields", "a long query");
    app.close().await;
}
