//! The configuration, read once at the start.
//!
//! `defaults.toml` is the manual and the defaults in one; over it come a file, the environment and the command line.
//! Guarantees: every problem is reported at once, each with its key and where it stands; a key that the manual does not
//! name is a problem; a secret stands in no message, no `Debug` and not in [`Config::print`]. After [`Config::load`]
//! the values fit together, so that nobody checks them again.

mod bounds;
mod check;
mod layers;
mod manual;
pub mod problem;
pub mod sections;
pub mod sources;

use serde::Deserialize;

use crate::analytics::settings::MetricSettings;
use crate::config::layers::Layers;
use crate::config::problem::ConfigError;
use crate::config::sections::{AuthSettings, DataSettings, PrivacySettings, ServerSettings};
use crate::config::sources::ConfigSources;
use crate::embedding::settings::EmbeddingSettings;
use crate::index::settings::IndexSettings;
use crate::jobs::settings::JobSettings;
use crate::learning::schedule_settings::ScheduleSettings;
use crate::learning::settings::LearningSettings;
use crate::retrieval::settings::RetrievalSettings;
use crate::store::settings::StoreSettings;
use crate::telemetry::LogSettings;

/// Everything that can be set. `defaults.toml` says what each key means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP server.
    pub server: ServerSettings,
    /// Who may call.
    pub auth: AuthSettings,
    /// What is kept of callers.
    pub privacy: PrivacySettings,
    /// The data directory.
    pub data: DataSettings,
    /// The database. Its URL is never empty: that of the SQLite file in the data directory stands in.
    pub store: StoreSettings,
    /// The vector index.
    pub index: IndexSettings,
    /// The embedding models.
    pub embedding: EmbeddingSettings,
    /// From conversations to knowledge.
    pub learning: LearningSettings,
    /// Answers on every turn.
    pub retrieval: RetrievalSettings,
    /// The queue.
    pub jobs: JobSettings,
    /// Work that nobody starts.
    pub schedules: ScheduleSettings,
    /// What happened, in numbers.
    pub metrics: MetricSettings,
    /// Logs.
    pub log: LogSettings,
    #[serde(skip)]
    printed: String,
    #[serde(skip)]
    warnings: Vec<String>,
}

impl Config {
    /// Reads all sources, the later over the earlier.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(sources: &ConfigSources) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut layers = Layers::read(sources, &mut problems);
        bounds::check(&mut layers, &mut problems);
        let Some(mut config) = layers.extract::<Self>(&mut problems) else {
            return Err(ConfigError { problems });
        };

        if config.store.url.is_empty() {
            config.store.url = format!("sqlite:{}", config.data.dir.join("turnwise.db").display());
            layers.derive("store.url", config.store.url.as_str().into(), "data.dir");
        }
        check::check(&config, &layers, &mut problems);
        if !problems.is_empty() {
            return Err(ConfigError { problems });
        }

        config.printed = manual::print(&layers);
        config.warnings = layers.overlooked(sources);
        Ok(config)
    }

    /// What is in effect, as it was loaded: the manual with these values in it, `***` for a secret, and behind a value
    /// that is not the default where it came from. It is valid TOML.
    pub fn print(&self) -> &str {
        &self.printed
    }

    /// What was given and is probably not what was meant, in one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

#[cfg(test)]
mod tests;
