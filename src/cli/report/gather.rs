//! Asks the API for everything that stands on a report.

use chrono::{DateTime, FixedOffset};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::desk::{Desk, Listed, read};
use crate::cli::failure::Failure;
use crate::cli::jobs::QueueSummary;
use crate::cli::report::days::{Anchor, before, next, noon, parse_start};
use crate::cli::report::facts::{Analysis, Case, Entries, EntryLine, Facts, Gap, Metric, Open, Period};
use crate::domain::language::Language;
use crate::domain::period::PeriodKind;

/// Periods that a report looks back on, its own included.
const PERIODS: u32 = 12;
/// The most entries that are looked at; more are told as being left out.
const ENTRIES: usize = 20_000;
/// The most cases that are named.
const CASES: usize = 5;
/// The most gaps that are named.
const GAPS: usize = 8;

/// What a report is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How long its period is.
    pub kind: PeriodKind,
    /// Which period; that of now without it.
    pub anchor: Option<Anchor>,
    /// Which agent spoke.
    pub agent: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// The language.
    pub language: Option<Language>,
}

/// Where a period begins.
#[derive(Deserialize)]
struct Summary {
    period_start: String,
}

#[derive(Deserialize)]
struct Metrics {
    results: Vec<Metric>,
}

type Query = Vec<(&'static str, String)>;

impl Asked {
    /// The filters, by their names in the API.
    pub fn filters(&self) -> Query {
        [
            ("agent_id", self.agent.clone()),
            ("category", self.category.clone()),
            ("channel", self.channel.clone()),
            ("language", self.language.as_ref().map(ToString::to_string)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

/// Asks for all of it; `link_base` is what links begin with.
///
/// # Errors
/// When the server refuses the metrics, the analysis or the entries, or fails.
pub async fn gather(asked: &Asked, link_base: String, desk: &Desk) -> Result<Facts, Failure> {
    let kind = asked.kind;
    let now = start_at(desk, kind, None).await?;
    let start = match asked.anchor {
        None => now,
        Some(Anchor::Moment(moment)) => start_at(desk, kind, Some(moment.to_string())).await?,
        Some(Anchor::Day(day)) => {
            // Noon in UTC may lie in the next day of a zone far in the east; the offset is known only from an answer.
            let about = start_at(desk, kind, Some(noon(day, *now.offset()))).await?;
            start_at(desk, kind, Some(noon(day, *about.offset()))).await?
        }
    };
    let first_day = start.date_naive();
    let end = start_at(desk, kind, Some(noon(next(kind, first_day), *start.offset()))).await?;

    let periods = periods(asked, (start, end), desk).await?;
    let entries = entries(asked, (start, end), desk).await?;
    let open = Open {
        cases: open_cases(desk).await?,
        gaps: open_gaps(desk).await?,
        jobs: visible::<QueueSummary>(desk, "/jobs/summary/", &[]).await?,
    };
    let (is_over, filters) = (now >= end, asked.filters());
    Ok(Facts { kind, start: first_day, is_over, filters, periods, entries, open, link_base })
}

/// Where the period begins in which the time before `to` lies.
async fn start_at(desk: &Desk, kind: PeriodKind, to: Option<String>) -> Result<DateTime<FixedOffset>, Failure> {
    let mut query: Query = vec![("period", kind.to_string())];
    query.extend(to.map(|to| ("to", to)));
    let summary: Summary = desk.get("/training/performance-metrics/summary/", &query).await?;
    let unread = || Failure::new(format!("the server says that a period begins at {:?}", summary.period_start));
    parse_start(&summary.period_start).ok_or_else(unread)
}

/// The period and those before it, the earliest first, from the first in which anything was there; always two at least.
async fn periods(
    asked: &Asked,
    (start, end): (DateTime<FixedOffset>, DateTime<FixedOffset>),
    desk: &Desk,
) -> Result<Vec<Period>, Failure> {
    let first = before(asked.kind, start.date_naive(), PERIODS - 1);
    let mut query = asked.filters();
    query.extend([
        ("period", asked.kind.to_string()),
        ("from", noon(first, *start.offset())),
        ("to", end.to_rfc3339()),
        ("limit", PERIODS.to_string()),
    ]);
    let metrics: Metrics = desk.get("/training/performance-metrics/", &query).await?;
    let mut periods = Vec::new();
    let mut until = end;
    for metric in metrics.results {
        let Some(start) = parse_start(&metric.period_start) else { continue };
        let mut period = Period { start: start.date_naive(), metric, analysis: None };
        if period.metric.conversations > 0 {
            let mut query = asked.filters();
            query.extend([("from", start.to_rfc3339()), ("to", until.to_rfc3339())]);
            let analysis: Analysis = desk.get("/training/training-data/analytics/", &query).await?;
            period.analysis = Some(analysis);
        }
        until = start;
        periods.push(period);
    }
    periods.reverse();
    let empty = periods.iter().take_while(|period| period.metric.is_empty()).count();
    periods.drain(..empty.min(periods.len().saturating_sub(2)));
    Ok(periods)
}

async fn entries(
    asked: &Asked,
    (start, end): (DateTime<FixedOffset>, DateTime<FixedOffset>),
    desk: &Desk,
) -> Result<Entries, Failure> {
    // Who spoke and where is known of conversations, not of entries.
    let mut query = asked.filters();
    query.retain(|(name, _)| matches!(*name, "category" | "language"));
    let listed: Listed<EntryLine> = desk.list("/training/knowledge-base/", &query, ENTRIES).await?;
    let are_more = listed.is_lower_bound || usize::try_from(listed.count).is_ok_and(|all| all > listed.items.len());
    let is_new = |entry: &&EntryLine| {
        DateTime::parse_from_rfc3339(&entry.created_at).is_ok_and(|made| made >= start && made < end)
    };
    let new = listed.items.iter().filter(is_new).cloned().collect();
    Ok(Entries::pick(listed.items, are_more, new))
}

async fn open_cases(desk: &Desk) -> Result<Option<(i64, Vec<Case>)>, Failure> {
    let query = [("state", "open".to_owned()), ("limit", CASES.to_string())];
    let page: Option<ListOf<Case>> = visible(desk, "/cases/", &query).await?;
    Ok(page.map(|page| (page.count, page.results)))
}

async fn open_gaps(desk: &Desk) -> Result<Option<(i64, Vec<Gap>)>, Failure> {
    // The worst first, which is how they come.
    let query = [("status", "open".to_owned()), ("limit", GAPS.to_string())];
    let page: Option<ListOf<Gap>> = visible(desk, "/gaps/", &query).await?;
    Ok(page.map(|page| (page.count, page.results)))
}

#[derive(Deserialize)]
struct ListOf<T> {
    count: i64,
    results: Vec<T>,
}

/// What a path answers; `None` where this key may not ask, or where an older server has no such path.
async fn visible<T: DeserializeOwned>(desk: &Desk, path: &str, query: &[(&str, String)]) -> Result<Option<T>, Failure> {
    let answer: Result<Value, _> = desk.ask(Method::GET, path, query, None).await?;
    match answer {
        Ok(answer) => read(answer).map(Some),
        Err(refusal) if matches!(refusal.status, 403 | 404) => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_have_the_names_of_the_api() {
        let asked = Asked {
            kind: PeriodKind::Weekly,
            anchor: None,
            agent: Some("anna".to_owned()),
            category: None,
            channel: Some("phone".to_owned()),
            language: Language::parse("de").ok(),
        };
        let names: Vec<&str> = asked.filters().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["agent_id", "channel", "language"]);
    }
}
