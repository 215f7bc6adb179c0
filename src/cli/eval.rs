//! `turnwise eval`: measures learning and retrieval on labelled data, and fits what is fitted.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::app::open_embedders;
use crate::cli::failure::{Exit, Failure};
use crate::cli::learned::{learn, open_in};
use crate::cli::local::Local;
use crate::cli::lock::Lock;
use crate::cli::print::{Voice, table};
use crate::config::Config;
use crate::domain::classify::outcome::CLASSES;
use crate::domain::ids::TenantId;
use crate::domain::knowledge::KnowledgeType;
use crate::engine::understanding::fit;
use crate::engine::understanding::kept::{KeptClassifiers, Part};
use crate::evaluation::abstention;
use crate::evaluation::demo::{PartReport, RivalReport, ask_rivals, compare, hidden, read_rivals};
use crate::evaluation::fit::{Confusion, cross_validate_exchanges, cross_validate_outcomes};
use crate::evaluation::labels::LabelledDemo;
use crate::evaluation::sgd;
use crate::evaluation::split::Split;

/// What the demo must reach on the third that nothing was tuned on.
const REQUIRED: f64 = 0.8;

/// How often the first entry must be right on real dialogues, relative to plain dense search.
const REQUIRED_RATIO: f64 = 0.9;
/// The largest share of entries on real dialogues that may say nothing reusable.
const MOST_EMPTY: f64 = 0.05;

/// What is evaluated.
#[derive(Clone, Debug, Subcommand)]
pub enum EvalCommand {
    /// Learn from the labelled demo, outcomes hidden, and compare with the labels
    Demo(DemoEvalArgs),
    /// Fit the classifiers of turns, exchanges, outcomes and intents, show how well they do, and write what ships
    Fit(FitArgs),
    /// Ask real dialogue turns (Schema-Guided Dialogue) of an installation that learned from the training part
    Sgd(SgdArgs),
}

/// Options of `eval demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoEvalArgs {
    /// Where the demo stands
    #[arg(long, value_name = "DIR", default_value = "demo")]
    pub folder: PathBuf,
}

/// Options of `eval fit`.
#[derive(Clone, Debug, Args)]
pub struct FitArgs {
    /// The checkout whose fitted files are written; without it, only the cross-validation is shown
    #[arg(long, value_name = "DIR")]
    pub write_to: Option<PathBuf>,
}

/// Options of `eval sgd`.
#[derive(Clone, Debug, Args)]
pub struct SgdArgs {
    /// Folder with train.jsonl.gz and dev.jsonl.gz
    #[arg(long, value_name = "DIR", default_value = "../shared/data/sgd")]
    pub data: PathBuf,
    /// How many dev turns are asked, chosen by hash
    #[arg(long, default_value_t = 1_000)]
    pub questions: usize,
    /// How many right answers, and as many wrong ones, are shown
    #[arg(long, default_value_t = 0)]
    pub examples: usize,
}

/// Runs the command.
///
/// # Errors
/// When data is missing, or a part fails; [`Exit::Rejected`] when what is required was not reached.
pub async fn run(command: &EvalCommand, config: Config, voice: Voice) -> Result<Exit, Failure> {
    match command {
        EvalCommand::Demo(args) => demo(args, &config, voice).await,
        EvalCommand::Fit(args) => fit(args, &config, voice).await,
        EvalCommand::Sgd(args) => sgd(args, config, voice).await,
    }
}

fn scratch() -> Result<tempfile::TempDir, Failure> {
    tempfile::tempdir().map_err(|error| Failure::io("a temporary directory cannot be made", &error))
}

