//! Where settings may come from, gathered before any of them is read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The file that is read when it exists and no other is named.
pub const DEFAULT_FILE: &str = "turnwise.toml";

/// What the defaults are overridden with. `default()` is nothing: the defaults alone, whatever the machine holds.
#[derive(Clone, Default)]
pub struct ConfigSources {
    pub(super) file: Option<PathBuf>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) overrides: Vec<String>,
}

impl ConfigSources {
    /// Those of this process: its environment, and `turnwise.toml` in the working directory if there is one.
    pub fn of_process() -> Self {
        let file = Path::new(DEFAULT_FILE).exists().then(|| PathBuf::from(DEFAULT_FILE));
        Self { file, environment: std::env::vars_os().collect(), overrides: Vec::new() }
    }

    /// Reads this file instead of `turnwise.toml`; it is a problem if it is not there.
    #[must_use]
    pub fn with_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Adds environment variables.
    #[must_use]
    pub fn with_environment<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        self.environment.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Adds overrides from the command line, each as `section.key=value`; the last one wins.
    #[must_use]
    pub fn with_overrides<T: Into<String>>(mut self, overrides: impl IntoIterator<Item = T>) -> Self {
        self.overrides.extend(overrides.into_iter().map(Into::into));
        self
    }
}
