//! Training sessions: learning from many conversations that somebody started, and labels that callers give.

use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::domain::conversation::{ConversationStatus, Outcome, word_enum};
use crate::domain::ids::{ConversationId, SessionId};
use crate::domain::language::Language;

word_enum!(
    /// What a session does.
    SessionKind {
        /// Learns from conversations that are not learned from yet, or that failed.
        ProcessNew = "process_new",
        /// Takes back what was learned from conversations and learns from them anew.
        Relearn = "relearn",
        /// Computes the success of every entry anew, as of now.
        RefreshMetrics = "refresh_metrics",
    }
);

word_enum!(
    /// Where a session stands.
    SessionStatus {
        /// Waits for its moment.
        Scheduled = "scheduled",
        /// At work.
        Running = "running",
        /// Somebody stopped it for now.
        Paused = "paused",
        /// At its end; conversations that failed are listed.
        Completed = "completed",
        /// It could not go on itself.
        Failed = "failed",
        /// Somebody stopped it for good.
        Cancelled = "cancelled",
    }
);

/// Which conversations a session is about; what is empty does not filter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// These alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conversation_ids: Vec<ConversationId>,
    /// Their category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// How they ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Their language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Which agent spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Begun at this moment or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Begun before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Where they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ConversationStatus>,
    /// An earlier version of the pipeline than this one made their record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below_version: Option<i64>,
}

/// What a session made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Created {
    /// Knowledge entries.
    pub entries: i64,
    /// Exemplars of entries.
    pub exemplars: i64,
    /// Training records.
    pub records: i64,
}

/// Why something of a session failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFailure {
    /// The conversation; `None` when it was the session itself.
    pub conversation_id: Option<ConversationId>,
    /// What went wrong; no text of a turn.
    pub error: String,
}

/// A training session.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// What people call it.
    pub name: String,
    /// What it does.
    pub kind: SessionKind,
    /// Where it stands.
    pub status: SessionStatus,
    /// It begins at this moment at the earliest.
    pub run_at: Timestamp,
    /// The pattern of a schedule.
    pub cron: Option<String>,
    /// Which conversations it is about.
    pub selection: Selection,
    /// How many of its items are at their end, failed ones included.
    pub done: i64,
    /// How many there are, as counted at its start.
    pub total: i64,
    /// What it made.
    pub created: Created,
    /// What failed: at most 100.
    pub failures: Vec<SessionFailure>,
    /// When somebody started it.
    pub created_at: Timestamp,
    /// When its work began.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}

/// Labels that a caller gives; they win over what analysis finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The phone platform's id of the call.
    pub call_id: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// What the user wanted; empty when nobody said.
    pub intents: Vec<String>,
}

impl Labels {
    /// These labels, and those of before where these say nothing.
    pub fn over(self, before: &Self) -> Self {
        Self {
            call_id: self.call_id.or_else(|| before.call_id.clone()),
            category: self.category.or_else(|| before.category.clone()),
            intents: if self.intents.is_empty() { before.intents.clone() } else { self.intents },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_is_not_given_again_stays() {
        let labels = |call_id: Option<&str>, category: Option<&str>, intents: &[&str]| Labels {
            call_id: call_id.map(str::to_owned),
            category: category.map(str::to_owned),
            intents: intents.iter().map(|intent| (*intent).to_owned()).collect(),
        };
        let before = labels(Some("c-1"), Some("sales"), &["booking"]);
        assert_eq!(Labels::default().over(&before), before);
        let over = labels(None, Some("support"), &["refund"]).over(&before);
        assert_eq!(over, labels(Some("c-1"), Some("support"), &["refund"]));
    }

    #[test]
    fn a_selection_is_read_as_it_was_written() {
        let selection = Selection {
            conversation_ids: vec![ConversationId(uuid::Uuid::from_u128(7))],
            outcome: Some(Outcome::Partial),
            language: Language::parse("en").ok(),
            from: Some(Timestamp::from_millis(5)),
            ..Selection::default()
        };
        let written = serde_json::to_value(&selection).expect("plain values");
        assert_eq!(serde_json::from_value::<Selection>(written).ok(), Some(selection));
        assert_eq!(serde_json::from_value::<Selection>(serde_json::json!({})).ok(), Some(Selection::default()));
    }
}
