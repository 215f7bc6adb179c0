//! Makes conversations for `ingest` out of what other programs write.
//!
//! Guarantees: what is written passes [`ConversationDraft::check`]; what would not is told by its place in the given
//! file, and the rest goes on. The same bytes give the same bytes: what is missing is filled with the fixed values
//! below, never with the time, a random id or the name of the file. Only `csv` holds more than one conversation in
//! memory.

mod csv;
pub(in crate::cli) mod csv_rows;
mod openai;
pub mod sgd;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use crate::cli::input::{Place, open};
use crate::cli::json_items::{ItemError, JsonItems};
use crate::cli::print::tell_fields;
use crate::domain::clock::Timestamp;
use crate::domain::conversation::Speaker;
use crate::domain::draft::{CallerKey, ConversationDraft, MAX_TURN_CHARS, parse_speaker};
use crate::domain::ids::ConversationId;
use crate::domain::text::shorten;

/// When a conversation began that does not say so: 2000-01-01T00:00:00Z.
pub const STARTED_AT: Timestamp = Timestamp::from_millis(946_684_800_000);
/// How long a turn takes in a conversation that does not say when it ended, in seconds.
pub const SECONDS_PER_TURN: i64 = 10;
/// The agent of a conversation that names none.
pub const AGENT_ID: &str = "converted";
/// The channel of a conversation that names none.
pub const CHANNEL: &str = "chat";

/// What the given file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Schema-Guided Dialogue, one dialogue per line.
    Sgd,
    /// OpenAI chat messages, as logs or in the fine-tuning format.
    Openai,
    /// A table with a header and one turn per row.
    Csv,
}

/// What `turnwise convert` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct ConvertArgs {
    /// What the file is made of.
    pub format: Format,
    /// The file, plain or gzipped; `-` is standard input.
    pub file: PathBuf,
    /// Where to write; standard output if not given, or `-`.
    #[arg(long, short)]
    pub output: Option<PathBuf>,
}

/// A part of the given file that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// What came of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConvertReport {
    /// Conversations written.
    pub conversations: u64,
    /// Turns in them.
    pub turns: u64,
    /// Lines, items or conversations left out.
    pub rejected: u64,
}

