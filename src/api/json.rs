//! Bodies: JSON within a bound, and in words what is wrong with one that is not.
//!
//! Guarantees: nothing of a body is repeated in a message but names of fields; whether it is JSON is told before what
//! its fields are; a body nested too deeply is refused before it can exhaust the stack (serde_json stops at 128
//! levels); of a body that is too large no more than the bound is kept.

use std::fmt;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::request::Parts;
use futures::StreamExt;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::api::Api;
use crate::api::code::Code;
use crate::api::error::ApiError;
use crate::api::observe::RequestInfo;
use crate::domain::error::FieldError;
use crate::domain::text::shorten;

/// A body that is too large is read to its end, up to so many times the bound, so that its sender hears the answer
/// instead of a broken connection.
const DRAIN_FACTOR: usize = 4;
/// The most characters of a header that a message repeats.
const MAX_SHOWN_CHARS: usize = 40;
/// How a message about an unknown name begins; the known ones follow.
pub(super) const UNKNOWN: &str = "is not known; known are ";

/// A body, read as `T`.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        check_declared(&parts.headers)?;
        parse(&whole(&parts, body, api).await?).map(Self)
    }
}

/// A body that may be left out, or be empty whatever it is declared as: then `T` without any field.
pub(super) struct OptionalBody<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<Api> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = whole(&parts, body, api).await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(T::default()));
        }
        check_declared(&parts.headers)?;
        parse(&bytes).map(Self)
    }
}

/// Reads a body to its end.
async fn whole(parts: &Parts, body: Body, api: &Api) -> Result<Vec<u8>, ApiError> {
    // The limit of the whole request, which `observe` keeps: it is asked here first, where it is known that the
    // caller is the one who is late.
    let arrived = parts.extensions.get::<RequestInfo>().map_or_else(Instant::now, |request| request.arrived);
    let end = arrived + api.0.settings.request_timeout;
    let reading = read(&parts.headers, body, api.0.settings.max_body_bytes);
    let bytes = tokio::time::timeout_at(end.into(), reading).await;
    bytes.map_err(|_| ApiError::of(Code::RequestTimeout))?
}

/// A browser sends other types across origins without asking first, so a body must say that it is JSON; and it must be
/// in UTF-8 and not compressed, because nothing else is read.
fn check_declared(headers: &HeaderMap) -> Result<(), ApiError> {
    if let Some(encoding) = headers.get(CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let encoding = shorten(&String::from_utf8_lossy(encoding.as_bytes()), MAX_SHOWN_CHARS);
        let message = format!("a body with 'Content-Encoding: {encoding}' is not read; send it uncompressed");
        return Err(ApiError::new(Code::UnsupportedMediaType, message));
    }
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = given.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
        return Err(ApiError::of(Code::UnsupportedMediaType));
    }
    let charset =
        parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let charset = charset.map_or("utf-8", |(_, charset)| charset.trim().trim_matches('"'));
    if !["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known)) {
        let charset = shorten(charset, MAX_SHOWN_CHARS);
        let message = format!("a body in the charset '{charset}' is not read; JSON is sent in UTF-8");
        return Err(ApiError::new(Code::UnsupportedMediaType, message));
    }
    Ok(())
}

async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    let too_large = || ApiError::new(Code::BodyTooLarge, format!("the body is larger than {limit} bytes"));
    let drained = limit.saturating_mul(DRAIN_FACTOR);
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > drained || (length > limit && headers.contains_key(EXPECT))) {
        return Err(too_large());
    }

    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::with_capacity(declared.unwrap_or_default().min(limit));
    let mut length = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::new(Code::MalformedRequest, "the body broke off"))?;
        length = length.saturating_add(chunk.len());
        if length > drained {
            break;
        }
        match length > limit {
            true => bytes = Vec::new(),
            false => bytes.extend_from_slice(&chunk),
        }
    }
    if length > limit { Err(too_large()) } else { Ok(bytes) }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let malformed = |message: String| ApiError::new(Code::MalformedJson, message);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| malformed(format!("the body is not UTF-8 at byte {}", error.valid_up_to())))?;
    // Some senders put a byte order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(malformed("the body is empty; it must be a JSON object".to_owned()));
    }

    // A list of its fields could be read as an object too; nobody documents that, so it is refused.
    if !text.trim_start().starts_with('{') {
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| explain(".", &error))?;
        return Err(ApiError::field("body", "must be an object"));
    }
    // The reader of `T` stops at the first field that it does not know, in front of what may not be JSON at all.
    serde_json::from_str::<Syntax>(text).map_err(|error| explain(".", &error))?;
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, error.inner())
    })
}

/// Any JSON, read for its syntax alone. Unlike `IgnoredAny` it looks into texts, numbers and how deep they are nested.
struct Syntax;

