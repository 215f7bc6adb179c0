//! How the database carries out what it is asked: for benchmarks, which show the plans behind their figures.
//!
//! Guarantees that nothing is explained unless somebody watches: then every read is explained before it runs, once for each
//! text.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::store::dialect::Dialect;
use crate::store::error::StoreError;
use crate::store::macros::on_read;
use crate::store::statement::Statement;
use crate::store::{Pool, Store};

/// The plan of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The statement, with places instead of values.
    pub statement: String,
    /// The plan, in the words of the database.
    pub lines: Vec<String>,
}

/// Plans by the texts of their statements; `None` while nobody watches.
#[derive(Default)]
pub(super) struct Watch(Mutex<Option<BTreeMap<String, Vec<String>>>>);

impl Store {
    /// Keeps the plan of everything that is read from now on, until [`Store::take_plans`].
    pub fn watch_plans(&self) {
        *self.watch.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(BTreeMap::new());
    }

    /// The plans that were kept, in the order of their statements; no more are kept.
    pub fn take_plans(&self) -> Vec<Plan> {
        let plans = self.watch.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        plans.into_iter().flatten().map(|(statement, lines)| Plan { statement, lines }).collect()
    }

    /// Does at once what PostgreSQL does by itself some time after many rows came in: cleans up and counts what its
    /// planner goes by. SQLite needs neither.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn vacuum(&self) -> Result<(), StoreError> {
        if let (Pool::Postgres(pool), Some(vacuum)) = (&self.pool, self.dialect().vacuum()) {
            sqlx::query(vacuum).execute(pool).await?;
        }
        Ok(())
    }

    /// Keeps the plan of a statement, if somebody watches.
    pub(super) async fn note_plan(&self, statement: &Statement) -> Result<(), StoreError> {
        let is_unknown = |plans: &BTreeMap<String, Vec<String>>| !plans.contains_key(statement.text());
        if !self.watch.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(is_unknown) {
            return Ok(());
        }
        let mut explain = Statement::new(self.dialect().explain());
        explain.push_statement(statement);
        let lines: Vec<String> = match self.dialect() {
            Dialect::Sqlite => {
                let rows: Vec<(i64, i64, i64, String)> = on_read!(self, |db| explain.query_as()?.fetch_all(db).await?);
                rows.into_iter().map(|(_, _, _, line)| line).collect()
            }
            Dialect::Postgres => {
                let rows: Vec<(String,)> = on_read!(self, |db| explain.query_as()?.fetch_all(db).await?);
                rows.into_iter().map(|(line,)| line).collect()
            }
        };
        if let Some(plans) = self.watch.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            plans.insert(statement.text().to_owned(), lines);
        }
        Ok(())
    }
}
