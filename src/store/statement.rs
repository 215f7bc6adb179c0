//! A statement and its values, ready for either driver.
//!
//! Guarantees that no value ever becomes part of the text: text is `&'static str` only, a value becomes a `$n`.

use std::borrow::Cow;

use sqlx::database::HasStatementCache;
use sqlx::error::BoxDynError;
use sqlx::query::{Query, QueryAs};
use sqlx::types::Json;
use sqlx::{Arguments, AssertSqlSafe, Database, FromRow, IntoArguments, Postgres, SqlSafeStr, SqlStr, Sqlite};
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::ids::TenantId;

/// The most values in one insert. SQLite takes 32 766 and PostgreSQL 65 535, but sqlx asks SQLite for the name of every
/// parameter, which walks through those before it: twice as many values take four times as long.
const MAX_BINDS: usize = 1_000;

/// A value in one of the forms that both databases know.
#[derive(Clone)]
pub(super) enum Value {
    Text(Option<String>),
    Id(Option<Uuid>),
    Int(Option<i64>),
    Real(Option<f64>),
    Bool(bool),
    Json(serde_json::Value),
}

/// A constant statement, or one put together from constant fragments.
#[derive(Clone)]
pub(super) struct Statement {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

impl Statement {
    /// A whole statement with its own `$n`, or the first fragment of one.
    pub(super) fn new(sql: &'static str) -> Self {
        Self { text: Cow::Borrowed(sql), values: Vec::new() }
    }

    /// The text, with places instead of values.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The value of the next `$n` of a whole statement.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds a fragment.
    pub(super) fn push(&mut self, fragment: &'static str) -> &mut Self {
        self.text.to_mut().push_str(fragment);
        self
    }

    /// Adds a fragment, a value after it, and nothing else.
    pub(super) fn push_with(&mut self, fragment: &'static str, value: impl Into<Value>) -> &mut Self {
        self.push(fragment).push_value(value.into())
    }

    /// Adds a fragment and a value when there is a value.
    pub(super) fn push_some(&mut self, fragment: &'static str, value: Option<impl Into<Value>>) -> &mut Self {
        match value {
            Some(value) => self.push_with(fragment, value),
            None => self,
        }
    }

    /// Adds `($1, $2, …)`; an empty list becomes `(NULL)`, in which nothing is.
    pub(super) fn push_list(&mut self, values: impl IntoIterator<Item = impl Into<Value>>) -> &mut Self {
        let before = self.values.len();
        for value in values {
            self.push(if self.values.len() == before { "(" } else { ", " });
            self.push_value(value.into());
        }
        self.push(if self.values.len() == before { "(NULL)" } else { ")" })
    }

    /// Adds another statement with its values; must come before the first value, because places are not renumbered.
    pub(super) fn push_statement(&mut self, other: &Statement) -> &mut Self {
        debug_assert!(self.values.is_empty(), "the places of the other statement begin at $1");
        self.text.to_mut().push_str(&other.text);
        self.values.extend(other.values.iter().cloned());
        self
    }

    fn push_value(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        let number = self.values.len();
        self.text.to_mut().push_str(&format!("${number}"));
        self
    }

    /// A query of one driver.
    pub(super) fn query<DB: Driver>(self) -> Result<DriverQuery<DB>, sqlx::Error> {
        let (text, arguments, keep) = self.into_parts::<DB>()?;
        Ok(sqlx::query_with(text, arguments).persistent(keep))
    }

    /// A query of one driver that reads rows.
    pub(super) fn query_as<DB, R>(self) -> Result<DriverQueryAs<DB, R>, sqlx::Error>
    where
        DB: Driver,
        R: for<'r> FromRow<'r, DB::Row>,
    {
        let (text, arguments, keep) = self.into_parts::<DB>()?;
        Ok(sqlx::query_as_with(text, arguments).persistent(keep))
    }

