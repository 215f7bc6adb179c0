//! What commands say: results on standard output, everything else on standard error.
//!
//! Guarantees: no colour and no progress bar where there is no terminal; a reader that goes away ends the command
//! quietly instead of with a panic.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::domain::error::FieldError;

/// The most wrong fields that one reason names.
const MAX_FIELDS_TOLD: usize = 3;

/// How a command speaks.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// JSON on standard output, for machines.
    pub json: bool,
    /// Nothing but results and errors.
    pub quiet: bool,
}

impl Voice {
    /// A line of results.
    ///
    /// # Errors
    /// [`Failure::OutputClosed`] when nobody reads it.
    pub fn say(self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::io("standard output cannot be written", &error),
        })
    }

    /// A result as one line of JSON.
    ///
    /// # Errors
    /// As [`Voice::say`].
    pub fn say_json(self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| Failure::new(format!("not JSON: {error}")))?;
        self.say(&text)
    }

    /// A remark about the work, for people: not with `--quiet`, not with `--json`.
    pub fn remark(self, text: &str) {
        if !self.quiet && !self.json {
            warn(text);
        }
    }

    /// A progress bar on standard error; an invisible one where there is no terminal or nobody wants it.
    pub fn progress(self, template: &'static str) -> ProgressBar {
        let shown = !self.quiet && !self.json && io::stderr().is_terminal();
        if !shown {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// A line on standard error. One that nobody reads is no reason to stop.
pub fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Wrong fields as one reason.
pub fn tell_fields(wrong: &[FieldError]) -> String {
    let mut told: Vec<String> = wrong.iter().take(MAX_FIELDS_TOLD).map(FieldError::to_string).collect();
    if wrong.len() > MAX_FIELDS_TOLD {
        told.push(format!("and {} more", wrong.len() - MAX_FIELDS_TOLD));
    }
    told.join("; ")
}

/// Rows in aligned columns, without lines around them.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if !header.is_empty() {
        table.set_header(header.to_vec());
    }
    table.add_rows(rows);
    let text = table.trim_fmt();
    text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = vec![vec!["a".to_owned(), "long text".to_owned()], vec!["bbb".to_owned(), "x".to_owned()]];
        assert_eq!(table(&["one", "two"], rows), "one  two\na    long text\nbbb  x");
    }
}
