//! One finished conversation and its turns.

use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::domain::ids::{ConversationId, RetrievalId};
use crate::domain::language::Language;

/// An enum that is one lower-case word on the wire and in the database.
macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order in which they are declared.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::error::FieldError;

            fn from_str(text: &str) -> Result<Self, $crate::domain::error::FieldError> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let words: Vec<&str> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    $crate::domain::error::FieldError::new(stringify!($name).to_lowercase(), format!("must be one of {}", words.join(", ")))
                })
            }
        }
    };
}
pub(crate) use word_enum;

word_enum!(
    /// Who said a turn.
    Speaker {
        /// The person.
        User = "user",
        /// The AI or human agent.
        Agent = "agent",
        /// Instructions, events of the platform.
        System = "system",
        /// Calls of tools and their results.
        Tool = "tool",
    }
);

word_enum!(
    /// How a conversation ended, seen from the user's need.
    Outcome {
        /// The need was met.
        Successful = "successful",
        /// The need was not met.
        Unsuccessful = "unsuccessful",
        /// A part of it was met.
        Partial = "partial",
        /// Nobody can tell.
        Unknown = "unknown",
        /// Voicemail, busy, never connected: not a failure, and counted nowhere.
        Excluded = "excluded",
    }
);

word_enum!(
    /// Who said how a conversation ended; where they disagree, the earlier one here is believed.
    OutcomeSource {
        /// The system that sent the conversation, or who reported the outcome later.
        Caller = "caller",
        /// The phone or chat platform.
        Platform = "platform",
        /// A model that read it.
        Judge = "judge",
        /// Evidence in the dialogue.
        Rule = "rule",
    }
);

word_enum!(
    /// Where a conversation stands on its way through learning.
    ConversationStatus {
        /// Stored; nothing has been done yet.
        Received = "received",
        /// Being learned from.
        Processing = "processing",
        /// Learned from; what was learned can be retrieved.
        Processed = "processed",
        /// A stage failed for good; the reason stands beside it.
        Failed = "failed",
    }
);

/// One message by one speaker, as it was received.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Position in the conversation, from 0.
    pub ordinal: usize,
    /// Who said it.
    pub speaker: Speaker,
    /// What was said, unchanged.
    pub text: String,
    /// When it was said, if known.
    pub at: Option<Timestamp>,
    /// The retrieval that the agent asked for before this turn, if it told us.
    pub retrieval_id: Option<RetrievalId>,
}

/// What a conversation cost its agent's language model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens read by the model.
    #[serde(default)]
    pub prompt_tokens: i64,
    /// Tokens written by the model.
    #[serde(default)]
    pub completion_tokens: i64,
    /// Price of both in US dollars.
    #[serde(default)]
    pub cost_usd: f64,
}

/// A finished call or chat, checked; everything but the id is as the caller gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// Turnwise's own id.
    pub id: ConversationId,
    /// The caller's id, unique in a tenant.
    pub external_id: String,
    /// The phone platform's id of the call.
    pub call_id: Option<String>,
    /// Keyed hash of the caller's number or name; the plain one is never kept.
    pub caller_hash: Option<String>,
    /// Which agent spoke.
    pub agent_id: String,
    /// `phone`, `chat` or the like.
    pub channel: String,
    /// The language, given or recognised.
    pub language: Option<Language>,
    /// The caller's own category, such as `sales`.
    pub category: Option<String>,
    /// Start of the conversation.
    pub started_at: Timestamp,
    /// End of the conversation.
    pub ended_at: Timestamp,
    /// How it ended, when the caller says so.
    pub outcome: Option<Outcome>,
    /// The user's rating from 1 to 5, when there is one.
    pub satisfaction: Option<i64>,
    /// Tokens and cost, when given.
    pub usage: Option<Usage>,
    /// Whatever the caller wants to keep with it; opaque to Turnwise.
    pub metadata: serde_json::Value,
    /// Hash of everything that the caller gave, to tell a repetition from a change.
    pub content_hash: String,
    /// What was said, in order.
    pub turns: Vec<Turn>,
}

impl Conversation {
    /// How long it took, in seconds.
    pub fn duration_s(&self) -> f64 {
        (self.ended_at.as_millis() - self.started_at.as_millis()) as f64 / 1000.0
    }
}

/// A burst of messages by one speaker, read as one turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Burst {
    /// Ordinal of its first message.
    pub first: usize,
    /// Ordinal of its last message.
    pub last: usize,
    /// Who said it.
    pub speaker: Speaker,
    /// The messages, joined by a space.
    pub text: String,
}

/// Reads consecutive messages of one speaker as one; system and tool turns do not interrupt a speaker and are left out.
pub fn bursts(turns: &[Turn]) -> Vec<Burst> {
    let mut bursts: Vec<Burst> = Vec::with_capacity(turns.len());
    for turn in turns {
        if !matches!(turn.speaker, Speaker::User | Speaker::Agent) || turn.text.trim().is_empty() {
            continue;
        }
        match bursts.last_mut() {
            Some(last) if last.speaker == turn.speaker => {
                last.text.push(' ');
                last.text.push_str(turn.text.trim());
                last.last = turn.ordinal;
            }
            _ => bursts.push(Burst {
                first: turn.ordinal,
                last: turn.ordinal,
                speaker: turn.speaker,
                text: turn.text.trim().to_owned(),
            }),
        }
    }
    bursts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(ordinal: usize, speaker: Speaker, text: &str) -> Turn {
        Turn { ordinal, speaker, text: text.to_owned(), at: None, retrieval_id: None }
    }

    #[test]
    fn a_burst_is_one_turn_and_tools_do_not_break_it() {
        let turns = [
            turn(0, Speaker::System, "be kind"),
            turn(1, Speaker::User, "hi"),
            turn(2, Speaker::User, " what does it cost? "),
            turn(3, Speaker::Agent, "One moment."),
            turn(4, Speaker::Tool, "{\"price\": 29}"),
            turn(5, Speaker::Agent, "29 dollars."),
        ];
        let bursts = bursts(&turns);
        assert_eq!(bursts.len(), 2);
        assert_eq!((bursts[0].first, bursts[0].last, bursts[0].text.as_str()), (1, 2, "hi what does it cost?"));
        assert_eq!((bursts[1].first, bursts[1].last, bursts[1].text.as_str()), (3, 5, "One moment. 29 dollars."));
    }

    #[test]
    fn words_are_read_and_written_alike() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse::<Outcome>(), Ok(*outcome));
        }
        let error = "good".parse::<Outcome>().expect_err("no such outcome");
        assert_eq!(error.message, "must be one of successful, unsuccessful, partial, unknown, excluded");
    }
}
