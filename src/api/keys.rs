//! API keys: finding whose a key is, making the first one, and the routes that make, list and revoke others.
//!
//! Guarantees: only hashes are kept, in the database and here; a key is looked up by its hash and then compared in
//! constant time. A key that was revoked is refused at once by the process that revoked it, and by others after
//! [`CACHE_TIME`] at the latest. A key is shown once, in the answer to who made it.

pub(super) mod create;
pub(super) mod list;
pub(super) mod revoke;
pub(super) mod show;
mod wire;

use std::fmt;
use std::time::Duration;

use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{KeyId, TenantId};
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::engine::secrets::{hash_key, random_key};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::keys::{ApiKey, KeyFilter, KeyScope, KeysOf};
use crate::store::page::PageRequest;

/// How long a key that was found is believed.
pub const CACHE_TIME: Duration = Duration::from_secs(30);
/// How long a revocation is remembered here: a look-up that began before it may put the key back among those that are
/// known.
const REVOKED_TIME: Duration = CACHE_TIME.saturating_mul(2);
/// Keys kept in memory.
const CACHED_KEYS: u64 = 10_000;

/// Whose a key is and what it may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The owner of the data.
    pub tenant: TenantId,
    /// Which key; `None` for those that are not stored.
    pub key: Option<KeyId>,
    /// What may be done with it.
    pub scope: KeyScope,
}

impl Grant {
    /// Everything, for who runs the installation.
    pub(super) fn admin() -> Self {
        Self { tenant: TenantId::default_tenant(), key: None, scope: KeyScope::Admin }
    }
}

/// The keys that open this API.
pub(super) struct KeyRing {
    store: Store,
    known: Cache<String, ApiKey>,
    revoked: Cache<KeyId, ()>,
    cli_hash: Option<String>,
}

impl KeyRing {
    pub(super) fn new(store: Store, cli_key: Option<&SecretString>) -> Self {
        let known = Cache::builder().max_capacity(CACHED_KEYS).time_to_live(CACHE_TIME).build();
        let revoked = Cache::builder().max_capacity(CACHED_KEYS).time_to_live(REVOKED_TIME).build();
        Self { store, known, revoked, cli_hash: cli_key.map(|key| hash_key(key.expose_secret())) }
    }

    /// What a key grants; `None` when it is not known, expired or revoked. The CLI's key counts from this machine only.
    pub(super) async fn grant(&self, key: &str, now: Timestamp, is_local: bool) -> Result<Option<Grant>, StoreError> {
        let hash = hash_key(key);
        if self.cli_hash.as_deref().is_some_and(|cli| is_same(cli, &hash)) {
            return Ok(is_local.then(Grant::admin));
        }
        let in_memory = self.known.get(&hash);
        let is_looked_up = in_memory.is_none();
        let known = match in_memory {
            Some(known) => known,
            None => {
                let Some(stored) = self.store.key_by_hash(&hash).await? else { return Ok(None) };
                self.known.insert(hash.clone(), stored.clone());
                stored
            }
        };
        let is_revoked = known.revoked_at.is_some() || self.revoked.contains_key(&known.id);
        let is_over = is_revoked || known.expires_at.is_some_and(|end| end <= now);
        if is_over || !is_same(&known.hash, &hash) {
            return Ok(None);
        }
        if is_looked_up {
            self.note_use(&known, now);
        }
        Ok(Some(Grant { tenant: known.tenant, key: Some(known.id), scope: known.scope }))
    }

    /// Refuses a key from now on; doing it again changes nothing.
    async fn revoke(&self, key: &ApiKey, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        tx.revoke_key(&key.tenant, key.id, now).await?;
        tx.commit().await?;
        self.revoked.insert(key.id, ());
        self.known.invalidate(&key.hash);
        Ok(())
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

/// Whose keys a caller sees: who runs the installation sees all, everybody else those of their own tenant.
fn seen_by(caller: &Caller) -> KeysOf {
    if caller.is_operator() { KeysOf::Everybody } else { KeysOf::Tenant(caller.tenant.clone()) }
}

/// The key that a path names, among those that the caller sees. What cannot be an id names none.
async fn find(api: &Api, caller: &Caller, id: &str) -> Result<ApiKey, ApiError> {
    let missing = || ApiError::not_found("key", id);
    let key: KeyId = id.trim().parse().map_err(|_| missing())?;
    let found = api.services()?.engine.store.key(&seen_by(caller), key).await?;
    found.ok_or_else(missing)
}

/// The admin key of an installation, as it is found at the start.
pub enum FirstKey {
    /// There was none, so this one was made. It is shown once and kept nowhere.
    Made(SecretString),
    /// The one of the configuration is in force.
    Configured,
    /// There are admin keys already.
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
            insert(engine, &admin_key(engine, "bootstrap", hash)).await?;
        }
        return Ok(FirstKey::Configured);
    }
    // `turnwise keys create` may have made keys of other scopes before the first start.
    let admins = KeyFilter { scope: Some(KeyScope::Admin), ..KeyFilter::default() };
    let admins = engine.store.list_keys(&KeysOf::Tenant(tenant), &admins, &PageRequest::first(0)).await?;
    if admins.count > 0 {
        return Ok(FirstKey::Kept);
    }
    let key = random_key();
    insert(engine, &admin_key(engine, "first", hash_key(&key))).await?;
    Ok(FirstKey::Made(key.into()))
}

/// A new admin key of the default tenant.
fn admin_key(engine: &Engine, name: &str, hash: String) -> ApiKey {
    ApiKey {
        id: KeyId(engine.new_uuid()),
        tenant: TenantId::default_tenant(),
        name: name.to_owned(),
        scope: KeyScope::Admin,
        hash,
        created_at: engine.now(),
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    }
}

/// Stores a key.
async fn insert(engine: &Engine, key: &ApiKey) -> Result<(), Error> {
    let mut tx = engine.store.begin().await?;
    tx.insert_key(key).await?;
    tx.commit().await?;
    Ok(())
}
