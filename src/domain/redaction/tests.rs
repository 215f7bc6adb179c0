//! Redaction of whole conversations, measured on labelled turns in six languages.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use regex::{Captures, Regex};

use crate::domain::conversation::Speaker;
use crate::domain::redaction::Redactor;
use crate::domain::redaction::tokens::fold;

/// The fewest values of each kind that must be found.
const RECALL: f64 = 0.95;
/// The most facts of the business that may be lost.
const FACTS_LOST: f64 = 0.02;

static LABEL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[([a-z_]+):([^\]]*)\]").expect("a valid pattern"));

/// The labelled conversations, each a list of turns with their labels.
fn labelled() -> Vec<Vec<(Speaker, &'static str)>> {
    let turn = |line: &'static str| match line.split_once(": ") {
        Some(("U", text)) => Some((Speaker::User, text)),
        Some(("A", text)) => Some((Speaker::Agent, text)),
        _ => None,
    };
    let conversations = include_str!("labelled.txt").split("\n\n");
    conversations.map(|lines| lines.lines().filter_map(turn).collect()).collect()
}

/// The text without its labels.
fn plain(labelled: &str) -> String {
    LABEL.replace_all(labelled, "$2").into_owned()
}

/// The text as it should be after redaction.
fn expected(labelled: &str) -> String {
    let slot = |label: &Captures<'_>| match &label[1] {
        "fact" => label[2].to_owned(),
        kind => format!("{{{kind}}}"),
    };
    LABEL.replace_all(labelled, slot).into_owned()
}

#[test]
fn personal_values_go_and_facts_of_the_business_stay() {
    let (mut found, mut wrong): (BTreeMap<&str, (usize, usize)>, Vec<String>) = (BTreeMap::new(), Vec::new());
    for conversation in labelled() {
        let texts: Vec<(Speaker, String)> = conversation.iter().map(|(who, text)| (*who, plain(text))).collect();
        let redactor = Redactor::for_conversation(texts.iter().map(|(who, text)| (*who, text.as_str())));
        for ((speaker, labels), (_, text)) in conversation.iter().zip(&texts) {
            let redacted = redactor.redact(*speaker, text);
            for label in LABEL.captures_iter(labels) {
                let (kind, value) = (label.get(1).expect("a kind").as_str(), &label[2]);
                let kept = redacted.contains(value);
                let right = if kind == "fact" { kept } else { !kept && redacted.contains(&format!("{{{kind}}}")) };
                let (all, hits) = found.entry(kind).or_default();
                *all += 1;
                *hits += usize::from(right);
            }
            if redacted != expected(labels) {
                wrong.push(format!("expected {}\n     got {redacted}", expected(labels)));
            }
        }
    }

    let turns: usize = labelled().iter().map(Vec::len).sum();
    println!("{turns} turns, {} not exactly as labelled\n{}\n{found:?}", wrong.len(), wrong.join("\n"));
    for (kind, (all, hits)) in &found {
        let share = *hits as f64 / *all as f64;
        let least = if *kind == "fact" { 1.0 - FACTS_LOST } else { RECALL };
        assert!(share >= least, "{kind}: {hits} of {all}");
    }
    assert!(turns >= 80 && wrong.len() * 20 <= turns, "{} of {turns} turns differ", wrong.len());
}

#[test]
fn redacting_twice_changes_nothing() {
    for conversation in labelled() {
        let texts: Vec<(Speaker, String)> = conversation.iter().map(|(who, text)| (*who, plain(text))).collect();
        let redactor = Redactor::for_conversation(texts.iter().map(|(who, text)| (*who, text.as_str())));
        for (speaker, text) in &texts {
            let once = redactor.redact(*speaker, text);
            assert_eq!(redactor.redact(*speaker, &once), once);
        }
    }
}

#[test]
fn the_number_that_the_business_says_first_stays_its_own() {
    let turns = [(Speaker::Agent, "Call us at 0800 555 010."), (Speaker::User, "so that is 0800 555 010")];
    let redactor = Redactor::for_conversation(turns.into_iter());
    assert_eq!(redactor.redact(Speaker::User, turns[1].1), turns[1].1);
    assert_eq!(Redactor::redact_utterance(turns[1].1), "so that is {phone}");
}

/// Pieces that meet the rules, so that random texts do more than miss them.
const PIECES: &[&str] = &[
    "my name is",
    "{name}",
    "sara",
    "Khan",
    "at",
    "gmail",
    "dot",
    "com",
    "@",
    ".",
    "-",
    ",",
    "\n",
    "born",
    "march",
    "1990",
    "12",
    "street",
    "house",
    "0300",
    "1234567",
    "double",
    "five",
    "zero",
    "hundred",
    "نام",
    "میں",
    "صفر",
    "ایٹ",
    "मेरा",
    "नाम",
    "९८",
    "٠٥٥",
    "+",
    "(",
    "rupees",
    "$",
    "order",
    "iban",
    "PK36",
    "live at",
    "speaking",
    "s a r a",
    "spelled",
];

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![3 => proptest::sample::select(PIECES).prop_map(str::to_owned), 1 => "\\PC{0,4}", 1 => "[0-9 ]{1,9}"]
}

proptest! {
    #[test]
    fn any_text_is_taken_and_redacting_twice_changes_nothing(
        pieces in proptest::collection::vec(piece(), 0..24), glue in "[ ,.]?", said in ".{0,40}",
    ) {
        let text = pieces.join(if glue.is_empty() { " " } else { &glue });
        let turns = [(Speaker::Agent, "May I have your name, number and address?"), (Speaker::User, text.as_str()), (Speaker::User, said.as_str())];
        let redactor = Redactor::for_conversation(turns.into_iter());
        for speaker in [Speaker::User, Speaker::Agent] {
            for given in [&text, &said] {
                let once = redactor.redact(speaker, given);
                prop_assert_eq!(redactor.redact(speaker, &once), once);
            }
        }
        let once = Redactor::redact_utterance(&text);
        prop_assert_eq!(Redactor::redact_utterance(&once), once);
    }

    #[test]
    fn no_phone_number_survives(
        number in "0[1-9][0-9]{8,9}", cut in 3..6_usize, zero in proptest::sample::select(&['0', '٠', '۰', '०'][..]),
        joint in proptest::sample::select(&["", " ", "-", " - ", "."][..]), opening in proptest::sample::select(&["", "my number is ", "नंबर ", "call me "][..]),
    ) {
        let script = |c: char| char::from_u32(u32::from(zero) + c.to_digit(10).unwrap_or(0)).unwrap_or(c);
        let written: String = number.chars().map(script).collect();
        let at = written.char_indices().nth(cut).map_or(written.len(), |(at, _)| at);
        let text = format!("{opening}{}{joint}{} ok", &written[..at], &written[at..]);
        let redacted = Redactor::redact_utterance(&text);
        prop_assert!(!fold(&redacted).contains(&number[cut..]), "{} -> {}", text, redacted);
        prop_assert!(!fold(&redacted).contains(&number[..cut]), "{} -> {}", text, redacted);
    }
}
