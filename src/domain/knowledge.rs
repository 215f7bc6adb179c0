//! What was learned: entries, the exemplars that they answer, and the evidence behind them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Outcome, word_enum};
use crate::domain::error::FieldError;
use crate::domain::ids::{CaseId, ConversationId, EntryId, ExemplarId};
use crate::domain::language::Language;
use crate::domain::success::{Posterior, SuccessRate};

word_enum!(
    /// The kinds of reusable things to say or do.
    KnowledgeType {
        /// A user's question and the agent's answer.
        Faq = "faq",
        /// What good agents say in a recurring situation.
        ResponsePattern = "response_pattern",
        /// An objection, and the reply after which the user went along.
        ObjectionHandling = "objection_handling",
    }
);

word_enum!(
    /// Whether an entry is offered to agents.
    EntryStatus {
        /// Not enough evidence yet.
        Candidate = "candidate",
        /// Held back for a curator, with a reason.
        Quarantined = "quarantined",
        /// Measured without being shown.
        Shadow = "shadow",
        /// Offered.
        Live = "live",
        /// Offered no more, because its success fell; a curator decides.
        Suspect = "suspect",
        /// Given up.
        Retired = "retired",
    }
);

word_enum!(
    /// What a curator should look at.
    CaseKind {
        /// Two entries say nearly the same.
        NearDuplicate = "near_duplicate",
        /// Two entries answer the same question differently.
        Contradiction = "contradiction",
        /// An entry was held back.
        Quarantined = "quarantined",
        /// An entry's success fell, so it is not offered.
        Suspect = "suspect",
    }
);

impl KnowledgeType {
    /// Reads a type as callers name it, old names included.
    ///
    /// # Errors
    /// When the word is neither a type nor one of the old names `response_template` and `support_pattern`.
    pub fn parse_lenient(text: &str) -> Result<Self, FieldError> {
        match text {
            "response_template" | "support_pattern" => Ok(Self::ResponsePattern),
            other => other.parse().map_err(|error: FieldError| FieldError::new("knowledge_type", error.message)),
        }
    }
}

/// One reusable thing to say or do.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// Its kind.
    pub knowledge_type: KnowledgeType,
    /// The category of the conversations that it came from.
    pub category: String,
    /// The intent that it serves, when one was recognised.
    pub intent: Option<String>,
    /// A short heading: the question or the situation.
    pub title: String,
    /// What to say or do; redacted.
    pub content: String,
    /// Language of the content.
    pub language: Language,
    /// Whether it is offered.
    pub status: EntryStatus,
    /// Why it has this status, when that is not plain.
    pub status_reason: Option<String>,
    /// How often it led to success.
    pub posterior: Posterior,
    /// The success rate that a person or an import gave, 0 to 1: the prior in place of the evidence.
    pub prior_rate: Option<f64>,
    /// What of it a person wrote or decided.
    pub curated: Curated,
    /// Conversations that gave this answer, whatever their outcome.
    pub evidence_count: i64,
    /// When it was first learned.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What of an entry a person wrote or decided: learning leaves it as it is, whatever conversations show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curated {
    /// The title.
    pub title: bool,
    /// The content.
    pub content: bool,
    /// The exemplars: a person took some away, so none are learned any more.
    pub phrases: bool,
    /// The status.
    pub status: bool,
}

impl Entry {
    /// What its success rate begins with, before any use: the rate that was given, else its evidence.
    ///
    /// A conversation counts once, however often the answer was given in it.
    pub fn prior(&self, evidence: &[Evidence]) -> Posterior {
        if let Some(rate) = self.prior_rate {
            return Posterior::from_prior_rate(rate);
        }
        let per_conversation: BTreeMap<ConversationId, f64> =
            evidence.iter().map(|e| (e.conversation_id, e.success_score)).collect();
        let scores: Vec<f64> = per_conversation.into_values().collect();
        Posterior::from_evidence(&scores)
    }

    /// How often it led to success, as callers are told: a rate that was given stands unchanged until the first use.
    pub fn success(&self) -> SuccessRate {
        let told = self.posterior.rate();
        match self.prior_rate {
            Some(rate) if told.uses == 0 => {
                SuccessRate { rate, low: told.low.min(rate), high: told.high.max(rate), uses: 0 }
            }
            _ => told,
        }
    }
}

/// A user utterance that an entry answers; one point of the exemplar index.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Its id, and that of its point.
    pub id: ExemplarId,
    /// The entry that answers it.
    pub entry_id: EntryId,
    /// The utterance, redacted.
    pub text: String,
    /// Its language.
    pub language: Language,
    /// Where it was said; `None` for a curator's own.
    pub conversation_id: Option<ConversationId>,
    /// Ordinal of the user turn in that conversation.
    pub turn: Option<usize>,
    /// When it was learned.
    pub created_at: Timestamp,
}

/// A place in a conversation that an entry was learned from or was given in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// The entry.
    pub entry_id: EntryId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Ordinal of the user turn.
    pub question_turn: usize,
    /// Ordinal of the agent turn that answered.
    pub answer_turn: usize,
    /// Who called: the caller's hash, or the conversation when nobody is named.
    #[serde(skip)]
    pub caller: String,
    /// The success score of the conversation, 0 to 1.
    pub success_score: f64,
    /// How the conversation ended.
    pub outcome: Outcome,
}

/// Something that a curator should decide.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its id, derived from what it is about, so that it is recorded once.
    pub id: CaseId,
    /// What it is.
    pub kind: CaseKind,
    /// The entry that it is about.
    pub entry_id: EntryId,
    /// The other entry, if there is one.
    pub other_id: Option<EntryId>,
    /// The reason, readable on its own.
    pub detail: String,
    /// When it was noticed.
    pub created_at: Timestamp,
}
