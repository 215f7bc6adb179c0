//! `turnwise jobs`: the queue, what failed in it, and what to do about that.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::desk::{Desk, Listed, read};
use crate::cli::failure::{Exit, Failure};
use crate::cli::option_values::{job_id, word};
use crate::cli::print::{Voice, table, warn};
use crate::domain::clock::{Clock, SystemClock, Timestamp};
use crate::domain::schedule::Work;
use crate::domain::text::{shorten, tidy};
use crate::learning::pipeline::Stage;
use crate::store::jobs::JobState;

/// Jobs that are listed when nobody says how many.
const LISTED: usize = 20;
/// The most dead jobs that are run again at once.
const MOST_AT_ONCE: usize = 10_000;
/// Failures that the summary quotes.
const QUOTED: usize = 5;
/// Characters of a failure in a table.
const ERROR_CHARS: usize = 90;

/// Options of `jobs`.
#[derive(Clone, Debug, Args)]
pub struct JobsArgs {
    /// What to do; without it, jobs are listed, the last queued first.
    #[command(subcommand)]
    pub command: Option<JobsCommand>,
    /// List only those that stand so: queued, running, done, dead or cancelled
    #[arg(long, value_parser = word::<JobState>)]
    pub state: Option<JobState>,
    /// List only those of this kind, such as distill
    #[arg(long)]
    pub kind: Option<String>,
    /// How many are listed at most, 1 to 1000; 20 without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub limit: Option<u16>,
}

/// What is done with jobs.
#[derive(Clone, Debug, Subcommand)]
pub enum JobsCommand {
    /// How many there are of each kind, how long the oldest waits, and what failed last
    Summary,
    /// Run jobs again that were given up or cancelled
    Retry {
        /// Which one, by its id
        #[arg(value_name = "ID", required_unless_present = "all_dead", value_parser = job_id)]
        id: Option<Uuid>,
        /// All that were given up
        #[arg(long, conflicts_with = "id")]
        all_dead: bool,
        /// With --all-dead: only those of this kind
        #[arg(long, requires = "all_dead")]
        kind: Option<String>,
    },
    /// Stop a job before it begins
    Cancel {
        /// Which one, by its id
        #[arg(value_name = "ID", value_parser = job_id)]
        id: Uuid,
    },
}

/// A job as it is listed.
#[derive(Debug, Deserialize)]
struct JobLine {
    id: String,
    kind: String,
    state: JobState,
    attempts: i64,
    created_at: Timestamp,
    last_error: Option<String>,
}

/// How the queue stands.
#[derive(Clone, Debug, Deserialize)]
pub struct QueueSummary {
    /// By kind and state.
    pub counts: Vec<QueueCount>,
    /// For how many seconds the oldest queued job has waited.
    pub oldest_queued_s: Option<f64>,
    /// Entries that were shown, and whose conversation never came.
    pub expired_exposures: i64,
}

/// How many jobs of one kind are in one state.
#[derive(Clone, Debug, Deserialize)]
pub struct QueueCount {
    /// What is done.
    pub kind: String,
    /// Where they stand.
    pub state: JobState,
    /// How many.
    pub count: i64,
    /// For how many seconds the oldest of them has been there.
    pub oldest_s: f64,
}

impl QueueSummary {
    /// How many jobs are in this state.
    pub fn of_state(&self, state: JobState) -> i64 {
        self.counts.iter().filter(|one| one.state == state).map(|one| one.count).sum()
    }
}

/// Checks what can be wrong before anything is opened.
///
/// # Errors
/// When options of the list are given to something else, or a kind is meant that no job is of.
pub fn check(args: &JobsArgs) -> Result<(), Failure> {
    let filters = args.state.is_some() || args.kind.is_some() || args.limit.is_some();
    if args.command.is_some() && filters {
        return Err(Failure::Usage(
            "--state, --kind and --limit before a command are for the list: write `turnwise jobs --state dead`, or \
             `turnwise jobs retry --all-dead --kind KIND`"
                .to_owned(),
        ));
    }
    match &args.command {
        Some(JobsCommand::Retry { kind: Some(kind), .. }) => check_kind(kind),
        _ => Ok(()),
    }
}

