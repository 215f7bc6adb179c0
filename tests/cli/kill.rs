//! A real server is killed with `kill -9` at random moments of taking in, learning, optimising and erasing.
//!
//! Afterwards nothing that was acknowledged is lost, nothing is doubled, and nothing that was erased comes back. Three
//! times by default; `TURNWISE_TEST_KILLS` says how often (`make soak`), `TURNWISE_TEST_SEED` repeats a run.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::conversations::{conversation, external_id, own_word};
use super::process::{ADMIN_KEY, Installation, Server};

/// Conversations that are handed in between two kills.
const PER_ROUND: usize = 40;
/// The latest moment of a kill.
const LONGEST_ROUND_MS: u64 = 6_000;
/// Erased conversations that are searched for at the end, and as many that were kept.
const SEARCHED: usize = 25;

/// SplitMix64: enough to choose moments, and the same for the same seed.
pub(super) struct Chance(u64);

impl Chance {
    /// With the seed that the environment gives, or with one that is told, so that it can be given again.
    pub(super) fn seeded() -> Self {
        let random =
            || u64::from_str_radix(&turnwise::engine::secrets::random_key()[..15], 16).expect("hexadecimal digits");
        let seed = given("TURNWISE_TEST_SEED").unwrap_or_else(random);
        println!("TURNWISE_TEST_SEED={seed}");
        Self(seed)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// How often the server is killed, unless the environment says otherwise.
pub(super) fn kills(default: u64) -> u64 {
    given("TURNWISE_TEST_KILLS").unwrap_or(default)
}

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// The server over HTTP.
pub(super) struct Caller {
    http: reqwest::Client,
    url: String,
}

impl Caller {
    pub(super) fn of(server: &Server) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { http, url: format!("{}/api/v1/ai", server.url) }
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(ADMIN_KEY);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.expect("the server answers");
        let status = response.status();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body:#}");
        body
    }

    /// All items of a list.
    pub(super) async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        loop {
            let page = self.get(&format!("{path}?limit=100&offset={}", items.len())).await;
            let results = page["results"].as_array().expect("a list").clone();
            if results.is_empty() {
                return items;
            }
            items.extend(results);
        }
    }
}

/// What the server has acknowledged, and what was on its way when it was killed.
#[derive(Default)]
struct Ledger {
    kept: BTreeSet<usize>,
    erased: BTreeSet<usize>,
    unsure: BTreeSet<usize>,
    /// What has changed since it was last looked at.
    touched: BTreeSet<usize>,
    next: usize,
}

impl Ledger {
    /// Hands in and erases, then asks, until it is cut off.
    async fn keep_busy(&mut self, caller: &Caller, chance: &mut Chance) {
        let end = self.next + PER_ROUND;
        while self.next < end {
            self.hand_in(caller).await;
            if chance.below(4) == 0 {
                self.erase_one(caller, chance).await;
            }
        }
        loop {
            let word = own_word(chance.below(self.next as u64) as usize);
            let question = json!({"utterance": format!("How much does the {word} one cost?")});
            let (status, _) = caller.call(Method::POST, "/retrieve/", Some(&question)).await;
            assert_eq!(status, StatusCode::OK);
            if chance.below(20) == 0 {
                self.erase_one(caller, chance).await;
            }
        }
    }

    async fn hand_in(&mut self, caller: &Caller) {
        let number = self.next;
        self.next += 1;
        self.unsure.insert(number);
        let (status, body) = caller.call(Method::POST, "/conversations/", Some(&conversation(number))).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body:#}");
        self.unsure.remove(&number);
        self.kept.insert(number);
        self.touched.insert(number);
    }

