//! The sections of the configuration that belong to no other room. `defaults.toml` says more about every key.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

/// `[server]`: the HTTP server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Requests worked on at the same time, retrievals apart.
    pub max_in_flight: usize,
    /// Requests that a key may make in a minute; 0 does not count.
    pub requests_per_minute_per_key: u32,
    /// What a request may take, in milliseconds.
    pub request_timeout_ms: u64,
    /// What requests and jobs in work may take to end after SIGTERM, in milliseconds.
    pub shutdown_grace_ms: u64,
}

/// `[auth]`: who may call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// The admin key that somebody chose, instead of one made on the first start.
    pub bootstrap_key: Option<SecretString>,
    /// Answers without a key; only on a loopback address.
    pub allow_loopback: bool,
}

/// `[privacy]`: what is kept of callers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivacySettings {
    /// The key of the hash of caller ids, instead of the one in the data directory.
    pub caller_key: Option<SecretString>,
}

/// `[data]`: the data directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// Holds the database file, the vector index and the keys that were made.
    pub dir: PathBuf,
}
