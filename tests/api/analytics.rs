//! Training data one by one and together, and performance over time.

use serde_json::{Value, json};

use crate::api::fixtures::{hours_call, price_call};
use crate::support::app::TestApp;

/// Two conversations of 1 September (sales, rated 5), one failed night call of 31 August at 23:00 UTC, one voicemail.
async fn with_conversations(app: &TestApp) {
    let mut night = hours_call("300");
    night["agent_id"] = "night-desk".into();
    night["channel"] = "chat".into();
    night["outcome"] = "unsuccessful".into();
    night["started_at"] = "2026-08-31T23:00:00Z".into();
    night["ended_at"] = "2026-08-31T23:00:50Z".into();
    let mut voicemail = hours_call("400");
    voicemail["outcome"] = "excluded".into();
    voicemail["ended_at"] = "2026-09-01T10:00:01Z".into();
    voicemail["satisfaction"] = 1.into();
    for unrated in [&mut night, &mut voicemail] {
        unrated.as_object_mut().expect("an object").remove("usage");
    }
    night.as_object_mut().expect("an object").remove("satisfaction");
    app.learn([price_call("100"), hours_call("200"), night, voicemail]).await;
}

/// The counts of a distribution, by name.
fn counts(list: &Value) -> Vec<(String, i64)> {
    let items = list.as_array().expect("a list");
    items
        .iter()
        .map(|item| (item["name"].as_str().expect("a name").to_owned(), item["count"].as_i64().expect("a count")))
        .collect()
}

#[tokio::test]
async fn a_record_is_shown_with_its_conversation_under_any_of_its_ids() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let shown = app.get("/training/training-data/100/").await.json();
    assert_eq!(
        (shown["conversation"]["external_id"].as_str(), shown["outcome"].as_str()),
        (Some("100"), Some("successful"))
    );
    assert_eq!(shown["turns"].as_array().map(Vec::len), Some(6), "{shown}");
    assert_eq!(shown["ai_conversation"], shown["conversation"]["id"]);
    for list in ["key_phrases", "user_intents"] {
        assert!(shown[list].as_array().is_some_and(|items| !items.is_empty()), "{list}: {shown}");
    }
    assert!(shown["quality"]["talk_ratio"].as_f64().is_some_and(|share| share > 0.0), "{shown}");
    assert!(shown["reasons"]["outcome"].is_string() && shown["reasons"]["talk_ratio"].is_string(), "{shown}");
    for name in ["id", "ai_conversation"] {
        let id = shown[name].as_str().expect("an id");
        assert_eq!(app.get(&format!("/training/training-data/{id}")).await.json(), shown, "{name}");
    }
    for nothing in ["nobody", "00000000-0000-0000-0000-000000000001", "%07"] {
        let answer = app.get(&format!("/training/training-data/{nothing}/")).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{nothing}");
    }
    app.close().await;
}

#[tokio::test]
async fn training_data_are_counted_in_distributions() {
    let app = TestApp::spawn().await;
    let analytics = async |filter: &str| app.get(&format!("/training/training-data/analytics/?{filter}")).await.json();
    let nothing = analytics("").await;
    assert_eq!((nothing["total"].as_i64(), nothing["success_rate"].is_null()), (Some(0), true), "{nothing}");
    assert_eq!(nothing["trends"], json!([]));

    with_conversations(&app).await;
    let all = analytics("").await;
    assert_eq!(all["total"], 4);
    let outcomes = json!({"successful": 2, "unsuccessful": 1, "partial": 0, "unknown": 0, "excluded": 1});
    assert_eq!(all["outcomes"], outcomes);
    assert!(all["success_rate"].as_f64().is_some_and(|rate| (rate - 2.0 / 3.0).abs() < 1e-9), "{all}");
    assert_eq!(counts(&all["categories"]), [("sales".to_owned(), 4)]);
    assert_eq!(counts(&all["channels"]), [("phone".to_owned(), 3), ("chat".to_owned(), 1)]);
    assert_eq!(counts(&all["languages"]), [("en".to_owned(), 4)]);
    let bins = all["success_scores"].as_array().expect("bins");
    let in_bins: i64 = bins.iter().filter_map(|bin| bin["count"].as_i64()).sum();
    assert_eq!((bins.len(), in_bins, bins[3]["low"].as_f64(), bins[9]["high"].as_f64()), (10, 3, Some(0.3), Some(1.0)));
    assert!(all["quality"]["resolution"].as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)), "{all}");

    // What the records say one by one.
    let records = app.get("/training/training-data/").await.json();
    let records = records["results"].as_array().expect("records").clone();
    for (list, counted) in [("user_intents", &all["user_intents"]), ("key_phrases", &all["key_phrases"])] {
        for (name, count) in counts(counted) {
            let having = |record: &&Value| record[list].as_array().is_some_and(|words| words.contains(&json!(name)));
            assert_eq!(records.iter().filter(having).count() as i64, count, "{list}: {name}");
        }
    }
    assert!(!counts(&all["key_phrases"]).is_empty() && !counts(&all["user_intents"]).is_empty(), "{all}");

    for (filter, expected) in [
        ("category=sales", 4),
        ("category=support", 0),
        ("language=en&agent_id=front-desk", 3),
        ("agent_id=night-desk", 1),
        ("outcome=excluded", 1),
        ("from=2026-09-01T00:00:00Z", 3),
        ("to=2026-09-01T00:00:00Z", 1),
    ] {
        let found = analytics(filter).await;
        assert_eq!(found["total"], expected, "{filter}: {found}");
        let in_trends: i64 =
            found["trends"].as_array().expect("a list").iter().filter_map(|p| p["total"].as_i64()).sum();
        assert_eq!(in_trends, expected, "{filter}: {found}");
        assert_eq!(found["key_phrases"] == json!([]), expected == 0, "{filter}: {found}");
    }
    let starts = |found: &Value| -> Vec<Value> {
        found["trends"].as_array().expect("a list").iter().map(|point| point["period_start"].clone()).collect()
    };
    assert_eq!(starts(&all), ["2026-08-31T00:00:00Z", "2026-09-01T00:00:00Z"]);
    assert_eq!(starts(&analytics("period=weekly").await), ["2026-08-31T00:00:00Z"]);
    assert_eq!(starts(&analytics("period=monthly").await), ["2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z"]);

    assert_eq!(app.delete("/conversations/300/").await.status, 204);
    assert_eq!(analytics("").await["total"], 3);
    app.close().await;
}

