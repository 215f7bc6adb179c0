//! Practice conversations: written for fitting, of many businesses, with what every turn is there for, which knowledge it
//! holds, and how the conversation ended.

use serde::Deserialize;

use crate::domain::classify::acts::{AgentAct, UserAct};
use crate::domain::conversation::{Burst, Outcome, Speaker, Turn};
use crate::domain::knowledge::KnowledgeType;
use crate::domain::redaction::redacted_bursts;

/// A labelled conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct PracticeConversation {
    /// Its name.
    pub id: String,
    /// The main thing that the user wants.
    pub intent: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What was said, burst by burst, redacted as a real conversation is.
    pub bursts: Vec<LabelledBurst>,
}

/// A burst with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledBurst {
    /// What was said.
    pub burst: Burst,
    /// What the user's turn is there for; `None` for the agent, and for a burst of several turns.
    pub user_act: Option<UserAct>,
    /// The same of the agent's.
    pub agent_act: Option<AgentAct>,
    /// Which knowledge it holds.
    pub kind: Option<KnowledgeType>,
}

/// A line of a practice file.
#[derive(Deserialize)]
struct Line {
    id: String,
    intent: String,
    outcome: Outcome,
    turns: Vec<LabelledTurn>,
}

/// Speaker, act, text, and the kind of knowledge if there is any.
type LabelledTurn = Vec<String>;

/// Reads a practice file: one conversation a line. Its labels are words that this program knows, which a test checks.
pub(super) fn parse(file: &str) -> Vec<PracticeConversation> {
    file.lines().filter(|line| !line.trim().is_empty()).map(parse_line).collect()
}

fn parse_line(line: &str) -> PracticeConversation {
    let line: Line = serde_json::from_str(line).expect("the embedded practice files are well-formed");
    let label = |ordinal: usize, at: usize| line.turns[ordinal].get(at).map(String::as_str);
    let turns: Vec<Turn> = (0..line.turns.len())
        .map(|ordinal| Turn {
            ordinal,
            speaker: label(ordinal, 0).and_then(|word| word.parse().ok()).unwrap_or(Speaker::System),
            text: label(ordinal, 2).unwrap_or_default().to_owned(),
            at: None,
            retrieval_id: None,
        })
        .collect();
    let bursts = redacted_bursts(&turns).into_iter().map(|burst| {
        let act = label(burst.first, 1).filter(|_| burst.first == burst.last);
        let kind = (burst.first..=burst.last).find_map(|ordinal| label(ordinal, 3)?.parse().ok());
        LabelledBurst {
            user_act: act.filter(|_| burst.speaker == Speaker::User).and_then(|act| act.parse().ok()),
            agent_act: act.filter(|_| burst.speaker == Speaker::Agent).and_then(|act| act.parse().ok()),
            kind,
            burst,
        }
    });
    PracticeConversation { bursts: bursts.collect(), id: line.id, intent: line.intent, outcome: line.outcome }
}
