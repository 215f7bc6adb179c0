//! Who is asking, and whether they may: `Authorization: Bearer KEY`, or nobody on this machine when that is allowed.
//!
//! Guarantees: whoever is let in is a [`Caller`] only behind [`check_scope`], so that a handler that asks who is calling
//! can be reached by no route that did not say which scope it needs.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::Api;
use crate::api::code::Code;
use crate::api::error::ApiError;
use crate::api::keys::Grant;
use crate::api::peer::{is_addressed_locally, is_local};
use crate::domain::ids::{KeyId, TenantId};
use crate::store::keys::KeyScope;

/// Who is asking, for handlers: whoever takes one can only be reached with a key of the scope that the route needs.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose data it is about.
    pub tenant: TenantId,
    /// The key; `None` for the CLI's, and for callers on this machine that need none.
    pub key: Option<KeyId>,
    /// What the key may do.
    pub scope: KeyScope,
}

impl Caller {
    /// Whether it is who runs the installation: an admin of the default tenant. What is about all tenants is theirs.
    pub fn is_operator(&self) -> bool {
        self.scope == KeyScope::Admin && self.tenant == TenantId::default_tenant()
    }
}

/// Somebody with a good key, of whom nobody has asked yet what the key may do.
#[derive(Clone)]
struct LetIn(Caller);

/// The layer in front of every route that needs a key.
pub(super) async fn authenticate(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match identify(&api, &parts).await {
        Ok(caller) => {
            parts.extensions.insert(LetIn(caller));
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => error.into_response(),
    }
}

/// The layer in front of the routes of one scope: a key of this scope or of a higher one gets through.
pub(super) async fn check_scope(State(needed): State<KeyScope>, mut request: Request, next: Next) -> Response {
    let Some(LetIn(caller)) = request.extensions_mut().remove::<LetIn>() else {
        return ApiError::internal("a route that needs a scope stands outside of authentication").into_response();
    };
    if caller.scope < needed {
        let message = format!("this needs a key of the scope {needed}, and this one is of the scope {}", caller.scope);
        return ApiError::new(Code::Forbidden, message).into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

async fn identify(api: &Api, parts: &Parts) -> Result<Caller, ApiError> {
    let is_local = is_local(parts);
    let grant = match bearer(parts)? {
        Some(key) => api.keys()?.grant(key, api.0.clock.now(), is_local).await?,
        None if api.0.settings.allow_loopback && is_local && is_addressed_locally(parts) => Some(Grant::admin()),
        None => None,
    };
    let Some(grant) = grant else { return Err(ApiError::of(Code::Unauthorized)) };
    if let Some(key) = grant.key {
        api.0.allowances.take(key).map_err(ApiError::rate_limited)?;
    }
    Ok(Caller { tenant: grant.tenant, key: grant.key, scope: grant.scope })
}

/// The key of the header `Authorization`, if there is such a header; one that holds something else is refused, also
/// where none would be needed.
fn bearer(parts: &Parts) -> Result<Option<&str>, ApiError> {
    let mut given = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(header) = given.next() else { return Ok(None) };
    let refused = || ApiError::of(Code::Unauthorized);
    if given.next().is_some() {
        return Err(refused());
    }
    let (scheme, key) = header.to_str().map_err(|_| refused())?.split_once(' ').ok_or_else(refused)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() {
        return Err(refused());
    }
    Ok(Some(key))
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| ApiError::internal("a route that asks who is calling says no scope that it needs"))
    }
}