#[tokio::test]
async fn performance_is_told_by_period() {
    let app = TestApp::spawn().await;
    let metrics = "/training/performance-metrics";
    assert_eq!(app.get(&format!("{metrics}/")).await.json()["count"], 0);
    with_conversations(&app).await;
    for utterance in ["how much is the premium membership?", "zxqv wvxz"] {
        let body = json!({"utterance": utterance, "conversation_id": "100"});
        assert_eq!(app.post("/retrieve/", &body).await.status, 200);
    }
    let in_voicemail = json!({"utterance": "how much is it?", "conversation_id": "400"});
    assert_eq!(app.post("/retrieve/", &in_voicemail).await.status, 200);
    app.app.flush_exposures().await;

    let daily = app.get(&format!("{metrics}/")).await.json();
    assert_eq!((daily["count"].as_i64(), daily["next"].is_null()), (Some(3), true), "{daily}");
    let [today, first, last_of_august] = daily["results"].as_array().expect("periods").as_slice() else {
        panic!("three days: {daily}")
    };
    assert_eq!(first["period_start"], "2026-09-01T00:00:00Z");
    assert_eq!((first["period"].as_str(), first["conversations"].as_i64()), (Some("daily"), Some(3)));
    assert_eq!((first["success_rate"].as_f64(), first["average_duration_s"].as_f64()), (Some(1.0), Some(150.0)));
    assert_eq!((first["average_satisfaction"].as_f64(), first["estimated_satisfaction"].is_null()), (Some(5.0), true));
    assert_eq!((first["prompt_tokens"].as_i64(), first["completion_tokens"].as_i64()), (Some(1800), Some(240)));
    assert_eq!(first["cost_per_success_usd"].as_f64(), Some(0.0125));
    assert_eq!(last_of_august["success_rate"].as_f64(), Some(0.0));
    assert!(last_of_august["average_satisfaction"].is_null() && last_of_august["cost_per_success_usd"].is_null());
    let estimated = last_of_august["estimated_satisfaction"].as_f64();
    assert!(estimated.is_some_and(|rating| (1.0..=5.0).contains(&rating)), "{last_of_august}");

    assert_eq!((today["conversations"].as_i64(), today["retrievals"].as_i64()), (Some(0), Some(3)), "{today}");
    let share = |name: &str| today[name].as_f64().expect("a share");
    assert!((share("hit_rate") + share("abstention_rate") - 1.0).abs() < 1e-9, "{today}");
    assert!(share("retrieval_p50_ms") > 0.0 && share("retrieval_p99_ms") >= share("retrieval_p50_ms"), "{today}");
    assert!(today["use_rate"].is_null() && today["success_rate"].is_null(), "{today}");
    let entries = app.get("/training/knowledge-base/").await.json()["count"].clone();
    assert_eq!((&today["knowledge_entries"], &today["new_entries"]), (&entries, &entries));
    assert_eq!(first["knowledge_entries"], 0);

    let only = async |filter: &str| {
        let list = app.get(&format!("{metrics}/?period=monthly&{filter}")).await.json();
        let periods = list["results"].as_array().expect("periods").clone();
        periods.iter().filter_map(|period| period["conversations"].as_i64()).sum::<i64>()
    };
    assert_eq!(only("").await, 4);
    assert_eq!(only("agent_id=night-desk").await, 1);
    assert_eq!(only("channel=phone&category=sales&language=en").await, 3);
    assert_eq!(only("category=support").await, 0);
    assert_eq!(only("from=2026-09-15T00:00:00Z&to=2026-10-01T00:00:00Z").await, 3);
    assert_eq!(only("to=2026-09-01T00:00:00Z").await, 1);

    let page = app.get(&format!("{metrics}/?limit=2")).await.json();
    let next = page["next"].as_str().expect("a link").strip_prefix(&app.url).expect("an absolute URL").to_owned();
    let rest = app.get_root(&next).await.json();
    assert_eq!(rest["results"], json!([last_of_august]), "{rest}");
    assert_eq!(app.get(&format!("{metrics}/?page=3&page_size=1")).await.json()["results"], json!([last_of_august]));

    let table = app.get(&format!("{metrics}/?format=csv")).await;
    assert_eq!((table.status, table.header("content-type")), (200, "text/csv; charset=utf-8"));
    let lines: Vec<&str> = table.text.lines().collect();
    let mut names: Vec<&str> = lines[0].split(',').collect();
    assert_eq!((lines.len(), names.len()), (4, 20), "{}", table.text);
    assert!(lines[2].starts_with("daily,2026-09-01T00:00:00Z,3,1.0,"), "{}", table.text);
    let line: Vec<&str> = lines[2].split(',').collect();
    for (name, value) in names.iter().zip(line).skip(2) {
        assert_eq!(first[name].as_f64(), value.parse().ok(), "{name}");
    }
    names.sort_unstable();
    let mut fields: Vec<&String> = first.as_object().expect("an object").keys().collect();
    fields.sort_unstable();
    assert_eq!(names, fields);
    app.close().await;
}

