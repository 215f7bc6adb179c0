//! A real worker is killed with `kill -9` at random moments while it learns from conversations in which entries were shown,
//! said, and led to success or not. Afterwards every entry is credited, every metric says, and everything is learned as in
//! an installation that nobody killed.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::kill::{Caller, Chance, kills};
use super::process::Installation;

const BASE: &str = "/training/knowledge-base/";
/// Conversations that are learned from.
const CONVERSATIONS: usize = 60;
/// The latest moment of a kill.
const LONGEST_MS: u64 = 2_500;
/// How long the rest may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Title, what is asked for it, and the answer.
const ENTRIES: [(&str, &str, &str); 4] = [
    ("Price", "how much is the premium membership", "The premium membership costs 49 dollars every month."),
    ("Hours", "when do you open on sunday morning", "Our doors open at nine o'clock on Sundays."),
    ("Parking", "where can visitors leave their car", "Guests park free of charge in the garage behind the station."),
    (
        "Refund",
        "can I get my money back for a broken kettle",
        "Broken kettles are refunded within two weeks of purchase.",
    ),
];

fn external_id(number: usize) -> String {
    format!("credit-{number:03}")
}

/// What is asked and said in a conversation: two entries.
fn topics(number: usize) -> [usize; 2] {
    [number % ENTRIES.len(), (number + 1 + number / ENTRIES.len() % 3) % ENTRIES.len()]
}

fn outcome(number: usize) -> &'static str {
    ["successful", "unsuccessful", "successful", "partial", "unknown"][number % 5]
}

fn conversation(number: usize) -> Value {
    let asked = topics(number).into_iter().flat_map(|topic| {
        let (_, question, answer) = ENTRIES[topic];
        [json!({"speaker": "user", "text": question}), json!({"speaker": "agent", "text": answer})]
    });
    json!({
        "external_id": external_id(number), "caller_id": format!("caller-{number}"), "agent_id": "agent-1",
        "channel": "phone", "language": "en", "outcome": outcome(number), "satisfaction": 1 + number % 5,
        "started_at": "2026-09-01T10:00:00Z", "ended_at": "2026-09-01T10:03:00Z",
        "usage": {"prompt_tokens": 100 + number, "completion_tokens": 10, "cost_usd": 0.25},
        "turns": asked.collect::<Vec<Value>>(),
    })
}

/// Without distillation, whose choices depend on what came first, and without the fading of uses in the meantime.
fn installation() -> Installation {
    Installation::new().set("learning.distillation=false").set("learning.use_half_life_days=0")
}

/// Writes the entries and asks as agents do while they talk; a graceful stop writes what was shown.
async fn prepare(installation: &Installation) {
    let server = installation.serve();
    let caller = Caller::of(&server);
    for (title, question, answer) in ENTRIES {
        let entry = json!({
            "knowledge_type": "faq", "category": "general", "title": title, "content": answer, "language": "en",
            "trigger_phrases": [question],
        });
        let (status, body) = caller.call(Method::POST, BASE, Some(&entry)).await;
        assert_eq!(status, StatusCode::CREATED, "{body:#}");
    }
    idle(&caller).await;
    for number in 0..CONVERSATIONS {
        for topic in topics(number) {
            let question = json!({
                "utterance": ENTRIES[topic].1, "conversation_id": external_id(number), "limit": 1,
                "deadline_ms": 10_000,
            });
            let (status, body) = caller.call(Method::POST, "/retrieve/", Some(&question)).await;
            assert_eq!(status, StatusCode::OK, "{body:#}");
            assert_eq!(body["results"][0]["title"], ENTRIES[topic].0, "{body:#}");
        }
    }
    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
}

