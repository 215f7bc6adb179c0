//! Bodies for snapshots: what differs from run to run replaced by what it is. So is what a model measured: it differs a
//! little from machine to machine, and more with every improvement of the learning, whose own tests look at it.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

/// The body with its ids numbered in the order in which they appear, ports and timings taken out, and numbers rounded.
pub fn settled(mut body: Value) -> Value {
    let ids = Regex::new("[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}").expect("it is valid");
    let port = Regex::new("127\\.0\\.0\\.1:[0-9]+").expect("it is valid");
    let share = Regex::new("\\b[01]\\.[0-9]+\\b").expect("it is valid");
    let mut seen = BTreeMap::new();
    settle(&mut body, &mut |text| {
        let numbered = ids.replace_all(text, |found: &regex::Captures<'_>| {
            let next = seen.len() + 1;
            format!("id-{}", seen.entry(found[0].replace('-', "")).or_insert(next))
        });
        share.replace_all(&port.replace_all(&numbered, "HOST"), "0 to 1").into_owned()
    });
    body
}

fn settle(value: &mut Value, rename: &mut impl FnMut(&str) -> String) {
    match value {
        Value::String(text) => *text = rename(text),
        Value::Array(items) => items.iter_mut().for_each(|item| settle(item, rename)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match name.as_str() {
                    "timings_us" => *field = "measured".into(),
                    "score" | "similarity" | "confidence" | "success_score" | "resolution" | "response_relevance" => {
                        let share = field.as_f64().filter(|share| (0.0..=1.0).contains(share));
                        *field = share.map_or_else(|| format!("not a share: {field}"), |_| "0 to 1".to_owned()).into();
                    }
                    _ => settle(field, rename),
                }
            }
        }
        Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|_| number.is_f64()) {
                *value = serde_json::json!((float * 100.0).round() / 100.0);
            }
        }
        Value::Bool(_) | Value::Null => {}
    }
}
