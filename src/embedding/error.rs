//! What can go wrong while loading a model or embedding a text.

use std::path::PathBuf;

use thiserror::Error;

use crate::domain::error::ErrorClass;
use crate::embedding::lane::Lane;

/// The reason that a library gives; kept as the source of an [`EmbeddingError`].
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a model could not be loaded, or a text not be embedded. No message repeats a text.
#[derive(Debug, Error)]
pub enum EmbeddingError {
    /// There was no text to embed.
    #[error("text {position} is empty")]
    EmptyText {
        /// Which of the texts, from 0.
        position: usize,
    },

    /// The manifest has no such model.
    #[error("there is no model {name:?}; models/manifest.toml has {known}")]
    UnknownModel {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },

    /// A file of a model, or the library, is not where it should be.
    #[error("{} cannot be read: run `make models`", path.display())]
    MissingFile {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },

    /// A file of a model, or the library, is not what it should be.
    #[error("{} cannot be used: delete it and run `make models`", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Cause,
    },

    /// ONNX Runtime can be loaded once in a process, and was, from somewhere else.
    #[error("{} cannot be loaded: this process already uses {}", wanted.display(), loaded.display())]
    LibraryLoaded {
        /// The library that was asked for.
        wanted: PathBuf,
        /// The library in use.
        loaded: PathBuf,
    },

    /// The thread of a lane could not be started.
    #[error("the {lane} lane of {model} cannot be started")]
    Thread {
        /// The model.
        model: String,
        /// The lane.
        lane: Lane,
        /// Why not.
        source: std::io::Error,
    },

    /// As many requests as allowed wait already.
    #[error("the {lane} lane of {model} has too many requests waiting")]
    Overloaded {
        /// The model.
        model: String,
        /// The lane.
        lane: Lane,
    },

    /// The deadline passed before the vectors were there.
    #[error("the deadline passed before the text was embedded")]
    DeadlineExceeded,

    /// The model failed on a text.
    #[error("{model} failed")]
    Inference {
        /// The model.
        model: String,
        /// Why.
        source: Cause,
    },

    /// The code around the model panicked; the lane goes on with the next text.
    #[error("{model} panicked: {message}")]
    Panicked {
        /// The model.
        model: String,
        /// The message of the panic.
        message: String,
    },

    /// The model answered with something that is not a vector of its dimension.
    #[error("{model} gave a vector that is not of {dimension} finite numbers")]
    BadVector {
        /// The model.
        model: String,
        /// The dimension that the manifest states.
        dimension: usize,
    },

    /// The lane stopped while the request was waiting, because the program ends.
    #[error("the {lane} lane of {model} has stopped")]
    Stopped {
        /// The model.
        model: String,
        /// The lane.
        lane: Lane,
    },
}

impl EmbeddingError {
    /// What a caller can do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::EmptyText { .. } => ErrorClass::Caller,
            Self::UnknownModel { .. } => ErrorClass::NotFound,
            Self::Overloaded { .. } => ErrorClass::Overloaded,
            // A failed inference is mostly a lack of memory; whoever repeats it stops after some attempts.
            Self::DeadlineExceeded | Self::Inference { .. } | Self::Stopped { .. } => ErrorClass::Transient,
            Self::MissingFile { .. }
            | Self::BadFile { .. }
            | Self::LibraryLoaded { .. }
            | Self::Thread { .. }
            | Self::Panicked { .. }
            | Self::BadVector { .. } => ErrorClass::Permanent,
        }
    }
}
