//! The world of a simulation: what users want, which answers there are, and how often each of them really helps.
//!
//! Everything is drawn by hashing a seed, so that two rankings meet the same users in the same order, and a better answer helps
//! whom a worse one helps.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::failure::Failure;
use crate::cli::input::{open, plain};
use crate::domain::dice::dice;

/// Answers that compete for every intent.
pub const RIVALS: usize = 4;
/// Utterances of an intent that its answers are known for, half of them at most; the others are what users say.
const EXEMPLARS: usize = 80;
/// Where an answer falls: the first of the first intent, from this rate to that one.
pub const FALLS: (f64, f64) = (0.8, 0.3);
/// The best that its rivals are, so that it is the one that is used.
const RIVAL_OF_FALLING: f64 = 0.4;
/// The fewest words of a turn that serves as an answer.
const MIN_WORDS: usize = 8;

/// What users want.
pub struct Intent {
    /// What every answer to it is known for.
    pub exemplars: Vec<String>,
    /// What users say.
    pub questions: Vec<String>,
    /// What agents may answer.
    pub answers: Vec<String>,
    /// How often each answer leads to success, 0 to 1; hidden from Turnwise.
    pub rates: [f64; RIVALS],
}

/// Between which rates the answers lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// 0.3 to 0.9.
    Standard,
    /// 0.55 to 0.65.
    Narrow,
    /// All 0.6.
    Equal,
}

impl Preset {
    const fn range(self) -> (f64, f64) {
        match self {
            Self::Standard => (0.3, 0.9),
            Self::Narrow => (0.55, 0.65),
            Self::Equal => (0.6, 0.6),
        }
    }
}

/// Lets the first answer of the first intent be the best one, which it is until it falls.
pub fn let_fall(world: &mut [Intent]) {
    if let Some([falling, rivals @ ..]) = world.first_mut().map(|intent| &mut intent.rates) {
        *falling = FALLS.0;
        rivals.iter_mut().for_each(|rate| *rate = rate.min(RIVAL_OF_FALLING));
    }
}

/// The place that a number from 0 to 1 points at among so many.
pub fn pick(dice: f64, count: usize) -> usize {
    ((dice * count as f64) as usize).min(count.saturating_sub(1))
}

/// Real users' questions by intent (BANKING77, `text,category`), the intents with most of them first.
///
/// # Errors
/// When the file is missing or malformed.
pub fn read_questions(data: &Path) -> Result<Vec<Vec<String>>, Failure> {
    let path = data.join("banking77/train.csv.gz");
    let file = open(&path).and_then(plain).map_err(|error| {
        Failure::new(format!(
            "{}: {error}; --data is a folder with banking77/train.csv.gz (text,category) and sgd/train.jsonl.gz",
            path.display()
        ))
    })?;
    let mut by_intent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rows = csv::Reader::from_reader(file);
    for row in rows.deserialize::<(String, String)>() {
        let (text, intent) = row.map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        by_intent.entry(intent).or_default().push(text.trim().to_owned());
    }
    let mut intents: Vec<Vec<String>> = by_intent.into_values().collect();
    // Stable, so that equally many stay in the order of their names.
    intents.sort_by_key(|questions| std::cmp::Reverse(questions.len()));
    Ok(intents)
}

/// A world of the first `count` intents; `agent_turns` are what agents really said somewhere, which nobody can tell from the
/// utterances.
///
/// # Errors
/// When the data has too few intents or turns.
pub fn build(
    questions: &[Vec<String>],
    agent_turns: &[String],
    count: usize,
    (preset, seed): (Preset, u64),
) -> Result<Vec<Intent>, Failure> {
    let mut answers = agent_turns
        .iter()
        .filter(|turn| crate::domain::text::word_count(turn) >= MIN_WORDS)
        .cloned()
        .collect::<Vec<_>>();
    answers.truncate(count * RIVALS);
    if questions.len() < count || answers.len() < count * RIVALS {
        return Err(Failure::new(format!("the data has no {count} intents, or too few turns of agents")));
    }
    let (low, high) = preset.range();
    let intents = questions.iter().take(count).zip(answers.chunks(RIVALS)).enumerate().map(|(at, (said, answers))| {
        let (exemplars, questions) = said.split_at(EXEMPLARS.min(said.len() / 2));
        let rate = |answer: usize| low + (high - low) * dice([seed, at as u64, 1_000 + answer as u64]);
        Intent {
            exemplars: exemplars.to_vec(),
            questions: questions.to_vec(),
            answers: answers.to_vec(),
            rates: std::array::from_fn(rate),
        }
    });
    Ok(intents.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_world_and_dice_are_even() {
        let questions: Vec<Vec<String>> =
            (0..3).map(|i| (0..30).map(|n| format!("question {n} of {i}")).collect()).collect();
        let turns: Vec<String> = (0..12).map(|n| format!("this is what an agent said the {n}th time")).collect();
        let world = |seed| build(&questions, &turns, 3, (Preset::Standard, seed)).expect("there is enough");
        assert_eq!(world(1)[2].rates, world(1)[2].rates);
        assert_ne!(world(1)[2].rates, world(2)[2].rates);
        assert!(world(1).iter().flat_map(|intent| intent.rates).all(|rate| (0.3..=0.9).contains(&rate)));
        assert_eq!((world(1)[0].exemplars.len(), world(1)[0].questions.len()), (15, 15));
        assert!(build(&questions, &turns, 4, (Preset::Equal, 1)).is_err());

        let mut falling = world(1);
        let_fall(&mut falling);
        assert!(falling[0].rates[1..].iter().all(|rate| *rate < falling[0].rates[0] - 0.1));
        assert_eq!(falling[1].rates, world(1)[1].rates);
        assert_eq!((pick(0.0, 4), pick(0.999, 4), pick(0.5, 1)), (0, 3, 0));
    }
}
