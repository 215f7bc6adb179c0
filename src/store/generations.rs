//! Index generations: which complete sets of vectors there are. Shared by all tenants.

use crate::domain::clock::Timestamp;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::{moment, position};
use crate::store::statement::Statement;
use crate::store::tx::Tx;

/// One complete set of vectors made by one embedding model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its name, such as `multilingual-e5-small-1`.
    pub name: String,
    /// The model that makes its vectors.
    pub model: String,
    /// Numbers in one vector.
    pub dimension: usize,
    /// When it was begun.
    pub created_at: Timestamp,
}

statements! {
    GENERATIONS = "SELECT name, model, dimension, created_at FROM generations ORDER BY created_at, name";
    INSERT_GENERATION = "INSERT INTO generations (name, model, dimension, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (name) DO NOTHING";
    DELETE_MARKS_OF_GENERATION = "DELETE FROM index_marks WHERE generation = $1";
    DELETE_GENERATION = "DELETE FROM generations WHERE name = $1";
}

impl Store {
    /// All generations, the oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        let rows: Vec<(String, String, i64, i64)> = self.rows(Statement::new(GENERATIONS)).await?;
        let read = |(name, model, dimension, created_at)| {
            let dimension = position("generations.dimension", dimension)?;
            Ok(Generation { name, model, dimension, created_at: moment(created_at) })
        };
        rows.into_iter().map(read).collect()
    }
}

impl Tx {
    /// Stores a generation; one with this name stays as it is. `false` when it was there.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn insert_generation(&mut self, generation: &Generation) -> Result<bool, StoreError> {
        let statement = Statement::new(INSERT_GENERATION)
            .bind(&generation.name)
            .bind(&generation.model)
            .bind(generation.dimension)
            .bind(generation.created_at);
        Ok(self.execute(statement).await? > 0)
    }

    /// Forgets what is indexed in a generation, of all tenants: it will be indexed from the beginning.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn unmark_generation(&mut self, name: &str) -> Result<u64, StoreError> {
        self.execute(Statement::new(DELETE_MARKS_OF_GENERATION).bind(name)).await
    }

    /// Forgets a generation and what is indexed in it. `false` when there is none.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn delete_generation(&mut self, name: &str) -> Result<bool, StoreError> {
        self.unmark_generation(name).await?;
        Ok(self.execute(Statement::new(DELETE_GENERATION).bind(name)).await? > 0)
    }
}
