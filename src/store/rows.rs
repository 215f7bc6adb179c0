//! Running statements, and reading what a column holds.

use std::str::FromStr;

use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use crate::domain::clock::Timestamp;
use crate::domain::error::FieldError;
use crate::domain::ids::TenantId;
use crate::domain::language::Language;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::{on_read, on_tx};
use crate::store::statement::Statement;
use crate::store::tx::Tx;

/// A row struct or a tuple that both drivers can fill.
pub(super) trait Row: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> {}

impl<T> Row for T where T: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> {}

impl Store {
    /// All rows of a `SELECT`.
    pub(super) async fn rows<R: Row>(&self, statement: Statement) -> Result<Vec<R>, StoreError> {
        self.note_plan(&statement).await?;
        Ok(on_read!(self, |db| statement.query_as()?.fetch_all(db).await?))
    }

    /// The first row of a `SELECT`, if there is one.
    pub(super) async fn row<R: Row>(&self, statement: Statement) -> Result<Option<R>, StoreError> {
        self.note_plan(&statement).await?;
        Ok(on_read!(self, |db| statement.query_as()?.fetch_optional(db).await?))
    }

    /// The one number of a `SELECT` that always has one.
    pub(super) async fn number(&self, statement: Statement) -> Result<i64, StoreError> {
        self.note_plan(&statement).await?;
        let (number,): (i64,) = on_read!(self, |db| statement.query_as()?.fetch_one(db).await?);
        Ok(number)
    }
}

impl Tx {
    /// All rows of a `SELECT`, or of a write with `RETURNING`.
    pub(super) async fn rows<R: Row>(&mut self, statement: Statement) -> Result<Vec<R>, StoreError> {
        #[cfg(test)]
        self.ran.push(statement.clone());
        Ok(on_tx!(self, |db| statement.query_as()?.fetch_all(db).await?))
    }

    /// The first row, if there is one.
    pub(super) async fn row<R: Row>(&mut self, statement: Statement) -> Result<Option<R>, StoreError> {
        #[cfg(test)]
        self.ran.push(statement.clone());
        Ok(on_tx!(self, |db| statement.query_as()?.fetch_optional(db).await?))
    }

    /// Runs a write; how many rows it touched.
    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        #[cfg(test)]
        self.ran.push(statement.clone());
        Ok(on_tx!(self, |db| statement.query()?.execute(db).await?.rows_affected()))
    }

    /// Runs writes one after the other; how many rows they touched together.
    pub(super) async fn execute_all(&mut self, statements: Vec<Statement>) -> Result<u64, StoreError> {
        let mut touched = 0;
        for statement in statements {
            touched += self.execute(statement).await?;
        }
        Ok(touched)
    }
}

/// Reads a word of an enum.
pub(super) fn word<T: FromStr<Err = FieldError>>(column: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error: FieldError| StoreError::Corrupt { column, problem: error.message })
}

/// Reads a word of an enum where there is one.
pub(super) fn optional_word<T: FromStr<Err = FieldError>>(
    column: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, StoreError> {
    text.map(|text| word(column, text)).transpose()
}

/// Reads a count or a position.
pub(super) fn position(column: &'static str, number: i64) -> Result<usize, StoreError> {
    usize::try_from(number).map_err(|_| StoreError::Corrupt { column, problem: "is negative".to_owned() })
}

/// Reads a language tag.
pub(super) fn language(column: &'static str, text: &str) -> Result<Language, StoreError> {
    Language::parse(text).map_err(|error| StoreError::Corrupt { column, problem: error.message })
}

/// Reads a tenant's name.
pub(super) fn tenant(text: &str) -> Result<TenantId, StoreError> {
    TenantId::parse(text).map_err(|error| StoreError::Corrupt { column: "tenant", problem: error.message })
}

/// Reads a moment.
pub(super) fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// What is written as JSON; only types of ours are, and they have no maps with other keys than strings.
pub(super) fn json<T: serde::Serialize>(column: &'static str, value: &T) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(value).map_err(|error| StoreError::Corrupt { column, problem: error.to_string() })
}

/// Reads what was written as JSON. Says only where it is wrong: the words of serde quote the value.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    column: &'static str,
    what: &'static str,
    value: serde_json::Value,
) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|error| StoreError::Corrupt {
        column,
        problem: format!("is no {what} ({:?} at column {})", error.classify(), error.column()),
    })
}
