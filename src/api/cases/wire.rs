//! Cases as they are answered.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::knowledge::wire::EntryBody;
use crate::domain::case_decision::{CaseState, Decision};
use crate::domain::clock::Timestamp;
use crate::domain::knowledge::CaseKind;
use crate::store::cases::StoredCase;

/// What a curator should look at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Case)]
pub struct CaseBody {
    /// Its id.
    id: Uuid,
    /// What it is.
    kind: CaseKind,
    /// Whether it is decided.
    state: CaseState,
    /// The entry that it is about.
    entry_id: Uuid,
    /// The other entry; null where it is about one.
    #[schema(required)]
    other_id: Option<Uuid>,
    /// Why it is one, readable on its own.
    detail: String,
    /// The decisions that it can have.
    decisions: Vec<Decision>,
    /// What was decided; null while it is open.
    #[schema(required)]
    decision: Option<Decision>,
    /// Why, in the words of who decided.
    #[schema(required)]
    reason: Option<String>,
    /// Who decided: the name of the key.
    #[schema(required)]
    decided_by: Option<String>,
    /// When it was decided.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    decided_at: Option<Timestamp>,
    /// When it was noticed.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// A case with the entries that it is about, as they are now.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseWithEntries {
    #[serde(flatten)]
    about: CaseBody,
    /// The entry.
    entry: EntryBody,
    /// The other entry; null where the case is about one.
    #[schema(required)]
    other: Option<EntryBody>,
}

impl From<StoredCase> for CaseBody {
    fn from(stored: StoredCase) -> Self {
        let (case, decided) = (stored.case, stored.decided);
        Self {
            id: case.id.0,
            kind: case.kind,
            state: if decided.is_some() { CaseState::Decided } else { CaseState::Open },
            entry_id: case.entry_id.0,
            other_id: case.other_id.map(|id| id.0),
            detail: case.detail,
            decisions: Decision::of_kind(case.kind).to_vec(),
            decision: decided.as_ref().map(|decided| decided.decision),
            reason: decided.as_ref().and_then(|decided| decided.reason.clone()),
            decided_by: decided.as_ref().and_then(|decided| decided.editor.name.clone()),
            decided_at: decided.as_ref().map(|decided| decided.decided_at),
            created_at: case.created_at,
        }
    }
}

impl CaseWithEntries {
    /// A case beside its entries.
    pub fn new(stored: StoredCase, entry: EntryBody, other: Option<EntryBody>) -> Self {
        Self { about: stored.into(), entry, other }
    }
}
