//! The one list of routes. The router and the OpenAPI document are made from it.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::admission::admit;
use crate::api::auth::authenticate;
use crate::api::code::Code;
use crate::api::error::ApiError;
use crate::api::observe::observe;
use crate::api::{Api, PREFIX, conversations, docs, health, knowledge, metrics, openapi, retrieve, training};

/// The routes of the API itself, below the prefix; all with a key.
fn listed() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(conversations::create::create, conversations::list::list))
        .routes(routes!(conversations::search::search))
        .routes(routes!(conversations::show::show, conversations::erase::erase))
        .routes(routes!(knowledge::list::list))
        .routes(routes!(knowledge::search_by_intent::search_by_intent))
        .routes(routes!(training::list::list))
}

/// The per-turn route, which has a bound of its own.
fn hot() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(retrieve::retrieve))
}

/// Routes at the root that want a key.
fn operation() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(metrics::metrics))
}

/// Routes at the root without a key.
fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(health::live)).routes(routes!(health::ready))
}

/// The routes without their layers, and the document.
pub(super) fn documented() -> (Router<Api>, OpenApi) {
    let (routes, mut document) = with_layers(|listed| listed, |keyed| keyed).split_for_parts();
    openapi::add_failures(&mut document);
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
