//! The sources laid over each other: for every key of the manual one value, and where it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use figment::Figment;
use figment::error::Kind;
use figment::providers::Serialized;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::config::bounds::BOUNDS;
use crate::config::manual;
use crate::config::problem::{Origin, Problem};
use crate::config::sources::ConfigSources;

const PREFIX: &str = "TURNWISE_";
/// Variables of the tests, whatever stands behind it.
const TEST_PREFIX: &str = "TURNWISE_TEST_";

/// Keys whose values are shown nowhere.
const SECRETS: [&str; 3] = ["auth.bootstrap_key", "privacy.caller_key", "store.url"];

/// Keys without a value while they are empty.
const OPTIONAL: [&str; 6] = [
    "auth.bootstrap_key",
    "privacy.caller_key",
    "embedding.onnxruntime",
    "learning.intents_file",
    "learning.cache_dir",
    "retrieval.floor",
];

/// Whether the value of this key is shown nowhere.
pub(super) fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key)
}

/// The value of a key, and where it came from.
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) origin: Origin,
    default: Value,
}

impl Setting {
    fn reset(&mut self) {
        self.value = self.default.clone();
        self.origin = Origin::Default;
    }
}

/// Every key of the manual, in dots, with its value.
pub(super) struct Layers(BTreeMap<String, Setting>);

impl Layers {
    /// Reads the sources. What cannot be read, and each key that the manual does not name, becomes a problem.
    pub(super) fn read(sources: &ConfigSources, problems: &mut Vec<Problem>) -> Self {
        let mut layers = Self::defaults();
        if let Some(file) = &sources.file {
            layers.read_file(file, problems);
        }
        for (name, value) in &sources.environment {
            layers.read_variable(name, value, problems);
        }
        for text in &sources.overrides {
            layers.read_override(text, problems);
        }
        layers
    }

    fn defaults() -> Self {
        let setting = |value: Value| Setting { default: value.clone(), value, origin: Origin::Default };
        Self(flatten(&manual::defaults()).into_iter().map(|(key, value)| (key, setting(value))).collect())
    }

