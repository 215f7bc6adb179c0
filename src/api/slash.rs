//! The optional slash at the end of a path. Below the prefix of the API the routes have one, at the root they do not;
//! here every path gets the form of its routes, so that nobody is redirected (a redirected POST would become a GET).

use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use axum::routing::Router;
use tower::util::MapRequest;

use crate::api::PREFIX;

/// The routes, each with and without its slash at the end.
pub(super) fn optional(routes: Router) -> Router {
    Router::new().fallback_service(MapRequest::new(routes, with_form_of_route::<axum::body::Body>))
}

fn with_form_of_route<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    if let Some(uri) = formed(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The URI in the form of the routes; `None` when it has it already.
fn formed(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let is_api = path.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('/'));
    let path = match (is_api, path.strip_suffix('/')) {
        (true, None) => format!("{path}/"),
        (false, Some(bare)) if bare != "/docs" && !bare.is_empty() => bare.to_owned(),
        _ => return None,
    };
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, expected: Option<&str>) {
        let uri: Uri = given.parse().expect("a URI");
        assert_eq!(formed(&uri).map(|uri| uri.to_string()).as_deref(), expected, "{given}");
    }

    #[test]
    fn a_path_gets_the_form_of_its_routes() {
        check("/api/v1/ai/retrieve", Some("/api/v1/ai/retrieve/"));
        check("/api/v1/ai/retrieve/", None);
        check("/api/v1/ai/conversations?q=a/b%20c", Some("/api/v1/ai/conversations/?q=a/b%20c"));
        check("/health/live/", Some("/health/live"));
        check("/metrics/?x=1", Some("/metrics?x=1"));
        check("/metrics", None);
        check("/docs/", None);
        check("/docs", None);
        check("/", None);
    }
}
