//! Answers as CSV, for spreadsheets.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::api::error::ApiError;
use crate::domain::conversation::word_enum;

word_enum!(
    /// The form of an answer.
    Format {
        /// JSON.
        Json = "json",
        /// CSV with a line of names; what is not known is empty.
        Csv = "csv",
    }
);

/// The rows as CSV, under the names of their fields; `names` are those, for when there is no row.
pub(super) fn csv_answer<T: Serialize>(names: &[&str], rows: &[T]) -> Result<Response, ApiError> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let wrong = |error: String| ApiError::internal(format!("rows could not be written as CSV: {error}"));
    writer.write_record(names).map_err(|error| wrong(error.to_string()))?;
    for row in rows {
        writer.serialize(row).map_err(|error| wrong(error.to_string()))?;
    }
    let table = writer.into_inner().map_err(|error| wrong(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], table).into_response())
}