/// Sees that jobs of this kind can be.
fn check_kind(kind: &str) -> Result<(), Failure> {
    let mut known: Vec<&str> = Stage::ALL.iter().map(|stage| stage.as_str()).collect();
    known.push(Work::RollUpMetrics.as_str());
    if known.contains(&kind) {
        return Ok(());
    }
    Err(Failure::Usage(format!("--kind: no job is of the kind '{kind}'; kinds are {}", known.join(", "))))
}

/// Runs the command.
///
/// # Errors
/// When the server refuses or fails.
pub async fn run(args: &JobsArgs, desk: &Desk, voice: Voice) -> Result<Exit, Failure> {
    match &args.command {
        None => list(args, desk, voice).await?,
        Some(JobsCommand::Summary) => summarise(desk, voice).await?,
        Some(JobsCommand::Retry { id: Some(id), .. }) => step(*id, "retry", desk, voice).await?,
        Some(JobsCommand::Retry { id: None, kind, .. }) => retry_all(kind.as_deref(), desk, voice).await?,
        Some(JobsCommand::Cancel { id }) => step(*id, "cancel", desk, voice).await?,
    }
    Ok(Exit::Done)
}

async fn list(args: &JobsArgs, desk: &Desk, voice: Voice) -> Result<(), Failure> {
    let state = args.state.map(|state| ("state", state.to_string()));
    let kind = args.kind.clone().map(|kind| ("kind", kind));
    let query: Vec<(&str, String)> = state.into_iter().chain(kind).collect();
    let most = args.limit.map_or(LISTED, usize::from);
    let listed: Listed<Value> = desk.list("/jobs/", &query, most).await?;
    if voice.json {
        return voice.say_json(&json!({
            "count": listed.count, "count_is_lower_bound": listed.is_lower_bound, "jobs": listed.items,
        }));
    }
    if listed.items.is_empty() {
        return voice.say("There is no such job.");
    }
    let shown = listed.items.len();
    voice.say(&jobs_table(listed.items)?)?;
    if i64::try_from(shown).is_ok_and(|shown| shown < listed.count) {
        let more = if listed.is_lower_bound { "more than " } else { "" };
        voice.remark(&format!("{shown} of {more}{}; --limit shows more", listed.count));
    }
    Ok(())
}

async fn summarise(desk: &Desk, voice: Voice) -> Result<(), Failure> {
    let told: Value = desk.get("/jobs/summary/", &[]).await?;
    let summary: QueueSummary = read(told.clone())?;
    let dead = [("state", JobState::Dead.to_string())];
    let failures: Listed<Value> = desk.list("/jobs/", &dead, QUOTED).await?;
    if voice.json {
        let mut told = told;
        told["last_failures"] = Value::Array(failures.items);
        return voice.say_json(&told);
    }
    if summary.expired_exposures > 0 {
        let expired = summary.expired_exposures;
        voice.say(&format!("Shown to agents and given up, because no conversation came for it: {expired}\n"))?;
    }
    if summary.counts.is_empty() {
        return voice.say("The queue is empty, and nothing was in it lately.");
    }
    voice.say(&summary_table(&summary))?;
    if !failures.items.is_empty() {
        voice.say(&format!("\nGiven up: {}; the last of them:", summary.of_state(JobState::Dead)))?;
        voice.say(&jobs_table(failures.items)?)?;
        voice.remark("When the cause is mended: turnwise jobs retry ID, or turnwise jobs retry --all-dead");
    }
    Ok(())
}

/// Runs one job again, or stops it.
async fn step(id: Uuid, what: &str, desk: &Desk, voice: Voice) -> Result<(), Failure> {
    let job = match desk.ask(Method::POST, &format!("/jobs/{id}/{what}/"), &[], None).await? {
        Ok(job) => job,
        Err(refusal) => {
            let hint = match refusal.status {
                404 => "; `turnwise jobs` lists those there are",
                _ => "",
            };
            return Err(Failure::new(format!("job {id}: {}{hint}", refusal.message)));
        }
    };
    if voice.json {
        return voice.say_json(&job);
    }
    let job: JobLine = read(job)?;
    voice.say(&format!("{} ({}) is {}", job.id, job.kind, job.state))?;
    tell_who_runs(what == "retry", desk, voice);
    Ok(())
}

