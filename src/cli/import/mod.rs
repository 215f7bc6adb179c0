//! `turnwise import`: FAQs in files, and what the old Django system knew, become entries and training records.
//!
//! Guarantees: what cannot be taken over is told by its line with the field and what is expected instead, and the rest is
//! taken over; running it again changes nothing, so whoever is interrupted runs it again; what somebody has changed here
//! since stays as it is; memory holds one batch (of Markdown, the whole file).

mod django;
mod faq;
pub mod file;
mod language;
mod markdown;
mod table;
mod values;

use std::collections::HashMap;
use std::io;

use serde::Serialize;

use crate::cli::backend::Backend;
use crate::cli::failure::{Exit, Failure};
use crate::cli::import::file::{Given, ImportArgs, Item, format_of, source};
use crate::cli::import::language::Tongue;
use crate::cli::ingest::check_file;
use crate::cli::print::{Voice, tell_fields, warn};
use crate::domain::error::FieldError;
use crate::domain::import::{ImportBatch, ImportReport, ImportResult, ImportStatus, MAX_IMPORTS};

/// A batch is handed over before it takes more than so many bytes, unless one thing alone does: a server reads no body
/// without a bound.
const BATCH_BYTES: usize = 128 << 10;

const BAR: &str = "{spinner} {pos} read {wide_bar} {elapsed}";

/// What came of a file.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// New entries and records.
    created: usize,
    /// Those that were taken over before and are now as they were given.
    updated: usize,
    /// Those that are there already: exactly so, or as somebody has changed them since.
    unchanged: usize,
    /// Those that cannot be taken over.
    rejected: usize,
    /// Objects of other models in a dump.
    passed_over: usize,
    /// How many of those that are good are entries.
    entries: usize,
    /// How many of those that are good are training records.
    records: usize,
    /// Whether nothing was changed, because that was wanted.
    dry_run: bool,
    /// The language that all texts told together, for those that did not tell theirs alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// How many those are.
    language_of_file: usize,
}

/// A line of the JSON output.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Rejected { file: &'a str, place: &'a str, line: u64, pk: Option<&'a str>, errors: Vec<WrongField<'a>> },
    Remark { file: &'a str, place: &'a str, line: u64, pk: Option<&'a str>, message: &'a str },
    Summary(&'a Summary),
}

#[derive(Serialize)]
struct WrongField<'a> {
    field: &'a str,
    message: &'a str,
}

/// Where something stands.
#[derive(Clone, Debug)]
struct Place {
    line: u64,
    pk: Option<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.pk {
            Some(pk) => write!(f, "line {} (pk {pk})", self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}

/// What was read and not yet handed over.
#[derive(Default)]
struct Waiting {
    batch: ImportBatch,
    entry_places: Vec<Place>,
    record_places: Vec<Place>,
    bytes: usize,
}

struct Import<'a> {
    backend: &'a Backend,
    voice: Voice,
    file: String,
    dry_run: bool,
    waiting: Waiting,
    /// Hash and place of everything by its key.
    seen: HashMap<String, (String, Place)>,
    summary: Summary,
}

/// Sees that the file can be opened and what it is made of, before anything is made or loaded for it.
///
/// # Errors
/// When it cannot, or nothing tells.
pub fn check(args: &ImportArgs) -> Result<(), Failure> {
    if !args.django {
        format_of(args)?;
    }
    check_file(&args.file)
}

/// Runs the command.
///
/// # Errors
/// When the file cannot be read, or nothing can be taken over any more.
pub async fn run(args: &ImportArgs, backend: Backend, voice: Voice) -> Result<Exit, Failure> {
    let bar = voice.progress(BAR);
    let mut import = Import {
        backend: &backend,
        voice,
        file: args.file.display().to_string(),
        dry_run: args.dry_run,
        waiting: Waiting::default(),
        seen: HashMap::new(),
        summary: Summary { dry_run: args.dry_run, ..Summary::default() },
    };
    let mut result = import.all(args, &bar).await;
    bar.finish_and_clear();
    let summary = import.summary;
    if result.is_ok() && !args.dry_run && summary.created + summary.updated > 0 {
        result = backend.settle().await;
    }
    backend.close().await;
    // What was taken over is taken over, whatever stopped the rest; so it is told first.
    if result.is_ok() || summary.has_any() {
        tell(&summary, voice)?;
    }
    result?;
    Ok(if summary.rejected > 0 { Exit::Rejected } else { Exit::Done })
}

impl Import<'_> {
    async fn all(&mut self, args: &ImportArgs, bar: &indicatif::ProgressBar) -> Result<(), Failure> {
        let unreadable = |error: &io::Error| Failure::io(format!("{} cannot be read", args.file.display()), error);
        let mut read = Tongue::read(source(args).map_err(|error| unreadable(&error))?);
        for given in read.by_ref() {
            let Given { line, pk, item, remark } = match given {
                Ok(given) => given,
                Err(error) => {
                    // What was read up to here is good.
                    self.hand_over().await?;
                    return Err(unreadable(&error));
                }
            };
            bar.inc(1);
            let place = Place { line, pk };
            if let Some(remark) = remark {
                self.remark(&place, &remark)?;
            }
            match item {
                None => self.summary.passed_over += 1,
                Some(Err(wrong)) => self.reject(&place, &wrong)?,
                Some(Ok(item)) => self.take(item, place).await?,
            }
        }
        if let Some((language, count)) = read.lent() {
            (self.summary.language, self.summary.language_of_file) = (Some(language.to_string()), count);
        }
        self.hand_over().await
    }

