//! How a command ends: its exit code, and the one message of a failure.

use std::io;
use std::process::ExitCode;

use thiserror::Error;

use crate::cli::convert::ConvertError;
use crate::config::problem::ConfigError;
use crate::engine::error::{Error, chain};
use crate::store::error::StoreError;

/// The end of a command that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Done,
    /// It ran, and what it found or did is not well; it has said so already.
    Unwell,
    /// It ran, and found that it is the configuration that is wrong; it has said so already.
    Misconfigured,
    /// A part of the input was rejected; the rest was taken.
    Rejected,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Unwell => Self::from(1),
            Exit::Misconfigured => Self::from(2),
            Exit::Rejected => Self::from(3),
        }
    }
}

/// Why a command could not be carried out.
#[derive(Debug, Error)]
pub enum Failure {
    /// It could not; exit code 1.
    #[error("{0}")]
    Failed(String),
    /// What it was told makes no sense; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Whoever read the output has gone, as `head` does; nothing is wrong.
    #[error("nobody reads the output any more")]
    OutputClosed,
}

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// A failure of a file: what was done with it, and what the system says.
    pub fn io(what: impl std::fmt::Display, error: &io::Error) -> Self {
        Self::Failed(format!("{what}: {error}"))
    }

    /// The exit code.
    pub fn code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(chain(&error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Failed(chain(&error))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<ConvertError> for Failure {
    fn from(error: ConvertError) -> Self {
        match &error {
            ConvertError::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Failed(chain(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_every_cause_once() {
        let file = std::path::PathBuf::from("model.onnx");
        let source = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let error = Error::from(crate::embedding::error::EmbeddingError::MissingFile { path: file, source });
        assert_eq!(chain(&error), "model.onnx cannot be read: run `make models`: no such file");
    }

    #[test]
    fn output_that_nobody_reads_is_no_failure() {
        let source = io::Error::from(io::ErrorKind::BrokenPipe);
        let failure = Failure::from(ConvertError::Write { name: "x".to_owned(), source });
        assert_eq!(failure.code(), ExitCode::SUCCESS);
        assert_eq!(Failure::Usage(String::new()).code(), ExitCode::from(2));
    }
}
