//! Who is asking: `Authorization: Bearer KEY`, or nobody on this machine when that is allowed.

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
use crate::domain::ids::TenantId;
use crate::store::keys::KeyScope;

/// Who is asking, for handlers: whoever takes one can only be reached with a key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose data it is about.
    pub tenant: TenantId,
}

/// The layer in front of every route that needs a key.
pub(super) async fn authenticate(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match identify(&api, &parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => error.into_response(),
    }
}

async fn identify(api: &Api, parts: &Parts) -> Result<Caller, ApiError> {
    let is_local = is_local(parts);
    let grant = match bearer(parts)? {
        Some(key) => api.keys()?.grant(key, api.0.clock.now(), is_local).await?,
        None if api.0.settings.allow_loopback && is_local && is_addressed_locally(parts) => Some(Grant::admin()),
        None => None,
    };
    let Some(grant) = grant else { return Err(ApiError::of(Code::Unauthorized)) };
    // Keys of other scopes can be stored already; what they may do is not decided yet, so they may do nothing.
    if grant.scope != KeyScope::Admin {
        return Err(ApiError::new(Code::Forbidden, "this needs a key of the scope admin"));
    }
    Ok(Caller { tenant: grant.tenant })
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
        caller.ok_or_else(|| ApiError::internal("a route that asks who is calling stands outside of authentication"))
    }
}
