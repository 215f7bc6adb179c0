//! Lists: knowledge, training data and conversations, with filters and pages.

use serde_json::{Value, json};

use crate::api::fixtures::{call, hours_call, price_call};
use crate::support::app::{TestApp, answer};
use crate::support::settled::settled;

#[tokio::test]
async fn knowledge_is_listed_with_its_evidence() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let list = app.get("/training/knowledge-base").await.json();
    insta::assert_json_snapshot!(settled(list));

    let count = async |filter: &str| {
        let list = app.get(&format!("/training/knowledge-base/?{filter}")).await.json();
        list["count"].as_i64().unwrap_or_else(|| panic!("{filter}: {list}"))
    };
    let all = count("").await;
    assert!(all > 0);
    assert_eq!(count("knowledge_type=&category=&status=").await, all, "an empty filter is none");
    assert_eq!(count("category=sales").await, all);
    assert_eq!(count("category=support").await, 0);
    assert_eq!(count("language=en").await, all);
    assert_eq!(count("language=ur-latn").await, 0);
    assert!(count("search=Dollars").await > 0);
    assert_eq!(count("search=euros").await, 0);
    assert_eq!(count("intent=nobody_wants_this").await, 0);
    let by_status = count("status=live").await + count("status=candidate").await + count("status=quarantined").await;
    assert_eq!(by_status, all);
    let by_kind = count("knowledge_type=faq").await
        + count("knowledge_type=response_template").await
        + count("knowledge_type=objection_handling").await;
    assert_eq!(by_kind, all);
    let wrong = app.get("/training/knowledge-base/?knowledge_type=poem&status=dead").await.json();
    assert_eq!(wrong["fields"].as_array().map(Vec::len), Some(2), "{wrong}");
    app.close().await;
}

#[tokio::test]
async fn knowledge_is_found_by_meaning() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100"), hours_call("200")]).await;
    let search = "/training/knowledge-base/search_by_intent";
    let found = app.get(&format!("{search}?q=monthly+price+of+the+best+plan&limit=1")).await.json();
    insta::assert_json_snapshot!(settled(found));
    let by_intent = app.get(&format!("{search}/?intent=opening_hours&page_size=1")).await.json();
    assert!(by_intent["results"][0]["content"].as_str().is_some_and(|text| text.contains("nine in the morning")));
    let filtered = app.get(&format!("{search}/?q=price&category=support")).await.json();
    assert_eq!(filtered["count"], 0, "{filtered}");
    let wrong = app.get(&format!("{search}/?q=&intent=")).await;
    assert_eq!((wrong.status, wrong.json()["field"].as_str()), (422, Some("q")));
    assert!(
        app.app.engine.store.retrievals_of(&turnwise::domain::ids::TenantId::default_tenant(), &["x"]).await.is_ok()
    );
    app.close().await;
}