impl<'de> Deserialize<'de> for Syntax {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Syntax {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self, A::Error> {
        while fields.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

fn explain(path: &str, error: &serde_json::Error) -> ApiError {
    match error.classify() {
        Category::Data => field_error(path, &error.to_string()).into(),
        Category::Syntax | Category::Eof | Category::Io => {
            let mut message = format!("the body is not JSON: {error}");
            // All that serde_json says of it is that a hex escape is not as it should be.
            if message.contains("hex escape") {
                message.push_str(" (a surrogate such as \\ud800 stands alone; they go in pairs)");
            }
            ApiError::new(Code::MalformedJson, message)
        }
    }
}

/// Serde's words in ours, without the value that was sent.
pub(super) fn field_error(path: &str, message: &str) -> FieldError {
    let place = message.rfind(" at line ").unwrap_or(message.len());
    let message = &message[..place];
    let parent = if path == "." { "" } else { path };
    if let Some(name) = quoted(message, "missing field ") {
        return FieldError::new(join(parent, name), "is missing");
    }
    if let Some(name) = quoted(message, "duplicate field ") {
        return FieldError::new(join(parent, name), "stands there twice");
    }
    if let Some(name) = quoted(message, "unknown field ") {
        let known = message.split_once(", expected ").map_or("", |(_, known)| known);
        let known = known.trim_start_matches("one of ").replace('`', "");
        // The path ends with the field itself, where the reader got that far.
        let field = if parent.ends_with(name) { parent.to_owned() } else { join(parent, name) };
        return FieldError::new(field, format!("{UNKNOWN}{known}"));
    }
    let expected = message.rsplit_once(", expected ").map_or("another value", |(_, expected)| expected);
    let field = if parent.is_empty() { "body" } else { parent };
    FieldError::new(field, format!("must be {}", plain(expected)))
}

fn quoted<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    message.strip_prefix(before)?.strip_prefix('`')?.split('`').next()
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// What serde expects, in words of JSON.
fn plain(expected: &str) -> &str {
    match expected {
        "a string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "f32" | "f64" => "a number",
        "i64" | "u64" | "u32" | "usize" => "a whole number",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Sample {
        text: String,
        #[serde(default)]
        count: Option<i64>,
        #[serde(default)]
        inner: Vec<Inner>,
        #[serde(default)]
        anything: serde_json::Value,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Inner {
        share: f64,
    }

    #[track_caller]
    fn check(body: impl AsRef<[u8]>, code: Code, message: &str) {
        let error = parse::<Sample>(body.as_ref()).expect_err("it is refused");
        assert_eq!((error.code, error.message.as_str()), (code, message));
    }

    #[test]
    fn what_is_no_json_is_a_400() {
        check(b"", Code::MalformedJson, "the body is empty; it must be a JSON object");
        check(b"\xff{}", Code::MalformedJson, "the body is not UTF-8 at byte 0");
        check("{", Code::MalformedJson, "the body is not JSON: EOF while parsing an object at line 1 column 1");
        check(
            r#"{"text":"a"} more"#,
            Code::MalformedJson,
            "the body is not JSON: trailing characters at line 1 column 14",
        );
        // Whatever stands before it.
        check(r#"{"a":"#, Code::MalformedJson, "the body is not JSON: EOF while parsing a value at line 1 column 5");
        check(
            r#"{"unknown":1} x"#,
            Code::MalformedJson,
            "the body is not JSON: trailing characters at line 1 column 15",
        );
        for half in [r#"{"unknown":"\ud800"}"#, r#"{"text":"\ud800\n"}"#, r#"{"text":"\ude00"}"#] {
            let error = parse::<Sample>(half.as_bytes()).expect_err("it is refused");
            assert_eq!(error.code, Code::MalformedJson, "{half}");
            assert!(error.message.contains("a surrogate such as \\ud800 stands alone"), "{}", error.message);
        }
        let deep = format!(r#"{{"text":"a","anything":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        check(deep, Code::MalformedJson, "the body is not JSON: recursion limit exceeded at line 1 column 150");
    }

    #[test]
    fn a_wrong_type_names_its_field_and_not_its_value() {
        check(r#"{"text":7}"#, Code::InvalidFields, "text: must be a text");
        check(r#"{"text":"a","count":"a secret"}"#, Code::InvalidFields, "count: must be a whole number");
        check(r#"{"text":"a","count":1.5}"#, Code::InvalidFields, "count: must be a whole number");
        check(
            r#"{"text":"a","inner":[{"share":1},{"share":"x"}]}"#,
            Code::InvalidFields,
            "inner[1].share: must be a number",
        );
        check(r#"{"text":"a","inner":[{}]}"#, Code::InvalidFields, "inner[0].share: is missing");
        check(r#"{"count":1}"#, Code::InvalidFields, "text: is missing");
        check(
            r#"{"text":"a","txet":"b"}"#,
            Code::InvalidFields,
            "txet: is not known; known are text, count, inner, anything",
        );
        check(r#"{"text":"a","text":"b"}"#, Code::InvalidFields, "text: stands there twice");
        check("[\"a\"]", Code::InvalidFields, "body: must be an object");
        check("null", Code::InvalidFields, "body: must be an object");
        assert!(parse::<Sample>(b"\xef\xbb\xbf{\"text\":\"a\"}").is_ok());
    }

    #[test]
    fn only_json_is_declared_as_json() {
        let headers = |given: &str| HeaderMap::from_iter([(CONTENT_TYPE, given.parse().expect("a header"))]);
        let is_json_type = |given: &str| check_declared(&headers(given)).is_ok();
        assert!(is_json_type("application/json"));
        assert!(is_json_type("Application/JSON; charset=utf-8"));
        assert!(is_json_type("application/vnd.api+json"));
        assert!(!is_json_type("text/plain"));
        assert!(!is_json_type("application/x-www-form-urlencoded"));
        assert!(check_declared(&HeaderMap::new()).is_err());

        assert!(is_json_type("application/json;charset=\"UTF-8\""));
        let told = |headers: &HeaderMap| {
            let error = check_declared(headers).expect_err("it is refused");
            assert_eq!(error.code, Code::UnsupportedMediaType);
            error.message
        };
        let latin = told(&headers("application/json; charset=iso-8859-1"));
        assert_eq!(latin, "a body in the charset 'iso-8859-1' is not read; JSON is sent in UTF-8");
        let mut encoded = headers("application/json");
        encoded.insert(CONTENT_ENCODING, "identity".parse().expect("a header"));
        assert!(check_declared(&encoded).is_ok());
        encoded.insert(CONTENT_ENCODING, "gzip".parse().expect("a header"));
        assert_eq!(told(&encoded), "a body with 'Content-Encoding: gzip' is not read; send it uncompressed");
    }
}