/// Waits until nothing is queued or running but what a schedule brings every minute.
async fn idle(caller: &Caller) {
    let waited = async {
        loop {
            let summary = caller.get("/jobs/summary/").await;
            let counts = summary["counts"].as_array().expect("a list").iter();
            let mut open = counts.filter(|count| count["state"] == "queued" || count["state"] == "running");
            if open.all(|count| count["kind"] == "roll_up_metrics") {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("everything is learned in the end");
}

/// Hands everything in, and tells of some how they ended only later.
async fn hand_in(caller: &Caller) {
    for number in 0..CONVERSATIONS {
        let (status, body) = caller.call(Method::POST, "/conversations/", Some(&conversation(number))).await;
        assert!(status == StatusCode::ACCEPTED || status == StatusCode::OK, "{body:#}");
        if number >= 10 && outcome(number - 10) == "unknown" {
            let told = json!({"conversation_id": external_id(number - 10), "outcome": "successful"});
            let (status, body) = caller.call(Method::POST, "/outcomes/", Some(&told)).await;
            assert!(status.is_success(), "{body:#}");
        }
    }
    // Busy until the worker is, so that a kill comes while it learns.
    idle(caller).await;
}

/// What is known in the end, in a form that does not depend on ids and moments.
async fn known(installation: &Installation) -> Value {
    let server = installation.serve();
    let caller = Caller::of(&server);
    hand_in(&caller).await;
    idle(&caller).await;
    let entries: BTreeMap<String, Value> = caller
        .all(BASE)
        .await
        .into_iter()
        .map(|entry| (entry["title"].to_string(), json!([entry["success"], entry["status"], entry["content"]])))
        .collect();
    let record = |record: Value| {
        let facts = json!([record["outcome"], record["conversation_category"], record["user_intents"]]);
        (record["call_id"].to_string() + &record["conversation_summary"].to_string(), facts)
    };
    let mut records: Vec<(String, Value)> =
        caller.all("/training/training-data/").await.into_iter().map(record).collect();
    records.sort_by_key(|(name, facts)| format!("{name} {facts}"));
    let mut metrics = BTreeMap::new();
    // What was found and said, as numbers, because a month may end between the two installations.
    let (mut hits, mut said) = (0.0, 0.0);
    for month in caller.all("/training/performance-metrics/").await {
        // What was shown was shown today, and the conversations are of another day.
        for name in
            ["conversations", "retrievals", "knowledge_entries", "new_entries", "prompt_tokens", "completion_tokens"]
        {
            *metrics.entry(name).or_insert(0) += month[name].as_i64().unwrap_or_default();
        }
        let rate = |name: &str| month[name].as_f64().unwrap_or_default();
        let found = rate("hit_rate") * rate("retrievals");
        // One entry is shown for each that found something.
        (hits, said) = (hits + found, said + rate("use_rate") * found);
    }
    metrics.insert("hits", hits.round() as i64);
    metrics.insert("said", said.round() as i64);
    let day = caller.get("/training/performance-metrics/?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z").await;
    let rates: Vec<Value> = day["results"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|day| json!([day["success_rate"], day["average_satisfaction"], day["cost_usd"], day["average_turns"]]))
        .collect();
    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
    json!({"entries": entries, "records": records, "metrics": metrics, "rates": rates})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_loses_and_doubles_no_credit_and_no_metric() {
    let mut chance = Chance::seeded();

    let killed = installation();
    prepare(&killed).await;
    for kill in 0..kills(4) {
        let server = killed.serve();
        let moment = Duration::from_millis(20 + chance.below(LONGEST_MS));
        let cut_off = tokio::time::timeout(moment, hand_in(&Caller::of(&server))).await;
        server.kill();
        println!("kill {}: after {moment:?}, {}", kill + 1, if cut_off.is_ok() { "idle" } else { "at work" });
    }
    let undisturbed = installation();
    prepare(&undisturbed).await;

    let (after_kills, expected) = (known(&killed).await, known(&undisturbed).await);
    assert_eq!(after_kills, expected);
    let uses: i64 = expected["entries"]
        .as_object()
        .expect("entries")
        .values()
        .map(|entry| entry[0]["uses"].as_i64().expect("a number"))
        .sum();
    assert_eq!(uses, 2 * CONVERSATIONS as i64, "what was shown and said is used: {expected:#}");
    for name in ["retrievals", "hits", "said"] {
        assert_eq!(expected["metrics"][name], 2 * CONVERSATIONS, "{name}: {expected:#}");
    }
}
