//! Conversations that can be told apart: each has a word of its own in its question and its answer.

use serde_json::{Value, json};

const THINGS: [&str; 8] =
    ["router", "subscription", "dentist appointment", "invoice", "hotel room", "phone line", "warranty", "delivery"];
const SYLLABLES: [&str; 10] = ["ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "ru"];

/// A word that stands in this conversation only.
pub fn own_word(number: usize) -> String {
    let syllable = |digit: usize| SYLLABLES[digit % 10];
    format!("zor{}{}{}{}x", syllable(number / 1_000), syllable(number / 100), syllable(number / 10), syllable(number))
}

pub fn external_id(number: usize) -> String {
    format!("call-{number:05}")
}

/// A conversation that went well, about something that no other one is about.
pub fn conversation(number: usize) -> Value {
    let (word, thing) = (own_word(number), THINGS[number % THINGS.len()]);
    json!({
        "external_id": external_id(number), "caller_id": format!("caller-{number}"), "agent_id": "agent-1",
        "channel": "phone", "language": "en", "outcome": "successful",
        "started_at": "2026-09-01T10:00:00Z", "ended_at": "2026-09-01T10:03:00Z",
        "turns": [
            {"speaker": "agent", "text": "Good morning, how can I help you?"},
            {"speaker": "user", "text": format!("How much does the {word} {thing} cost per month?")},
            {"speaker": "agent", "text": format!("The {word} {thing} costs {} dollars per month, and you can cancel the {word} contract at the end of every month.", 10 + number % 90)},
            {"speaker": "user", "text": "Great, that answers my question, thank you very much."},
            {"speaker": "agent", "text": "You are welcome, have a nice day."},
        ],
    })
}

/// One conversation per line.
pub fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("{}\n", conversation(number))).collect()
}
