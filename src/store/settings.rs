//! The `[store]` section of the configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where the rows are kept, and with how many connections.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. A secret: it may hold a password.
    pub url: String,
    /// How hard SQLite pushes a commit to the disk; PostgreSQL has its own `synchronous_commit`.
    #[serde(default)]
    pub synchronous: Synchronous,
    /// Reading connections to SQLite, at least 1; beside them there is always one that writes.
    #[serde(default = "default_read_connections")]
    pub read_connections: u32,
    /// The most connections to PostgreSQL, at least 2: one of them listens for wake-ups.
    #[serde(default = "default_postgres_connections")]
    pub postgres_connections: u32,
}

/// What a commit on SQLite survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// A crash or `kill -9` of the program; a power cut may lose the last commits, never the database.
    #[default]
    Normal,
    /// A power cut too, for one `fsync` per commit.
    Full,
}

impl StoreSettings {
    /// Settings with the defaults for everything but the URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            synchronous: Synchronous::default(),
            read_connections: default_read_connections(),
            postgres_connections: default_postgres_connections(),
        }
    }
}

impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.url.split(':').next().unwrap_or_default();
        f.debug_struct("StoreSettings")
            .field("url", &format_args!("{scheme}:…"))
            .field("synchronous", &self.synchronous)
            .field("read_connections", &self.read_connections)
            .field("postgres_connections", &self.postgres_connections)
            .finish()
    }
}

fn default_read_connections() -> u32 {
    4
}

fn default_postgres_connections() -> u32 {
    10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_never_printed() {
        let settings = StoreSettings::new("postgres://turnwise:hunter2@db.internal/turnwise");
        let printed = format!("{settings:?}");
        assert!(!printed.contains("hunter2") && !printed.contains("db.internal"), "{printed}");
    }

    #[test]
    fn unknown_settings_are_refused_and_the_rest_has_defaults() {
        let settings: StoreSettings = toml::from_str("url = 'sqlite:x.db'\nsynchronous = 'full'").expect("it is valid");
        assert_eq!((settings.synchronous, settings.read_connections), (Synchronous::Full, 4));
        assert!(toml::from_str::<StoreSettings>("url = 'sqlite:x.db'\npool = 3").is_err());
    }
}
