//! What a curator decides about a case, and what taking that back needs.
//!
//! Guarantees: what is kept for taking back holds ids and states, never words: those of an erased conversation could come
//! back with it.

use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::entry_version::{Editor, EntrySnapshot};
use crate::domain::ids::{ConversationId, EntryId, ExemplarId};
use crate::domain::knowledge::{CaseKind, EntryStatus};

word_enum!(
    /// Whether somebody has decided a case.
    CaseState {
        /// Nobody has.
        Open = "open",
        /// Somebody has, and it can be taken back.
        Decided = "decided",
    }
);

word_enum!(
    /// What a curator decides about a case.
    Decision {
        /// The other entry goes up in the entry: exemplars move, evidence counts for it, the other is retired.
        Merge = "merge",
        /// The entry is right; the other is retired.
        KeepEntry = "keep_entry",
        /// The other is right; the entry is retired.
        KeepOther = "keep_other",
        /// Both stay as they are.
        KeepBoth = "keep_both",
        /// What was held back is offered.
        Approve = "approve",
        /// What was held back is retired.
        Reject = "reject",
    }
);

impl Decision {
    /// The decisions that a case of this kind can have.
    pub const fn of_kind(kind: CaseKind) -> &'static [Self] {
        match kind {
            CaseKind::NearDuplicate => &[Self::Merge, Self::KeepBoth],
            CaseKind::Contradiction => &[Self::KeepEntry, Self::KeepOther, Self::KeepBoth],
            CaseKind::Quarantined | CaseKind::Suspect => &[Self::Approve, Self::Reject],
        }
    }
}

/// What somebody decided about a case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseDecision {
    /// What.
    pub decision: Decision,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Who.
    pub editor: Editor,
    /// When.
    pub decided_at: Timestamp,
    /// What it changed.
    pub undo: CaseUndo,
}

/// What a decision changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseUndo {
    /// Entries that have another status since.
    pub statuses: Vec<StatusChange>,
    /// Exemplars that went from the other entry to the entry.
    pub moved: Vec<MovedPhrase>,
    /// Evidence of the other entry that counts for the entry, too.
    pub evidence: Vec<EvidencePlace>,
}

/// Another status of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusChange {
    /// The entry.
    pub entry_id: EntryId,
    /// Before the decision.
    pub before: EntryStanding,
    /// By the decision.
    pub after: EntryStanding,
}

/// Whether an entry is offered, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryStanding {
    /// Whether it is offered.
    pub status: EntryStatus,
    /// Why, when that is not plain.
    pub reason: Option<String>,
    /// Whether a person decided that.
    pub is_curated: bool,
}

impl EntryStanding {
    /// That of an entry.
    pub fn of(snapshot: &EntrySnapshot) -> Self {
        Self { status: snapshot.status, reason: snapshot.status_reason.clone(), is_curated: snapshot.curated.status }
    }

    /// As a person decides it.
    pub fn decided(status: EntryStatus, reason: Option<String>) -> Self {
        Self { status, reason, is_curated: true }
    }

    /// The entry with this standing, and else as it is.
    pub fn onto(&self, snapshot: &EntrySnapshot) -> EntrySnapshot {
        let mut after = snapshot.clone();
        (after.status, after.status_reason) = (self.status, self.reason.clone());
        after.curated.status = self.is_curated;
        after
    }
}

/// An exemplar that went from one entry to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedPhrase {
    /// What it was.
    pub from: ExemplarId,
    /// What it is.
    pub to: ExemplarId,
    /// Whether the entry did not have one that sounds the same.
    pub is_new: bool,
    /// Where it was said first, if it was said.
    pub first: Option<SaidAt>,
    /// Every place where it was said.
    pub sources: Vec<SaidAt>,
}

/// A place where an exemplar was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SaidAt {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Ordinal of the user turn.
    pub turn: usize,
}

/// A place that is evidence for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EvidencePlace {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Ordinal of the agent turn that answered.
    pub answer_turn: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_decided_and_every_decision_has_a_kind() {
        let of_all: Vec<&Decision> = CaseKind::ALL.iter().flat_map(|kind| Decision::of_kind(*kind)).collect();
        for kind in CaseKind::ALL {
            assert!(Decision::of_kind(*kind).len() >= 2, "{kind}");
        }
        for decision in Decision::ALL {
            assert!(of_all.contains(&decision), "{decision}");
        }
    }

    #[test]
    fn an_undo_is_read_back() {
        let place = SaidAt { conversation_id: ConversationId(uuid::Uuid::from_u128(7)), turn: 2 };
        let exemplar = ExemplarId(uuid::Uuid::from_u128(8));
        let moved =
            MovedPhrase { from: exemplar, to: exemplar, is_new: true, first: Some(place), sources: vec![place] };
        let live = EntryStanding { status: EntryStatus::Live, reason: None, is_curated: false };
        let retired = EntryStanding::decided(EntryStatus::Retired, Some("why".to_owned()));
        let entry_id = EntryId(uuid::Uuid::from_u128(9));
        let undo = CaseUndo {
            statuses: vec![StatusChange { entry_id, before: live, after: retired }],
            moved: vec![moved],
            evidence: vec![EvidencePlace { conversation_id: place.conversation_id, answer_turn: 3 }],
        };
        let text = serde_json::to_string(&undo).expect("it is JSON");
        assert_eq!(serde_json::from_str::<CaseUndo>(&text).expect("it is read"), undo);
    }
}
