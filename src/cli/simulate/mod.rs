//! `turnwise simulate`: does what is learned from success lead to more of it?
//!
//! Simulated users and agents talk to a real server over HTTP. The answers to an intent are known for the same utterances, so
//! that similarity cannot choose between them; how often each of them helps is hidden. An agent says what it is offered in
//! other words, or ignores it. Rankings are compared on the same users.

mod play;
mod world;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::cli::bench::turns::{conversations, turns_of};
use crate::cli::failure::{Exit, Failure};
use crate::cli::print::{Voice, table};
use crate::cli::simulate::play::{Played, Ranking, play};
use crate::cli::simulate::world::{Preset, build, read_questions};
use crate::config::Config;

/// 95 % of a normal distribution lie within so many standard deviations.
const Z: f64 = 1.96;

/// Options of `simulate`.
#[derive(Clone, Debug, Args)]
pub struct SimulateArgs {
    /// Folder with banking77/train.csv.gz and sgd/train.jsonl.gz
    #[arg(long, value_name = "DIR", default_value = "../shared/data")]
    pub data: PathBuf,
    /// Between which rates the answers lie
    #[arg(long, value_enum, default_value = "standard")]
    pub preset: Preset,
    /// Worlds that are drawn, each for every ranking
    #[arg(long, default_value_t = 3)]
    pub seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    pub first_seed: u64,
    /// Conversations of each seed
    #[arg(long, default_value_t = 5_000)]
    pub conversations: u64,
    /// What users want; each has four answers
    #[arg(long, default_value_t = 50)]
    pub intents: usize,
}

/// One ranking's name, and where its results stand.
type Row<'a> = (&'static str, &'a dyn Fn(&Seed) -> &Played);

/// How the rankings did in one world.
#[derive(Debug, Serialize)]
struct Seed {
    seed: u64,
    none: Played,
    similarity: Played,
    learned: Played,
}

/// A mean over worlds with its 95 % interval.
#[derive(Debug, Serialize)]
struct Estimate {
    mean: f64,
    low: f64,
    high: f64,
}

impl Estimate {
    fn of(values: &[f64]) -> Self {
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        let margin = Z * (variance / count).sqrt();
        Self { mean, low: mean - margin, high: mean + margin }
    }

    fn told(&self, percent: bool) -> String {
        let (factor, sign) = if percent { (100.0, " %") } else { (1.0, "") };
        let digits = if percent { 1 } else { 3 };
        let tell = |value: f64| format!("{:.digits$}", value * factor);
        format!("{}{sign} ({} to {})", tell(self.mean), tell(self.low), tell(self.high))
    }
}

/// Runs the simulation in temporary data directories.
///
/// # Errors
/// When the data is missing, or a server fails.
pub async fn run(args: &SimulateArgs, config: Config, voice: Voice) -> Result<Exit, Failure> {
    let questions = read_questions(&args.data)?;
    let train = conversations(&args.data.join("sgd"), "train")?;
    let agent_turns: Vec<String> = turns_of(&train, "agent").map(str::to_owned).collect();
    let bar = voice.progress("{msg} {bar:40} {pos}/{len} conversations {elapsed}");
    bar.set_length(args.seeds * args.conversations * 2);
    let mut seeds = Vec::new();
    for seed in args.first_seed..args.first_seed + args.seeds {
        let world = build(&questions, &agent_turns, args.intents, (args.preset, seed))?;
        let none = play(&world, &config, Ranking::None, (seed, args.conversations), &bar).await?;
        let similarity = play(&world, &config, Ranking::Similarity, (seed, args.conversations), &bar).await?;
        let learned = play(&world, &config, Ranking::Learned, (seed, args.conversations), &bar).await?;
        seeds.push(Seed { seed, none, similarity, learned });
    }
    bar.finish_and_clear();
    tell(&seeds, voice)?;
    Ok(Exit::Done)
}

fn tell(seeds: &[Seed], voice: Voice) -> Result<(), Failure> {
    let over = |of: &dyn Fn(&Seed) -> f64| Estimate::of(&seeds.iter().map(of).collect::<Vec<f64>>());
    let lift = over(&|seed| seed.learned.at_the_end() / seed.similarity.at_the_end() - 1.0);
    let of_oracle = over(&|seed| seed.learned.at_the_end() / seed.learned.best_at_the_end());
    let regret = over(&|seed| seed.learned.regret());
    if voice.json {
        return voice.say_json(&json!({
            "seeds": seeds, "lift_over_similarity": lift, "share_of_oracle": of_oracle, "regret": regret,
        }));
    }
    let rows: [Row<'_>; 3] = [
        ("no knowledge", &|seed| &seed.none),
        ("similarity alone", &|seed| &seed.similarity),
        ("learned", &|seed| &seed.learned),
    ];
    let fifths = rows.iter().map(|(name, played)| {
        let fifth = |at: usize| over(&|seed| played(seed).fifths[at].rate()).mean;
        let mut row = vec![(*name).to_owned()];
        row.extend((0..play::PARTS).map(|at| format!("{:.3}", fifth(at))));
        row
    });
    voice.say("== success over time, a fifth of the conversations each")?;
    voice.say(&table(&["", "1", "2", "3", "4", "5"], fifths.collect()))?;
    voice.say(&format!("learned over similarity alone, in the last fifth: {}", lift.told(true)))?;
    voice.say(&format!("of what the best answers would have led to: {}", of_oracle.told(true)))?;
    voice.say(&format!("regret over all turns that used an answer: {}", regret.told(false)))
}