    /// Says something of what can be taken over.
    fn remark(&self, place: &Place, message: &str) -> Result<(), Failure> {
        let told = place.to_string();
        if self.voice.json {
            let (file, pk) = (self.file.as_str(), place.pk.as_deref());
            return self.voice.say_json(&Event::Remark { file, place: &told, line: place.line, pk, message });
        }
        self.voice.remark(&format!("{}: {told}: {message}", self.file));
        Ok(())
    }

    /// Checks one thing here, where its line is known, and puts it into the batch.
    async fn take(&mut self, item: Item, place: Place) -> Result<(), Failure> {
        let size = match &item {
            Item::Entry(entry) => serde_json::to_vec(entry),
            Item::Record(record) => serde_json::to_vec(record),
        };
        let size = size.map_or(0, |text| text.len());
        let known = match &item {
            Item::Entry(entry) => entry.as_ref().clone().check().map(|entry| vec![(entry.key, entry.content_hash)]),
            Item::Record(record) => record.as_ref().clone().check().map(|record| {
                // Also a conversation has one record.
                let conversation = format!("ai_conversation of {}", record.external_id);
                let key = format!("record {}", record.key);
                vec![(key, record.content_hash.clone()), (conversation, record.content_hash)]
            }),
        };
        let keys = match known {
            Ok(keys) => keys,
            Err(wrong) => return self.reject(&place, &wrong),
        };
        match self.is_new(&keys, &place) {
            Ok(true) => {}
            Ok(false) => {
                self.summary.unchanged += 1;
                return Ok(());
            }
            Err(wrong) => return self.reject(&place, &[wrong]),
        }

        let count = self.waiting.entry_places.len() + self.waiting.record_places.len();
        if count >= MAX_IMPORTS || (count > 0 && self.waiting.bytes + size > BATCH_BYTES) {
            self.hand_over().await?;
        }
        self.waiting.bytes += size;
        match item {
            Item::Entry(entry) => {
                self.waiting.batch.entries.push(*entry);
                self.waiting.entry_places.push(place);
            }
            Item::Record(record) => {
                self.waiting.batch.records.push(*record);
                self.waiting.record_places.push(place);
            }
        }
        Ok(())
    }