    async fn erase_one(&mut self, caller: &Caller, chance: &mut Chance) {
        let at = chance.below(self.kept.len().max(1) as u64) as usize;
        let Some(number) = self.kept.iter().copied().nth(at) else { return };
        self.kept.remove(&number);
        self.touched.remove(&number);
        self.unsure.insert(number);
        let path = format!("/conversations/{}/", external_id(number));
        let (status, body) = caller.call(Method::DELETE, &path, None).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{body:#}");
        self.unsure.remove(&number);
        self.erased.insert(number);
        self.touched.insert(number);
    }

    /// Looks whether what was acknowledged has stayed so, and what became of the rest.
    async fn look(&mut self, caller: &Caller) {
        for number in std::mem::take(&mut self.touched) {
            let there = is_there(caller, number).await;
            assert_eq!(there, self.kept.contains(&number), "conversation {number} was acknowledged otherwise");
        }
        for number in std::mem::take(&mut self.unsure) {
            let there = is_there(caller, number).await;
            _ = if there { self.kept.insert(number) } else { self.erased.insert(number) };
        }
    }
}

async fn is_there(caller: &Caller, number: usize) -> bool {
    let (status, body) = caller.call(Method::GET, &format!("/conversations/{}/", external_id(number)), None).await;
    match status {
        StatusCode::NOT_FOUND => false,
        StatusCode::OK => {
            let spoken = body["turns"].as_array().expect("turns").iter().map(|turn| &turn["text"]);
            let given = conversation(number);
            let given = given["turns"].as_array().expect("turns").iter().map(|turn| &turn["text"]);
            assert!(spoken.eq(given), "{body:#}");
            true
        }
        other => panic!("{other}: {body:#}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_comes_back() {
    let mut chance = Chance::seeded();

    // Bounds so low that every few conversations make an optimisation due.
    let installation = Installation::new().set("index.max_unindexed_points=100").set("index.index_from_points=100");
    let mut ledger = Ledger::default();
    for kill in 0..kills(3) {
        let server = installation.serve();
        let caller = Caller::of(&server);
        ledger.look(&caller).await;
        // Every second one comes early, while conversations are still being taken in.
        let longest = if kill % 2 == 0 { LONGEST_ROUND_MS } else { LONGEST_ROUND_MS / 10 };
        let moment = Duration::from_millis(20 + chance.below(longest));
        let cut_off = tokio::time::timeout(moment, ledger.keep_busy(&caller, &mut chance)).await;
        assert!(cut_off.is_err(), "it is busy until it is cut off");
        server.kill();
        println!("kill {}: after {moment:?}, {} kept, {} erased", kill + 1, ledger.kept.len(), ledger.erased.len());
    }

    let server = installation.serve();
    let caller = Caller::of(&server);
    ledger.touched = ledger.kept.union(&ledger.erased).copied().collect();
    ledger.look(&caller).await;
    // Handing everything in again changes nothing, and waits until all of it has been learned from.
    let lines: String = ledger.kept.iter().map(|number| format!("{}\n", conversation(*number))).collect();
    let summary = installation.run_with(&["ingest", "-", "--json"], &lines, |_| {}).code(0).json();
    assert_eq!(summary["unchanged"], json!(ledger.kept.len()), "{summary:#}");
    check_knowledge(&caller, &ledger).await;
    check_search(&caller, &ledger).await;

    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
    let report = installation.run(&["doctor", "--json"]).code(0).json();
    let findings = report["findings"].as_array().expect("a list");
    let index: Vec<&Value> = findings.iter().filter(|finding| finding["check"] == "index").collect();
    assert!(index.len() == 2 && index.iter().all(|finding| finding["state"] == "ok"), "{index:#?}");
}

/// Every conversation has one record, no entry is there twice, and none rests on what was erased.
async fn check_knowledge(caller: &Caller, ledger: &Ledger) {
    let conversations = caller.all("/conversations/").await;
    let ids: HashSet<&str> = conversations.iter().filter_map(|conversation| conversation["id"].as_str()).collect();
    assert_eq!((conversations.len(), ids.len()), (ledger.kept.len(), ledger.kept.len()));
    let unprocessed = conversations.iter().find(|conversation| conversation["status"] != "processed");
    assert_eq!(unprocessed, None);
    let records = caller.all("/training/training-data/").await;
    let recorded: HashSet<&str> = records.iter().filter_map(|record| record["ai_conversation"].as_str()).collect();
    assert_eq!((records.len(), &recorded), (ids.len(), &ids));

    let entries = caller.all("/training/knowledge-base/").await;
    // What each said is an exemplar of some entry.
    let learned: String = entries.iter().map(|entry| entry["trigger_phrases"].to_string()).collect();
    let lost = ledger.kept.iter().find(|number| !learned.contains(&own_word(**number)));
    assert_eq!(lost, None, "conversation {lost:?} was learned from");
    let erased: Vec<String> = ledger.erased.iter().map(|number| own_word(*number)).collect();
    let mut contents = HashSet::new();
    for entry in &entries {
        let content = (entry["title"].as_str(), entry["content"].as_str());
        assert!(contents.insert(content), "twice: {entry:#}");
        let evidence = entry["evidence"].as_array().expect("a list");
        assert!(!evidence.is_empty(), "it rests on nothing: {entry:#}");
        let places: HashSet<String> = evidence.iter().map(Value::to_string).collect();
        assert_eq!(places.len(), evidence.len(), "twice: {entry:#}");
        let foreign =
            evidence.iter().find(|place| !ids.contains(place["conversation_id"].as_str().unwrap_or_default()));
        assert_eq!(foreign, None, "{entry:#}");
        let phrases: Vec<&str> =
            entry["trigger_phrases"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert_eq!(phrases.iter().collect::<HashSet<_>>().len(), phrases.len(), "twice: {entry:#}");
        let came_back = phrases.iter().find(|phrase| erased.iter().any(|word| phrase.contains(word)));
        assert_eq!(came_back, None, "{entry:#}");
    }
}

/// What was erased is found by no search, and what was kept by both.
async fn check_search(caller: &Caller, ledger: &Ledger) {
    let looked_for = |numbers: &BTreeSet<usize>, kept: bool| -> Vec<(usize, bool)> {
        numbers.iter().take(SEARCHED).map(|number| (*number, kept)).collect()
    };
    for (number, kept) in [looked_for(&ledger.erased, false), looked_for(&ledger.kept, true)].concat() {
        let word = own_word(number);
        // In its own words, so that what was kept is the nearest.
        let asked = conversation(number)["turns"][1]["text"].as_str().expect("a text").to_owned();
        let query = [("q", asked.as_str()), ("limit", "100")];
        let url = reqwest::Url::parse_with_params("http://server/conversations/search/", query).expect("a URL");
        let found = caller.get(&format!("{}?{}", url.path(), url.query().unwrap_or_default())).await;
        assert_eq!(found["results"].to_string().contains(&word), kept, "{number}: {found:#}");
        let question = json!({"utterance": asked, "limit": 50});
        let (status, answer) = caller.call(Method::POST, "/retrieve/", Some(&question)).await;
        assert_eq!(status, StatusCode::OK);
        let results = answer["results"].as_array().expect("a list");
        let mut utterances = results.iter().filter_map(|entry| entry["matched_utterance"].as_str());
        assert_eq!(utterances.any(|text| text.contains(&word)), kept, "{number}: {answer:#}");
    }
}
