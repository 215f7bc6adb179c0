//! How a conversation ended: an explicit label first, then the evidence in the dialogue.

use crate::domain::classify::outcome::Verdict;
use crate::domain::conversation::{Conversation, Outcome, OutcomeSource};

/// How much a rating counts beside a given outcome.
const RATING_BESIDE_LABEL: f64 = 0.2;
/// How much a rating counts beside the evidence in the dialogue.
const RATING_BESIDE_EVIDENCE: f64 = 0.4;

/// An outcome with its grounds.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedOutcome {
    /// How it ended.
    pub outcome: Outcome,
    /// Who says so.
    pub source: OutcomeSource,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
    /// How successful it was, 0 to 1.
    pub success_score: f64,
    /// The grounds, as a sentence.
    pub reason: String,
}

/// Judges how a conversation ended; `verdict` is what the dialogue says, `None` when too little was said.
///
/// A given outcome is believed, and its score is moved a little by the satisfaction; a given `unknown` says that nobody
/// told, so the dialogue decides.
pub fn judge_outcome(conversation: &Conversation, verdict: Option<Verdict>) -> JudgedOutcome {
    let rating = conversation.satisfaction.map(|stars| (stars - 1) as f64 / 4.0);
    let rated = |score: f64, weight: f64| rating.map_or(score, |rating| (1.0 - weight) * score + weight * rating);
    match (conversation.outcome, verdict) {
        (Some(outcome), _) if outcome != Outcome::Unknown => JudgedOutcome {
            outcome,
            source: OutcomeSource::Caller,
            confidence: 1.0,
            success_score: match outcome {
                Outcome::Successful => rated(0.9, RATING_BESIDE_LABEL),
                Outcome::Partial => rated(0.5, RATING_BESIDE_LABEL),
                Outcome::Unsuccessful => rated(0.1, RATING_BESIDE_LABEL),
                Outcome::Excluded | Outcome::Unknown => 0.0,
            },
            reason: "given with the conversation".to_owned(),
        },
        (_, Some(verdict)) => JudgedOutcome {
            outcome: verdict.outcome,
            source: OutcomeSource::Rule,
            confidence: verdict.confidence,
            success_score: rated(verdict.success_score, RATING_BESIDE_EVIDENCE),
            reason: verdict.grounds,
        },
        (_, None) => JudgedOutcome {
            outcome: Outcome::Unknown,
            source: OutcomeSource::Rule,
            confidence: 0.0,
            success_score: 0.0,
            reason: "too little was said to tell".to_owned(),
        },
    }
}
