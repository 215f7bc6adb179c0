//! Whether values that are fine by themselves fit together.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;
use crate::config::layers::Layers;
use crate::config::problem::Problem;
use crate::embedding::manifest::Manifest;

/// The fewest characters of a key that somebody chose.
const MIN_KEY_CHARS: usize = 16;

pub(super) fn check(config: &Config, layers: &Layers, problems: &mut Vec<Problem>) {
    let mut refuse = |key: &str, message: String| problems.push(Problem::new(key, &layers.origin(key), message));

    if config.auth.allow_loopback && !config.server.listen.ip().is_loopback() {
        refuse(
            "auth.allow_loopback",
            format!(
                "answers without a key, so server.listen must be a loopback address such as 127.0.0.1:8080, not {} \
                 (from {}); set auth.allow_loopback = false to listen there",
                config.server.listen,
                layers.origin("server.listen"),
            ),
        );
    }
    for (key, secret) in
        [("auth.bootstrap_key", &config.auth.bootstrap_key), ("privacy.caller_key", &config.privacy.caller_key)]
    {
        if secret.as_ref().is_some_and(|secret| !is_strong(secret)) {
            refuse(key, format!("must be at least {MIN_KEY_CHARS} visible ASCII characters without spaces"));
        }
    }
    if config.data.dir.as_os_str().is_empty() {
        refuse("data.dir", "must name a directory".to_owned());
    }
    if !["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| config.store.url.starts_with(scheme)) {
        refuse("store.url", "must begin with 'sqlite:' (a file) or 'postgres://' (a server)".to_owned());
    }
    if config.embedding.models.is_empty() {
        let known = Manifest::embedded().names().join(", ");
        refuse("embedding.models", format!("must name at least one of the models {known}"));
    }
    if config.jobs.backoff_min_ms > config.jobs.backoff_max_ms {
        refuse("jobs.backoff_min_ms", format!("must not exceed jobs.backoff_max_ms ({})", config.jobs.backoff_max_ms));
    }
    let mut known = BTreeSet::new();
    let again = config.metrics.tenant_time_zones.iter().find(|own| !known.insert(&own.tenant));
    if let Some(again) = again {
        refuse("metrics.tenant_time_zones", format!("names the tenant {} more than once", again.tenant));
    }
}

fn is_strong(secret: &SecretString) -> bool {
    let text = secret.expose_secret();
    text.len() >= MIN_KEY_CHARS && text.bytes().all(|byte| byte.is_ascii_graphic())
}