#[tokio::test]
async fn training_data_is_listed_under_the_names_that_callers_know() {
    let app = TestApp::spawn().await;
    let mut failed = hours_call("200");
    failed["outcome"] = "unsuccessful".into();
    failed["agent_id"] = "night-desk".into();
    app.learn([price_call("100"), failed]).await;
    let list = app.get("/training/training-data/?outcome=successful").await.json();
    insta::assert_json_snapshot!(settled(list));

    for (filter, expected) in [
        ("", 2),
        ("category=sales", 2),
        ("category=support", 0),
        ("outcome=unsuccessful", 1),
        ("agent_id=night-desk", 1),
        ("language=en&agent_id=front-desk", 1),
        ("min_score=0&max_score=1", 2),
        ("max_score=0.5", 1),
        ("from=2026-09-02T08:00:00Z", 2),
        ("from=2026-09-02T08:00:01Z", 0),
        ("to=2026-09-02T08:00:00Z", 0),
    ] {
        let list = app.get(&format!("/training/training-data/?{filter}")).await.json();
        assert_eq!(list["count"], expected, "{filter}: {list}");
    }
    let wrong = app.get("/training/training-data/?min_score=2&max_score=x&outcme=successful").await;
    assert_eq!((wrong.status, wrong.json()["field"].as_str()), (422, Some("outcme")));
    app.close().await;
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end_and_back() {
    let app = TestApp::spawn().await;
    for number in 0..7 {
        let conversation = call(&format!("c-{number}"), &[("user", "hello"), ("agent", "hello, how can I help?")]);
        assert_eq!(app.post("/conversations/", &conversation).await.status, 202);
        app.clock.advance_millis(1_000);
    }
    let names = |page: &Value| -> Vec<String> {
        let results = page["results"].as_array().expect("results");
        results.iter().map(|item| item["external_id"].as_str().expect("an id").to_owned()).collect()
    };
    let newest_first: Vec<String> = (0..7).rev().map(|number| format!("c-{number}")).collect();
    let follow = async |link: &Value| {
        let link = link.as_str().expect("a link").strip_prefix(&app.url).expect("an absolute URL").to_owned();
        app.get_root(&link).await.json()
    };

    let first = app.get("/conversations/?limit=3&channel=phone").await.json();
    assert_eq!((first["count"].as_i64(), first["previous"].is_null()), (Some(7), true), "{first}");
    assert!(first.get("count_is_lower_bound").is_none(), "{first}");
    // What comes in meanwhile does not move the pages behind a cursor.
    let late = call("late", &[("user", "hello"), ("agent", "hello")]);
    assert_eq!(app.post("/conversations/", &late).await.status, 202);
    let second = follow(&first["next"]).await;
    let third = follow(&second["next"]).await;
    let seen: Vec<String> = [&first, &second, &third].into_iter().flat_map(names).collect();
    assert_eq!(seen, newest_first);
    assert!(third["next"].is_null(), "{third}");
    let back = follow(&second["previous"]).await;
    assert_eq!(names(&back)[0], "late");

    assert_eq!(app.delete("/conversations/late/").await.status, 204);
    let by_offset = app.get("/conversations/?offset=5&limit=2").await.json();
    assert_eq!((names(&by_offset), by_offset["next"].is_null()), (newest_first[5..7].to_vec(), true));
    let by_number = app.get("/conversations/?page=2&page_size=2").await.json();
    assert_eq!(names(&by_number), newest_first[2..4]);
    assert_eq!(names(&follow(&by_number["next"]).await), newest_first[4..6]);
    assert_eq!(names(&follow(&by_number["previous"]).await), newest_first[0..2]);
    assert_eq!(names(&app.get("/conversations/?page=9").await.json()), Vec::<String>::new());
    assert_eq!(app.get("/conversations/?limit=101").await.code(), "invalid_fields");
    assert_eq!(app.get("/conversations/?cursor=x.y.z").await.code(), "invalid_fields");

    let behind_a_proxy = answer(
        app.request(reqwest::Method::GET, "/api/v1/ai/conversations?limit=1&status=received")
            .bearer_auth(crate::support::app::ADMIN_KEY)
            .header("x-forwarded-host", "kb.example.com")
            .header("x-forwarded-proto", "https"),
    )
    .await
    .json();
    let next = behind_a_proxy["next"].as_str().expect("a link");
    assert!(next.starts_with("https://kb.example.com/api/v1/ai/conversations"), "{next}");
    assert!(next.contains("?status=received&cursor=") && next.ends_with("&limit=1"), "{next}");
    app.close().await;
}

#[tokio::test]
async fn every_list_can_be_followed_to_its_end() {
    let app = TestApp::spawn().await;
    app.learn((100..103).map(|number| price_call(&number.to_string()))).await;
    app.learn([hours_call("200")]).await;
    for list in ["/training/training-data/", "/training/knowledge-base/", "/conversations/"] {
        for place in ["", "&offset=0", "&page=1"] {
            let mut page = app.get(&format!("{list}?limit=1{place}")).await.json();
            let count = page["count"].as_u64().expect("a number");
            let mut seen = vec![page["results"][0]["id"].clone()];
            while let Some(next) = page["next"].as_str() {
                page = app.get_root(next.strip_prefix(&app.url).expect("an absolute URL")).await.json();
                assert!(!seen.contains(&page["results"][0]["id"]), "{list}{place} stands still: {page:#}");
                seen.push(page["results"][0]["id"].clone());
            }
            assert_eq!(seen.len() as u64, count, "{list}{place}");
            let mut back = 1;
            while let Some(previous) = page["previous"].as_str() {
                page = app.get_root(previous.strip_prefix(&app.url).expect("an absolute URL")).await.json();
                back += 1;
            }
            assert_eq!(back, count, "{list}{place} leads back to its beginning");
        }
    }
    app.close().await;
}

#[tokio::test]
async fn conversations_are_filtered_by_what_is_known_of_them() {
    let app = TestApp::spawn().await;
    let mut unlabelled = hours_call("200");
    for field in ["category", "language", "outcome"] {
        unlabelled.as_object_mut().expect("an object").remove(field);
    }
    unlabelled["started_at"] = json!("2026-08-01T10:00:00Z");
    app.learn([price_call("100"), unlabelled]).await;
    for (filter, expected) in [
        ("", 2),
        ("status=processed", 2),
        ("status=failed", 0),
        ("outcome=successful", 2),
        ("language=en", 2),
        ("agent_id=front-desk&channel=phone", 2),
        ("channel=chat", 0),
        ("from=2026-09-01T00:00:00Z", 1),
        ("to=2026-09-01T00:00:00Z", 1),
    ] {
        let list = app.get(&format!("/conversations/?{filter}")).await.json();
        assert_eq!(list["count"], expected, "{filter}: {list}");
    }
    let item = app.get("/conversations/?to=2026-09-01T00:00:00Z").await.json()["results"][0].clone();
    assert_eq!((item["language"].as_str(), item["outcome"].as_str()), (Some("en"), Some("successful")), "{item}");
    app.close().await;
}

/// Every list, what to send first, and by what it can be ordered.
const ORDERED: [(&str, &[&str]); 10] = [
    ("/training/training-data/?", &["created_at", "success_score"]),
    ("/training/knowledge-base/?", &["created_at", "updated_at", "success_rate", "uses"]),
    ("/training/training-sessions/?", &["created_at", "run_at"]),
    ("/training/performance-metrics/?from=2026-08-25T00:00:00Z&", &["period_start"]),
    ("/conversations/?", &["received_at", "started_at"]),
    ("/cases/?", &["created_at"]),
    ("/jobs/?", &["created_at"]),
    ("/keys/?", &["created_at"]),
    ("/experiments/?", &["created_at"]),
    ("/gaps/?", &["score", "volume", "last_seen"]),
];

/// A Turnwise with something in every list but those of cases and gaps.
async fn with_lists() -> TestApp {
    let app = TestApp::spawn().await;
    for number in 100..103 {
        app.learn([price_call(&number.to_string())]).await;
        app.clock.advance_millis(1_000);
    }
    let mut failed = hours_call("200");
    failed["outcome"] = "unsuccessful".into();
    failed["started_at"] = json!("2026-08-30T10:00:00Z");
    app.learn([failed, hours_call("201")]).await;
    let arms = json!([
        {"name": "with", "share": 0.5, "settings": {}},
        {"name": "without", "share": 0.5, "settings": {"holdout": true}}]);
    for name in ["Übung eins", "zwei"] {
        app.clock.advance_millis(1_000);
        for (path, body, status) in [
            ("/experiments/", json!({"name": name, "kind": "holdout", "arms": arms}), 201),
            ("/keys/", json!({"name": name, "scope": "agent"}), 201),
            ("/training/training-sessions/start_training/", json!({"name": name}), 202),
        ] {
            let made = app.post(path, &body).await;
            assert_eq!(made.status, status, "{path}: {}", made.text);
        }
    }
    app
}

/// All items of a list, page by page.
async fn walk(app: &TestApp, path: &str) -> Vec<Value> {
    let mut page = app.get(path).await.json();
    let mut items = Vec::new();
    loop {
        items.extend(page["results"].as_array().unwrap_or_else(|| panic!("{path}: {page}")).iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        page = app.get_root(next.strip_prefix(&app.url).expect("an absolute URL")).await.json();
    }
    assert_eq!(page["count"], items.len(), "{path}");
    items
}

/// What no other item of its list has.
fn id(item: &Value) -> Value {
    item.get("id").unwrap_or(&item["period_start"]).clone()
}

/// Whether one item may come before another one that is ordered by this word.
fn may_come_first(word: &str, first: &Value, second: &Value) -> bool {
    let value = |item: &Value| if word == "uses" { item["success"]["uses"].clone() } else { item[word].clone() };
    let (first, second) = (value(first), value(second));
    match (first.as_f64(), second.as_f64()) {
        (Some(first), Some(second)) => first < second + 1e-6,
        // Times and periods are told alike in all items.
        _ => first.as_str() <= second.as_str(),
    }
}

#[tokio::test]
async fn every_list_comes_in_every_order_page_by_page() {
    let app = with_lists().await;
    for (list, words) in ORDERED {
        for word in words {
            let up = walk(&app, &format!("{list}limit=2&ordering={word}")).await;
            let mut down = walk(&app, &format!("{list}ordering=-{word}&limit=3")).await;
            if !["/cases/?", "/gaps/?"].contains(&list) {
                assert!(up.len() > 1, "{list}{word}: {up:#?}");
            }
            for pair in up.windows(2) {
                assert!(may_come_first(word, &pair[0], &pair[1]), "{list}{word}: {pair:#?}");
            }
            down.reverse();
            let ids = |items: &[Value]| items.iter().map(id).collect::<Vec<_>>();
            assert_eq!(ids(&up), ids(&down), "{list}{word}");
        }
    }
    let newest = app.get("/training/training-data/").await.json();
    assert_eq!(app.get("/training/training-data/?ordering=-created_at").await.json()["results"], newest["results"]);
    app.close().await;
}

#[tokio::test]
async fn an_order_that_is_not_known_is_told_and_a_cursor_is_of_one_order() {
    let app = with_lists().await;
    for (list, words) in ORDERED {
        for wrong in ["colour", "--created_at", "created_at,id"] {
            let refused = app.get(&format!("{list}ordering={wrong}")).await;
            let body = refused.json();
            assert_eq!((refused.status, body["field"].as_str()), (422, Some("ordering")), "{list}: {body}");
            let message = body["message"].as_str().expect("a message");
            for word in words {
                assert!(message.contains(&format!("{word}, -{word}")), "{list}: {message}");
            }
        }
        let first = app.get(&format!("{list}limit=1&ordering={}", words[0])).await.json();
        let Some(next) = first["next"].as_str() else { continue };
        let cursor = next.split(['?', '&']).find(|part| part.starts_with("cursor=")).expect("a cursor");
        for ordering in [String::new(), format!("ordering=-{}&", words[0])] {
            let refused = app.get(&format!("{list}{ordering}{cursor}")).await;
            let body = refused.json();
            assert_eq!((refused.status, body["field"].as_str()), (422, Some("cursor")), "{list}{ordering}: {body}");
        }
    }
    app.close().await;
}

#[tokio::test]
async fn lists_are_searched_by_words_as_they_are_written() {
    let app = with_lists().await;
    let count = async |path: &str| {
        let list = app.get(path).await.json();
        list["count"].as_i64().unwrap_or_else(|| panic!("{path}: {list}"))
    };
    for (list, found) in [
        ("/training/training-data/", "200"),
        ("/training/training-sessions/", "%C3%9CBUNG"),
        ("/conversations/", "201"),
        ("/keys/", "%C3%BCbung+EINS"),
        ("/experiments/", "%C3%BCbung"),
    ] {
        assert_eq!(count(&format!("{list}?search={found}")).await, 1, "{list}");
    }
    for list in ["/training/training-data/", "/training/training-sessions/", "/conversations/", "/keys/"] {
        for pattern in ["%25", "_"] {
            assert_eq!(count(&format!("{list}?search={pattern}")).await, 0, "{list}{pattern}");
        }
    }
    assert!(count("/jobs/?search=ANALYZE").await > 0);
    assert!(count("/training/training-data/?search=premium").await > 0);
    for (list, _) in ORDERED.iter().filter(|(list, _)| !list.contains("metrics")) {
        assert_eq!(count(&format!("{list}search=zebra")).await, 0, "{list}");
        let long = app.get(&format!("{list}search={}", "x".repeat(201))).await;
        assert_eq!((long.status, long.json()["field"].as_str()), (422, Some("search")), "{list}");
    }
    app.close().await;
}
