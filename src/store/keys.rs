//! API keys. Only their hashes are here.

use std::fmt;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::ids::{KeyId, TenantId};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::{by_creation, statements};
use crate::store::page::{CreatedOrder, Keyed, List, Page, PageRequest};
use crate::store::rows::{moment, tenant, word};
use crate::store::search::search_text;
use crate::store::statement::Statement;
use crate::store::tx::Tx;

word_enum!(
    /// What a key may do.
    KeyScope {
        /// Ask on every turn and hand in conversations.
        Agent = "agent",
        /// Read and decide about what was learned, too.
        Curator = "curator",
        /// Everything in its tenant.
        Admin = "admin",
    }
);

/// An API key as it is stored.
#[derive(Clone, PartialEq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scope: KeyScope,
    /// Hash of the key; unique over all tenants.
    pub hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, as far as [`Tx::touch_key`] was told.
    pub last_used_at: Option<Timestamp>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// Whose keys are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysOf {
    /// Those of one tenant.
    Tenant(TenantId),
    /// Those of every tenant: for who runs the installation.
    Everybody,
}

/// Which keys are wanted, and in which order; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// Their tenant, among those that are looked at.
    pub tenant: Option<TenantId>,
    /// What they may do.
    pub scope: Option<KeyScope>,
    /// Words that must all stand in the name, in any case.
    pub search: Option<String>,
    /// The order; `None` is the last made first.
    pub order: Option<CreatedOrder>,
}

const COLUMNS: &str = "SELECT k.id, k.tenant, k.name, k.scope, k.key_hash, k.created_at, k.last_used_at, k.expires_at,
    k.revoked_at";
const FROM: &str = " FROM api_keys k WHERE TRUE";

statements! {
    KEY_BY_HASH = "SELECT id, tenant, name, scope, key_hash, created_at, last_used_at, expires_at, revoked_at
        FROM api_keys WHERE key_hash = $1";
    COUNT_KEYS = "SELECT COUNT(*) FROM api_keys WHERE tenant = $1";
    INSERT_KEY = "INSERT INTO api_keys
        (id, tenant, name, scope, key_hash, created_at, last_used_at, expires_at, revoked_at, search_text)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    TOUCH_KEY = "UPDATE api_keys SET last_used_at = $3 WHERE tenant = $1 AND id = $2
        AND (last_used_at IS NULL OR last_used_at < $3)";
    REVOKE_KEY = "UPDATE api_keys SET revoked_at = $3 WHERE tenant = $1 AND id = $2 AND revoked_at IS NULL";
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: uuid::Uuid,
    tenant: String,
    name: String,
    scope: String,
    key_hash: String,
    created_at: i64,
    last_used_at: Option<i64>,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl Store {
    /// The key with this hash, whoever's it is: the look-up that finds out the tenant of a request. It may be expired
    /// or revoked; the caller checks.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn key_by_hash(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        self.row::<KeyRow>(Statement::new(KEY_BY_HASH).bind(hash)).await?.map(KeyRow::read).transpose()
    }

    /// The key with this id, revoked and expired ones too; `None` when it is not among those that are looked at.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn key(&self, of: &KeysOf, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        let mut select = Statement::new(COLUMNS);
        select.push_statement(&from(of)).push_with(" AND k.id = ", id.0);
        self.row::<KeyRow>(select).await?.map(KeyRow::read).transpose()
    }

    /// The keys that pass the filter, revoked and expired ones too, in its order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list_keys(
        &self,
        of: &KeysOf,
        filter: &KeyFilter,
        page: &PageRequest,
    ) -> Result<Page<ApiKey>, StoreError> {
        let mut from = from(of);
        from.push_some(" AND k.tenant = ", filter.tenant.as_ref());
        from.push_some(" AND k.scope = ", filter.scope.map(KeyScope::as_str));
        from.push_words(" AND k.search_text LIKE ", filter.search.as_deref());
        let list = List { columns: COLUMNS, from, order: by_creation!(filter.order, "k.created_at", "k.id") };
        self.page::<KeyRow>(list, page).await?.try_map(KeyRow::read)
    }

    /// How many keys a tenant has, refused ones included; 0 means that this is the first start.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn count_keys(&self, tenant: &TenantId) -> Result<i64, StoreError> {
        self.number(Statement::new(COUNT_KEYS).bind(tenant)).await
    }
}

impl Tx {
    /// Stores a key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a key with this id or hash exists.
    pub async fn insert_key(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        let statement = Statement::new(INSERT_KEY)
            .bind(key.id.0)
            .bind(&key.tenant)
            .bind(&key.name)
            .bind(key.scope.as_str())
            .bind(&key.hash)
            .bind(key.created_at)
            .bind(key.last_used_at)
            .bind(key.expires_at)
            .bind(key.revoked_at)
            .bind(search_text([key.name.as_str()]));
        self.execute(statement).await?;
        Ok(())
    }

    /// Notes that a key was used; an earlier moment than the noted one changes nothing.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn touch_key(&mut self, tenant: &TenantId, id: KeyId, now: Timestamp) -> Result<(), StoreError> {
        self.execute(Statement::new(TOUCH_KEY).bind(tenant).bind(id.0).bind(now)).await?;
        Ok(())
    }

    /// Refuses a key from now on; `false` when it does not exist or was revoked before.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn revoke_key(&mut self, tenant: &TenantId, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.execute(Statement::new(REVOKE_KEY).bind(tenant).bind(id.0).bind(now)).await? > 0)
    }
}

/// The keys that are looked at.
fn from(of: &KeysOf) -> Statement {
    let mut from = Statement::new(FROM);
    if let KeysOf::Tenant(tenant) = of {
        from.push_with(" AND k.tenant = ", tenant);
    }
    from
}

impl Keyed for KeyRow {
    fn key(&self) -> (i64, uuid::Uuid) {
        (self.created_at, self.id)
    }
}

impl KeyRow {
    fn read(self) -> Result<ApiKey, StoreError> {
        Ok(ApiKey {
            id: KeyId(self.id),
            tenant: tenant(&self.tenant)?,
            name: self.name,
            scope: word("api_keys.scope", &self.scope)?,
            hash: self.key_hash,
            created_at: moment(self.created_at),
            last_used_at: self.last_used_at.map(moment),
            expires_at: self.expires_at.map(moment),
            revoked_at: self.revoked_at.map(moment),
        })
    }
}
