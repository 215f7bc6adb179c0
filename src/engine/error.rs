//! The one error of the services.

use thiserror::Error;

use crate::domain::error::{ErrorClass, FieldError};
use crate::embedding::error::EmbeddingError;
use crate::index::error::IndexError;
use crate::store::error::StoreError;

/// Why a service could not do what it was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// Fields that cannot be taken as they are; all of them.
    #[error("{}", list(.0))]
    Invalid(Vec<FieldError>),
    /// There is no such thing.
    #[error("there is no {what} {id}")]
    NotFound {
        /// `conversation`, `entry`, …
        what: &'static str,
        /// As it was asked for.
        id: String,
    },
    /// It collides with what is there.
    #[error("{0}")]
    Conflict(String),
    /// Too much at once.
    #[error("too many requests are in flight; try again in a moment")]
    Overloaded,
    /// A setting cannot be used.
    #[error("{key}: {message}")]
    Configuration {
        /// The dotted key.
        key: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vector index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The embedding model.
    #[error(transparent)]
    Embedding(#[from] EmbeddingError),
}

impl Error {
    /// What a caller can do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Invalid(_) => ErrorClass::Caller,
            Self::NotFound { .. } => ErrorClass::NotFound,
            Self::Conflict(_) => ErrorClass::Conflict,
            Self::Overloaded => ErrorClass::Overloaded,
            Self::Configuration { .. } => ErrorClass::Permanent,
            Self::Store(error) => error.class(),
            Self::Index(error) => error.class(),
            Self::Embedding(error) => error.class(),
        }
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Self::Invalid(vec![error])
    }
}

fn list(errors: &[FieldError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// An error with all its sources, in one line; a source that is quoted already is not repeated.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}
