//! What can go wrong with the vector index.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::domain::error::ErrorClass;

/// A failure of the vector index. Cloned to everybody who waited for the same flush.
#[derive(Clone, Debug, Error)]
pub enum IndexError {
    /// A vector of another model.
    #[error("the vector has {given} dimensions, the index has {expected}")]
    Dimension {
        /// Dimensions of the vector.
        given: usize,
        /// Dimensions of the index.
        expected: usize,
    },
    /// The queue is full.
    #[error("the vector index has too much waiting; try again in a moment")]
    Overloaded,
    /// The deadline passed while the search waited in line.
    #[error("the deadline passed before the search began")]
    Late,
    /// The index was closed.
    #[error("the vector index is closed")]
    Closed,
    /// The engine refused or failed.
    #[error("the vector index could not {action}")]
    Engine {
        /// What was tried.
        action: &'static str,
        /// The engine's own words.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The engine panicked in a read; the next one may work.
    #[error("the vector index panicked: {0}")]
    Panicked(String),
    /// The engine panicked in a write or an optimisation. The index takes no more writes until it is opened anew, which
    /// brings it to the last acknowledged state.
    #[error("the vector index failed and must be opened anew (restart Turnwise): {0}")]
    Failed(String),
    /// A point that cannot be read; the index has to be built anew.
    #[error("the vector index holds a point that is not Turnwise's ({0}); build it anew with `turnwise reindex`")]
    Foreign(String),
    /// A file or a thread.
    #[error("{action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: Arc<std::io::Error>,
    },
}

impl IndexError {
    /// What the caller can do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Dimension { .. } => ErrorClass::Caller,
            Self::Overloaded | Self::Late => ErrorClass::Overloaded,
            Self::Foreign(_) => ErrorClass::Permanent,
            Self::Closed | Self::Engine { .. } | Self::Panicked(_) | Self::Failed(_) | Self::Io { .. } => {
                ErrorClass::Transient
            }
        }
    }

    /// Wraps an error of the engine.
    pub(super) fn engine<E>(action: &'static str) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Self::Engine { action, source: Arc::new(source) }
    }

    /// Wraps an error of the file system.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source: Arc::new(source) }
    }

    /// A lock that a panic left behind.
    pub(super) fn poisoned() -> Self {
        Self::Failed("a thread panicked while it held the shard".to_owned())
    }

    /// The words of a panic.
    pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
    }
}
