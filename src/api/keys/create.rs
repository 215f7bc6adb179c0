//! `POST /keys/`: make a key.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::auth::Caller;
use crate::api::code::Code;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::fields::FieldChecks;
use crate::api::json::JsonBody;
use crate::api::keys::insert;
use crate::api::keys::wire::KeyBody;
use crate::api::{Api, PREFIX};
use crate::domain::ids::{KeyId, TenantId};
use crate::domain::key_fields;
use crate::engine::Engine;
use crate::engine::secrets::{hash_key, random_key};
use crate::store::keys::{ApiKey, KeyScope};

/// A key that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyRequest, example = json!({"name": "front desk", "scope": "agent"}))]
pub struct KeyRequest {
    /// What people call it; 1 to 200 characters.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 200)]
    name: String,
    /// What it may do.
    #[serde(default)]
    #[schema(required = true, value_type = KeyScope)]
    scope: String,
    /// Whose data it is for, 1 to 63 characters of a-z, 0-9, '-' and '_'; a tenant that nobody has named before begins
    /// empty. Without it, the tenant of the key that asks; only admins of the tenant `default` may name another one.
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9_-]+$")]
    tenant: Option<String>,
    /// From when on it is refused, RFC 3339, in the future; without it, never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub struct NewApiKey {
    #[serde(flatten)]
    about: KeyBody,
    /// What is sent as `Authorization: Bearer KEY`. It is shown here and never again.
    key: String,
}

impl KeyRequest {
    /// The key as it will be stored, under this hash.
    fn check(&self, caller: &Caller, engine: &Engine, hash: String) -> Result<ApiKey, ApiError> {
        let created_at = engine.now();
        let mut checks = FieldChecks::default();
        let name = checks.keep(key_fields::name(&self.name));
        let scope: Option<KeyScope> = checks.word("scope", Some(&self.scope));
        let tenant = checks.keep(self.tenant.as_deref().map(TenantId::parse).transpose());
        let expires_at = checks.time("expires_at", self.expires_at.as_deref());
        let expires_at = checks.keep(key_fields::expires_at(expires_at, created_at)).flatten();
        checks.finish()?;
        let (Some(name), Some(scope)) = (name, scope) else {
            return Err(ApiError::internal("a key that passed its check has no name or no scope"));
        };

        let tenant = tenant.flatten().unwrap_or_else(|| caller.tenant.clone());
        if tenant != caller.tenant && !caller.is_operator() {
            let message = format!("an admin of the tenant {} may make keys for this tenant only", caller.tenant);
            return Err(ApiError::new(Code::Forbidden, message));
        }
        let id = KeyId(engine.new_uuid());
        Ok(ApiKey { id, tenant, name, scope, hash, created_at, last_used_at: None, expires_at, revoked_at: None })
    }
}

/// Make a key
///
/// The answer is the one place where it is shown; only its hash is kept.
#[utoipa::path(post, path = "/keys/", tag = "keys", request_body = KeyRequest, responses(
    (status = 201, description = "The key, shown this once.", body = NewApiKey,
        headers(("Location" = String, description = "Where it can be asked for, without what opens."))),
    (status = 403, description = "The key that asks is not of the scope admin, or not for this tenant.", body = ErrorBody),
))]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(body): JsonBody<KeyRequest>,
) -> Result<Response, ApiError> {
    let engine = &api.services()?.engine;
    let key = random_key();
    let stored = body.check(&caller, engine, hash_key(&key))?;
    insert(engine, &stored).await?;
    let headers = [(LOCATION, format!("{PREFIX}/keys/{}/", stored.id)), (CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, Json(NewApiKey { about: KeyBody::from(stored), key })).into_response())
}
