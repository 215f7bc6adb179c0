//! A file that is to be imported: what it is made of, and what stands in it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::failure::Failure;
use crate::cli::import::django::DjangoDump;
use crate::cli::import::markdown;
use crate::cli::import::table::{CsvFile, JsonFile};
use crate::cli::input::{open, plain};
use crate::domain::error::FieldError;
use crate::domain::import::{EntryImport, RecordImport};
use crate::domain::language::Language;

/// The largest Markdown file: 64 MiB.
const MAX_MARKDOWN_BYTES: u64 = 64 << 20;

/// Options of `import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// CSV, JSON Lines or Markdown with questions and answers, plain or gzipped; `-` is standard input
    pub file: PathBuf,
    /// FILE is what `manage.py dumpdata` of the old Django system wrote
    #[arg(long, conflicts_with = "format")]
    pub django: bool,
    /// What the file is made of, where its name does not tell
    #[arg(long, value_enum)]
    pub format: Option<FaqFormat>,
    /// Language of what names none, as a BCP 47 tag; recognised if not given
    #[arg(long, value_parser = Language::parse)]
    pub language: Option<Language>,
    /// Category of what names none
    #[arg(long, default_value = "general")]
    pub category: String,
    /// Change nothing, and say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// What a file of questions and answers is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FaqFormat {
    /// A table with a header.
    Csv,
    /// JSON objects, one per line or in a list.
    Jsonl,
    /// Headings, or lines with Q: and A:.
    Md,
}

/// What stands for what a file does not say.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pub(super) category: String,
    pub(super) language: Option<Language>,
}

/// Something that can be taken over.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Entry(Box<EntryImport>),
    Record(Box<RecordImport>),
}

/// Something that stands in a file.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// Its primary key in a dump.
    pub(super) pk: Option<String>,
    /// What it is, or what is wrong with it; `None` when it is not meant to be taken over.
    pub(super) item: Option<Result<Item, Vec<FieldError>>>,
    /// What is to be said of it although it can be taken over.
    pub(super) remark: Option<String>,
}

/// What stands in a file, one thing after the other.
pub(super) type Source = Box<dyn Iterator<Item = io::Result<Given>>>;

impl From<EntryImport> for Item {
    fn from(entry: EntryImport) -> Self {
        Self::Entry(Box::new(entry))
    }
}

impl From<RecordImport> for Item {
    fn from(record: RecordImport) -> Self {
        Self::Record(Box::new(record))
    }
}

/// What a file is made of, as told or by its name.
pub(super) fn format_of(args: &ImportArgs) -> Result<FaqFormat, Failure> {
    if let Some(format) = args.format {
        return Ok(format);
    }
    let name = args.file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let ending = Path::new(name.trim_end_matches(".gz")).extension().unwrap_or_default().to_string_lossy().into_owned();
    match ending.as_str() {
        "csv" | "tsv" => Ok(FaqFormat::Csv),
        "jsonl" | "ndjson" | "json" => Ok(FaqFormat::Jsonl),
        "md" | "markdown" => Ok(FaqFormat::Md),
        _ => Err(Failure::Usage(format!(
            "{} does not end in .csv, .jsonl or .md; say what it is made of with --format, or --django",
            args.file.display()
        ))),
    }
}

/// What stands in the file, one thing after the other.
pub(super) fn source(args: &ImportArgs) -> io::Result<Source> {
    let defaults = Defaults { category: args.category.clone(), language: args.language.clone() };
    let file = open(&args.file)?;
    if args.django {
        return Ok(Box::new(DjangoDump::new(file, defaults)?));
    }
    match format_of(args).map_err(io::Error::other)? {
        FaqFormat::Csv => Ok(Box::new(CsvFile::new(file, defaults)?)),
        FaqFormat::Jsonl => Ok(Box::new(JsonFile::new(file, defaults)?)),
        FaqFormat::Md => {
            let mut text = String::new();
            plain(file)?.take(MAX_MARKDOWN_BYTES + 1).read_to_string(&mut text)?;
            if text.len() as u64 > MAX_MARKDOWN_BYTES {
                return Err(io::Error::other(format!(
                    "it is larger than {MAX_MARKDOWN_BYTES} bytes; give it in parts"
                )));
            }
            let entries = markdown::entries(&text, &defaults);
            if entries.is_empty() {
                return Err(io::Error::other(
                    "no question stands in it; headings are questions and the text below them is the answer, or lines \
                     begin with Q: and A:",
                ));
            }
            Ok(Box::new(entries.into_iter().map(Ok)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(file: &str) -> ImportArgs {
        let category = "general".to_owned();
        ImportArgs { file: PathBuf::from(file), django: false, format: None, language: None, category, dry_run: false }
    }

    #[test]
    fn the_ending_of_a_name_tells_what_a_file_is_made_of() {
        for (name, format) in [
            ("faq.csv", FaqFormat::Csv),
            ("a/FAQ.JSONL.gz", FaqFormat::Jsonl),
            ("faq.json", FaqFormat::Jsonl),
            ("x.Markdown", FaqFormat::Md),
        ] {
            assert_eq!(format_of(&args(name)).ok(), Some(format), "{name}");
        }
        assert!(matches!(format_of(&args("-")), Err(Failure::Usage(_))));
        let told = ImportArgs { format: Some(FaqFormat::Md), ..args("-") };
        assert_eq!(format_of(&told).ok(), Some(FaqFormat::Md));
    }
}