    /// Text, values, and whether to keep the statement prepared: not when it was put together, because there are as many
    /// texts as there are lengths of lists. The assertion holds because every piece of the text is `&'static str`.
    fn into_parts<DB: Driver>(self) -> Result<(SqlStr, DB::Arguments, bool), sqlx::Error> {
        let mut arguments = DB::Arguments::default();
        for value in self.values {
            DB::add(&mut arguments, value).map_err(sqlx::Error::Encode)?;
        }
        Ok(match self.text {
            Cow::Borrowed(text) => (text.into_sql_str(), arguments, true),
            Cow::Owned(text) => (AssertSqlSafe(text).into_sql_str(), arguments, false),
        })
    }
}

type DriverQuery<DB> = Query<'static, DB, <DB as Database>::Arguments>;
type DriverQueryAs<DB, R> = QueryAs<'static, DB, R, <DB as Database>::Arguments>;

/// Multi-row inserts of `head` (`INSERT INTO … VALUES`), the rows, and `tail` (`ON CONFLICT …`): as few statements
/// as the limit on values allows.
pub(super) fn inserts<const N: usize>(
    head: &'static str,
    rows: impl IntoIterator<Item = [Value; N]>,
    tail: &'static str,
) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    for row in rows {
        match statements.last_mut() {
            Some(last) if last.values.len() + N <= MAX_BINDS => {
                last.push(", ").push_list(row);
            }
            _ => {
                let mut first = Statement::new(head);
                first.push(" ").push_list(row);
                statements.push(first);
            }
        }
    }
    for statement in &mut statements {
        statement.push(" ").push(tail);
    }
    statements
}

/// A driver that takes [`Value`]s.
pub(super) trait Driver: Database<Arguments: IntoArguments<Self>> + HasStatementCache {
    /// Adds the next value.
    fn add(arguments: &mut Self::Arguments, value: Value) -> Result<(), BoxDynError>;
}

macro_rules! driver {
    ($database:ty) => {
        impl Driver for $database {
            fn add(arguments: &mut Self::Arguments, value: Value) -> Result<(), BoxDynError> {
                match value {
                    Value::Text(value) => arguments.add(value),
                    Value::Id(value) => arguments.add(value),
                    Value::Int(value) => arguments.add(value),
                    Value::Real(value) => arguments.add(value),
                    Value::Bool(value) => arguments.add(value),
                    Value::Json(value) => arguments.add(Json(value)),
                }
            }
        }
    };
}

driver!(Sqlite);
driver!(Postgres);

macro_rules! value_from {
    ($($type:ty => |$value:ident| $into:expr;)+) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $into
            }
        })+
    };
}

value_from! {
    &str => |value| Self::Text(Some(value.to_owned()));
    String => |value| Self::Text(Some(value));
    &String => |value| Self::Text(Some(value.clone()));
    Option<String> => |value| Self::Text(value);
    Option<&str> => |value| Self::Text(value.map(str::to_owned));
    &TenantId => |value| Self::Text(Some(value.as_str().to_owned()));
    Uuid => |value| Self::Id(Some(value));
    Option<Uuid> => |value| Self::Id(value);
    i64 => |value| Self::Int(Some(value));
    Option<i64> => |value| Self::Int(value);
    usize => |value| Self::Int(Some(value as i64));
    Option<usize> => |value| Self::Int(value.map(|value| value as i64));
    Timestamp => |value| Self::Int(Some(value.as_millis()));
    Option<Timestamp> => |value| Self::Int(value.map(Timestamp::as_millis));
    f64 => |value| Self::Real(Some(value));
    Option<f64> => |value| Self::Real(value);
    bool => |value| Self::Bool(value);
    serde_json::Value => |value| Self::Json(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(statement: Statement) -> String {
        statement.into_parts::<Sqlite>().expect("plain values").0.as_str().to_owned()
    }

    #[test]
    fn values_become_numbered_places() {
        let mut statement = Statement::new("SELECT 1 FROM t WHERE a = ");
        statement.push_value("x'; DROP TABLE t".into());
        statement.push(" AND b IN ").push_list([1_i64, 2]).push_some(" AND c = ", Some(3_i64));
        statement.push_some(" AND d = ", None::<i64>);
        assert_eq!(text(statement), "SELECT 1 FROM t WHERE a = $1 AND b IN ($2, $3) AND c = $4");
    }

    #[test]
    fn nothing_is_in_an_empty_list() {
        let mut statement = Statement::new("a IN ");
        statement.push_list(Vec::<i64>::new());
        assert_eq!(text(statement), "a IN (NULL)");
    }

    #[test]
    fn many_rows_are_spread_over_statements() {
        let rows = (0..MAX_BINDS as i64).map(|n| [Value::from(n), Value::from(n)]);
        let statements = inserts("INSERT INTO t (a, b) VALUES", rows, "ON CONFLICT DO NOTHING");
        assert_eq!(statements.len(), 2);
        assert_eq!(inserts("INSERT INTO t (a) VALUES", Vec::<[Value; 1]>::new(), "").len(), 0);
        let one = inserts("INSERT INTO t (a, b) VALUES", [[Value::from(1_i64), "x".into()]], "RETURNING a");
        assert_eq!(text(one[0].clone()), "INSERT INTO t (a, b) VALUES ($1, $2) RETURNING a");
    }
}
