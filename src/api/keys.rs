//! API keys: finding whose a key is, and making the first one.
//!
//! Guarantees: only hashes are kept, in the database and here; a key is looked up by its hash and then compared in
//! constant time. A key that was revoked is refused after [`CACHE_TIME`] at the latest.

use std::fmt;
use std::time::Duration;

use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{KeyId, TenantId};
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::secrets::{hash_key, random_key};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::keys::{ApiKey, KeyScope};

/// How long a key that was found is believed.
pub const CACHE_TIME: Duration = Duration::from_secs(30);
/// Keys kept in memory.
const CACHED_KEYS: u64 = 10_000;

/// Whose a key is and what it may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The owner of the data.
    pub tenant: TenantId,
    /// What may be done with it.
    pub scope: KeyScope,
}

impl Grant {
    /// Everything, for the one tenant of now.
    pub(super) fn admin() -> Self {
        Self { tenant: TenantId::default_tenant(), scope: KeyScope::Admin }
    }
}

/// The keys that open this API.
pub(super) struct KeyRing {
    store: Store,
    known: Cache<String, ApiKey>,
    cli_hash: Option<String>,
}

impl KeyRing {
    pub(super) fn new(store: Store, cli_key: Option<&SecretString>) -> Self {
        let known = Cache::builder().max_capacity(CACHED_KEYS).time_to_live(CACHE_TIME).build();
        Self { store, known, cli_hash: cli_key.map(|key| hash_key(key.expose_secret())) }
    }

    /// What a key grants; `None` when it is not known, expired or revoked. The CLI's key counts from this machine only.
    pub(super) async fn grant(&self, key: &str, now: Timestamp, is_local: bool) -> Result<Option<Grant>, StoreError> {
        let hash = hash_key(key);
        if self.cli_hash.as_deref().is_some_and(|cli| is_same(cli, &hash)) {
            return Ok(is_local.then(Grant::admin));
        }
        let known = match self.known.get(&hash) {
            Some(known) => known,
            None => {
                let Some(stored) = self.store.key_by_hash(&hash).await? else { return Ok(None) };
                self.known.insert(hash.clone(), stored.clone());
                self.note_use(&stored, now);
                stored
            }
        };
        let is_over = known.revoked_at.is_some() || known.expires_at.is_some_and(|end| end <= now);
        let is_good = is_same(&known.hash, &hash) && !is_over;
        Ok(is_good.then_some(Grant { tenant: known.tenant, scope: known.scope }))
    }

    /// Notes the last use, beside the request: at most once in [`CACHE_TIME`] per key, and nothing waits for it.
    fn note_use(&self, key: &ApiKey, now: Timestamp) {
        let (store, tenant, id) = (self.store.clone(), key.tenant.clone(), key.id);
        tokio::spawn(async move {
            let noted = async {
                let mut tx = store.begin().await?;
                tx.touch_key(&tenant, id, now).await?;
                tx.commit().await
            };
            if let Err(error) = noted.await {
                tracing::debug!(key.id = %id, %error, "The use of a key could not be noted");
            }
        });
    }
}

/// Compares in a time that does not tell how far two hashes agree.
fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// The admin key of an installation, as it is found at the start.
pub enum FirstKey {
    /// There was none, so this one was made. It is shown once and kept nowhere.
    Made(SecretString),
    /// The one of the configuration is in force.
    Configured,
    /// There are keys already.
    Kept,
}

impl fmt::Debug for FirstKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Made(_) => "Made(***)",
            Self::Configured => "Configured",
            Self::Kept => "Kept",
        })
    }
}

/// Sees to it that there is an admin key: the configured one, or at the first start a new one.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn ensure_admin_key(engine: &Engine, configured: Option<&SecretString>) -> Result<FirstKey, Error> {
    let tenant = TenantId::default_tenant();
    if let Some(key) = configured {
        let hash = hash_key(key.expose_secret());
        if engine.store.key_by_hash(&hash).await?.is_none() {
            insert(engine, "bootstrap", hash).await?;
        }
        return Ok(FirstKey::Configured);
    }
    if engine.store.count_keys(&tenant).await? > 0 {
        return Ok(FirstKey::Kept);
    }
    let key = random_key();
    insert(engine, "first", hash_key(&key)).await?;
    Ok(FirstKey::Made(key.into()))
}

async fn insert(engine: &Engine, name: &str, hash: String) -> Result<(), Error> {
    let key = ApiKey {
        id: KeyId(engine.new_uuid()),
        tenant: TenantId::default_tenant(),
        name: name.to_owned(),
        scope: KeyScope::Admin,
        hash,
        created_at: engine.now(),
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    };
    let mut tx = engine.store.begin().await?;
    tx.insert_key(&key).await?;
    tx.commit().await?;
    Ok(())
}
