//! Conversations that teach something.

use serde_json::{Value, json};

/// A phone call in which a question about a price is answered, and the user goes along.
pub fn price_call(external_id: &str) -> Value {
    call(
        external_id,
        &[
            ("agent", "Thank you for calling Northwind Gyms, how can I help you today?"),
            ("user", "Hi, how much is the premium membership per month?"),
            (
                "agent",
                "The premium membership is 49 dollars a month. It includes the pool, the sauna and all group classes.",
            ),
            ("user", "That sounds good, please sign me up."),
            ("agent", "Great, I have signed you up for the premium membership. You will get an email in a minute."),
            ("user", "Perfect, thank you so much!"),
        ],
    )
}

/// A phone call about opening hours.
pub fn hours_call(external_id: &str) -> Value {
    call(
        external_id,
        &[
            ("user", "What time do you open on Sundays?"),
            ("agent", "On Sundays we are open from nine in the morning until six in the evening."),
            ("user", "Great, that is all I wanted to know. Thanks, bye!"),
            ("agent", "You are welcome, have a lovely day."),
        ],
    )
}

/// A successful phone call with these turns.
pub fn call(external_id: &str, turns: &[(&str, &str)]) -> Value {
    let turns: Vec<Value> = turns.iter().map(|(speaker, text)| json!({"speaker": speaker, "text": text})).collect();
    json!({
        "external_id": external_id,
        "caller_id": format!("+1555{external_id}"),
        "agent_id": "front-desk",
        "channel": "phone",
        "language": "en",
        "category": "sales",
        "started_at": "2026-09-01T10:00:00Z",
        "ended_at": "2026-09-01T10:02:30Z",
        "turns": turns,
        "outcome": "successful",
        "satisfaction": 5,
        "usage": {"prompt_tokens": 900, "completion_tokens": 120, "cost_usd": 0.0125},
        "metadata": {"campaign": "autumn"},
    })
}