async fn retry_all(kind: Option<&str>, desk: &Desk, voice: Voice) -> Result<(), Failure> {
    let mut query = vec![("state", JobState::Dead.to_string())];
    query.extend(kind.map(|kind| ("kind", kind.to_owned())));
    let dead: Listed<JobLine> = desk.list("/jobs/", &query, MOST_AT_ONCE).await?;
    let mut queued = Vec::new();
    let mut refused = Vec::new();
    for job in dead.items {
        match desk.ask(Method::POST, &format!("/jobs/{}/retry/", job.id), &[], None).await? {
            Ok(_) => queued.push(job.id),
            Err(refusal) => refused.push(json!({"id": job.id, "kind": job.kind, "reason": refusal.message})),
        }
    }
    if voice.json {
        return voice.say_json(&json!({"queued": queued, "refused": refused}));
    }
    for one in &refused {
        warn(&format!("{} ({}) stays as it is: {}", text(&one["id"]), text(&one["kind"]), text(&one["reason"])));
    }
    let jobs = if queued.len() == 1 { "job is" } else { "jobs are" };
    voice.say(&format!("{} {jobs} queued again", queued.len()))?;
    tell_who_runs(!queued.is_empty(), desk, voice);
    Ok(())
}

/// Where this process answers, nobody works off the queue when it ends.
fn tell_who_runs(is_queued: bool, desk: &Desk, voice: Voice) {
    if is_queued && desk.is_own() {
        voice.remark("No server runs here: the next `turnwise serve` or `turnwise ingest` does the work.");
    }
}

fn jobs_table(jobs: Vec<Value>) -> Result<String, Failure> {
    let now = SystemClock.now();
    let jobs: Vec<JobLine> = jobs.into_iter().map(read).collect::<Result<_, _>>()?;
    let row = |job: &JobLine| {
        let age_s = (now.as_millis() - job.created_at.as_millis()) as f64 / 1000.0;
        vec![
            job.id.clone(),
            job.state.to_string(),
            job.kind.clone(),
            age(age_s),
            job.attempts.to_string(),
            shorten(&tidy(job.last_error.as_deref().unwrap_or_default()), ERROR_CHARS),
        ]
    };
    let header = ["id", "state", "kind", "age", "attempts", "last error"];
    Ok(table(&header, jobs.iter().map(row).collect()))
}

/// A row for each kind, in the order in which they come.
fn summary_table(summary: &QueueSummary) -> String {
    let mut kinds: Vec<&str> = summary.counts.iter().map(|one| one.kind.as_str()).collect();
    kinds.dedup();
    let row = |kind: &str| {
        let of = |state: JobState| summary.counts.iter().find(|one| one.kind == kind && one.state == state);
        let count = |state| of(state).map_or_else(|| "0".to_owned(), |one| one.count.to_string());
        vec![
            kind.to_owned(),
            count(JobState::Queued),
            of(JobState::Queued).map_or_else(|| "-".to_owned(), |one| age(one.oldest_s)),
            count(JobState::Running),
            count(JobState::Dead),
            count(JobState::Cancelled),
            count(JobState::Done),
        ]
    };
    let header = ["kind", "queued", "oldest", "running", "dead", "cancelled", "done"];
    table(&header, kinds.into_iter().map(row).collect())
}

/// Seconds as people say them, with the largest unit that fits.
pub fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    match units.into_iter().find(|(length, _)| seconds >= *length) {
        Some((length, unit)) => format!("{:.0} {unit}", (seconds / length).floor()),
        None => format!("{:.0} s", seconds.floor()),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        let told: Vec<String> = [-1.0, 59.9, 60.0, 7_300.0, 200_000.0].into_iter().map(age).collect();
        assert_eq!(told, ["0 s", "59 s", "1 min", "2 h", "2 d"]);
    }

    #[test]
    fn the_summary_has_a_row_for_each_kind() {
        let count = |kind: &str, state, count, oldest_s| QueueCount { kind: kind.to_owned(), state, count, oldest_s };
        let summary = QueueSummary {
            counts: vec![
                count("analyze", JobState::Dead, 2, 9_000.0),
                count("analyze", JobState::Queued, 7, 125.0),
                count("distill", JobState::Done, 40, 86_400.0),
            ],
            oldest_queued_s: Some(125.0),
            expired_exposures: 0,
        };
        let rows = summary_table(&summary);
        let rows: Vec<Vec<&str>> = rows.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["analyze", "7", "2", "min", "0", "2", "0", "0"]);
        assert_eq!(rows[2], ["distill", "0", "-", "0", "0", "0", "40"]);
        assert_eq!(summary.of_state(JobState::Dead), 2);
    }
}
