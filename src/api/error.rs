//! The one shape of a failure.
//!
//! A handler answers with an [`ApiError`]; `observe` writes its body, because only there the id of the request is
//! known, and does the same for what a library answered on its own.

use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::code::Code;
use crate::domain::error::{ErrorClass, FieldError};
use crate::engine::error::Error;
use crate::store::error::StoreError;

/// The most wrong fields that one answer lists.
const MAX_FIELDS: usize = 100;
/// The most of them that the message repeats.
const MAX_FIELDS_IN_MESSAGE: usize = 5;

/// A failure on its way to the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// Which kind.
    pub code: Code,
    /// For people; readable on its own.
    pub message: String,
    /// What is wrong field by field.
    pub fields: Vec<FieldError>,
    /// What the log should know and the caller should not.
    pub cause: Option<String>,
    /// After how many seconds the same request may work, if it may.
    pub retry_after: Option<u64>,
}

/// The body of every failure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody {
    /// Which kind of failure: stable, for programs.
    #[schema(value_type = Code)]
    code: &'static str,
    /// What is wrong and what to do: for people, and free to change.
    message: String,
    /// The first wrong field or parameter, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// All wrong fields and parameters, at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldProblem>,
    /// After how many seconds the same request may work; also in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// The id of this request; the log names it too.
    request_id: String,
}

/// One wrong field or parameter.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Where it stands, in dots and brackets: `turns[3].text`.
    field: String,
    /// What is expected instead.
    message: String,
}

impl ApiError {
    /// A failure with a message of its own.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new(), cause: None, retry_after: code.retry_after() }
    }

    /// A failure with the message of its code.
    pub fn of(code: Code) -> Self {
        Self::new(code, code.meaning())
    }

    /// Wrong fields, all of them.
    pub fn fields(mut fields: Vec<FieldError>) -> Self {
        let mut shown: Vec<String> = fields.iter().take(MAX_FIELDS_IN_MESSAGE).map(ToString::to_string).collect();
        if fields.len() > MAX_FIELDS_IN_MESSAGE {
            shown.push(format!("and {} more", fields.len() - MAX_FIELDS_IN_MESSAGE));
        }
        fields.truncate(MAX_FIELDS);
        Self { fields, ..Self::new(Code::InvalidFields, shown.join("; ")) }
    }

    /// One wrong field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::new(field, message)])
    }

    /// The key has asked too often; there is something left of its allowance after so many seconds.
    pub(super) fn rate_limited(seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..Self::of(Code::RateLimited) }
    }

    /// Not now.
    pub fn unavailable(message: String) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// There is no such thing; `id` as it was asked for.
    pub fn not_found(what: &'static str, id: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} {id}"))
    }

    /// A fault of ours, with what the log should say about it.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..Self::of(Code::Internal) }
    }

    /// The whole answer.
    pub(super) fn render(&self, request_id: &str) -> Response {
        let retry_after = self.retry_after;
        let body = ErrorBody {
            code: self.code.as_str(),
            message: self.message.clone(),
            field: self.fields.first().map(|error| error.field.clone()),
            fields: self.fields.iter().map(FieldProblem::from).collect(),
            retry_after,
            request_id: request_id.to_owned(),
        };
        let mut response = (self.code.status(), axum::Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for ApiError {
    /// Carries the failure to `observe`, which writes it.
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the failure in a response, if it is one: an [`ApiError`] as such, a bare status of a library in the same
/// shape, with the headers that it has (`Allow`).
pub(super) fn rendered(mut response: Response, request_id: &str) -> (Response, Option<ApiError>) {
    let status = response.status();
    let error = match response.extensions_mut().remove::<ApiError>() {
        Some(error) => error,
        None if status.is_client_error() || status.is_server_error() => bare(status),
        None => return (response, None),
    };
    let mut answer = error.render(request_id);
    for (name, value) in response.headers() {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH && !answer.headers().contains_key(name) {
            answer.headers_mut().append(name, value.clone());
        }
    }
    (answer, Some(error))
}

fn bare(status: StatusCode) -> ApiError {
    match Code::of_status(status) {
        Code::Internal => ApiError::internal(format!("a library answered with status {status}")),
        code => ApiError::of(code),
    }
}

impl From<&FieldError> for FieldProblem {
    fn from(error: &FieldError) -> Self {
        Self { field: error.field.clone(), message: error.message.clone() }
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::fields(vec![error])
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let with_cause = |code: Code| Self { cause: Some(chain(&error)), ..Self::of(code) };
        match error.class() {
            ErrorClass::Caller => match error {
                Error::Invalid(fields) => Self::fields(fields),
                other => Self::new(Code::InvalidFields, other.to_string()),
            },
            ErrorClass::NotFound => Self::new(Code::NotFound, error.to_string()),
            ErrorClass::Conflict => Self::new(Code::Conflict, error.to_string()),
            ErrorClass::Overloaded => with_cause(Code::TooManyRequests),
            ErrorClass::Transient => with_cause(Code::Unavailable),
            ErrorClass::Permanent => with_cause(Code::Internal),
        }
    }
}

/// An error with all its sources, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_wrong_fields_are_counted_not_repeated() {
        let wrong = (0..250).map(|at| FieldError::new(format!("turns[{at}].text"), "must be text")).collect();
        let error = ApiError::fields(wrong);
        assert_eq!(error.fields.len(), MAX_FIELDS);
        assert!(error.message.ends_with("turns[4].text: must be text; and 245 more"), "{}", error.message);
    }

    #[test]
    fn a_bare_answer_keeps_its_headers_and_gets_the_shape() {
        let bare = (StatusCode::METHOD_NOT_ALLOWED, [("allow", "GET")], "nope").into_response();
        let (answer, error) = rendered(bare, "r-1");
        assert_eq!(answer.headers()["allow"], "GET");
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(error.map(|error| error.code), Some(Code::MethodNotAllowed));
        let (_, none) = rendered(StatusCode::NO_CONTENT.into_response(), "r-1");
        assert_eq!(none, None);
    }
}
