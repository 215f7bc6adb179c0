//! `defaults.toml`: the manual, the defaults, and the form in which a configuration is printed.

use toml::{Table, Value};

use crate::config::layers::{Layers, is_secret};
use crate::config::problem::Origin;

/// The text of the manual.
pub(super) const MANUAL: &str = include_str!("../defaults.toml");

/// What stands for a secret.
const HIDDEN: &str = "***";

/// The values of the manual.
pub(super) fn defaults() -> Table {
    MANUAL.parse().expect("defaults.toml is part of the program, and a test reads it")
}

/// The manual with the values of `layers` in it.
pub(super) fn print(layers: &Layers) -> String {
    let mut printed = String::with_capacity(MANUAL.len());
    for line in lines() {
        match line.key.as_deref().and_then(|key| layers.get(key).map(|setting| (key, setting))) {
            Some((key, setting)) => {
                let name = key.rsplit('.').next().unwrap_or(key);
                printed.push_str(&format!("{name} = {}", shown(key, &setting.value)));
                if setting.origin != Origin::Default {
                    printed.push_str(&format!(" # from {}", one_line(&setting.origin.to_string())));
                }
            }
            None => printed.push_str(line.text),
        }
        printed.push('\n');
    }
    printed
}

/// A line of the manual.
pub(super) struct Line {
    /// As it stands.
    pub(super) text: &'static str,
    /// The dotted key whose value it sets, if it does.
    pub(super) key: Option<String>,
}

/// The lines of the manual. Each key has one of its own; a test holds it to that.
pub(super) fn lines() -> impl Iterator<Item = Line> {
    let mut section = "";
    MANUAL.lines().map(move |text| {
        if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        }
        let name = if text.starts_with('#') { None } else { text.split_once(" = ").map(|(name, _)| name) };
        Line { text, key: name.map(|name| format!("{section}.{name}")) }
    })
}

fn shown(key: &str, value: &Value) -> Value {
    match value.as_str() {
        Some(text) if is_secret(key) && !text.is_empty() => {
            Value::String(if key == "store.url" { shown_url(text) } else { HIDDEN.to_owned() })
        }
        _ => value.clone(),
    }
}

/// A file as it is; of a server what stands behind the last `@`, which no password can reach, unless one is among the
/// options there.
fn shown_url(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let scheme = url.split("://").next().filter(|scheme| matches!(*scheme, "postgres" | "postgresql"));
    match (scheme, url.rsplit_once('@')) {
        (Some(scheme), Some((_, server))) if !server.contains("password") => format!("{scheme}://{HIDDEN}@{server}"),
        _ => HIDDEN.to_owned(),
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
