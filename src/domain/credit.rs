//! Credit: what the uses of an entry say about its success.
//!
//! A use is an entry that was shown and then said. When it is known how that ended, it counts as an observation on top of
//! the prior that the entry's evidence gives; the older it is, the less, because prices, products and callers change.

use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Outcome, word_enum};
use crate::domain::ids::{EntryId, RetrievalId};
use crate::domain::success::Posterior;

word_enum!(
    /// Who says that an entry was used; where both do, the caller is believed.
    UseSource {
        /// The words of the agent in the conversation.
        Conversation = "conversation",
        /// Whoever called `record_usage`.
        Caller = "caller",
    }
);

/// That an entry was used.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryUse {
    /// The entry.
    pub entry_id: EntryId,
    /// What makes it the same use when it is told again: one a retrieval, else one a conversation, else none.
    pub key: String,
    /// Who says so.
    pub source: UseSource,
    /// The retrieval that showed it.
    pub retrieval_id: Option<RetrievalId>,
    /// The conversation, under the caller's id.
    pub conversation_ref: Option<String>,
    /// Whether it led to success, when the caller says so; else the conversation's outcome decides.
    pub success: Option<bool>,
    /// When.
    pub used_at: Timestamp,
}

impl EntryUse {
    /// The key of the use of an entry that a retrieval showed.
    pub fn key_of_retrieval(id: RetrievalId) -> String {
        format!("retrieval/{}", id.0)
    }

    /// The key of a use in a conversation of which the retrieval is not known.
    pub fn key_of_conversation(conversation_ref: &str) -> String {
        format!("conversation/{conversation_ref}")
    }
}

/// A use with what is known about how it ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CreditedUse {
    /// When.
    pub used_at: Timestamp,
    /// What the caller said of this use.
    pub success: Option<bool>,
    /// How the conversation ended; `None` while it is not there.
    pub outcome: Option<Outcome>,
}

impl CreditedUse {
    /// How much of a success it was, 0 to 1; `None` when nobody knows, or when the conversation never took place.
    pub fn credit(&self) -> Option<f64> {
        match self.success {
            Some(true) => Some(1.0),
            Some(false) => Some(0.0),
            None => success_of(self.outcome?),
        }
    }
}

/// How much of a success an end is, 0 to 1; `None` when nobody can tell, or when the conversation never took place.
pub fn success_of(outcome: Outcome) -> Option<f64> {
    match outcome {
        Outcome::Successful => Some(1.0),
        Outcome::Partial => Some(0.5),
        Outcome::Unsuccessful => Some(0.0),
        Outcome::Unknown | Outcome::Excluded => None,
    }
}

/// The posterior of an entry: its prior, and on top of it every use that ended somehow, halved in weight for each
/// `half_life_ms` that has passed since (`None`: never). `uses` counts them all, whatever their outcome.
pub fn posterior(prior: Posterior, uses: &[CreditedUse], now: Timestamp, half_life_ms: Option<i64>) -> Posterior {
    let (mut alpha, mut beta) = (prior.alpha(), prior.beta());
    for used in uses {
        let Some(credit) = used.credit() else { continue };
        let age = (now.as_millis() - used.used_at.as_millis()).max(0) as f64;
        let weight = half_life_ms.map_or(1.0, |half_life| 0.5_f64.powf(age / half_life.max(1) as f64));
        alpha += weight * credit;
        beta += weight * (1.0 - credit);
    }
    Posterior::from_counts(alpha, beta, i64::try_from(uses.len()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn used(day: i64, success: Option<bool>, outcome: Option<Outcome>) -> CreditedUse {
        CreditedUse { used_at: Timestamp::from_millis(day * DAY), success, outcome }
    }

    #[test]
    fn what_ended_somehow_counts_and_the_caller_is_believed() {
        let credit = |success, outcome| used(0, success, outcome).credit();
        assert_eq!(credit(None, Some(Outcome::Successful)), Some(1.0));
        assert_eq!(credit(None, Some(Outcome::Partial)), Some(0.5));
        assert_eq!(credit(None, Some(Outcome::Unsuccessful)), Some(0.0));
        assert_eq!(credit(Some(true), Some(Outcome::Unsuccessful)), Some(1.0));
        for nothing in [None, Some(Outcome::Unknown), Some(Outcome::Excluded)] {
            assert_eq!(credit(None, nothing), None);
        }
    }

    #[test]
    fn uses_come_on_top_of_the_prior_and_fade() {
        let prior = Posterior::from_evidence(&[0.9]);
        let uses = [used(0, Some(true), None), used(10, Some(false), None), used(10, None, None)];
        let fresh = posterior(prior, &uses, Timestamp::from_millis(10 * DAY), None);
        assert_eq!(fresh.uses(), 3);
        assert!((fresh.alpha() - prior.alpha() - 1.0).abs() < 1e-9 && (fresh.beta() - prior.beta() - 1.0).abs() < 1e-9);
        let faded = posterior(prior, &uses, Timestamp::from_millis(10 * DAY), Some(10 * DAY));
        assert!((faded.alpha() - prior.alpha() - 0.5).abs() < 1e-9, "ten days are one half-life");
        assert!((faded.beta() - fresh.beta()).abs() < 1e-9);
        let again = posterior(prior, &uses, Timestamp::from_millis(10 * DAY), Some(10 * DAY));
        assert_eq!(faded, again);
    }
}