    fn read_file(&mut self, path: &Path, problems: &mut Vec<Problem>) {
        let origin = Origin::File(path.display().to_string());
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return problems.push(Problem::new("", &origin, format!("cannot be read: {error}"))),
        };
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => return problems.push(Problem::new("", &origin, syntax_message(&text, &error))),
        };
        for (key, value) in flatten(&table) {
            self.set(&key, value, &origin, problems);
        }
    }

    fn read_variable(&mut self, name: &OsStr, value: &OsStr, problems: &mut Vec<Problem>) {
        let name = name.to_string_lossy();
        let Some(path) = name.strip_prefix(PREFIX) else { return };
        if name.starts_with(TEST_PREFIX) || !path.contains("__") {
            return;
        }

        let key = path.to_lowercase().replace("__", ".");
        let origin = Origin::Environment(name.clone().into_owned());
        match value.to_str() {
            Some(text) => self.set_text(&key, text, &origin, problems),
            None => problems.push(Problem::new(key, &origin, "is not UTF-8")),
        }
    }

    fn read_override(&mut self, text: &str, problems: &mut Vec<Problem>) {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                self.set_text(key.trim(), value, &Origin::CommandLine, problems)
            }
            // The text may be a secret that lacks its key.
            _ => problems.push(Problem::new(
                "",
                &Origin::CommandLine,
                "an override has no key or no '='; it is written section.key=value",
            )),
        }
    }

    /// Takes a value that is written as plain text: as it is where the manual has text, separated by commas where it
    /// has a list, else read as TOML. Text that has bounds is a number that may be left empty.
    fn set_text(&mut self, key: &str, text: &str, origin: &Origin, problems: &mut Vec<Problem>) {
        let plain = || Value::String(text.to_owned());
        let is_number = || BOUNDS.iter().any(|(bounded, ..)| *bounded == key);
        let value = match self.0.get(key).map(|setting| &setting.default) {
            None => plain(),
            Some(Value::String(_)) if !is_number() => plain(),
            Some(Value::Array(_)) if !text.trim_start().starts_with('[') => {
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect::<Vec<_>>().into()
            }
            Some(_) => text.trim().parse().unwrap_or_else(|_| plain()),
        };
        self.set(key, value, origin, problems);
    }

    fn set(&mut self, key: &str, value: Value, origin: &Origin, problems: &mut Vec<Problem>) {
        if let Some(setting) = self.0.get_mut(key) {
            setting.value = value;
            setting.origin = origin.clone();
            return;
        }
        let is_section = self.0.keys().any(|known| known.starts_with(&format!("{key}.")));
        if is_section && value.as_table().is_some_and(Table::is_empty) {
            return;
        }
        let message = match is_section {
            true => format!("is a section, not a key: write [{key}] and its keys below it"),
            false => format!("unknown key; {}", self.instead_of(key)),
        };
        problems.push(Problem::new(key, origin, message));
    }

    /// What may have been meant: the nearest key when it is really near, else those of the section, else the sections.
    fn instead_of(&self, key: &str) -> String {
        let nearest = self.0.keys().map(|known| (distance(known, key), known)).min();
        if let Some((_, known)) = nearest.filter(|(distance, _)| *distance <= key.chars().count() / 4 + 1) {
            return format!("the nearest known key is {known}");
        }
        if let Some((section, _)) = key.rsplit_once('.').filter(|(section, _)| !self.keys_of(section).is_empty()) {
            return format!("[{section}] has {}", self.keys_of(section).join(", "));
        }
        let sections: BTreeSet<&str> = self.0.keys().filter_map(|known| Some(known.split_once('.')?.0)).collect();
        format!("the sections are {}", Vec::from_iter(sections).join(", "))
    }

    fn keys_of(&self, section: &str) -> Vec<&str> {
        self.0.keys().filter_map(|known| known.strip_prefix(section)?.strip_prefix('.')).collect()
    }

    /// Variables that would be settings if their parts were joined by two underscores, each with how it is written.
    pub(super) fn overlooked(&self, sources: &ConfigSources) -> Vec<String> {
        let variable = |key: &str, between: &str| format!("{PREFIX}{}", key.to_uppercase().replace('.', between));
        let meant = |name: &str| {
            let key = self.0.keys().find(|key| variable(key, "_") == name)?;
            Some(format!("{name} is not a setting; write {}", variable(key, "__")))
        };
        sources.environment.iter().filter_map(|(name, _)| meant(name.to_str()?)).collect()
    }

    /// Turns the values into a type. A value that does not fit becomes a problem and its default stands in, so that one
    /// pass finds all of them; `None` only if the defaults themselves do not fit.
    pub(super) fn extract<T: DeserializeOwned>(&mut self, problems: &mut Vec<Problem>) -> Option<T> {
        loop {
            let figment = figment_of(self.0.iter().map(|(key, setting)| (key.as_str(), &setting.value)));
            let error = match figment.extract() {
                Ok(extracted) => return Some(extracted),
                Err(error) => error,
            };
            for one in error {
                self.refuse(&one.path.join("."), &one.kind, problems)?;
            }
        }
    }

    /// Puts the default in place of a value that does not fit. `None` when it is the default that does not fit, so that
    /// every round of `extract` leaves one wrong value less.
    fn refuse(&mut self, path: &str, kind: &Kind, problems: &mut Vec<Problem>) -> Option<()> {
        // A path may lead on into a list: `a.list.0`.
        let found = self.0.iter_mut().find(|(key, _)| path.strip_prefix(key.as_str()).is_some_and(ends_or_goes_on));
        let Some((key, setting)) = found.filter(|(_, setting)| setting.origin != Origin::Default) else {
            problems.push(Problem::new(path, &Origin::Default, explain(kind)));
            return None;
        };
        let message = match key.as_str() {
            key if is_secret(key) => "must be text".to_owned(),
            "server.listen" => "must be an IP address and a port, such as 127.0.0.1:8080".to_owned(),
            "metrics.time_zone" => "must be a time zone of the IANA list, such as UTC or Europe/Berlin".to_owned(),
            _ => explain(kind),
        };
        problems.push(Problem::new(key, &setting.origin, message));
        setting.reset();
        Some(())
    }

    /// Puts a problem on a key, and its default in place of the value.
    pub(super) fn reset(&mut self, key: &str, message: String, problems: &mut Vec<Problem>) {
        if let Some(setting) = self.0.get_mut(key) {
            problems.push(Problem::new(key, &setting.origin, message));
            setting.reset();
        }
    }

    /// Sets a value that was worked out from another key.
    pub(super) fn derive(&mut self, key: &str, value: Value, from: &'static str) {
        if let Some(setting) = self.0.get_mut(key) {
            setting.value = value;
            setting.origin = Origin::Derived(from);
        }
    }

    /// The value of a key of the manual.
    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.0.get(key)
    }

    /// Where the value of a key came from.
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.0.get(key).map_or(Origin::Default, |setting| setting.origin.clone())
    }
}

/// The values under their keys; an optional one that is empty is none.
pub(super) fn figment_of<'a>(values: impl Iterator<Item = (&'a str, &'a Value)>) -> Figment {
    values.fold(Figment::new(), |figment, (key, value)| {
        let is_none = OPTIONAL.contains(&key) && value.as_str() == Some("");
        figment.merge(Serialized::default(key, (!is_none).then_some(value)))
    })
}

fn ends_or_goes_on(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('.')
}

/// The values of a table by their dotted keys. An empty table counts as a value, or a misspelt section with nothing in
/// it would go unnoticed.
pub(super) fn flatten(table: &Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                flat.extend(flatten(inner).into_iter().map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            _ => flat.push((key.clone(), value.clone())),
        }
    }
    flat
}

/// What would be right, in words for people who have not read the types.
fn explain(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            let expected = match expected.as_str() {
                "u32" | "u64" | "usize" | "i64" => "a whole number",
                "f32" | "f64" => "a number",
                "a boolean" => "true or false",
                "a string" => "text",
                other => other,
            };
            format!("must be {expected}, not {found}")
        }
        Kind::UnknownVariant(found, known) => format!("must be one of {}, not {found:?}", known.join(", ")),
        other => other.to_string(),
    }
}

/// The parser's own text would quote the line, and with it a secret.
fn syntax_message(text: &str, error: &toml::de::Error) -> String {
    let line = error
        .span()
        .map_or(1, |span| text.as_bytes()[..span.start.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1);
    format!("line {line} is not valid TOML: {}", error.message())
}

/// How many characters must be added, removed or changed to make one text of the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let changed = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
