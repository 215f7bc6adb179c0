//! Where `turnwise keys` works: at the server that runs, or else in the database alone.
//!
//! Guarantees: without a server nothing but the database is opened, so that a lost admin key can be replaced where no
//! model can be loaded; what is answered and refused is the same in both cases, and keys are kept as hashes.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::backend::{Worker, worker};
use crate::cli::desk::{Desk, Listed};
use crate::cli::failure::Failure;
use crate::cli::lock::DataDirLock;
use crate::config::Config;
use crate::domain::clock::{Clock, SystemClock, Timestamp};
use crate::domain::error::FieldError;
use crate::domain::ids::{IdSource, KeyId, RandomIds, TenantId};
use crate::domain::key_fields;
use crate::engine::error::Error;
use crate::engine::secrets::{hash_key, random_key};
use crate::store::Store;
use crate::store::keys::{ApiKey, KeyFilter, KeyScope, KeysOf};
use crate::store::page::PageRequest;

/// The most keys that are listed.
const LISTED: u32 = 10_000;

/// Who makes, lists and revokes keys.
pub enum KeyDesk {
    /// A server.
    Server(Desk),
    /// This process.
    Own(OwnKeys),
}

/// The keys in the database, which this process holds.
pub struct OwnKeys {
    store: Store,
    /// Held until the database is closed.
    _lock: DataDirLock,
}

/// A key that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct NewKey<'a> {
    /// What people call it.
    pub name: &'a str,
    /// What it may do.
    pub scope: KeyScope,
    /// Whose data it is for; `None` is the tenant of who asks.
    pub tenant: Option<&'a str>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

impl KeyDesk {
    /// The server at `url`, else the one that holds the data directory, else the database.
    ///
    /// # Errors
    /// When the data directory is in use by something that cannot be asked, or the database cannot be opened.
    pub async fn open(config: &Config, url: Option<&str>) -> Result<Self, Failure> {
        match worker(config, url, "keys")? {
            Worker::Server(client) => Ok(Self::Server(Desk::at(client))),
            Worker::Own(lock) => Ok(Self::Own(OwnKeys { store: Store::open(&config.store).await?, _lock: lock })),
        }
    }

    /// Makes a key; the answer is what is known of it, and the key itself as `key`.
    ///
    /// # Errors
    /// What is wrong with it, or when the server or the database fails.
    pub async fn create(&self, wanted: &NewKey<'_>) -> Result<Value, Failure> {
        match self {
            Self::Server(desk) => {
                let NewKey { name, scope, tenant, expires_at } = wanted;
                let body = json!({"name": name, "scope": scope, "tenant": tenant, "expires_at": expires_at});
                Ok(desk.ask(Method::POST, "/keys/", &[], Some(&body)).await??)
            }
            Self::Own(own) => own.create(wanted).await,
        }
    }

    /// The keys of a tenant and a scope, or all, the last made first.
    ///
    /// # Errors
    /// When the tenant is none, or the server or the database fails.
    pub async fn list(&self, tenant: Option<&str>, scope: Option<KeyScope>) -> Result<Vec<Value>, Failure> {
        match self {
            Self::Server(desk) => {
                let tenant = tenant.map(|tenant| ("tenant", tenant.to_owned()));
                let scope = scope.map(|scope| ("scope", scope.to_string()));
                let query: Vec<(&str, String)> = tenant.into_iter().chain(scope).collect();
                let listed: Listed<Value> = desk.list("/keys/", &query, LISTED as usize).await?;
                Ok(listed.items)
            }
            Self::Own(own) => own.list(tenant, scope).await,
        }
    }

    /// What is known of a key; `None` when there is none.
    ///
    /// # Errors
    /// When the server or the database fails.
    pub async fn key(&self, id: Uuid) -> Result<Option<Value>, Failure> {
        match self {
            Self::Server(desk) => match desk.ask(Method::GET, &format!("/keys/{id}/"), &[], None).await? {
                Ok(key) => Ok(Some(key)),
                Err(refusal) if refusal.status == 404 => Ok(None),
                Err(refusal) => Err(refusal.into()),
            },
            Self::Own(own) => Ok(own.find(id).await?.as_ref().map(shown)),
        }
    }