    /// Whether nothing with these keys came before; `false` when exactly the same did.
    fn is_new(&mut self, keys: &[(String, String)], place: &Place) -> Result<bool, FieldError> {
        let mut is_new = true;
        for (key, hash) in keys {
            match self.seen.get(key) {
                Some((known, _)) if known == hash => is_new = false,
                Some((_, first)) => {
                    let message = format!("is the same as in {first}, but not all of it; keep one of the two");
                    let field = match (key.starts_with("ai_conversation"), &place.pk) {
                        (true, _) => "ai_conversation",
                        (false, Some(_)) => "pk",
                        (false, None) => "title",
                    };
                    return Err(FieldError::new(field, message));
                }
                None => _ = self.seen.insert(key.clone(), (hash.clone(), place.clone())),
            }
        }
        Ok(is_new)
    }

    /// Hands over what waits, and counts what became of it.
    async fn hand_over(&mut self) -> Result<(), Failure> {
        let Waiting { batch, entry_places, record_places, .. } = std::mem::take(&mut self.waiting);
        if entry_places.is_empty() && record_places.is_empty() {
            return Ok(());
        }
        let ImportReport { entries, records } = self.backend.import(batch, self.dry_run).await?;
        if entries.len() != entry_places.len() || records.len() != record_places.len() {
            return Err(Failure::new("the server answers something unexpected: not one result for each"));
        }
        for (result, place) in entries.iter().zip(&entry_places) {
            self.summary.entries += usize::from(self.count(result, place)?);
        }
        for (result, place) in records.iter().zip(&record_places) {
            self.summary.records += usize::from(self.count(result, place)?);
        }
        Ok(())
    }

    /// Counts one result; whether it is a good one.
    fn count(&mut self, result: &ImportResult, place: &Place) -> Result<bool, Failure> {
        match result.status {
            ImportStatus::Created => self.summary.created += 1,
            ImportStatus::Updated => self.summary.updated += 1,
            ImportStatus::Unchanged => self.summary.unchanged += 1,
            ImportStatus::Invalid => {
                self.reject(place, &result.errors)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn reject(&mut self, place: &Place, wrong: &[FieldError]) -> Result<(), Failure> {
        self.summary.rejected += 1;
        let told = place.to_string();
        if self.voice.json {
            let errors = wrong.iter().map(|error| WrongField { field: &error.field, message: &error.message });
            let errors = errors.collect();
            let event =
                Event::Rejected { file: &self.file, place: &told, line: place.line, pk: place.pk.as_deref(), errors };
            return self.voice.say_json(&event);
        }
        warn(&format!("{}: {told}: {}", self.file, tell_fields(wrong)));
        Ok(())
    }
}

fn tell(summary: &Summary, voice: Voice) -> Result<(), Failure> {
    if voice.json {
        return voice.say_json(&Event::Summary(summary));
    }
    if voice.quiet {
        return Ok(());
    }
    let Summary { created, updated, unchanged, rejected, entries, records, .. } = summary;
    voice.say(&format!("{created} created, {updated} updated, {unchanged} unchanged, {rejected} rejected"))?;
    if *records > 0 {
        let entries = counted(*entries, "entry", "entries");
        voice.say(&format!("{entries} and {}", counted(*records, "training record", "training records")))?;
    }
    if summary.passed_over > 0 {
        let objects = counted(summary.passed_over, "object of another model", "objects of other models");
        voice.say(&format!("{objects} passed over"))?;
    }
    if let Some(language) = &summary.language {
        let texts = counted(summary.language_of_file, "text that does", "texts that do");
        voice.say(&format!(
            "language {language}, told by all texts together, for {texts} not tell alone (or give --language)"
        ))?;
    }
    if summary.dry_run {
        voice.say("dry run: nothing was changed")?;
    }
    Ok(())
}

/// A number with the word for one or for many.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl Summary {
    /// Whether anything was found in the file.
    const fn has_any(&self) -> bool {
        self.created + self.updated + self.unchanged + self.rejected + self.passed_over > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let told = [0, 1, 2].map(|count| counted(count, "entry", "entries"));
        assert_eq!(told, ["0 entries", "1 entry", "2 entries"]);
    }

    #[test]
    fn a_place_names_line_and_key() {
        assert_eq!(Place { line: 3, pk: None }.to_string(), "line 3");
        assert_eq!(Place { line: 3, pk: Some("7".to_owned()) }.to_string(), "line 3 (pk 7)");
    }
}
