//! How a conversation ended: what was told first, by whom is believed most, then the evidence in the dialogue.

use crate::domain::classify::outcome::Verdict;
use crate::domain::conversation::{Conversation, Outcome, OutcomeSource};
use crate::store::outcomes::ToldOutcome;

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

/// The rating that was told apart from a conversation, by whom is believed most. Whenever that was, it counts before the one
/// that was handed in with the conversation, as an outcome does.
pub fn told_rating(told: &[ToldOutcome]) -> Option<i64> {
    told.iter().find_map(|told| told.satisfaction)
}

/// Judges how a conversation ended: `told` is what was told apart from it, the source that is believed most first;
/// `verdict` is what the dialogue says, `None` when too little was said.
///
/// A given outcome is believed, and its score is moved a little by the satisfaction; a given `unknown` says that nobody
/// knows, so the next source decides, and at last the dialogue. What the caller tells later replaces what was given with
/// the conversation.
pub fn judge_outcome(conversation: &Conversation, told: &[ToldOutcome], verdict: Option<Verdict>) -> JudgedOutcome {
    let stars = told_rating(told).or(conversation.satisfaction);
    let rating = stars.map(|stars| (stars - 1) as f64 / 4.0);
    let rated = |score: f64, weight: f64| rating.map_or(score, |rating| (1.0 - weight) * score + weight * rating);
    let later = told.iter().find(|told| told.outcome != Outcome::Unknown);
    let given = conversation.outcome.filter(|outcome| *outcome != Outcome::Unknown);
    let known = match (later, given) {
        (Some(later), given) if later.source == OutcomeSource::Caller || given.is_none() => {
            let reason = format!("told by the {} after the conversation", later.source);
            Some((later.outcome, later.source, later.confidence, reason))
        }
        (_, Some(given)) => Some((given, OutcomeSource::Caller, 1.0, "given with the conversation".to_owned())),
        _ => None,
    };
    match (known, verdict) {
        (Some((outcome, source, confidence, reason)), _) => JudgedOutcome {
            outcome,
            source,
            confidence,
            success_score: match outcome {
                Outcome::Successful => rated(0.9, RATING_BESIDE_LABEL),
                Outcome::Partial => rated(0.5, RATING_BESIDE_LABEL),
                Outcome::Unsuccessful => rated(0.1, RATING_BESIDE_LABEL),
                Outcome::Excluded | Outcome::Unknown => 0.0,
            },
            reason,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::ids::ConversationId;

    fn conversation(outcome: Option<Outcome>) -> Conversation {
        Conversation {
            id: ConversationId(uuid::Uuid::nil()),
            external_id: "call-1".to_owned(),
            call_id: None,
            caller_hash: None,
            agent_id: "a".to_owned(),
            channel: "phone".to_owned(),
            language: None,
            category: None,
            started_at: Timestamp::from_millis(0),
            ended_at: Timestamp::from_millis(0),
            turns: Vec::new(),
            outcome,
            satisfaction: None,
            usage: None,
            metadata: serde_json::Value::Null,
            content_hash: String::new(),
        }
    }

    fn told(source: OutcomeSource, outcome: Outcome) -> ToldOutcome {
        let (conversation_ref, told_at) = ("call-1".to_owned(), Timestamp::from_millis(0));
        ToldOutcome { conversation_ref, source, outcome, satisfaction: None, confidence: 0.7, told_at }
    }

    #[test]
    fn the_caller_outranks_the_platform_and_later_words_earlier_ones() {
        use Outcome::{Successful, Unknown, Unsuccessful};
        use OutcomeSource::{Caller, Judge, Platform, Rule};
        for (given, told_by, expected) in [
            (None, vec![(Platform, Successful)], (Successful, Platform)),
            (Some(Unsuccessful), vec![(Platform, Successful)], (Unsuccessful, Caller)),
            (Some(Unsuccessful), vec![(Caller, Successful), (Platform, Unsuccessful)], (Successful, Caller)),
            (None, vec![(Platform, Unknown), (Judge, Successful)], (Successful, Judge)),
            (Some(Unknown), vec![], (Unknown, Rule)),
        ] {
            let told: Vec<ToldOutcome> = told_by.into_iter().map(|(source, outcome)| told(source, outcome)).collect();
            let judged = judge_outcome(&conversation(given), &told, None);
            assert_eq!((judged.outcome, judged.source), expected, "{judged:?}");
        }
    }
}
