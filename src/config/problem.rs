//! What can be wrong with a configuration.

use std::fmt;

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `defaults.toml`.
    Default,
    /// A file, by its path.
    File(String),
    /// An environment variable, by its name.
    Environment(String),
    /// An override on the command line.
    CommandLine,
    /// Worked out from another key.
    Derived(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) => f.write_str(path),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::CommandLine => f.write_str("the command line"),
            Self::Derived(key) => f.write_str(key),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, in dots; empty when a whole source cannot be read.
    pub key: String,
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong and what would be right; never with the value of a secret.
    pub message: String,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, origin: &Origin, message: impl Into<String>) -> Self {
        Self { key: key.into(), origin: origin.clone(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, origin, message } = self;
        if key.is_empty() { write!(f, "{origin}: {message}") } else { write!(f, "{key} (from {origin}): {message}") }
    }
}

/// Everything that is wrong with a configuration, in the order in which the sources are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => f.write_str("the configuration has a problem:")?,
            count => write!(f, "the configuration has {count} problems:")?,
        }
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}
