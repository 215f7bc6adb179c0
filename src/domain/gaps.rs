//! Gaps: what users ask again and again and nobody has written down.

use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Outcome, word_enum};
use crate::domain::credit::success_of;
use crate::domain::entry_fields::{MAX_NAME_CHARS, MAX_PHRASE_CHARS};
use crate::domain::entry_version::Editor;
use crate::domain::ids::{ConversationId, EntryId, GapId, RetrievalId};
use crate::domain::language::Language;
use crate::domain::text::shorten;

word_enum!(
    /// What became of a gap.
    GapStatus {
        /// Nobody has decided.
        Open = "open",
        /// An entry was written for it.
        Accepted = "accepted",
        /// Somebody wants no entry for it. It goes on taking in what is asked, so that it does not come back as another.
        Dismissed = "dismissed",
    }
);

/// What several users asked and found nothing useful for.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// Its id, derived from the retrieval that founded it.
    pub id: GapId,
    /// The language in which it is asked.
    pub language: Language,
    /// The most central of the utterances, redacted; what sounds like it belongs to the gap.
    pub title: String,
    /// The category of most of its conversations, when one is known.
    pub category: Option<String>,
    /// What became of it.
    pub status: GapStatus,
    /// What was counted in it.
    pub counts: GapCounts,
    /// How much it matters; see [`score`].
    pub score: f64,
    /// An answer that a successful call gave to the same.
    pub draft: Option<GapDraft>,
    /// What was decided, unless it is open.
    pub decided: Option<GapDecision>,
}

/// What was counted in a gap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GapCounts {
    /// Retrievals; when an entry was written for it, those before that.
    pub volume: i64,
    /// Retrievals since an entry was written for it: it does not help all of them.
    pub volume_after: i64,
    /// Conversations that they came from, as far as those are there.
    pub conversations: i64,
    /// Those of them whose end is known.
    pub judged: i64,
    /// Those of them that failed; one that partly failed is half of one.
    pub failures: f64,
    /// What those conversations cost together, in US dollars; `None` when no cost is known.
    pub cost_usd: Option<f64>,
    /// The average of one of those with a cost.
    pub average_cost_usd: Option<f64>,
    /// When it was asked first.
    pub first_seen: Option<Timestamp>,
    /// When it was asked last.
    pub last_seen: Option<Timestamp>,
}

/// An answer that an agent gave in a call that went well.
#[derive(Clone, Debug, PartialEq)]
pub struct GapDraft {
    /// What was said, redacted.
    pub content: String,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Ordinal of the agent's turn there.
    pub turn: usize,
}

/// What somebody decided about a gap.
#[derive(Clone, Debug, PartialEq)]
pub struct GapDecision {
    /// The entry that was written for it.
    pub entry_id: Option<EntryId>,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Who.
    pub editor: Editor,
    /// When.
    pub decided_at: Timestamp,
}

/// A retrieval in a gap, with what is known of its conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct GapMember {
    /// The retrieval.
    pub retrieval_id: RetrievalId,
    /// What was asked, redacted; empty when it is there no more.
    pub utterance: String,
    /// When.
    pub asked_at: Timestamp,
    /// Its conversation, when that is there.
    pub conversation_id: Option<ConversationId>,
    /// The category of that.
    pub category: Option<String>,
    /// How that ended.
    pub outcome: Option<Outcome>,
    /// What that cost, in US dollars.
    pub cost_usd: Option<f64>,
}

impl Gap {
    /// When an entry was written for it, if one was.
    pub fn written_at(&self) -> Option<Timestamp> {
        self.decided.as_ref().filter(|_| self.status == GapStatus::Accepted).map(|decided| decided.decided_at)
    }
}