/// Why a file could not be converted to its end.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// The file cannot be opened or read on.
    #[error("{name} cannot be read")]
    Read {
        /// Which file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// The result cannot be written.
    #[error("{name} cannot be written")]
    Write {
        /// Which file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// The result would overwrite what it is made of.
    #[error("{name} is both the file to convert and the output")]
    SameFile {
        /// Which file.
        name: String,
    },
    /// A table does not say which column is what.
    #[error("{name}: {reason}")]
    Header {
        /// Which file.
        name: String,
        /// What is missing.
        reason: String,
    },
    /// There was nothing to convert and nothing to reject.
    #[error("{name} holds no conversation; expected {expected}")]
    Empty {
        /// Which file.
        name: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The rows of a table need more memory than they may take.
    #[error("{name} holds more than {limit} bytes of conversations; split it, keeping each conversation in one part")]
    TooLarge {
        /// Which file.
        name: String,
        /// How much may be held.
        limit: usize,
    },
}

impl Format {
    /// What a file of this format holds.
    const fn expected(self) -> &'static str {
        match self {
            Self::Sgd => "one Schema-Guided Dialogue as JSON per line",
            Self::Openai => "{\"messages\": [...]} as JSON per line, or a list of them",
            Self::Csv => {
                "a header with conversation_id, speaker and text, and one turn per row (`turnwise convert --help`)"
            }
        }
    }
}

/// What `convert --help` says beside its options.
pub fn convert_help() -> String {
    csv::columns_help()
}

/// Converts the file that the arguments name into the file that they name; `on_rejected` hears of all that is left out,
/// as it happens.
///
/// # Errors
/// When a file cannot be opened, read or written, holds nothing, or a table cannot be understood at all.
pub fn convert_file(args: &ConvertArgs, on_rejected: &mut dyn FnMut(&Rejected)) -> Result<ConvertReport, ConvertError> {
    let report = write_file(args, on_rejected)?;
    if report == ConvertReport::default() {
        let name = args.file.display().to_string();
        return Err(ConvertError::Empty { name, expected: args.format.expected() });
    }
    Ok(report)
}

fn write_file(args: &ConvertArgs, on_rejected: &mut dyn FnMut(&Rejected)) -> Result<ConvertReport, ConvertError> {
    let name = args.file.display().to_string();
    let reader = open(&args.file).map_err(|source| ConvertError::Read { name: name.clone(), source })?;
    let Some(output) = args.output.as_deref().filter(|path| path.as_os_str() != "-") else {
        return convert(args.format, reader, BufWriter::new(io::stdout()), &name, on_rejected);
    };

    if is_same_file(&args.file, output) {
        return Err(ConvertError::SameFile { name });
    }
    let file =
        File::create(output).map_err(|source| ConvertError::Write { name: output.display().to_string(), source })?;
    convert(args.format, reader, BufWriter::new(file), &name, on_rejected)
}

/// Reads `reader` (plain or gzipped), called `name` in errors, and writes one [`ConversationDraft`] per line;
/// `on_rejected` hears of all that is left out, as it happens.
///
/// # Errors
/// When reading or writing fails, or a table cannot be understood at all. What was written until then is whole lines.
pub fn convert(
    format: Format,
    reader: impl BufRead + Send,
    writer: impl Write,
    name: &str,
    on_rejected: &mut dyn FnMut(&Rejected),
) -> Result<ConvertReport, ConvertError> {
    let mut output = Output { writer, name, report: ConvertReport::default(), on_rejected };
    match format {
        Format::Sgd => {
            let items = JsonItems::new(reader).map_err(|source| output.unreadable(source))?;
            convert_items(items, "sgd", sgd::draft_of, &mut output)?;
        }
        Format::Openai => {
            let items =
                JsonItems::with_parts(reader, openai::is_message).map_err(|source| output.unreadable(source))?;
            convert_items(items, "openai", openai::draft_of, &mut output)?;
        }
        Format::Csv => csv::convert_rows(reader, csv::MAX_HELD_BYTES, &mut output)?,
    }
    output.writer.flush().map_err(|source| output.unwritable(source))?;
    Ok(output.report)
}

fn convert_items<W: Write>(
    items: JsonItems<'_>,
    prefix: &str,
    draft_of: fn(&str) -> Result<ConversationDraft, String>,
    output: &mut Output<'_, W>,
) -> Result<(), ConvertError> {
    for (place, text) in items {
        match text {
            Ok(text) => match draft_of(&text) {
                Ok(draft) => output.write(place, fill(draft, prefix))?,
                Err(reason) => output.reject(place, reason),
            },
            Err(ItemError::Rejected(reason)) => output.reject(place, reason),
            Err(ItemError::Read(source)) => return Err(output.unreadable(source)),
        }
    }
    Ok(())
}

/// Where conversations and complaints go, and their count.
struct Output<'a, W> {
    writer: W,
    name: &'a str,
    report: ConvertReport,
    on_rejected: &'a mut dyn FnMut(&Rejected),
}

impl<W: Write> Output<'_, W> {
    /// Writes a conversation that `ingest` will take, or tells what is wrong with it.
    fn write(&mut self, place: Place, draft: ConversationDraft) -> Result<(), ConvertError> {
        // Neither id nor key is kept; the check only wants them to make the conversation.
        if let Err(wrong) = draft.clone().check(ConversationId(Uuid::nil()), &CallerKey::new(Vec::new())) {
            self.reject(place, tell_fields(&wrong));
            return Ok(());
        }

        // The line is made first, so that a failing disk leaves no half conversation that parses.
        let mut line = serde_json::to_vec(&draft).map_err(|error| self.unwritable(error.into()))?;
        line.push(b'\n');
        self.writer.write_all(&line).map_err(|source| self.unwritable(source))?;
        self.report.conversations += 1;
        self.report.turns += draft.turns.len() as u64;
        Ok(())
    }

    fn reject(&mut self, place: Place, reason: String) {
        self.report.rejected += 1;
        (self.on_rejected)(&Rejected { place, reason });
    }

    fn unreadable(&self, source: io::Error) -> ConvertError {
        ConvertError::Read { name: self.name.to_owned(), source }
    }

    fn unwritable(&self, source: io::Error) -> ConvertError {
        ConvertError::Write { name: format!("the conversion of {}", self.name), source }
    }
}