async fn demo(args: &DemoEvalArgs, config: &Config, voice: Voice) -> Result<Exit, Failure> {
    let demo = LabelledDemo::read(&args.folder)?;
    let tenant = TenantId::default_tenant();
    let embedders = open_embedders(config).await?;
    let dir = scratch()?;
    let app = open_in(config, dir.path(), Some(embedders.clone())).await?;
    let bar = voice.progress("{bar:40} {pos}/{len} conversations {elapsed}");
    learn(&app, &tenant, hidden(&demo).collect(), &bar).await?;
    let development = compare(&app.learner, &tenant, &demo, Split::Development).await?;
    let test = compare(&app.learner, &tenant, &demo, Split::Test).await?;
    let abstention = abstention::ask(&app.engine.store, &app.retriever, &tenant, &demo).await?;
    app.close(None).await;

    let rivals_dir = scratch()?;
    let rivals = open_in(config, rivals_dir.path(), Some(embedders)).await?;
    let drafts = read_rivals(&args.folder)?;
    learn(&rivals, &tenant, drafts.clone(), &voice.progress("{pos}/{len}")).await?;
    let rival = ask_rivals(&rivals.retriever, &tenant, &drafts).await?;
    rivals.close(None).await;

    let misses = misses(&test, &rival);
    if voice.json {
        voice.say_json(&json!({
            "development": development, "test": test, "abstention": abstention, "rivals": rival, "misses": misses,
        }))?;
    } else {
        tell_part(voice, "development (two thirds, tuned on)", &development)?;
        tell_part(voice, "test (a third, chosen by hash, nothing was tuned on it)", &test)?;
        voice.say(&format!(
            "\n== abstention (utterances that no classifier was fitted on): of {} on-topic ones {} are answered, {} of them \
             first by what is meant; of {} off-topic ones {} are declined",
            abstention.on_topic, abstention.answered, abstention.right, abstention.off_topic, abstention.declined
        ))?;
        voice.say(&format!(
            "\n== rivals: the answer of four successes (rate {:.2}) before that of two successes and two failures \
             (rate {:.2}), similarities {:.3} and {:.3}: {}",
            rival.first_rate,
            rival.second_rate,
            rival.first_similarity,
            rival.second_similarity,
            if rival.holds() { "yes" } else { "NO" }
        ))?;
        for miss in &misses {
            voice.say(&format!("missed: {miss}"))?;
        }
    }
    Ok(if misses.is_empty() { Exit::Done } else { Exit::Rejected })
}

/// What was required and not reached.
fn misses(test: &PartReport, rival: &RivalReport) -> Vec<String> {
    let mut misses = Vec::new();
    let mut require = |what: String, value: f64| {
        if value < REQUIRED {
            misses.push(format!("{what} is {value:.2}, required is {REQUIRED}"));
        }
    };
    for (kind, score) in &test.kinds {
        require(format!("precision of {kind}"), score.precision());
        require(format!("recall of {kind}"), score.recall());
    }
    require("precision of the outcome".to_owned(), test.successful.precision());
    require("recall of the outcome".to_owned(), test.successful.recall());
    if !rival.holds() {
        misses.push("the answer with more successes does not come first".to_owned());
    }
    misses
}

fn tell_part(voice: Voice, name: &str, part: &PartReport) -> Result<(), Failure> {
    voice.say(&format!("\n== {name}: {} conversations", part.conversations))?;
    let mut rows: Vec<Vec<String>> = part
        .kinds
        .iter()
        .map(|(kind, score)| row(kind.as_str(), score.precision(), score.recall(), score.labelled))
        .collect();
    rows.push(row(
        "outcome successful",
        part.successful.precision(),
        part.successful.recall(),
        part.successful.labelled,
    ));
    voice.say(&table(&["", "precision", "recall", "labelled"], rows))?;
    voice.say(&format!(
        "outcomes right {}, categories right {}, main intent among those told {}",
        part.outcomes_right, part.categories_right, part.intents_right
    ))
}

fn row(name: &str, precision: f64, recall: f64, labelled: usize) -> Vec<String> {
    vec![name.to_owned(), format!("{precision:.2}"), format!("{recall:.2}"), labelled.to_string()]
}

async fn fit(args: &FitArgs, config: &Config, voice: Voice) -> Result<Exit, Failure> {
    let embedders = open_embedders(config).await?;
    for embedder in embedders.iter() {
        let name = &embedder.spec().name;
        voice.remark(&format!("fitting for {name}"));
        let turns = fit::turns(embedder).await?;
        let exchanges = cross_validate_exchanges(&turns.exchanges);
        let outcomes = cross_validate_outcomes(&turns.outcomes);
        let kinds: Vec<&str> = KnowledgeType::ALL.iter().map(|kind| kind.as_str()).chain(["none"]).collect();
        tell_confusion(voice, &format!("{name}: exchanges, cross-validated"), &exchanges, &kinds)?;
        let classes: Vec<&str> = CLASSES.iter().map(|outcome| outcome.as_str()).collect();
        tell_confusion(voice, &format!("{name}: outcomes, cross-validated"), &outcomes, &classes)?;
        let Some(checkout) = &args.write_to else { continue };
        let intents = fit::intents(embedder, None).await?;
        let kept = KeptClassifiers::new(embedder.spec(), Path::new(""));
        write(checkout, kept.to_ship(Part::Turns, &turns.classifiers))?;
        write(checkout, kept.to_ship(Part::Intents, &intents))?;
    }
    Ok(Exit::Done)
}

