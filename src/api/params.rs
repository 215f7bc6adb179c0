//! Query strings: every parameter is a text here, so that all wrong ones are told at once by `fields`.
//!
//! Guarantees: a parameter that is not known is refused, because a misspelt filter that is ignored answers with too
//! much; one that is empty counts as not given; one given twice, not UTF-8 or with a NUL character is refused.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::api::code::Code;
use crate::api::error::ApiError;
use crate::api::json::{UNKNOWN, field_error};
use crate::api::page_url::PageUrl;
use crate::api::paging::{Paging, PagingParams};
use crate::domain::error::FieldError;

/// The parameters of a request, read as `T`, whose fields are all `Option<String>`.
pub(super) struct Params<T>(pub(super) T);

/// The parameters of a list: its filter, its page, and where further pages are.
pub(super) struct ListParams<T> {
    /// The filter; its fields are all `Option<String>`.
    pub filter: T,
    /// Which page.
    pub paging: Paging,
    /// Makes links to the other pages.
    pub url: PageUrl,
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        read(decode(parts.uri.query())?, &[]).map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for ListParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let given = decode(parts.uri.query())?;
        let ordering = given.iter().find(|(name, _)| name == "ordering").map(|(_, value)| value.clone());
        let (paging, filter) = given.into_iter().partition(|(name, _)| PagingParams::NAMES.contains(&name.as_str()));
        let paging: PagingParams = read(paging, &[])?;
        Ok(Self {
            filter: read(filter, &PagingParams::NAMES)?,
            paging: paging.check(ordering.as_deref())?,
            url: PageUrl::of(parts),
        })
    }
}

/// The pairs of a query string, those with a value.
fn decode(query: Option<&str>) -> Result<Vec<(String, String)>, ApiError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode_part(name)?, decode_part(value)?);
        if value.contains('\0') {
            return Err(ApiError::field(name, "must not hold the character U+0000"));
        }
        if value.trim().is_empty() {
            continue;
        }
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(ApiError::field(name, "is given twice"));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// Undoes `%41` and `+`.
fn decode_part(text: &str) -> Result<String, ApiError> {
    let wrong = |message: &str| ApiError::new(Code::MalformedRequest, format!("the query string {message}"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = rest.next().zip(rest.next());
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let value = digits.and_then(|(high, low)| Some(digit(high)? * 16 + digit(low)?));
                value.ok_or_else(|| wrong("has a '%' without two hexadecimal digits behind it"))?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8"))
}

/// Reads `T`; `others` are the names that the route knows beside its fields.
fn read<T: DeserializeOwned>(pairs: Vec<(String, String)>, others: &[&str]) -> Result<T, ApiError> {
    let object: Map<String, Value> = pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    serde_json::from_value(Value::Object(object)).map_err(|error| {
        let FieldError { field, mut message } = field_error(".", &error.to_string());
        if message.starts_with(UNKNOWN) {
            for other in others {
                message.push_str(", ");
                message.push_str(other);
            }
        }
        ApiError::field(field, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        q: Option<String>,
        category: Option<String>,
    }

    #[track_caller]
    fn check(query: &str, expected: Result<(&str, Option<&str>), &str>) {
        let read = decode(Some(query)).and_then(|pairs| read::<Sample>(pairs, &[]));
        let read = read.map(|sample| (sample.q.unwrap_or_default(), sample.category)).map_err(|error| error.message);
        let expected = expected.map(|(q, category)| (q.to_owned(), category.map(str::to_owned)));
        assert_eq!(read, expected.map_err(str::to_owned), "{query}");
    }

    #[test]
    fn parameters_are_read_or_named() {
        check("q=what%20is+it%3F&category=", Ok(("what is it?", None)));
        check("q=%F0%9F%91%8D&category=a%26b", Ok(("👍", Some("a&b"))));
        check("", Ok(("", None)));
        check("q=%FF", Err("the query string is not UTF-8"));
        check("q=%4", Err("the query string has a '%' without two hexadecimal digits behind it"));
        check("q=a%00b", Err("q: must not hold the character U+0000"));
        check("q=a&q=b", Err("q: is given twice"));
        check("q=a&catgory=b", Err("catgory: is not known; known are q or category"));
    }

    #[tokio::test]
    async fn an_unknown_parameter_of_a_list_is_told_all_that_there_are() {
        let request = axum::http::Request::builder().uri("/list?pagesize=5").body(()).expect("a request");
        let error = ListParams::<Sample>::from_request_parts(&mut request.into_parts().0, &()).await.err();
        let message = error.map(|error| error.message);
        let known = "q or category, limit, offset, page, page_size, cursor";
        assert_eq!(message, Some(format!("pagesize: is not known; known are {known}")));
    }
}
