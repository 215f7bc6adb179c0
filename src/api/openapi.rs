//! The OpenAPI document: what stands above the single routes, and what every route may answer.

use std::sync::OnceLock;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, ParameterIn, PathItem, Paths};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{Modify, OpenApi as _};

use crate::api::code::Code;
use crate::api::error::ErrorBody;
use crate::api::routes;
use crate::api::{Api, PREFIX};
use crate::store::keys::KeyScope;

const ABOUT: &str = "\
The knowledge engine that AI phone and chat agents ask on every turn.

**Keys.** Every route but health and documentation wants `Authorization: Bearer KEY`. A key has a scope: `agent` asks on
every turn and hands in conversations, `curator` also reads and decides about what was learned, `admin` may do everything
in its tenant. Each route names the least scope that it needs; a smaller one is answered with 403. What belongs to
another tenant does not exist (404). Where keys have an allowance, one that asks too often gets 429 `rate_limited`.

**Paths.** The slash at the end is optional everywhere.

**Failures** all have the shape of the schema `Error`; `code` is stable, `message` is for people. `fields` lists every
wrong field at once. Answers 429 and 503 carry `Retry-After`. A URL of more than 65534 bytes is answered with 414 without
a body.

**Lists** are newest first, `{count, next, previous, results}`. Follow `next`, an absolute URL; `limit`, `offset`,
`page` and `page_size` work too. A count that was capped comes with `count_is_lower_bound: true`.

**Repeating a request.** `POST /conversations/` is idempotent by `external_id` and content, and erasing twice erases
once (then 404), so no `Idempotency-Key` is needed. `X-Request-Id` is taken from the request or made, and returned.

**Unknown** fields and parameters are refused (422), so that a misspelt filter does not answer with too much. An empty
parameter counts as not given. Times are RFC 3339.";

/// hyper answers so by itself, before there is a request that could be handled.
const URL_TOO_LONG: &str = "the URL is longer than 65534 bytes; there is no body";

/// The frame; paths come from the routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Turnwise", description = ABOUT, license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(ErrorBody)),
    modifiers(&Key),
    security(("key" = [])),
    tags(
        (name = "retrieval", description = "What an agent asks on every turn."),
        (name = "conversations", description = "Finished conversations: hand in, look at, search, erase."),
        (name = "training", description = "What was learned: knowledge and training records."),
        (name = "experiments", description = "Comparisons on conversations: make, run, look at what they say."),
        (name = "gaps", description = "What is asked and not known: look at, write an entry for, dismiss."),
        (name = "cases", description = "What a curator decides: look at, decide, take back."),
        (name = "jobs", description = "The queue: look at, run again, stop."),
        (name = "keys", description = "Who may call: make, look at, revoke."),
        (name = "operation", description = "Health and metrics."),
    ),
)]
struct Frame;

/// How a key is sent.
struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key.")).build();
        document.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

/// The document without paths.
pub(super) fn frame() -> OpenApi {
    Frame::openapi()
}

/// Adds to each operation the failures that it can end in whatever it does.
pub(super) fn add_failures(document: &mut OpenApi) {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        for code in failures_of(operation) {
            add_failure(operation, code, code.meaning());
        }
        if operation.parameters.is_some() {
            let too_long = ResponseBuilder::new().description(URL_TOO_LONG).build();
            operation.responses.responses.entry("414".to_owned()).or_insert(RefOr::T(too_long));
        }
    }
}

/// Gives each operation a name of its own, for who makes a client from the document: the words of its path, then what it
/// does, as its handler is called.
pub(super) fn name_operations(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let bare = path.strip_prefix(PREFIX).unwrap_or(path);
        let nouns = bare.split('/').filter(|part| !part.is_empty() && !part.starts_with('{'));
        let nouns: Vec<String> = nouns.map(|part| part.replace('-', "_")).collect();
        for operation in operations(item) {
            let mut words = nouns.clone();
            words.extend(operation.operation_id.take());
            words.dedup();
            operation.operation_id = Some(words.join("_"));
        }
    }
}

/// Says of optional parameters that they may be empty, which counts as not given.
pub(super) fn allow_empty_parameters(document: &mut OpenApi) {
    let parameters =
        document.paths.paths.values_mut().flat_map(operations).flat_map(|operation| &mut operation.parameters);
    for parameter in parameters.flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.parameter_in == ParameterIn::Query
            && parameter.required == Required::False
        {
            // utoipa knows no such field; what it calls extensions stands beside the others.
            parameter.extensions.get_or_insert_default().insert("allowEmptyValue".to_owned(), true.into());
        }
    }
}

/// Says of routes which scope a key must have at least.
pub(super) fn add_scope(paths: &mut Paths, scope: KeyScope) {
    let refused = format!("{}: it is not of the scope `{scope}` or a higher one", Code::Forbidden.meaning());
    for operation in paths.paths.values_mut().flat_map(operations) {
        operation.security = Some(vec![SecurityRequirement::new("key", [scope.as_str()])]);
        let told = operation.description.get_or_insert_default();
        if !told.is_empty() {
            told.push_str("\n\n");
        }
        told.push_str(&format!("Needs a key of the scope `{scope}`, or a higher one."));
        add_failure(operation, Code::Forbidden, &refused);
    }
}

/// Says of routes that their body may be left out.
pub(super) fn make_body_optional(paths: &mut Paths) {
    for operation in paths.paths.values_mut().flat_map(operations) {
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            body.required = Some(Required::False);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn failures_of(operation: &Operation) -> Vec<Code> {
    // A route without a key says so itself.
    let nothing = SecurityRequirement::default();
    let is_open = operation.security.as_ref().is_some_and(|needed| needed.contains(&nothing));
    let mut codes = vec![Code::Internal];
    if !is_open {
        codes.extend([Code::Unauthorized, Code::Forbidden, Code::TooManyRequests, Code::Unavailable]);
    }
    if operation.parameters.is_some() || operation.request_body.is_some() {
        codes.extend([Code::MalformedRequest, Code::InvalidFields]);
    }
    if operation.request_body.is_some() {
        codes.extend([Code::RequestTimeout, Code::BodyTooLarge, Code::UnsupportedMediaType]);
    }
    codes
}

fn add_failure(operation: &mut Operation, code: Code, told: &str) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
    let response = ResponseBuilder::new().description(told).content("application/json", content).build();
    let status = code.status().as_u16().to_string();
    operation.responses.responses.entry(status).or_insert(RefOr::T(response));
}

/// The document, made once.
pub(super) async fn openapi_json(State(_): State<Api>) -> Response {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let text = DOCUMENT.get_or_init(|| {
        let document = routes::documented().1;
        document.to_pretty_json().expect("a document of strings, lists and objects is JSON")
    });
    ([(CONTENT_TYPE, "application/json")], text.as_str()).into_response()
}
