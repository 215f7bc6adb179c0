//! What a simulation tells: success over time, and whether what was promised holds.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::print::{Voice, table};
use crate::cli::simulate::estimate::Estimate;
use crate::cli::simulate::played::{Lift, PARTS, Played};
use crate::cli::simulate::scenario::Scenario;

/// The lift over similarity alone that is promised where it matters which answer is given.
const LEAST_LIFT: f64 = 0.2;
/// The share of what the best answers would have led to that is promised.
const LEAST_OF_ORACLE: f64 = 0.9;
/// The most that may be lost where it does not matter.
const MOST_LOST: f64 = 0.01;
/// Uses of an answer that fell until it must be suspect, and the share of worlds in which it must.
const SUSPECT_WITHIN: u32 = 60;
const SUSPECT_IN: f64 = 0.95;
/// The share of entries that may ever become suspect where all are equal.
const MOST_SUSPECT: f64 = 0.01;
/// The share of experiments whose interval holds the truth, at the least: 95 % are expected, and 20 worlds are few.
const LEAST_COVERED: f64 = 0.85;

/// How the rankings did in one world.
#[derive(Debug, Serialize)]
pub struct World {
    /// The seed of its chance.
    pub seed: u64,
    /// Without any knowledge; where rankings are compared.
    pub none: Option<Played>,
    /// By similarity alone; where rankings are compared.
    pub similarity: Option<Played>,
    /// As configured.
    pub learned: Played,
}

/// Something that is promised, and how it is.
#[derive(Debug, Serialize)]
pub struct Promise {
    /// What is promised.
    pub what: String,
    /// How it is.
    pub found: String,
    /// Whether it holds.
    pub kept: bool,
}

/// All worlds of one scenario.
#[derive(Debug)]
pub struct Report {
    /// What was simulated.
    pub scenario: Scenario,
    /// World by world.
    pub worlds: Vec<World>,
    /// Answers in each world.
    pub answers: usize,
}

impl Report {
    /// Everything as JSON.
    pub fn json(&self) -> Value {
        json!({
            "scenario": self.scenario.as_str(), "worlds": self.worlds, "promises": self.promises(),
            "lift_over_similarity": self.lift(), "share_of_oracle": self.of_oracle(), "regret": self.regret(),
        })
    }

    /// Everything for people.
    ///
    /// # Errors
    /// When nobody reads it any more.
    pub fn say(&self, voice: Voice) -> Result<(), Failure> {
        voice.say(&format!("== {}: success over time, a fifth of the conversations each", self.scenario.as_str()))?;
        let rankings: [(&str, Vec<&Played>); 3] = [
            ("no knowledge", self.worlds.iter().filter_map(|world| world.none.as_ref()).collect()),
            ("similarity alone", self.worlds.iter().filter_map(|world| world.similarity.as_ref()).collect()),
            ("learned", self.worlds.iter().map(|world| &world.learned).collect()),
        ];
        let rows = rankings.iter().filter(|(_, played)| !played.is_empty()).map(|(name, played)| {
            let fifth = |at: usize| mean(played, |played| played.fifths[at].rate());
            let mut row = vec![(*name).to_owned()];
            row.extend((0..PARTS).map(|at| format!("{:.3}", fifth(at))));
            row
        });
        voice.say(&table(&["", "1", "2", "3", "4", "5"], rows.collect()))?;
        let best = mean(&rankings[2].1, Played::best_at_the_end);
        voice.say(&format!("the best answers would have led to {best:.3} in the last fifth"))?;
        if let Some(lift) = self.lift() {
            voice.say(&format!("learned over similarity alone, in the last fifth: {}", lift.percent()))?;
        }
        voice.say(&format!("regret over all turns that used an answer: {}", self.regret().plain()))?;
        let beside = self.over(|world| f64::from(world.learned.beside) / f64::from(world.learned.offers.max(1)));
        voice.say(&format!("questions for which what stands first answers something else: {}", beside.percent()))?;
        let shares: Vec<f64> = self.worlds.iter().map(|world| world.learned.least_share).collect();
        voice.say(&format!(
            "the answer that was offered least has {:.1} % of the offers for its intent (mean over worlds)",
            100.0 * shares.iter().sum::<f64>() / shares.len().max(1) as f64
        ))?;
        for promise in self.promises() {
            let word = if promise.kept { "kept" } else { "NOT KEPT" };
            voice.say(&format!("{word}: {}: {}", promise.what, promise.found))?;
        }
        Ok(())
    }

