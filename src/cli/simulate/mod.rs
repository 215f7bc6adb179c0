//! `turnwise simulate`: does what is learned from success lead to more of it?
//!
//! Simulated users and agents talk to real servers over HTTP. The answers to an intent are known for the same utterances, so
//! that similarity cannot choose between them; how often each of them helps is hidden. An agent says what it is offered in
//! other words, or ignores it. Rankings are compared on the same users.

mod estimate;
mod play;
mod played;
mod report;
mod scenario;
mod server;
mod world;

use std::path::PathBuf;

use clap::Args;
use futures::stream::{StreamExt, TryStreamExt};
use indicatif::ProgressBar;

use crate::cli::bench::turns::{conversations, turns_of};
use crate::cli::failure::{Exit, Failure};
use crate::cli::print::Voice;
use crate::cli::serve::StartHttp;
use crate::cli::simulate::play::{Ranking, Run, play};
use crate::cli::simulate::report::{Report, World};
use crate::cli::simulate::scenario::Scenario;
use crate::cli::simulate::server::{Shared, load};
use crate::cli::simulate::world::{RIVALS, build, let_fall, read_questions};
use crate::config::Config;

/// Options of `simulate`.
#[derive(Clone, Debug, Args)]
pub struct SimulateArgs {
    /// What is simulated; nothing: all of it
    #[arg(value_enum)]
    pub scenarios: Vec<Scenario>,
    /// Folder with banking77/train.csv.gz and sgd/train.jsonl.gz
    #[arg(long, value_name = "DIR", default_value = "../shared/data")]
    pub data: PathBuf,
    /// Worlds that are drawn, each for every ranking
    #[arg(long, default_value_t = 20)]
    pub seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    pub first_seed: u64,
    /// Conversations of each world
    #[arg(long, default_value_t = 5_000)]
    pub conversations: u64,
    /// What users want; each has four answers. `drop` takes a fifth, so that the answer that falls is used often
    #[arg(long, default_value_t = 50)]
    pub intents: usize,
    /// Runs at the same time, each on a server of its own
    #[arg(long, default_value_t = 4)]
    pub parallel: usize,
}

/// What users say and agents answer.
struct Utterances {
    questions: Vec<Vec<String>>,
    answers: Vec<String>,
}

/// Runs the simulation in temporary data directories; [`Exit::Rejected`] when a promise is not kept.
///
/// # Errors
/// When the data is missing, or a server fails.
pub async fn run(args: &SimulateArgs, config: Config, start_http: StartHttp, voice: Voice) -> Result<Exit, Failure> {
    let train = conversations(&args.data.join("sgd"), "train")?;
    let utterances = Utterances {
        questions: read_questions(&args.data)?,
        answers: turns_of(&train, "agent").map(str::to_owned).collect(),
    };
    let scenarios = if args.scenarios.is_empty() { Scenario::ALL.to_vec() } else { args.scenarios.clone() };
    let shared = load(config, start_http).await?;
    let bar = voice.progress("{msg} {bar:40} {pos}/{len} conversations {elapsed}");
    let rankings: u64 = scenarios.iter().map(|scenario| if scenario.compares() { 2 } else { 1 }).sum();
    bar.set_length(args.seeds * args.conversations * rankings);
    let (mut reports, mut is_kept) = (Vec::new(), true);
    for scenario in scenarios {
        bar.set_message(scenario.as_str());
        let report = simulate(scenario, args, &utterances, &shared, &bar).await?;
        is_kept &= report.promises().iter().all(|promise| promise.kept);
        if voice.json {
            reports.push(report.json());
        } else {
            bar.suspend(|| report.say(voice))?;
        }
    }
    bar.finish_and_clear();
    if voice.json {
        voice.say_json(&reports)?;
    }
    Ok(if is_kept { Exit::Done } else { Exit::Rejected })
}

async fn simulate(
    scenario: Scenario,
    args: &SimulateArgs,
    utterances: &Utterances,
    shared: &Shared,
    bar: &ProgressBar,
) -> Result<Report, Failure> {
    let seeds = args.first_seed..args.first_seed + args.seeds;
    let worlds = futures::stream::iter(seeds.map(|seed| world(scenario, args, utterances, shared, (seed, bar))));
    let worlds = worlds.buffered(args.parallel.max(1)).try_collect().await?;
    Ok(Report { scenario, worlds, answers: intents(scenario, args) * RIVALS })
}

fn intents(scenario: Scenario, args: &SimulateArgs) -> usize {
    if scenario == Scenario::Drop { args.intents.div_ceil(5) } else { args.intents }
}

/// Every ranking in one world, one after the other.
async fn world(
    scenario: Scenario,
    args: &SimulateArgs,
    utterances: &Utterances,
    shared: &Shared,
    (seed, bar): (u64, &ProgressBar),
) -> Result<World, Failure> {
    let intents = intents(scenario, args);
    let mut world = build(&utterances.questions, &utterances.answers, intents, (scenario.preset(), seed))?;
    if scenario == Scenario::Drop {
        let_fall(&mut world);
    }
    let run = |ranking| Run { world: &world, scenario, ranking, seed, conversations: args.conversations };
    let (none, similarity) = match scenario.compares() {
        true => {
            let none = play(run(Ranking::None), shared, bar).await?;
            (Some(none), Some(play(run(Ranking::Similarity), shared, bar).await?))
        }
        false => (None, None),
    };
    Ok(World { seed, none, similarity, learned: play(run(Ranking::Learned), shared, bar).await? })
}