fn tell_confusion(voice: Voice, name: &str, confusion: &Confusion, classes: &[&str]) -> Result<(), Failure> {
    let told: Vec<(&str, f64, f64)> =
        classes.iter().map(|class| (*class, confusion.precision(class), confusion.recall(class))).collect();
    if voice.json {
        return voice.say_json(&json!({"what": name, "classes": told}));
    }
    voice.say(&format!("\n== {name}"))?;
    let rows = told.into_iter().map(|(class, p, r)| vec![class.to_owned(), format!("{p:.2}"), format!("{r:.2}")]);
    voice.say(&table(&["", "precision", "recall"], rows.collect()))
}

fn write(checkout: &Path, file: std::io::Result<(String, Vec<u8>)>) -> Result<(), Failure> {
    let dir = checkout.join("src/engine/understanding/fitted");
    let written = file.and_then(|(name, bytes)| {
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join(name), bytes)
    });
    written.map_err(|error| Failure::io(dir.display(), &error))
}

async fn sgd(args: &SgdArgs, config: Config, voice: Voice) -> Result<Exit, Failure> {
    let lock = match crate::cli::backend::take(&config, "eval sgd")? {
        Lock::Taken(lock) => lock,
        Lock::Held(holder) => {
            return Err(Failure::new(crate::cli::backend::held_message(&config, holder.as_ref())));
        }
    };
    let local = Local::open(config, lock).await?;
    let app = local.app();
    let tenant = TenantId::default_tenant();
    let bar = voice.progress("{msg} {bar:40} {pos}/{len} {elapsed}");
    let progress = |stage: &str, done: usize, all: usize| {
        bar.set_message(stage.to_owned());
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let report =
        sgd::evaluate(&app.learner, &app.retriever, &tenant, &args.data, (args.questions, args.examples), progress)
            .await;
    bar.finish_and_clear();
    local.close().await;
    let report = report?;
    let enough = report.ratio() >= REQUIRED_RATIO && report.empty_entries <= MOST_EMPTY;
    let exit = if enough { Exit::Done } else { Exit::Rejected };
    if voice.json {
        voice.say_json(&report)?;
        return Ok(exit);
    }
    let hits = |rates: [f64; 3]| rates.map(|rate| format!("{rate:.3}"));
    let [d1, d3, d10] = hits(report.dense);
    let [r1, r3, r10] = hits(report.retrieval);
    let rows = vec![vec!["plain dense search".to_owned(), d1, d3, d10], vec!["retrieval".to_owned(), r1, r3, r10]];
    voice.say(&table(&["right service and intent", "at 1", "at 3", "at 10"], rows))?;
    voice.say(&format!("asked {} dev turns, {} training turns", report.asked, report.training_turns))?;
    voice.say(&format!("first hit relative to plain dense search: {:.3}", report.ratio()))?;
    voice.say(&format!("abstained: {:.1} % (counted as misses)", report.abstained * 100.0))?;
    voice.say(&format!(
        "live entries: {}, of which {:.1} % are a greeting, a question back or a bare confirmation",
        report.entries,
        report.empty_entries * 100.0
    ))?;
    voice.say(&format!("median time of a retrieval: {:.1} ms", report.median_ms))?;
    for (right, name) in [(true, "right"), (false, "wrong")] {
        for example in report.examples.iter().filter(|example| example.right == right) {
            let named = |label: &sgd::Label| format!("{} {}", label.0, label.1);
            let matched = example.matched_label.as_ref().map_or("no label".to_owned(), named);
            voice.say(&format!("\n{name}: {} [{}]", example.utterance, named(&example.label)))?;
            voice.say(&format!("  found by: {} [{matched}]\n  offers: {}", example.matched, example.content))?;
        }
    }
    Ok(exit)
}
