//! What is simulated: a world, how its outcomes become known, and what is asked of the result.

use crate::cli::simulate::world::Preset;

/// What a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Scenario {
    /// Answers succeed between 30 and 90 % of the time: it matters which one is given
    Standard,
    /// Between 55 and 65 %: it hardly matters
    Narrow,
    /// All 60 %: it does not matter
    Equal,
    /// As standard, with outcomes that become known late or never
    Late,
    /// One answer falls from 80 to 30 % half way
    Drop,
    /// As standard, with an experiment in which a part of the conversations gets no knowledge
    Holdout,
}

/// When an outcome becomes known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// With the conversation.
    AtOnce,
    /// So many conversations later.
    Later,
    /// Never.
    Never,
}

/// Share of outcomes that never become known, where some do not.
const NEVER: f64 = 0.2;
/// Share of them that are told later, of all.
const LATER: f64 = 0.4;

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 6] = [Self::Standard, Self::Narrow, Self::Equal, Self::Late, Self::Drop, Self::Holdout];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Narrow => "narrow",
            Self::Equal => "equal",
            Self::Late => "late",
            Self::Drop => "drop",
            Self::Holdout => "holdout",
        }
    }

    /// Between which rates its answers lie.
    pub const fn preset(self) -> Preset {
        match self {
            Self::Narrow => Preset::Narrow,
            Self::Equal => Preset::Equal,
            Self::Standard | Self::Late | Self::Drop | Self::Holdout => Preset::Standard,
        }
    }

    /// Whether the learned ranking is compared with similarity alone.
    pub const fn compares(self) -> bool {
        !matches!(self, Self::Drop | Self::Holdout)
    }

    /// When the outcome of a conversation becomes known; `dice` is a number from 0 to 1.
    pub fn told(self, dice: f64) -> Told {
        match self {
            Self::Late if dice < NEVER => Told::Never,
            Self::Late if dice < NEVER + LATER => Told::Later,
            _ => Told::AtOnce,
        }
    }
}
