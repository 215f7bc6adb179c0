//! What can go wrong in the store, by what the caller can do about it.

use thiserror::Error;

use crate::domain::error::ErrorClass;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A failure of the store. None of its texts holds a row's content or the database URL.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The settings cannot work; the text says which and why.
    #[error("{0}")]
    Settings(String),
    /// The database could not be opened, or its schema not be brought up to date.
    #[error("cannot open the database: {what}")]
    Open {
        /// What was being done, in words.
        what: &'static str,
        /// What the driver said.
        #[source]
        source: Source,
    },
    /// The database is away, busy or chose this transaction as the victim of a deadlock: the same call may work later.
    #[error("the database is not available now")]
    Unavailable(#[source] Source),
    /// Such a row is there already.
    #[error("a row with this key exists already")]
    Conflict(#[source] Source),
    /// The row that this one belongs to is not there, or is still needed.
    #[error("a row that this one refers to does not exist, or still refers to it")]
    MissingReference(#[source] Source),
    /// A value that the database cannot hold, such as a NUL character in a text on PostgreSQL.
    #[error("the database cannot hold this value")]
    InvalidValue(#[source] Source),
    /// A stored value that this version cannot read: it was written by a newer one, or by hand.
    #[error("cannot read column {column}: {problem}")]
    Corrupt {
        /// Which column.
        column: &'static str,
        /// What is wrong with it; never its content.
        problem: String,
    },
    /// A statement failed in another way.
    #[error("a statement failed")]
    Statement(#[source] Source),
}

impl StoreError {
    /// What the caller can do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable(_) => ErrorClass::Transient,
            Self::Conflict(_) => ErrorClass::Conflict,
            Self::MissingReference(_) => ErrorClass::NotFound,
            Self::InvalidValue(_) => ErrorClass::Caller,
            Self::Settings(_) | Self::Open { .. } | Self::Corrupt { .. } | Self::Statement(_) => ErrorClass::Permanent,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;

        match &error {
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::UniqueViolation => Self::Conflict(error.into()),
                ErrorKind::ForeignKeyViolation => Self::MissingReference(error.into()),
                ErrorKind::NotNullViolation | ErrorKind::CheckViolation | ErrorKind::ExclusionViolation => {
                    Self::InvalidValue(error.into())
                }
                _ => from_code(database.code().unwrap_or_default().into_owned(), error),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(error.into()),
            _ => Self::Statement(error.into()),
        }
    }
}

/// Sorts by SQLSTATE (five characters) or by SQLite's extended result code (a number).
fn from_code(code: String, error: sqlx::Error) -> StoreError {
    if code.len() == 5 {
        return match code.as_str() {
            // A text with a NUL character, as such and inside JSON.
            "22021" | "22P05" => StoreError::InvalidValue(error.into()),
            // Serialisation failure, deadlock, lock not available, connection lost, server full or stopping.
            "40001" | "40P01" | "55P03" => StoreError::Unavailable(error.into()),
            other if ["08", "53", "57"].iter().any(|class| other.starts_with(class)) => {
                StoreError::Unavailable(error.into())
            }
            _ => StoreError::Statement(error.into()),
        };
    }
    // The low byte is the primary code: SQLITE_BUSY 5, SQLITE_LOCKED 6, SQLITE_IOERR 10, SQLITE_FULL 13.
    match code.parse::<u32>().map(|number| number & 0xff) {
        Ok(5 | 6 | 10 | 13) => StoreError::Unavailable(error.into()),
        _ => StoreError::Statement(error.into()),
    }
}
