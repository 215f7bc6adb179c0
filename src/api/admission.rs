//! How many requests are in work at the same time. Retrievals have a bound of their own, in the service: a crowd of
//! uploads must not keep somebody on the phone waiting.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::Api;
use crate::api::code::Code;
use crate::api::error::ApiError;

/// Lets a request in, or says at once that there are too many.
pub(super) async fn admit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Ok(_permit) = api.0.in_flight.try_acquire() else {
        return ApiError::of(Code::TooManyRequests).into_response();
    };
    next.run(request).await
}
