//! `turnwise demo`: learns from the conversations in `demo/` and answers live utterances that stand in none of them.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::app::App;
use crate::cli::failure::{Exit, Failure};
use crate::cli::learned::{learn, open_in};
use crate::cli::print::{Voice, table};
use crate::config::Config;
use crate::domain::ids::TenantId;
use crate::domain::knowledge::EntryStatus;
use crate::domain::text::shorten;
use crate::evaluation::demo::live_query;
use crate::evaluation::labels::{LabelledDemo, LiveQuestion};
use crate::retrieval::answer::RetrievalAnswer;
use crate::store::entries::EntryFilter;
use crate::store::page::PageRequest;

/// Off-topic utterances that are asked at the end.
const OFF_TOPIC: usize = 3;
/// Entries that are listed.
const LISTED: u32 = 40;

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Where the demo conversations stand
    #[arg(long, value_name = "DIR", default_value = "demo")]
    pub folder: PathBuf,
}

/// Runs the command, in a data directory of its own (`demo` in the configured one), so that it disturbs nothing.
///
/// # Errors
/// When the demo folder, a model or the data directory is missing or broken.
pub async fn run(args: &DemoArgs, config: Config, voice: Voice) -> Result<Exit, Failure> {
    let demo = LabelledDemo::read(&args.folder)?;
    let tenant = TenantId::default_tenant();
    let dir = config.data.dir.join("demo");
    let app = open_in(&config, &dir, None).await?;
    voice.remark(&format!("Learning from {} conversations in {}", demo.conversations.len(), args.folder.display()));
    let bar = voice.progress("{bar:40} {pos}/{len} conversations {elapsed}");
    let started = std::time::Instant::now();
    let new = learn(&app, &tenant, demo.conversations.clone(), &bar).await?;
    let seconds = started.elapsed().as_secs_f64();

    let learned = tell_learned(&app, &tenant, new, seconds, voice).await?;
    // The first inference of a session is slower than any later one.
    app.retriever.retrieve(&tenant, live_query("hello", 1)?).await?;
    let (on_topic, off_topic): (Vec<&LiveQuestion>, Vec<&LiveQuestion>) =
        demo.questions.iter().partition(|question| question.expect.is_some());
    voice_heading(voice, "Live utterances (none of them stands in the demo conversations)")?;
    let asked = ask_all(&app, &tenant, &on_topic, voice).await?;
    voice_heading(voice, "Off-topic utterances (declined)")?;
    let declined = ask_all(&app, &tenant, &off_topic[..OFF_TOPIC.min(off_topic.len())], voice).await?;
    if voice.json {
        voice.say_json(&json!({"learned": learned, "live": asked, "off_topic": declined}))?;
    } else {
        voice.say(&format!(
            "\nAsk it yourself:\n  turnwise --data-dir {} retrieve \"what does it cost per month?\"\n  \
             turnwise --data-dir {} serve",
            dir.display(),
            dir.display()
        ))?;
    }
    app.close(None).await;
    Ok(Exit::Done)
}

async fn tell_learned(app: &App, tenant: &TenantId, new: usize, seconds: f64, voice: Voice) -> Result<Value, Failure> {
    let store = &app.engine.store;
    let totals = store.totals(tenant).await?;
    let filter = EntryFilter { status: Some(EntryStatus::Live), ..EntryFilter::default() };
    let page = store.list_entries(tenant, &filter, &PageRequest::first(LISTED)).await?;
    let percent = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0));
    let one = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |number| format!("{number:.1}"));
    if !voice.json {
        let speed =
            if new == 0 { String::new() } else { format!(" ({new} new, {:.1} per second)", new as f64 / seconds) };
        voice_heading(voice, "Learned")?;
        voice.say(&format!("conversations processed  {}{speed}", totals.conversations))?;
        voice.say(&format!("entries created          {}", page.count))?;
        voice.say(&format!("exemplars                {}", totals.exemplars))?;
        voice.say(&format!("success rate             {}", percent(totals.success_rate)))?;
        voice.say(&format!("average turns            {}", one(totals.average_turns)))?;
        voice.say(&format!("average duration         {} s", one(totals.average_duration_s)))?;
        voice.say(&format!("average satisfaction     {} of 5", one(totals.average_satisfaction)))?;
        voice_heading(voice, &format!("Entries (the newest {} of {})", page.items.len(), page.count))?;
        let rows = page.items.iter().map(|entry| {
            let rate = format!("{:.0} %", entry.posterior.mean() * 100.0);
            vec![entry.knowledge_type.to_string(), rate, entry.language.to_string(), shorten(&entry.title, 70)]
        });
        voice.say(&table(&["kind", "success", "language", "title"], rows.collect()))?;
    }
    Ok(json!({
        "conversations": totals.conversations, "entries": page.count, "exemplars": totals.exemplars,
        "success_rate": totals.success_rate, "average_turns": totals.average_turns,
        "average_duration_s": totals.average_duration_s, "average_satisfaction": totals.average_satisfaction,
        "seconds": seconds,
    }))
}

async fn ask_all(
    app: &App,
    tenant: &TenantId,
    questions: &[&LiveQuestion],
    voice: Voice,
) -> Result<Vec<Value>, Failure> {
    let mut told = Vec::with_capacity(questions.len());
    for question in questions {
        let answer = app.retriever.retrieve(tenant, live_query(&question.utterance, 1)?).await?;
        if !voice.json {
            tell_answer(question, &answer, voice)?;
        }
        told.push(json!({
            "language": question.language, "utterance": question.utterance, "abstained": answer.abstained,
            "results": answer.results, "total_us": answer.timings.total,
        }));
    }
    Ok(told)
}

fn tell_answer(question: &LiveQuestion, answer: &RetrievalAnswer, voice: Voice) -> Result<(), Failure> {
    let took = answer.timings.total as f64 / 1000.0;
    voice.say(&format!("\n[{}] {}", question.language, question.utterance))?;
    match (answer.results.first(), answer.reason) {
        (Some(best), _) => {
            voice.say(&format!("  {} ({took:.1} ms): {}", best.knowledge_type, shorten(&best.content, 220)))?;
            voice.say(&format!("  heard before: {}", shorten(&best.matched_utterance, 120)))
        }
        (None, reason) => {
            let reason = reason.map(|reason| reason.to_string()).unwrap_or_default();
            voice.say(&format!("  nothing offered ({took:.1} ms): {reason}"))
        }
    }
}

fn voice_heading(voice: Voice, heading: &str) -> Result<(), Failure> {
    if voice.json { Ok(()) } else { voice.say(&format!("\n== {heading}")) }
}