    /// What is promised of this scenario.
    pub fn promises(&self) -> Vec<Promise> {
        match self.scenario {
            Scenario::Standard => vec![self.lifted(), self.near_oracle()],
            Scenario::Late => vec![self.lifted()],
            Scenario::Narrow => vec![self.not_lost(), self.not_starved()],
            Scenario::Equal => vec![self.not_lost(), self.not_starved(), self.not_suspected()],
            Scenario::Drop => vec![self.suspected()],
            Scenario::Holdout => vec![self.covered()],
        }
    }

    /// The relative lift of what is learned over similarity alone, in the last part.
    fn lift(&self) -> Option<Estimate> {
        self.lifts(Played::at_the_end)
    }

    fn lifts(&self, rate: impl Fn(&Played) -> f64) -> Option<Estimate> {
        let lift = |world: &World| Some(rate(&world.learned) / rate(world.similarity.as_ref()?) - 1.0);
        let lifts: Vec<f64> = self.worlds.iter().filter_map(lift).collect();
        (!lifts.is_empty()).then(|| Estimate::of(&lifts))
    }

    fn of_oracle(&self) -> Estimate {
        self.over(|world| world.learned.at_the_end() / world.learned.best_at_the_end())
    }

    fn regret(&self) -> Estimate {
        self.over(|world| world.learned.regret())
    }

    fn over(&self, of: impl Fn(&World) -> f64) -> Estimate {
        Estimate::of(&self.worlds.iter().map(of).collect::<Vec<f64>>())
    }

    fn lifted(&self) -> Promise {
        let lift = self.lift();
        Promise {
            what: "learned at least 20 % above similarity alone by the end".to_owned(),
            found: lift.map_or_else(|| "not compared".to_owned(), |lift| lift.percent()),
            kept: lift.is_some_and(|lift| lift.mean >= LEAST_LIFT),
        }
    }

    fn near_oracle(&self) -> Promise {
        let share = self.of_oracle();
        Promise {
            what: "at least 90 % of what the best answers would have led to".to_owned(),
            found: share.percent(),
            kept: share.mean >= LEAST_OF_ORACLE,
        }
    }

    fn not_lost(&self) -> Promise {
        let lift = self.lifts(Played::rate);
        Promise {
            what: "nothing lost over all conversations (lower end at least -1 %)".to_owned(),
            found: lift.map_or_else(|| "not compared".to_owned(), |lift| lift.percent()),
            kept: lift.is_some_and(|lift| lift.low >= -MOST_LOST),
        }
    }

    fn not_starved(&self) -> Promise {
        let starved: usize = self.worlds.iter().map(|world| world.learned.starved).sum();
        Promise {
            what: "no answer starves: each has at least 1 % of the offers for its intent".to_owned(),
            found: format!("{starved} of {} have less", self.worlds.len() * self.answers),
            kept: starved == 0,
        }
    }

    fn not_suspected(&self) -> Promise {
        let suspects: usize = self.worlds.iter().map(|world| world.learned.suspects).sum();
        let entries = self.worlds.len() * self.answers;
        Promise {
            what: "at most 1 % of the entries ever become suspect".to_owned(),
            found: format!("{suspects} of {entries}"),
            kept: suspects as f64 <= MOST_SUSPECT * entries as f64,
        }
    }

    fn suspected(&self) -> Promise {
        let after: Vec<Option<u32>> = self.worlds.iter().map(|world| world.learned.suspect_after).collect();
        let found = after.iter().flatten().filter(|uses| **uses <= SUSPECT_WITHIN).count();
        let slowest = after.iter().flatten().max().map_or_else(String::new, |most| format!("; {most} uses at most"));
        Promise {
            what: "an answer that falls from 80 to 30 % is suspect within 60 uses in 19 of 20 worlds".to_owned(),
            found: format!("in {found} of {}{slowest}", self.worlds.len()),
            kept: found as f64 >= SUSPECT_IN * self.worlds.len() as f64,
        }
    }

    fn covered(&self) -> Promise {
        let lifts: Vec<_> = self.worlds.iter().filter_map(|world| world.learned.lift).collect();
        let covered = lifts.iter().filter(|lift| lift.covers()).count();
        let mean = |of: fn(&Lift) -> f64| lifts.iter().map(of).sum::<f64>() / lifts.len().max(1) as f64;
        Promise {
            what: "the experiment's interval of the lift holds the true one".to_owned(),
            found: format!(
                "in {covered} of {}; on average it says {:.3} where {:.3} is true",
                lifts.len(),
                mean(|lift| lift.estimate[1]),
                mean(|lift| lift.truth)
            ),
            kept: covered as f64 >= LEAST_COVERED * self.worlds.len() as f64,
        }
    }
}

fn mean(played: &[&Played], of: impl Fn(&Played) -> f64) -> f64 {
    played.iter().map(|played| of(played)).sum::<f64>() / played.len().max(1) as f64
}
