//! The loop, measured on real servers with real utterances: the small version of `turnwise simulate`.
//!
//! One small world may well break what is promised of twenty large ones. What is asked for here is so far from what comes of
//! this world (in brackets: what came of several runs) that chance does not decide.

use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use super::process::Installation;

/// Where the labelled data stands that evaluation reads; not part of the project.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
/// Names another folder for it, which must then be there.
const DATA_VARIABLE: &str = "TURNWISE_TEST_DATA";
/// What is read of it.
const FILES: [&str; 2] = ["banking77/train.csv.gz", "sgd/train.jsonl.gz"];
/// How the program ends when it has told that a promise is not kept.
const REJECTED: i32 = 3;

/// The folder of the data; `None`, and it is said, where nobody has named one and there is none.
fn data() -> Option<PathBuf> {
    let given = std::env::var_os(DATA_VARIABLE);
    let is_given = given.is_some();
    // The program runs in another directory.
    let folder = std::path::absolute(given.unwrap_or_else(|| DATA.into())).expect("a path");
    if FILES.iter().all(|file| folder.join(file).is_file()) {
        return Some(folder);
    }
    let missing = format!("{} has no {}", folder.display(), FILES.join(" or no "));
    assert!(!is_given, "{DATA_VARIABLE}: {missing}");
    // Not by a macro: the output of a test that passes is not shown.
    let line = format!("LEFT OUT: tests of `turnwise simulate`: {missing}; {DATA_VARIABLE} may name another folder\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
    None
}

/// Scenarios that are run together in one world, because starting and teaching take long; once for all tests.
struct Run {
    scenarios: &'static [&'static str],
    seed: &'static str,
    conversations: &'static str,
    told: OnceLock<Option<Value>>,
}

static COMPARED: Run =
    Run { scenarios: &["standard", "late", "equal"], seed: "1", conversations: "240", told: OnceLock::new() };
/// With fewer uses before the fall no test could tell it from chance within so few after it.
static WATCHED: Run = Run { scenarios: &["holdout", "drop"], seed: "5", conversations: "360", told: OnceLock::new() };

impl Run {
    /// What is told of one of its scenarios; nothing without data.
    fn scenario(&self, name: &str) -> Option<&Value> {
        let told = self.told.get_or_init(|| self.simulate()).as_ref()?;
        let found = told.as_array().expect("scenarios").iter().find(|told| told["scenario"] == name);
        Some(found.unwrap_or_else(|| panic!("{name} is not told of: {told:#}")))
    }

    /// The program says by its exit code whether all that it promises is kept, and tells the same whether it is or not.
    fn simulate(&self) -> Option<Value> {
        let data = data()?.display().to_string();
        let words = ["--data", &data, "--intents", "2", "--first-seed", self.seed, "--seeds", "1", "--json"];
        let words = [&["simulate"], self.scenarios, &["--conversations", self.conversations], &words[..]].concat();
        let ended = Installation::new().run(&words);
        let told = ended.json();
        let mut is_kept = true;
        for scenario in told.as_array().expect("scenarios") {
            let promises = scenario["promises"].as_array().expect("promises");
            assert!(!promises.is_empty(), "{scenario:#}");
            is_kept &= promises.iter().all(|promise| promise["kept"].as_bool().expect("kept or not"));
        }
        assert_eq!(ended.status.code(), Some(if is_kept { 0 } else { REJECTED }), "{ended:#?}");
        Some(told)
    }
}

fn number(told: &Value) -> f64 {
    told.as_f64().unwrap_or_else(|| panic!("no number: {told}"))
}

/// The sum of a measure over all conversations in which an answer was used.
fn sum(scenario: &Value, ranking: &str, name: &str) -> f64 {
    let parts = scenario["worlds"][0][ranking]["fifths"].as_array().expect("parts");
    parts.iter().map(|part| number(&part[name])).sum()
}

/// Successes that were lost by not giving the best answer.
fn lost(scenario: &Value, ranking: &str) -> f64 {
    sum(scenario, ranking, "best") - sum(scenario, ranking, "expected")
}

/// Rankings meet the same users; only an agent that is offered nothing of use leaves one out.
#[track_caller]
fn check_same_users(told: &Value) {
    let turns = |ranking| sum(told, ranking, "turns");
    assert!(turns("learned") > 100.0, "{told:#}");
    assert!((turns("learned") - turns("similarity")).abs() < 6.0, "{told:#}");
}

#[test]
fn what_helped_is_offered_more() {
    let Some(told) = COMPARED.scenario("standard") else { return };
    check_same_users(told);
    // (0.31 to 0.58)
    assert!(lost(told, "learned") < 0.8 * lost(told, "similarity"), "{told:#}");
    // (0.44 to 0.46)
    assert!(sum(told, "none", "expected") < 0.6 * sum(told, "similarity", "expected"), "{told:#}");
    let share = |ranking: &str| sum(told, ranking, "successes") / sum(told, ranking, "turns");
    let lift = number(&told["lift_over_similarity"]["mean"]);
    assert!(lift.is_finite() && share("learned") > share("none"), "{told:#}");
}

#[test]
fn it_is_learned_from_outcomes_that_come_late_or_never() {
    let Some(told) = COMPARED.scenario("late") else { return };
    check_same_users(told);
    // (0.10 to 0.54)
    assert!(lost(told, "learned") < 0.9 * lost(told, "similarity"), "{told:#}");
}

#[test]
fn nothing_is_lost_where_all_answers_are_equal() {
    let Some(told) = COMPARED.scenario("equal") else { return };
    check_same_users(told);
    // All help in 60 % of the conversations, but for what a mistaken agent says beside the question: (0) conversations.
    let rate = |ranking: &str, name: &str| sum(told, ranking, name) / sum(told, ranking, "turns");
    for ranking in ["similarity", "learned"] {
        assert!((rate(ranking, "expected") - 0.6).abs() < 0.02, "{ranking}: {told:#}");
    }
    let apart = rate("learned", "successes") - rate("similarity", "successes");
    assert!(apart.abs() < 0.04, "the same users are helped: {told:#}");
    // (0)
    assert!(number(&told["worlds"][0]["learned"]["suspects"]) <= 1.0, "{told:#}");
}

#[test]
fn an_experiment_tells_what_knowledge_is_worth() {
    let Some(told) = WATCHED.scenario("holdout") else { return };
    let learned = &told["worlds"][0]["learned"];
    // Seven of ten get knowledge (0.66 to 0.74).
    let with = number(&learned["offers"]) / 360.0;
    assert!((0.55..0.85).contains(&with), "{told:#}");
    let [low, lift, high] = [0_usize, 1, 2].map(|end| number(&learned["lift"]["estimate"][end]));
    let truth = number(&learned["lift"]["truth"]);
    assert!(-1.0 <= low && low < lift && lift < high && high <= 1.0 && high - low < 0.5, "{told:#}");
    // Five times the standard error of the lift, which is 0.05.
    assert!((lift - truth).abs() < 0.25 && truth > 0.1, "{told:#}");
}

#[test]
fn an_answer_that_falls_becomes_suspect() {
    let Some(told) = WATCHED.scenario("drop") else { return };
    let learned = &told["worlds"][0]["learned"];
    // (13 to 23, of about 110)
    assert!(learned["suspect_after"].as_u64().is_some_and(|uses| uses <= 80), "{told:#}");
    // Its three rivals have not fallen (none).
    assert!((1.0..=2.0).contains(&number(&learned["suspects"])), "{told:#}");
}
