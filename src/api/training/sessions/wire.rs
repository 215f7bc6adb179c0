//! Training sessions as they are answered.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::training::{Session, SessionKind, SessionStatus};

/// A training session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrainingSession)]
pub struct SessionBody {
    /// Its id.
    id: Uuid,
    /// What people call it.
    name: String,
    /// What it does.
    kind: SessionKind,
    /// Where it stands.
    status: SessionStatus,
    /// It begins at this moment at the earliest.
    #[schema(value_type = String, format = DateTime)]
    run_at: Timestamp,
    /// The pattern of a schedule; null for a session that runs once.
    #[schema(required)]
    cron: Option<String>,
    /// How far it is.
    progress: ProgressBody,
    /// What it made.
    created: CreatedBody,
    /// What failed, at most 100.
    failures: Vec<FailureBody>,
    /// When somebody started it.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its work began; null before.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it came to its end; null before.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

/// How far a session is: in conversations; with `refresh_metrics` in entries.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionProgress)]
pub struct ProgressBody {
    /// How many are done, failed ones included.
    done: i64,
    /// How many there are to do, as counted when its work began.
    total: i64,
}

/// What a session made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionCreated)]
pub struct CreatedBody {
    /// Knowledge entries.
    entries: i64,
    /// Exemplars of entries.
    exemplars: i64,
    /// Training records.
    records: i64,
}

/// Something of a session that failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionFailure)]
pub struct FailureBody {
    /// The conversation; null when it was the session itself.
    #[schema(required)]
    conversation_id: Option<Uuid>,
    /// What went wrong.
    error: String,
}

impl From<Session> for SessionBody {
    fn from(session: Session) -> Self {
        let failures = session.failures.into_iter();
        Self {
            id: session.id.0,
            name: session.name,
            kind: session.kind,
            status: session.status,
            run_at: session.run_at,
            cron: session.cron,
            progress: ProgressBody { done: session.done, total: session.total },
            created: CreatedBody {
                entries: session.created.entries,
                exemplars: session.created.exemplars,
                records: session.created.records,
            },
            failures: failures
                .map(|failure| FailureBody {
                    conversation_id: failure.conversation_id.map(|id| id.0),
                    error: failure.error,
                })
                .collect(),
            created_at: session.created_at,
            started_at: session.started_at,
            finished_at: session.finished_at,
        }
    }
}