    /// Refuses a key from now on; doing it again changes nothing.
    ///
    /// # Errors
    /// When the server refuses, or it or the database fails.
    pub async fn revoke(&self, id: Uuid) -> Result<(), Failure> {
        match self {
            Self::Server(desk) => {
                desk.ask(Method::DELETE, &format!("/keys/{id}/"), &[], None).await??;
                Ok(())
            }
            Self::Own(own) => own.revoke(id).await,
        }
    }

    /// Closes the database and frees the data directory, if this process held it.
    pub async fn close(self) {
        match self {
            Self::Server(desk) => desk.close().await,
            Self::Own(own) => own.store.close().await,
        }
    }
}

impl OwnKeys {
    async fn create(&self, wanted: &NewKey<'_>) -> Result<Value, Failure> {
        let key = random_key();
        let stored = checked(wanted, hash_key(&key), SystemClock.now()).map_err(Error::Invalid)?;
        let mut tx = self.store.begin().await?;
        tx.insert_key(&stored).await?;
        tx.commit().await?;
        let mut told = shown(&stored);
        told["key"] = Value::String(key);
        Ok(told)
    }

    async fn list(&self, tenant: Option<&str>, scope: Option<KeyScope>) -> Result<Vec<Value>, Failure> {
        let tenant = tenant.map(TenantId::parse).transpose().map_err(Error::from)?;
        let filter = KeyFilter { tenant, scope, ..KeyFilter::default() };
        let page = self.store.list_keys(&KeysOf::Everybody, &filter, &PageRequest::first(LISTED)).await?;
        Ok(page.items.iter().map(shown).collect())
    }

    async fn find(&self, id: Uuid) -> Result<Option<ApiKey>, Failure> {
        Ok(self.store.key(&KeysOf::Everybody, KeyId(id)).await?)
    }

    async fn revoke(&self, id: Uuid) -> Result<(), Failure> {
        let Some(key) = self.find(id).await? else { return Ok(()) };
        let mut tx = self.store.begin().await?;
        tx.revoke_key(&key.tenant, key.id, SystemClock.now()).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The key as it will be stored, under this hash: what `POST /keys/` takes, for who runs the installation.
fn checked(wanted: &NewKey<'_>, hash: String, now: Timestamp) -> Result<ApiKey, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let name = key_fields::name(wanted.name).map_err(|error| wrong.push(error)).ok();
    let tenant = wanted.tenant.map_or_else(|| Ok(TenantId::default_tenant()), TenantId::parse);
    let tenant = tenant.map_err(|error| wrong.push(error)).ok();
    let expires_at = key_fields::expires_at(wanted.expires_at, now).map_err(|error| wrong.push(error)).ok();
    let (Some(name), Some(tenant), Some(expires_at)) = (name, tenant, expires_at) else { return Err(wrong) };
    Ok(ApiKey {
        id: KeyId(RandomIds.uuid(now)),
        tenant,
        name,
        scope: wanted.scope,
        hash,
        created_at: now,
        last_used_at: None,
        expires_at,
        revoked_at: None,
    })
}

/// A key as the API answers it: without what opens, and without its hash.
fn shown(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "scope": key.scope,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_of_a_key_is_told() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let good = NewKey { name: " front desk ", scope: KeyScope::Agent, tenant: None, expires_at: Some(now) };
        let wrong = checked(&good, "hash".to_owned(), now).expect_err("it is over at once");
        assert_eq!(wrong, [FieldError::new("expires_at", "must lie in the future")]);
        let whole = checked(&NewKey { expires_at: None, ..good }, "hash".to_owned(), now).expect("nothing is wrong");
        assert_eq!((whole.name.as_str(), whole.tenant.as_str()), ("front desk", "default"));
        assert!(!shown(&whole).to_string().contains("hash"));

        let bad = NewKey { name: " ", tenant: Some("No Such"), ..good };
        let fields: Vec<String> =
            checked(&bad, String::new(), now).expect_err("all of it is").into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["name", "tenant", "expires_at"]);
    }
}
