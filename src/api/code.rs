//! The table of codes: what can be wrong with a request, and the status that says so. Codes are API, messages are not.

use axum::http::StatusCode;

/// What kind of failure an answer reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// URL or headers cannot be read.
    MalformedRequest,
    /// The body is not JSON.
    MalformedJson,
    /// No key, or one that is not known.
    Unauthorized,
    /// The key may not do this.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    RequestTimeout,
    /// It collides with what is there.
    Conflict,
    /// The body is too large.
    BodyTooLarge,
    /// The body is not declared as JSON in UTF-8, or is compressed.
    UnsupportedMediaType,
    /// Fields or parameters cannot be taken as they are.
    InvalidFields,
    /// Too much at once.
    TooManyRequests,
    /// The key asks too often.
    RateLimited,
    /// A fault of ours.
    Internal,
    /// Starting, stopping, or something that is needed is away.
    Unavailable,
    /// It took too long.
    Timeout,
}

/// One line of the table.
struct Row {
    word: &'static str,
    status: StatusCode,
    meaning: &'static str,
    retry_after: Option<u64>,
}

impl Code {
    /// Every code, by status.
    pub const ALL: [Self; 16] = [
        Self::MalformedRequest,
        Self::MalformedJson,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidFields,
        Self::TooManyRequests,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
        Self::Timeout,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        self.row().word
    }

    /// The status that goes with it.
    pub fn status(self) -> StatusCode {
        self.row().status
    }

    /// What it means and what a caller can do, for the documentation and for failures that have nothing to add.
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// After how many seconds the same request may work, if it may; a failure that knows better says so itself.
    pub fn retry_after(self) -> Option<u64> {
        self.row().retry_after
    }

    /// The code for a failure that only has a status: one of a library, raised before a handler was reached.
    pub fn of_status(status: StatusCode) -> Self {
        let exact = Self::ALL.into_iter().find(|code| code.status() == status);
        exact.unwrap_or(if status.is_server_error() { Self::Internal } else { Self::MalformedRequest })
    }

    fn row(self) -> Row {
        let (word, status, retry_after, meaning) = match self {
            Self::MalformedRequest => ("malformed_request", 400, None, "the URL or the headers cannot be read"),
            Self::MalformedJson => {
                ("malformed_json", 400, None, "the body is not JSON: broken, empty, not UTF-8 or nested too deeply")
            }
            Self::Unauthorized => ("unauthorized", 401, None, "send a valid key as 'Authorization: Bearer KEY'"),
            Self::Forbidden => ("forbidden", 403, None, "the key is valid and may not do this"),
            Self::NotFound => ("not_found", 404, None, "there is nothing at this address"),
            Self::MethodNotAllowed => {
                ("method_not_allowed", 405, None, "the path exists, but not with this method; see the header Allow")
            }
            Self::RequestTimeout => {
                ("request_timeout", 408, None, "the body did not arrive within server.request_timeout_ms")
            }
            Self::Conflict => ("conflict", 409, None, "it collides with what is there"),
            Self::BodyTooLarge => ("body_too_large", 413, None, "the body is larger than server.max_body_bytes"),
            Self::UnsupportedMediaType => {
                ("unsupported_media_type", 415, None, "send the body as 'Content-Type: application/json', uncompressed")
            }
            Self::InvalidFields => {
                ("invalid_fields", 422, None, "fields or parameters cannot be taken as they are; 'fields' lists them")
            }
            Self::TooManyRequests => {
                ("too_many_requests", 429, Some(1), "too much at once; the same request may work later")
            }
            Self::RateLimited => {
                ("rate_limited", 429, Some(1), "the key has asked more often than server.requests_per_minute_per_key")
            }
            Self::Internal => ("internal", 500, None, "a fault of the server; its log has more under this request_id"),
            Self::Unavailable => {
                ("unavailable", 503, Some(2), "starting, stopping, or something that is needed is away")
            }
            Self::Timeout => ("timeout", 503, Some(1), "it took longer than server.request_timeout_ms"),
        };
        let status = StatusCode::from_u16(status).expect("the table holds statuses only");
        Row { word, status, meaning, retry_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_api() {
        let row = |code: Code| {
            let retry = code.retry_after().map_or(String::new(), |seconds| format!(" (retry after {seconds} s)"));
            format!("{} {}{retry}: {}", code.status().as_u16(), code.as_str(), code.meaning())
        };
        insta::assert_snapshot!(Code::ALL.map(row).join("\n"), @"
        400 malformed_request: the URL or the headers cannot be read
        400 malformed_json: the body is not JSON: broken, empty, not UTF-8 or nested too deeply
        401 unauthorized: send a valid key as 'Authorization: Bearer KEY'
        403 forbidden: the key is valid and may not do this
        404 not_found: there is nothing at this address
        405 method_not_allowed: the path exists, but not with this method; see the header Allow
        408 request_timeout: the body did not arrive within server.request_timeout_ms
        409 conflict: it collides with what is there
        413 body_too_large: the body is larger than server.max_body_bytes
        415 unsupported_media_type: send the body as 'Content-Type: application/json', uncompressed
        422 invalid_fields: fields or parameters cannot be taken as they are; 'fields' lists them
        429 too_many_requests (retry after 1 s): too much at once; the same request may work later
        429 rate_limited (retry after 1 s): the key has asked more often than server.requests_per_minute_per_key
        500 internal: a fault of the server; its log has more under this request_id
        503 unavailable (retry after 2 s): starting, stopping, or something that is needed is away
        503 timeout (retry after 1 s): it took longer than server.request_timeout_ms
        ");
    }

    #[test]
    fn a_bare_status_has_a_code() {
        assert_eq!(Code::of_status(StatusCode::PAYLOAD_TOO_LARGE), Code::BodyTooLarge);
        assert_eq!(Code::of_status(StatusCode::URI_TOO_LONG), Code::MalformedRequest);
        assert_eq!(Code::of_status(StatusCode::BAD_GATEWAY), Code::Internal);
        assert_eq!(Code::of_status(StatusCode::SERVICE_UNAVAILABLE), Code::Unavailable);
    }
}