/// Fills what is missing: agent and channel by name, the times from those of the turns or else from the constants, the
/// id from everything else, so that only equal conversations share one.
fn fill(mut draft: ConversationDraft, prefix: &str) -> ConversationDraft {
    if draft.agent_id.trim().is_empty() {
        draft.agent_id = AGENT_ID.to_owned();
    }
    if draft.channel.trim().is_empty() {
        draft.channel = CHANNEL.to_owned();
    }

    let mut said_at: Vec<Timestamp> =
        draft.turns.iter().filter_map(|turn| Timestamp::parse(turn.at.as_deref()?)).collect();
    said_at.sort_unstable();
    if draft.started_at.is_empty() {
        draft.started_at = said_at.first().unwrap_or(&STARTED_AT).to_string();
    }
    if draft.ended_at.is_empty() {
        let turns = i64::try_from(draft.turns.len()).unwrap_or(i64::MAX);
        let started_at = Timestamp::parse(&draft.started_at).unwrap_or(STARTED_AT);
        let ended_at = started_at.plus_millis(turns.saturating_mul(SECONDS_PER_TURN * 1000));
        draft.ended_at = said_at.last().unwrap_or(&ended_at).to_string();
    }

    if draft.external_id.trim().is_empty() {
        draft.external_id = String::new();
        let bytes = serde_json::to_vec(&draft).unwrap_or_default();
        let hash = hex::encode(&Sha256::digest(bytes)[..16]);
        draft.external_id = format!("{prefix}-{hash}");
    }
    draft
}

/// Brings the name of a speaker and a text to the form of a turn. Prompts and the output of tools may be longer than a
/// turn; nothing is learned from them, so they are cut and do not cost the conversation.
fn turn_parts(field: &str, speaker: &str, text: String) -> Result<(Speaker, String), String> {
    let speaker = parse_speaker(field, speaker).map_err(|wrong| wrong.to_string())?;
    let text = match speaker {
        Speaker::System | Speaker::Tool => shorten(&text, MAX_TURN_CHARS),
        Speaker::User | Speaker::Agent => text,
    };
    Ok((speaker, text))
}

/// Reads a time as other programs write it: RFC 3339, a date with or without a time of day (taken as UTC), or seconds
/// or milliseconds since 1970.
pub(in crate::cli) fn parse_moment(text: &str) -> Option<Timestamp> {
    const WITH_TIME: [&str; 4] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let text = text.trim();
    if let Some(moment) = Timestamp::parse(text) {
        return Some(moment);
    }
    if let Ok(number) = text.parse::<f64>() {
        return moment_of_number(number);
    }
    let naive = WITH_TIME
        .iter()
        .find_map(|form| chrono::NaiveDateTime::parse_from_str(text, form).ok())
        .or_else(|| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.into()))?;
    Some(Timestamp::from_millis(naive.and_utc().timestamp_millis()))
}

/// The moment so many seconds after 1970, or milliseconds when the number is too large for seconds.
fn moment_of_number(number: f64) -> Option<Timestamp> {
    /// Milliseconds of 1973, seconds of the year 5138.
    const FIRST_MILLIS: f64 = 1e11;
    let millis = if number < FIRST_MILLIS { number * 1000.0 } else { number };
    // Up to the year 9999, the last that RFC 3339 can write.
    (0.0..253_402_300_800_000.0).contains(&millis).then(|| Timestamp::from_millis(millis.round() as i64))
}

fn is_same_file(file: &Path, output: &Path) -> bool {
    match (file.canonicalize(), output.canonicalize()) {
        (Ok(file), Ok(output)) => file == output,
        // One of them does not exist yet, or is standard input.
        _ => false,
    }
}

#[cfg(test)]
mod tests;