#[tokio::test]
async fn a_period_is_compared_with_the_one_before() {
    let app = TestApp::spawn_with(&["metrics.time_zone=Europe/Berlin"]).await;
    with_conversations(&app).await;
    let summary = "/training/performance-metrics/summary/";
    // In Berlin, 23:00 UTC is the next day.
    let found = app.get(&format!("{summary}?to=2026-09-01T22:00:00Z")).await.json();
    assert_eq!(found["period_start"], "2026-09-01T00:00:00+02:00");
    assert_eq!(found["previous_start"], "2026-08-31T00:00:00+02:00");
    assert_eq!(found["measures"]["conversations"], json!({"value": 4.0, "previous": 0.0, "change": 4.0}));
    assert_eq!(found["measures"]["average_satisfaction"], json!({"value": 5.0, "previous": null, "change": null}));
    assert_eq!(found["measures"].as_object().map(serde_json::Map::len), Some(18));

    let now = app.get(&format!("{summary}?period=monthly&agent_id=front-desk")).await.json();
    assert_eq!(now["period_start"], "2026-09-01T00:00:00+02:00");
    assert_eq!(now["measures"]["conversations"]["value"], 3.0);
    let table = app.get(&format!("{summary}?period=weekly&format=csv")).await;
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    assert!(table.text.starts_with("measure,value,previous,change\nconversations,4.0,0.0,4.0\n"), "{}", table.text);
    app.close().await;
}

#[tokio::test]
async fn wrong_parameters_of_analytics_are_named() {
    let app = TestApp::spawn().await;
    for (path, field) in [
        ("training-data/analytics/?period=yearly", "period"),
        ("training-data/analytics/?outcome=good", "outcome"),
        ("training-data/analytics/?language=english", "language"),
        ("training-data/analytics/?from=yesterday", "from"),
        ("training-data/analytics/?from=2026-09-02T00:00:00Z&to=2026-09-01T00:00:00Z", "from"),
        ("training-data/analytics/?min_score=0", "min_score"),
        ("performance-metrics/?period=hourly", "period"),
        ("performance-metrics/?format=xml", "format"),
        ("performance-metrics/?to=2026-13-01", "to"),
        ("performance-metrics/?limit=0", "limit"),
        ("performance-metrics/?arm=a", "experiment"),
        ("performance-metrics/?experiment=01890a5d-ac96-774b-bcce-b302099a8057", "arm"),
        ("performance-metrics/?arms=a", "arms"),
        ("performance-metrics/summary/?period=hourly", "period"),
        ("performance-metrics/summary/?from=2026-09-01T00:00:00Z", "from"),
        ("performance-metrics/summary/?category=%07", "category"),
    ] {
        let answer = app.get(&format!("/training/{path}")).await;
        assert_eq!((answer.status, answer.json()["field"].as_str()), (422, Some(field)), "{path}: {}", answer.text);
    }
    let far =
        app.get("/training/performance-metrics/?cursor=-9223372036854775808.00000000000000000000000000000000.5").await;
    assert_eq!((far.status, &far.json()["results"]), (200, &json!([])), "{}", far.text);
    app.close().await;
}
