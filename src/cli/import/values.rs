//! Values of something that is to be imported, read one by one under the names that they were given.
//!
//! Guarantees: every wrong value is noted with its field and what is expected instead; what is empty was not given.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::error::FieldError;

/// What stands between texts that are written into one.
const SEPARATORS: [char; 2] = ['|', ';'];
/// What is said of a value that is not the text it should be.
const NO_TEXT: &str = "must be a text; put it in quotes";

/// Named values, and what is wrong with those that were read.
#[derive(Debug, Default)]
pub(super) struct Values {
    given: BTreeMap<String, Value>,
    wrong: Vec<FieldError>,
}

impl Values {
    /// These values.
    pub(super) fn new(given: BTreeMap<String, Value>) -> Self {
        Self { given, wrong: Vec::new() }
    }

    /// A text; nothing else is taken for one.
    pub(super) fn text(&mut self, field: &str) -> Option<String> {
        match self.given.get(field)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            _ => self.refuse(field, NO_TEXT),
        }
    }

    /// An id: a text, or a number as it is written.
    pub(super) fn id(&mut self, field: &str) -> Option<String> {
        match self.given.get(field) {
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => self.text(field),
        }
    }

    /// A number, also as a text.
    pub(super) fn number(&mut self, field: &str) -> Option<f64> {
        let read = match self.given.get(field)? {
            Value::Null => return None,
            Value::String(text) if text.trim().is_empty() => return None,
            Value::String(text) => text.trim().parse::<f64>().ok(),
            Value::Number(number) => number.as_f64(),
            _ => None,
        };
        match read.filter(|number| number.is_finite()) {
            Some(number) => Some(number),
            None => self.refuse(field, "must be a number such as 0.85"),
        }
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, field: &str) -> Option<bool> {
        let word = match self.given.get(field)? {
            Value::Null => return None,
            Value::Bool(flag) => return Some(*flag),
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_lowercase(),
            _ => "?".to_owned(),
        };
        match word.as_str() {
            "" => None,
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => self.refuse(field, "must be true or false"),
        }
    }

    /// Texts: a list, a JSON list as a text or, where `written_together`, a text with `|` or `;` between them. Empty ones
    /// are left out.
    pub(super) fn texts(&mut self, field: &str, written_together: bool) -> Vec<String> {
        let list: Option<Vec<Value>> = match self.given.get(field) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(list)) => Some(list.clone()),
            Some(Value::String(text)) if text.trim().is_empty() => return Vec::new(),
            Some(Value::String(text)) if text.trim_start().starts_with('[') => serde_json::from_str(text).ok(),
            Some(Value::String(text)) if written_together => {
                Some(text.split(SEPARATORS).map(|part| Value::String(part.trim().to_owned())).collect())
            }
            Some(_) => None,
        };
        let expected = if written_together {
            "must be a list of texts, or a text with | or ; between them"
        } else {
            "must be a list of texts, or a JSON list as a text"
        };
        let Some(list) = list else {
            self.wrong.push(FieldError::new(field, expected));
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (place, value) in list.into_iter().enumerate() {
            match value {
                Value::String(text) if text.trim().is_empty() => {}
                Value::String(text) => texts.push(text),
                _ => self.wrong.push(FieldError::new(format!("{field}[{place}]"), NO_TEXT)),
            }
        }
        texts
    }

    /// Whether the value under this name was wrong already.
    pub(super) fn is_wrong(&self, field: &str) -> bool {
        self.wrong.iter().any(|error| error.field == field)
    }

    /// Notes a wrong value.
    pub(super) fn refuse<T>(&mut self, field: &str, message: &str) -> Option<T> {
        self.wrong.push(FieldError::new(field, message));
        None
    }

    /// What was read, if nothing of it was wrong.
    pub(super) fn finish<T>(self, read: T) -> Result<T, Vec<FieldError>> {
        if self.wrong.is_empty() { Ok(read) } else { Err(self.wrong) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(given: &Value) -> Values {
        let given = given.as_object().expect("an object");
        Values::new(given.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    #[test]
    fn a_value_is_read_however_it_is_written() {
        let mut given = values(&json!({
            "rate": " 0.85 ", "none": null, "empty": " ", "on": "Yes", "off": 0, "number": 17,
            "list": ["a", "", "2"], "json": "[\"a\", \"b\"]", "bars": "a | b;c;",
        }));
        assert_eq!((given.number("rate"), given.number("none"), given.number("empty")), (Some(0.85), None, None));
        assert_eq!((given.flag("on"), given.flag("off"), given.flag("missing")), (Some(true), Some(false), None));
        assert_eq!((given.id("number").as_deref(), given.id("on").as_deref()), (Some("17"), Some("Yes")));
        assert_eq!((given.text("on").as_deref(), given.text("empty")), (Some("Yes"), None));
        assert_eq!(given.texts("list", false), ["a", "2"]);
        assert_eq!(given.texts("json", false), ["a", "b"]);
        assert_eq!(given.texts("bars", true), ["a", "b", "c"]);
        assert!(given.finish(()).is_ok());
    }

    #[test]
    fn every_wrong_value_is_told() {
        let mut given = values(&json!({
            "rate": "85 %", "on": "perhaps", "text": 5, "list": "a, b", "deep": [["a"]], "mixed": ["a", 5],
        }));
        assert_eq!((given.number("rate"), given.flag("on"), given.text("text")), (None, None, None));
        assert_eq!(given.texts("mixed", true), ["a"]);
        assert!(given.is_wrong("text") && !given.is_wrong("list"));
        assert!(given.texts("list", false).is_empty() && given.texts("deep", true).is_empty());
        let wrong = given.finish(()).expect_err("all of it is wrong");
        let fields: Vec<&str> = wrong.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["rate", "on", "text", "mixed[1]", "list", "deep[0]"]);
    }
}
