//! Keys as they are answered: never with the key itself or its hash.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::ids::TenantId;
use crate::store::keys::{ApiKey, KeyScope};

/// An API key, without what opens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct KeyBody {
    /// Its id.
    id: Uuid,
    /// Whose data it is for.
    #[schema(value_type = String)]
    tenant: TenantId,
    /// What people call it.
    name: String,
    /// What it may do.
    scope: KeyScope,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last used, to within half a minute; null when it never was.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// From when on it is refused; null when it does not expire.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Since when it is refused, because it was revoked; null when it was not.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<ApiKey> for KeyBody {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.0,
            tenant: key.tenant,
            name: key.name,
            scope: key.scope,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}
