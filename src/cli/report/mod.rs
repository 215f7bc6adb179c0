//! `turnwise report`: one page about a day, a week or a month, with plots beside it.
//!
//! Guarantees: every number is one that the API answers; the same data and the same period give the same files; a period
//! of which nothing is known gives a page that says so.

mod advice;
pub mod days;
mod facts;
#[cfg(test)]
mod fixtures;
mod gather;
mod page;
mod plots;
mod words;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::desk::Desk;
use crate::cli::failure::{Exit, Failure};
use crate::cli::option_values::word;
use crate::cli::print::Voice;
use crate::cli::report::days::Anchor;
use crate::cli::report::gather::{Asked, gather};
use crate::domain::language::Language;
use crate::domain::period::PeriodKind;

/// Options of `report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// What it is about: a day, an ISO week or a month, compared with the one before (daily, weekly or monthly)
    #[arg(long, value_parser = word::<PeriodKind>, default_value_t = PeriodKind::Weekly)]
    pub period: PeriodKind,
    /// Which one: that in which this day lies (2026-09-06), or the time before this moment (2026-09-07T00:00:00Z);
    /// without it, that of now, as far as it has come
    #[arg(long, value_name = "DATE", value_parser = Anchor::parse)]
    pub to: Option<Anchor>,
    /// Where the page and its plots are written; made when it is missing
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// Only conversations of this agent
    #[arg(long)]
    pub agent: Option<String>,
    /// Only conversations and entries of this category
    #[arg(long)]
    pub category: Option<String>,
    /// Only conversations of this channel, such as phone
    #[arg(long)]
    pub channel: Option<String>,
    /// Only conversations and entries of this language, as a BCP 47 tag
    #[arg(long, value_parser = Language::parse)]
    pub language: Option<Language>,
}

/// Runs the command; `url` is the address that links begin with, if one was given.
///
/// # Errors
/// When the server refuses or fails, or the files cannot be written.
pub async fn run(args: &ReportArgs, url: Option<&str>, desk: &Desk, voice: Voice) -> Result<Exit, Failure> {
    let asked = Asked {
        kind: args.period,
        anchor: args.to,
        agent: args.agent.clone(),
        category: args.category.clone(),
        channel: args.channel.clone(),
        language: args.language.clone(),
    };
    let bar = voice.progress("{spinner} reading {elapsed}");
    let link_base = url.unwrap_or_default().trim_end_matches('/').to_owned();
    let facts = gather(&asked, link_base, desk).await;
    bar.finish_and_clear();
    let facts = facts?;
    let plots = plots::plots(&facts)?;

    let stem = format!("turnwise-{}-{}", facts.kind, facts.start);
    let files: Vec<String> = plots.iter().map(|plot| format!("{stem}-{}.svg", plot.name)).collect();
    let titles = plots.iter().map(|plot| plot.title.as_str());
    let shown: Vec<(&str, &str)> = titles.zip(files.iter().map(String::as_str)).collect();
    let page = page::page(&facts, &shown);

    std::fs::create_dir_all(&args.out)
        .map_err(|error| Failure::io(format!("{} cannot be made (--out)", args.out.display()), &error))?;
    for (file, plot) in files.iter().zip(&plots) {
        write(&args.out.join(file), &plot.svg)?;
    }
    // Last, so that a page that is there has its plots.
    let path = args.out.join(format!("{stem}.md"));
    write(&path, &page)?;
    if voice.json {
        let plots: Vec<String> = files.iter().map(|file| args.out.join(file).display().to_string()).collect();
        voice.say_json(&json!({
            "page": path.display().to_string(), "plots": plots, "period": facts.kind, "start": facts.start.to_string(),
            "is_over": facts.is_over,
        }))?;
    } else {
        voice.say(&path.display().to_string())?;
        let plots = if files.len() == 1 { "plot" } else { "plots" };
        voice.remark(&format!("with {} {plots} beside it", files.len()));
    }
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::io(format!("{} cannot be written", path.display()), &error))
}
