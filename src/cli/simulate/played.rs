//! What came of a run.

use serde::Serialize;

/// Parts into which the conversations are divided, to see success over time.
pub const PARTS: usize = 5;
/// An answer with a smaller share of the offers for its intent starves.
pub const STARVED: f64 = 0.01;

/// What came of some conversations: of those in which an answer was used, or in which there was none to use.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Part {
    /// Conversations.
    pub turns: u32,
    /// Those that succeeded.
    pub successes: u32,
    /// What the best answers would have led to, summed.
    pub best: f64,
    /// The true rates of the answers that were used, summed.
    pub expected: f64,
}

impl Part {
    /// The share that succeeded.
    pub fn rate(&self) -> f64 {
        f64::from(self.successes) / f64::from(self.turns.max(1))
    }
}

/// What the experiment estimates, and what is true.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Lift {
    /// The estimated difference of the success rates, with its interval.
    pub estimate: [f64; 3],
    /// The true one.
    pub truth: f64,
}

impl Lift {
    /// Whether the interval holds the truth.
    pub fn covers(&self) -> bool {
        self.estimate[0] <= self.truth && self.truth <= self.estimate[2]
    }
}

/// What came of all conversations, in the order of time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Played {
    /// Part by part.
    pub fifths: [Part; PARTS],
    /// Questions for which something was offered.
    pub offers: u32,
    /// Those for which the first of it was an answer to another intent than the user's.
    pub beside: u32,
    /// The smallest share that an answer has in the offers for its intent.
    pub least_share: f64,
    /// Answers with less than [`STARVED`] of them.
    pub starved: usize,
    /// Entries that became suspect.
    pub suspects: usize,
    /// How often the falling answer was used, once it had fallen, until it was suspect.
    pub suspect_after: Option<u32>,
    /// What the experiment told.
    pub lift: Option<Lift>,
}

impl Played {
    /// The success rate in the last part.
    pub fn at_the_end(&self) -> f64 {
        self.fifths[PARTS - 1].rate()
    }

    /// What the best answers would have led to there.
    pub fn best_at_the_end(&self) -> f64 {
        self.fifths[PARTS - 1].best / f64::from(self.fifths[PARTS - 1].turns.max(1))
    }

    /// The success rate over all parts.
    pub fn rate(&self) -> f64 {
        let sum = |of: &dyn Fn(&Part) -> u32| self.fifths.iter().map(of).sum::<u32>();
        f64::from(sum(&|part| part.successes)) / f64::from(sum(&|part| part.turns).max(1))
    }

    /// Successes that were lost by not giving the best answer, over all parts, in expectation.
    pub fn regret(&self) -> f64 {
        self.fifths.iter().map(|part| part.best - part.expected).sum()
    }
}
