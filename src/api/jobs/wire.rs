//! Jobs as they are answered: never with their payload.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::store::jobs::{Job, JobState};

/// A piece of work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobBody {
    /// Its id.
    id: Uuid,
    /// What is done.
    kind: String,
    /// Where it stands.
    state: JobState,
    /// How often it was begun.
    attempts: i64,
    /// Not before this moment.
    #[schema(value_type = String, format = DateTime)]
    run_at: Timestamp,
    /// When it was queued.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was done, given up or cancelled; null before.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// When others may take it over from the worker that runs it; null while none does.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    lease_end: Option<Timestamp>,
    /// Why the last attempt failed.
    #[schema(required)]
    last_error: Option<String>,
    /// The request that it follows from.
    #[schema(required)]
    trace_id: Option<String>,
    /// The conversation that it is about, if it is about one.
    #[schema(required)]
    conversation_id: Option<Uuid>,
}

impl From<&Job> for JobBody {
    fn from(job: &Job) -> Self {
        Self {
            id: job.id.0,
            kind: job.kind.clone(),
            state: job.state,
            attempts: job.attempts,
            run_at: job.run_at,
            created_at: job.created_at,
            finished_at: job.finished_at,
            lease_end: job.lease_end,
            last_error: job.last_error.clone(),
            trace_id: job.trace_id.clone(),
            conversation_id: job.conversation_id().map(|id| id.0),
        }
    }
}
