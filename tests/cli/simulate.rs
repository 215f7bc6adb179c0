//! The loop, measured on real servers with real utterances: the small version of `turnwise simulate`.

use std::path::Path;

use serde_json::Value;

use super::process::Installation;

/// Where the labelled data stands that evaluation reads; not part of the project.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");

#[test]
fn what_helped_is_offered_more() {
    if !Path::new(DATA).join("banking77/train.csv.gz").exists() {
        println!("left out: {DATA} is not there");
        return;
    }
    let installation = Installation::new();
    let simulate = |scenarios: &[&str], conversations: &str| {
        let words = ["--data", DATA, "--intents", "2", "--first-seed", "1", "--seeds", "1", "--json"];
        let words = [&["simulate"], scenarios, &["--conversations", conversations], &words[..]].concat();
        installation.run(&words).code(0).json()
    };
    let told = simulate(&["standard", "holdout"], "300");
    let world = |scenario: usize| &told[scenario]["worlds"][0];

    let sum = |ranking: &str, name: &str| -> f64 {
        let parts = world(0)[ranking]["fifths"].as_array().expect("parts");
        parts.iter().map(|part| part[name].as_f64().expect("a number")).sum()
    };
    let lost = |ranking: &str| sum(ranking, "best") - sum(ranking, "expected");
    assert!(lost("learned") < 0.75 * lost("similarity"), "{told:#}");
    assert!((sum("learned", "turns") - sum("similarity", "turns")).abs() < 6.0, "the same users: {told:#}");
    assert!(sum("none", "expected") < sum("learned", "expected"));

    let lift = &world(1)["learned"]["lift"];
    let ends = |at: usize| lift["estimate"][at].as_f64().expect("a number");
    assert!(ends(0) < ends(1) && ends(1) < ends(2) && lift["truth"].is_f64(), "{lift:#}");
    assert!(told.as_array().expect("scenarios").iter().all(|scenario| scenario["promises"][0]["what"].is_string()));
    assert_ne!(told[0]["lift_over_similarity"], Value::Null);

    // With fewer uses before the fall no test could tell it from chance within so few after it.
    let fallen = simulate(&["drop"], "700");
    let suspect_after = &fallen[0]["worlds"][0]["learned"]["suspect_after"];
    assert!(suspect_after.as_u64().is_some_and(|uses| uses <= 60), "{fallen:#}");
}
