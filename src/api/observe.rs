//! Around every request: its id, its span, its time limit, its metrics, and the body of its failure.
//!
//! Guarantees: whatever happens inside, also a panic, the caller gets an answer with `X-Request-Id`, and one line is
//! logged. It holds method, route, status and time; never the path as it was sent, whose parameters are callers' texts.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::Instrument;

use crate::api::Api;
use crate::api::code::Code;
use crate::api::error::{ApiError, rendered};

/// The header that names a request, both ways.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from a caller.
const MAX_ID_BYTES: usize = 128;

/// What handlers may know about the request itself.
#[derive(Clone, Debug)]
pub(super) struct RequestInfo {
    /// Its id.
    pub id: String,
    /// When it arrived; deadlines count from here.
    pub arrived: Instant,
}

/// Counts a request as in work until it is dropped, which also happens when the caller hangs up.
struct InWork;

impl InWork {
    fn begin() -> Self {
        metrics::gauge!("turnwise_requests_in_flight").increment(1.0);
        Self
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        metrics::gauge!("turnwise_requests_in_flight").decrement(1.0);
    }
}

/// The outermost layer.
pub(super) async fn observe(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let arrived = Instant::now();
    let _in_work = InWork::begin();
    let id = given_id(request.headers()).unwrap_or_else(|| api.0.ids.uuid(api.0.clock.now()).simple().to_string());
    let method = method_word(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request.id = %id, http.method = method, http.route = %route);
    request.extensions_mut().insert(RequestInfo { id: id.clone(), arrived });

    let answer = tokio::time::timeout(api.0.settings.request_timeout, next.run(request));
    let answer = AssertUnwindSafe(answer).catch_unwind().instrument(span.clone()).await;
    let response = match answer {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => ApiError::of(Code::Timeout).into_response(),
        // What the panic says may quote a text, so it is left out; the panic hook told where it was.
        Err(_) => ApiError::internal("the handler panicked").into_response(),
    };

    let (mut response, error) = rendered(response, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let _entered = span.entered();
    report(method, &route, &response, error.as_ref(), arrived);
    response
}

fn report(method: &'static str, route: &str, response: &Response, error: Option<&ApiError>, arrived: Instant) {
    let took = arrived.elapsed();
    let status = response.status().as_u16();
    let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    metrics::histogram!("turnwise_request_seconds", "method" => method, "route" => route.to_owned())
        .record(took.as_secs_f64());
    metrics::counter!(
        "turnwise_requests_total", "method" => method, "route" => route.to_owned(), "status" => status.to_string()
    )
    .increment(1);

    let Some(error) = error else {
        return tracing::info!(http.status = status, http.duration_us = duration_us, "Answered");
    };
    let (code, cause) = (error.code.as_str(), error.cause.as_deref().unwrap_or_default());
    match error.code {
        Code::Internal => {
            tracing::error!(
                http.status = status,
                http.duration_us = duration_us,
                error.code = code,
                error.cause = cause,
                "A request failed"
            );
        }
        Code::Unavailable | Code::Timeout | Code::TooManyRequests => {
            tracing::warn!(
                http.status = status,
                http.duration_us = duration_us,
                error.code = code,
                error.cause = cause,
                "A request was put off"
            );
        }
        _ => tracing::info!(http.status = status, http.duration_us = duration_us, error.code = code, "Refused"),
    }
}

/// The id that the caller gave, if it is one: other characters could forge lines of a log.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(REQUEST_ID)?.to_str().ok()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (!given.is_empty() && given.len() <= MAX_ID_BYTES && given.bytes().all(allowed)).then(|| given.to_owned())
}

/// A method as a label, of which there must not be too many.
fn method_word(method: &Method) -> &'static str {
    let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
    match known.iter().position(|known| known == method) {
        Some(at) => ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"][at],
        None => "other",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt;

    use super::*;
    use crate::api::ApiSettings;
    use crate::api::json::JsonBody;
    use crate::domain::clock::{ManualClock, Timestamp};
    use crate::domain::ids::CountingIds;

    fn api() -> Api {
        let settings = ApiSettings {
            max_body_bytes: 1024,
            max_in_flight: 1,
            requests_per_minute_per_key: 0,
            request_timeout: Duration::from_millis(20),
            shutdown_grace: Duration::ZERO,
            allow_loopback: false,
            cli_key: None,
        };
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
        Api::new(settings, clock, Arc::new(CountingIds::default()), CancellationToken::new())
    }

    async fn panics() -> StatusCode {
        panic!("of course it was 'a secret text'")
    }

    async fn ask(path: &str, id: &str) -> (StatusCode, String, serde_json::Value) {
        let router = Router::new()
            .route("/panics", get(panics))
            .route("/hangs", get(std::future::pending::<StatusCode>))
            .route("/bare", get(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "too large, says a library") }))
            .layer(axum::middleware::from_fn_with_state(api(), observe));
        let request = Request::builder().uri(path).header(REQUEST_ID, id).body(Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("a router does not fail");
        let (status, header) = (response.status(), response.headers()[REQUEST_ID].to_str().expect("text").to_owned());
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        (status, header, serde_json::from_slice(&body).expect("JSON"))
    }

    #[tokio::test]
    async fn a_panic_is_a_500_that_tells_nothing() {
        let (status, id, body) = ask("/panics", "my-id").await;
        assert_eq!((status.as_u16(), id.as_str()), (500, "my-id"));
        assert_eq!((body["code"].as_str(), body["request_id"].as_str()), (Some("internal"), Some("my-id")));
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn what_takes_too_long_is_a_503_with_a_hint() {
        let (status, _, body) = ask("/hangs", "my-id").await;
        assert_eq!(status.as_u16(), 503);
        assert_eq!((body["code"].as_str(), body["retry_after"].as_u64()), (Some("timeout"), Some(1)));
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_a_408() {
        async fn take(JsonBody(_): JsonBody<serde_json::Value>) {}
        let router = Router::new()
            .route("/takes", post(take))
            .layer(axum::middleware::from_fn_with_state(api(), observe))
            .with_state(api());
        let body = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let request = Request::post("/takes").header("content-type", "application/json").body(body);
        let response = router.oneshot(request.expect("a request")).await.expect("a router does not fail");
        assert_eq!((response.status().as_u16(), response.headers().get("retry-after")), (408, None));
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["code"], "request_timeout");
    }

    #[tokio::test]
    async fn a_librarys_own_answer_gets_the_one_shape() {
        let (status, _, body) = ask("/bare", "my-id").await;
        assert_eq!((status.as_u16(), body["code"].as_str()), (413, Some("body_too_large")));
        let (status, _, body) = ask("/nowhere", "my-id").await;
        assert_eq!((status.as_u16(), body["code"].as_str()), (404, Some("not_found")));
    }

    #[tokio::test]
    async fn an_id_that_could_forge_a_log_is_replaced() {
        for bad in ["a b", "x=y", &"a".repeat(MAX_ID_BYTES + 1)] {
            let (_, id, _) = ask("/bare", bad).await;
            assert_eq!(id.len(), 32, "{id}");
        }
    }
}