impl GapCounts {
    /// Counts the members of a gap; `decided_at` is when an entry was written for it, if one was.
    pub fn of(members: &[GapMember], decided_at: Option<Timestamp>) -> Self {
        let after = members.iter().filter(|member| decided_at.is_some_and(|decided| member.asked_at > decided)).count();
        // A conversation counts once, however often it was asked in it.
        let mut conversations: Vec<&GapMember> =
            members.iter().filter(|member| member.conversation_id.is_some()).collect();
        conversations.sort_by_key(|member| member.conversation_id);
        conversations.dedup_by_key(|member| member.conversation_id);
        let judged: Vec<f64> = conversations.iter().filter_map(|member| success_of(member.outcome?)).collect();
        let costs: Vec<f64> = conversations.iter().filter_map(|member| member.cost_usd).collect();
        let cost = (!costs.is_empty()).then(|| costs.iter().sum::<f64>());
        Self {
            volume: count(members.len() - after),
            volume_after: count(after),
            conversations: count(conversations.len()),
            judged: count(judged.len()),
            failures: judged.iter().map(|success| 1.0 - success).sum(),
            cost_usd: cost,
            average_cost_usd: cost.map(|cost| cost / costs.len() as f64),
            first_seen: members.iter().map(|member| member.asked_at).min(),
            last_seen: members.iter().map(|member| member.asked_at).max(),
        }
    }
}

/// How much a gap matters: volume × failure × cost.
///
/// Volume is how often it was asked. Failure is the share of its conversations that failed, as (failures + 1) / (judged + 2):
/// one half while nothing is known, and never 0 or 1 (Laplace's rule of succession). Cost is what one of its conversations
/// costs on average, in averages of the tenant (`average_cost_usd`); 1 where either is not known.
pub fn score(counts: &GapCounts, average_cost_usd: Option<f64>) -> f64 {
    let failure = (counts.failures + 1.0) / (counts.judged as f64 + 2.0);
    let cost = match (counts.average_cost_usd, average_cost_usd) {
        (Some(own), Some(all)) if all > 0.0 => own / all,
        _ => 1.0,
    };
    counts.volume as f64 * failure * cost
}

/// An utterance as the heading of the entry that is written for its gap.
pub fn heading(utterance: &str) -> String {
    shorten(utterance, MAX_NAME_CHARS)
}

/// An utterance as an exemplar of the entry that is written for its gap.
pub fn phrase(utterance: &str) -> String {
    shorten(utterance, MAX_PHRASE_CHARS)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn member(number: u128, conversation: Option<u128>, outcome: Option<Outcome>, cost: Option<f64>) -> GapMember {
        GapMember {
            retrieval_id: RetrievalId(Uuid::from_u128(number)),
            utterance: "is there parking".to_owned(),
            asked_at: Timestamp::from_millis(i64::try_from(number).expect("it is small")),
            conversation_id: conversation.map(|id| ConversationId(Uuid::from_u128(id))),
            category: None,
            outcome,
            cost_usd: cost,
        }
    }

    #[test]
    fn a_conversation_counts_once_and_what_comes_after_the_decision_apart() {
        let members = [
            member(1, Some(7), Some(Outcome::Unsuccessful), Some(0.5)),
            member(2, Some(7), Some(Outcome::Unsuccessful), Some(0.5)),
            member(3, Some(8), Some(Outcome::Partial), Some(0.1)),
            member(4, Some(9), Some(Outcome::Excluded), None),
            member(5, None, None, None),
        ];
        let counts = GapCounts::of(&members, None);
        assert_eq!((counts.volume, counts.volume_after, counts.conversations, counts.judged), (5, 0, 3, 2));
        assert!((counts.failures - 1.5).abs() < 1e-9);
        assert!(counts.cost_usd.is_some_and(|cost| (cost - 0.6).abs() < 1e-9));
        assert_eq!(counts.first_seen.zip(counts.last_seen).map(|(a, b)| b.as_millis() - a.as_millis()), Some(4));
        let decided = GapCounts::of(&members, Some(Timestamp::from_millis(4)));
        assert_eq!((decided.volume, decided.volume_after), (4, 1));
    }

    #[test]
    fn what_is_asked_often_fails_often_and_costs_much_comes_first() {
        let counts = |volume, judged, failures, average_cost_usd| GapCounts {
            volume,
            judged,
            failures,
            average_cost_usd,
            ..GapCounts::default()
        };
        let plain = score(&counts(10, 4, 2.0, None), Some(0.1));
        assert!((plain - 5.0).abs() < 1e-9);
        assert!(score(&counts(20, 4, 2.0, None), None) > plain);
        assert!(score(&counts(10, 4, 4.0, None), None) > plain);
        assert!((score(&counts(10, 4, 2.0, Some(0.3)), Some(0.1)) - 15.0).abs() < 1e-9);
        assert!((score(&counts(10, 0, 0.0, Some(0.3)), Some(0.0)) - 5.0).abs() < 1e-9);
    }
}
