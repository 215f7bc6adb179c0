//! What is wrong with a value that came from outside.

use thiserror::Error;

/// A field that cannot be taken as it is: which one, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// Where it stands, in dots and brackets: `turns[3].text`.
    pub field: String,
    /// What is expected instead; readable on its own.
    pub message: String,
}

impl FieldError {
    /// Names a field and what is expected of it.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// What a caller can do about a failure of something outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The request was wrong; it must be changed.
    Caller,
    /// What was asked for does not exist.
    NotFound,
    /// It collides with what is there.
    Conflict,
    /// Too much at once; the same request may work later.
    Overloaded,
    /// The other side is slow or away; the same request may work later.
    Transient,
    /// Repeating it will not help.
    Permanent,
}
