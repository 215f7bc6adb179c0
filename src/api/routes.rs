//! The one list of routes, each with the least scope that its caller's key must have. The router and the OpenAPI document
//! are made from it.
//!
//! Guarantees: a route that says no scope tells its handler of no caller: only behind `needs` there is a `Caller`.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use crate::api::admission::admit;
use crate::api::auth::{authenticate, check_scope};
use crate::api::code::Code;
use crate::api::error::ApiError;
use crate::api::observe::observe;
use crate::api::{
    Api, PREFIX, cases, conversations, docs, experiments, gaps, health, imports, jobs, keys, knowledge, metrics,
    openapi, outcomes, performance, retrieve, training,
};
use crate::store::keys::KeyScope::{self, Admin, Agent, Curator};

/// The routes of the API itself, below the prefix; all with a key.
fn listed() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(needs(Agent, routes!(conversations::create::create)))
        .routes(needs(Curator, routes!(conversations::list::list)))
        .routes(needs(Curator, routes!(conversations::search::search)))
        .routes(needs(Curator, routes!(conversations::show::show)))
        .routes(needs(Admin, routes!(conversations::erase::erase)))
        .routes(needs(Curator, routes!(knowledge::list::list, knowledge::create::create)))
        .routes(needs(Curator, routes!(knowledge::show::show, knowledge::edit::edit, knowledge::retire::retire)))
        .routes(needs(Curator, routes!(knowledge::versions::versions)))
        .routes(needs(Curator, routes!(knowledge::restore::restore)))
        .routes(needs(Agent, routes!(knowledge::search_by_intent::search_by_intent)))
        .routes(needs(Agent, routes!(knowledge::record_usage::record_usage)))
        .routes(needs(Curator, routes!(imports::import)))
        .routes(needs(Agent, routes!(outcomes::tell)))
        .routes(needs(Curator, routes!(training::list::list)))
        .routes(needs(Curator, routes!(training::analytics::analytics)))
        .routes(needs(Agent, routes!(training::process::process_conversation)))
        .routes(needs(Admin, routes!(training::sessions::bulk::bulk_process)))
        .routes(needs(Curator, routes!(training::show::show)))
        .routes(needs(Curator, routes!(training::sessions::list::list)))
        .routes(needs(Admin, routes!(training::sessions::start::start_training)))
        .routes(needs(Curator, routes!(training::sessions::show::show)))
        .routes(needs(Admin, routes!(training::sessions::steps::cancel)))
        .routes(needs(Admin, routes!(training::sessions::steps::pause)))
        .routes(needs(Admin, routes!(training::sessions::steps::resume)))
        .routes(needs(Curator, routes!(performance::list::list)))
        .routes(needs(Curator, routes!(performance::summary::summary)))
        .routes(needs(Curator, routes!(experiments::list::list)))
        .routes(needs(Admin, routes!(experiments::create::create)))
        .routes(needs(Curator, routes!(experiments::show::show)))
        .routes(needs(Curator, routes!(experiments::results::results)))
        .routes(needs(Admin, routes!(experiments::steps::start)))
        .routes(needs(Admin, routes!(experiments::steps::stop)))
        .routes(needs(Curator, routes!(gaps::list::list)))
        .routes(needs(Curator, routes!(gaps::show::show)))
        .routes(needs(Curator, with_optional_body(routes!(gaps::accept::accept))))
        .routes(needs(Curator, with_optional_body(routes!(gaps::dismiss::dismiss))))
        .routes(needs(Curator, routes!(gaps::undo::undo)))
        .routes(needs(Curator, routes!(cases::list::list)))
        .routes(needs(Curator, routes!(cases::show::show)))
        .routes(needs(Curator, routes!(cases::decide::decide)))
        .routes(needs(Curator, routes!(cases::undo::undo)))
        .routes(needs(Admin, routes!(jobs::list::list)))
        .routes(needs(Admin, routes!(jobs::summary::summary)))
        .routes(needs(Admin, routes!(jobs::show::show)))
        .routes(needs(Admin, routes!(jobs::retry::retry)))
        .routes(needs(Admin, routes!(jobs::cancel::cancel)))
        .routes(needs(Admin, routes!(keys::create::create, keys::list::list)))
        .routes(needs(Admin, routes!(keys::show::show, keys::revoke::revoke)))
}

/// The per-turn route, which has a bound of its own.
fn hot() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(needs(Agent, routes!(retrieve::retrieve)))
}

/// Routes at the root that want a key.
fn operation() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(needs(Admin, routes!(metrics::metrics)))
}

/// Routes at the root without a key.
fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(health::live)).routes(routes!(health::ready))
}

/// Routes that a key of this scope may call, or of a higher one.
fn needs(scope: KeyScope, (schemas, mut paths, routes): UtoipaMethodRouter<Api>) -> UtoipaMethodRouter<Api> {
    openapi::add_scope(&mut paths, scope);
    (schemas, paths, routes.route_layer(from_fn_with_state(scope, check_scope)))
}

/// Routes whose body may be left out: those that read an `OptionalBody`.
fn with_optional_body((schemas, mut paths, routes): UtoipaMethodRouter<Api>) -> UtoipaMethodRouter<Api> {
    openapi::make_body_optional(&mut paths);
    (schemas, paths, routes)
}

/// The routes without their layers, and the document.
pub(super) fn documented() -> (Router<Api>, OpenApi) {
    let (routes, mut document) = with_layers(|listed| listed, |keyed| keyed).split_for_parts();
    openapi::add_failures(&mut document);
    openapi::allow_empty_parameters(&mut document);
    openapi::name_operations(&mut document);
    (routes, document)
}

/// All routes with all that stands around them.
pub(super) fn router(api: Api) -> Router {
    let admission = from_fn_with_state(api.clone(), admit);
    let authentication = from_fn_with_state(api.clone(), authenticate);
    let routes = with_layers(|listed| listed.route_layer(admission), |keyed| keyed.route_layer(authentication));
    let (routes, _) = routes.split_for_parts();
    routes
        .route("/openapi.json", get(openapi::openapi_json))
        .merge(docs::router())
        .method_not_allowed_fallback(|| async { ApiError::of(Code::MethodNotAllowed) })
        .fallback(|| async { ApiError::of(Code::NotFound) })
        .layer(from_fn_with_state(api.clone(), observe))
        .with_state(api)
}

type Routes = OpenApiRouter<Api>;

fn with_layers(admit: impl FnOnce(Routes) -> Routes, authenticate: impl FnOnce(Routes) -> Routes) -> Routes {
    let api = OpenApiRouter::new().nest(PREFIX, admit(listed()).merge(hot()));
    let keyed = authenticate(api.merge(operation()));
    OpenApiRouter::with_openapi(openapi::frame()).merge(keyed).merge(open())
}
