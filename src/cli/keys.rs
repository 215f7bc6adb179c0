//! The keys that a server makes for itself: the admin key of the first start, and the one for the CLI beside it.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::cli::failure::Failure;
use crate::domain::ids::{KeyId, TenantId};
use crate::secrets::{hash_key, random_key, write_private};
use crate::store::{ApiKey, KeyScope};

/// Name of the key for the CLI in the data directory.
const CLI_KEY_FILE: &str = "cli.key";
/// What the admin key of the first start is called.
const BOOTSTRAP_NAME: &str = "bootstrap";

/// Sees to it that there is an admin key: the configured one, else one that is made when there is none yet. Only a key
/// that was made is returned; nobody can read it again.
///
/// # Errors
/// When the database is not available.
pub async fn bootstrap(app: &App) -> Result<Option<SecretString>, Failure> {
    let tenant = TenantId::default_tenant();
    let store = &app.engine.store;
    if let Some(key) = &app.config.auth.bootstrap_key {
        // Also on a later start: it is the way back in for whoever lost the key of the first.
        if store.key_by_hash(&hash_key(key.expose_secret())).await?.is_none() {
            insert(app, tenant, key.expose_secret()).await?;
        }
        return Ok(None);
    }
    if store.count_keys(&tenant).await? > 0 {
        return Ok(None);
    }
    let key = random_key();
    insert(app, tenant, &key).await?;
    Ok(Some(key.into()))
}

async fn insert(app: &App, tenant: TenantId, key: &str) -> Result<(), Failure> {
    let key = ApiKey {
        id: KeyId(app.engine.new_uuid()),
        tenant,
        name: BOOTSTRAP_NAME.to_owned(),
        scope: KeyScope::Admin,
        hash: hash_key(key),
        created_at: app.engine.now(),
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    };
    let mut tx = app.engine.store.begin().await?;
    tx.insert_key(&key).await?;
    Ok(tx.commit().await?)
}

/// The key for the CLI of this start, in a file that its owner alone can read and that goes with the server.
pub struct CliKey {
    path: PathBuf,
    key: SecretString,
}

impl CliKey {
    /// Makes a new one, over that of an earlier start.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn make(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join(CLI_KEY_FILE);
        let key = random_key();
        write_private(&path, &key)
            .map_err(|error| Failure::io(format!("{} cannot be written", path.display()), &error))?;
        Ok(Self { path, key: key.into() })
    }

    /// The key.
    pub fn secret(&self) -> &SecretString {
        &self.key
    }
}

impl Drop for CliKey {
    fn drop(&mut self) {
        // It opens nothing any more; the next start writes over what stays.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The key for the CLI of the server that runs on this data directory, if this user may read it.
pub fn read_cli_key(dir: &Path) -> Option<SecretString> {
    let key = std::fs::read_to_string(dir.join(CLI_KEY_FILE)).ok()?;
    Some(key.trim().to_owned().into()).filter(|key: &SecretString| !key.expose_secret().is_empty())
}
