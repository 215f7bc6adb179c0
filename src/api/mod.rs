//! The HTTP face: who asks what, in which shape, and what they are told.
//!
//! Guarantees: one list of routes (`routes`), from which the OpenAPI document is made; one endpoint per file; every
//! failure has the one shape of `error` and a code of the one table in `code`, also what goes wrong before a handler is
//! reached; every route but health and documentation asks for a key of the scope that stands beside it in `routes`; a
//! body, a list and the number of requests, of all and of one key, have a bound, and reaching it is an answer. No text
//! of a turn and no key is logged; a key is shown once, to who made it.
//!
//! Refuses: rules. Reads go to the store, everything with a rule to a service.

mod admission;
mod allowances;
pub mod auth;
mod cases;
pub mod code;
mod completion;
mod conversations;
mod docs;
pub mod error;
mod experiments;
mod fields;
mod gaps;
mod health;
mod imports;
mod jobs;
mod json;
pub mod keys;
mod knowledge;
mod metrics;
mod observe;
mod openapi;
mod outcomes;
mod page_url;
mod paging;
mod params;
mod peer;
mod performance;
mod retrieve;
mod routes;
mod schema;
mod serve;
mod slash;
mod training;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::analytics::Analytics;
use crate::api::allowances::Allowances;
use crate::api::error::ApiError;
use crate::api::keys::KeyRing;
use crate::domain::clock::Clock;
use crate::domain::ids::IdSource;
use crate::engine::Engine;
use crate::learning::Learner;
use crate::retrieval::Retriever;

/// What every path of the API begins with; health, metrics and documentation stand at the root.
pub const PREFIX: &str = "/api/v1/ai";

/// How requests are taken.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The largest body, in bytes; a larger one is answered with 413.
    pub max_body_bytes: usize,
    /// Requests in work at the same time, retrievals apart; beyond it the answer is 429.
    pub max_in_flight: usize,
    /// Requests that a key may make in a minute; beyond it the answer is 429. 0 does not count.
    pub requests_per_minute_per_key: u32,
    /// What a request may take; then the answer is 503, or 408 when it is the body that is late. A connection without
    /// a request for so long is closed.
    pub request_timeout: Duration,
    /// What requests in work may take to end after the stop.
    pub shutdown_grace: Duration,
    /// Whether callers on this machine need no key.
    pub allow_loopback: bool,
    /// An admin key beside those of the database, which only callers on this machine may use.
    pub cli_key: Option<SecretString>,
}

/// What requests are answered with, once everything is open.
pub struct Services {
    /// The store and what else is shared.
    pub engine: Arc<Engine>,
    /// Conversations in.
    pub learner: Arc<Learner>,
    /// Knowledge out.
    pub retriever: Arc<Retriever>,
    /// What happened, in numbers.
    pub analytics: Arc<Analytics>,
}

/// The state of the HTTP face. It listens before everything is open, so that a probe can tell starting from dead.
/// Cloning it is cheap.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    settings: ApiSettings,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    stop: CancellationToken,
    in_flight: Arc<Semaphore>,
    allowances: Allowances,
    open: OnceLock<Open>,
}

struct Open {
    services: Services,
    keys: Arc<KeyRing>,
}

impl Api {
    /// An API that answers 503 to everything but health and documentation until [`Api::open`] is called, and that ends
    /// when `stop` is cancelled.
    pub fn new(settings: ApiSettings, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>, stop: CancellationToken) -> Self {
        let in_flight = Arc::new(Semaphore::new(settings.max_in_flight));
        let allowances = Allowances::new(settings.requests_per_minute_per_key, Arc::clone(&clock));
        Self(Arc::new(Inner { settings, clock, ids, stop, in_flight, allowances, open: OnceLock::new() }))
    }

    /// Answers with these services from now on. A second call changes nothing.
    pub fn open(&self, services: Services) {
        let keys = KeyRing::new(services.engine.store.clone(), self.0.settings.cli_key.as_ref());
        let _ = self.0.open.set(Open { services, keys: Arc::new(keys) });
    }

    /// The services.
    fn services(&self) -> Result<&Services, ApiError> {
        Ok(&self.opened()?.services)
    }

    fn keys(&self) -> Result<&Arc<KeyRing>, ApiError> {
        Ok(&self.opened()?.keys)
    }

    fn opened(&self) -> Result<&Open, ApiError> {
        self.0.open.get().ok_or_else(|| {
            ApiError::unavailable("starting: the database, the models and the index are being opened".to_owned())
        })
    }
}

/// All routes, for who brings a server of their own. Requests need `ConnectInfo<SocketAddr>` for what depends on who
/// calls from this machine; without it nobody does.
pub fn router(api: Api) -> Router {
    slash::optional(routes::router(api))
}

/// The OpenAPI document of all routes, as it is served at `/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes::documented().1
}

/// Answers on `listener` until the API's stop is cancelled, and then as long as requests in work take, at most the grace
/// time.
///
/// # Errors
/// When the listener fails.
pub async fn serve(api: Api, listener: TcpListener) -> std::io::Result<()> {
    serve::serve(api, listener).await
}
