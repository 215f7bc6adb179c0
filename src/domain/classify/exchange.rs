//! Exchanges: a need of the user and the agent's turn that answers it, and which kind of knowledge that is.
//!
//! Two classifiers, one on the other. [`PairClassifier`] reads the need and the answer; [`ExchangeClassifier`] joins what it
//! says with what both turns and the turns around them are there for. Both are fitted on seed exchanges and practice
//! conversations of many businesses, the second on what the first says of conversations that it was not fitted on.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::classify::acts::{Acts, AgentAct, UserAct};
use crate::domain::classify::text_classifier::{TextClassifier, TextFeatures};
use crate::domain::conversation::{Burst, Speaker};
use crate::domain::knowledge::KnowledgeType;
use crate::domain::softmax::Softmax;
use crate::domain::text;

/// The class of exchanges that hold no knowledge.
const NONE: &str = "none";
/// How many classes there are: the kinds, then none.
const CLASSES: usize = KnowledgeType::ALL.len() + 1;
/// Strength of the penalty of the pair classifier; chosen by cross-validation over the practice conversations.
const PAIR_PENALTY: f32 = 1.3e-4;
/// Strength of the penalty of the exchange classifier; chosen in the same way.
const PENALTY: f32 = 0.02;
/// Keeps the logarithm of what is all but impossible from ruling everything else.
const FLOOR: f32 = 1e-3;
/// Stands for the logarithms of the acts of a turn that is not there: about those of an even guess.
const ABSENT: f32 = -2.5;
/// From this probability of an asking, wanting, complaining or resisting act on, a user's turn opens a need.
const NEED: f32 = 0.3;

/// From this probability on, an exchange holds knowledge whatever its answer looks like by itself.
const CERTAIN: f32 = 0.95;
/// How many turns back a detail is looked for; a conversation may be long.
const RECENT: usize = 40;

/// Acts of a user that open a need.
pub const NEEDS: [UserAct; 4] = [UserAct::Question, UserAct::Request, UserAct::Problem, UserAct::Objection];

/// A turn of one speaker, understood.
#[derive(Clone, Debug)]
pub struct ReadTurn {
    /// What was said, as one burst.
    pub burst: Burst,
    /// What it is there for as a whole.
    pub acts: Acts,
    /// What its sentences are there for, each act at its strongest.
    pub sentence_acts: Acts,
    /// Embedding of the whole burst (query prefix).
    pub vector: Arc<[f32]>,
}

/// A need and the turn that answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// Position of the need among the bursts.
    pub need: usize,
    /// Position of the answer among the bursts.
    pub answer: usize,
    /// Which knowledge it holds.
    pub kind: KnowledgeType,
    /// How surely it holds any, 0 to 1.
    pub probability: f32,
}

/// Tells what knowledge a pair of turns holds; fitted for one model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PairClassifier(TextClassifier);

impl PairClassifier {
    /// Fits on pairs of a need and its answer, each with its kind or none.
    pub fn fit(pairs: &[TextFeatures], kinds: &[Option<KnowledgeType>]) -> Self {
        let labels: Vec<usize> = kinds.iter().copied().map(class_of).collect();
        Self(TextClassifier::fit(pairs, &labels, CLASSES, PAIR_PENALTY))
    }

    /// The probability of each kind, then that of none.
    fn predict(&self, need: &ReadTurn, answer: &ReadTurn) -> Vec<f32> {
        let pair = TextFeatures::of_pair((&need.burst.text, &need.vector), (&answer.burst.text, &answer.vector));
        self.0.predict(&pair)
    }
}

/// Tells what knowledge an exchange holds, if any.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExchangeClassifier(Softmax);

impl ExchangeClassifier {
    /// Fits on labelled exchanges: rows of [`features`], and the kind or none.
    pub fn fit(rows: &[&[f32]], kinds: &[Option<KnowledgeType>]) -> Self {
        let labels: Vec<usize> = kinds.iter().copied().map(class_of).collect();
        let classes: Vec<&str> = KnowledgeType::ALL.iter().map(|kind| kind.as_str()).chain([NONE]).collect();
        Self(Softmax::fit(rows, &labels, &classes, PENALTY))
    }

    /// The most likely kind of an exchange with these features, and the probability that it holds knowledge at all.
    pub fn classify(&self, row: &[f32]) -> (KnowledgeType, f32) {
        let probabilities = self.0.predict(row);
        let likeliest = |a: &&KnowledgeType, b: &&KnowledgeType| {
            probabilities[**a as usize].total_cmp(&probabilities[**b as usize])
        };
        let kind = KnowledgeType::ALL.iter().max_by(likeliest).copied().unwrap_or(KnowledgeType::Faq);
        (kind, 1.0 - probabilities[CLASSES - 1])
    }
}

fn class_of(kind: Option<KnowledgeType>) -> usize {
    kind.map_or(CLASSES - 1, |kind| kind as usize)
}

/// What the classifier sees of the exchange between the turns `need` and `answer`: logarithms of what the pair classifier
/// says and of the acts of both turns, as a whole and by sentence; whether they are put as questions, and how long they
/// are; how much of the answer only says again what was said before; the turn right before the answer, when it is not the
/// need; what the agent did before the need, and what the user did after the answer.
pub fn features(pairs: &PairClassifier, turns: &[ReadTurn], need: usize, answer: usize) -> Vec<f32> {
    let logs = |values: &[f32]| values.iter().map(|p| (p + FLOOR).ln()).collect::<Vec<f32>>();
    let of_speaker = |at: Option<usize>, speaker: Speaker| {
        at.and_then(|at| turns.get(at)).filter(|turn| turn.burst.speaker == speaker)
    };
    let acts_or = |turn: Option<&ReadTurn>, acts: usize| turn.map_or(vec![ABSENT; acts], |turn| logs(&turn.acts.0));
    let asks = |turn: &ReadTurn| text::sentences(&turn.burst.text).iter().any(|s| text::ends_as_question(s));
    let length = |turn: &ReadTurn| (1.0 + turn.burst.text.chars().count() as f32).ln();
    let count = |turns: usize| (1.0 + turns as f32).ln();
    let flag = |yes: bool| if yes { 1.0 } else { 0.0 };

    let (asked, said) = (&turns[need], &turns[answer]);
    let of_pair = logs(&pairs.predict(asked, said));
    let mut row = of_pair.clone();
    for acts in [&asked.acts, &asked.sentence_acts, &said.acts, &said.sentence_acts] {
        row.extend(logs(&acts.0));
    }
    row.extend([
        flag(text::ends_as_question(&asked.burst.text)),
        flag(asks(asked)),
        flag(text::ends_as_question(&said.burst.text)),
        length(asked),
        length(said),
    ]);

    row.extend(echo(turns, answer));

    let last = of_speaker(answer.checked_sub(1), Speaker::User);
    row.extend(match last {
        None => vec![ABSENT; CLASSES],
        // The need itself comes right before the answer: most pairs are so, and predicting is what costs here.
        Some(_) if answer == need + 1 => of_pair,
        Some(last) => logs(&pairs.predict(last, said)),
    });
    row.extend(acts_or(last, UserAct::ALL.len()));
    row.push(flag(answer != need + 1));

    let before = of_speaker(need.checked_sub(1), Speaker::Agent);
    row.extend(acts_or(before, AgentAct::ALL.len()));
    row.extend([flag(before.is_none()), count(need)]);

    let after = of_speaker(Some(answer + 1), Speaker::User);
    row.extend(acts_or(after, UserAct::ALL.len()));
    row.extend([flag(after.is_none()), count(turns.len() - answer)]);
    row
}

/// How much of a turn was said before in the conversation: the share of its words, the share of its numbers, and whether
/// it has any. Who reads details back brings nothing new; who answers does.
fn echo(turns: &[ReadTurn], at: usize) -> [f32; 3] {
    let words = |turn: &ReadTurn| text::words(&turn.burst.text);
    let before: BTreeSet<String> = turns[at.saturating_sub(RECENT)..at].iter().flat_map(words).collect();
    let said: BTreeSet<String> = words(&turns[at]).into_iter().collect();
    let (numbers, plain): (Vec<&String>, Vec<&String>) =
        said.iter().partition(|word| word.chars().any(char::is_numeric));
    let share = |words: &[&String]| {
        words.iter().filter(|word| before.contains(**word)).count() as f32 / words.len().max(1) as f32
    };
    [share(&plain), share(&numbers), f32::from(u8::from(!numbers.is_empty()))]
}

/// Whether a user's turn opens a need: asks, wants, complains or resists, rather than gives details or chats.
pub fn is_need(turn: &ReadTurn) -> bool {
    let acts = turn.acts.max(&turn.sentence_acts);
    NEEDS.iter().any(|act| acts.user(*act) >= NEED)
}

/// How much of a user's turn opens a need, 0 to 1.
pub fn need_strength(acts: &Acts) -> f32 {
    acts.user_sum(&NEEDS).min(1.0)
}

/// The exchanges of a conversation that hold knowledge with at least this probability, in order.
///
/// An agent often asks back before answering, and the user then gives details: the need that is answered is the last
/// one that was opened, unless the user's latest turn opened another.
pub fn exchanges(
    turns: &[ReadTurn],
    pairs: &PairClassifier,
    classifier: &ExchangeClassifier,
    min_probability: f32,
) -> Vec<Exchange> {
    let mut found: Vec<Exchange> = Vec::new();
    for_each_answer(openings(turns), |need, answer| {
        let (kind, probability) = classifier.classify(&features(pairs, turns, need, answer));
        // A short answer may look like a bare yes by itself, and is one no longer beside its question.
        let tells = probability >= CERTAIN || has_substance(&turns[answer].acts);
        if probability < min_probability || !tells {
            return NeedIs::Open;
        }
        found.push(Exchange { need, answer, kind, probability });
        NeedIs::Answered
    });
    found
}

/// What became of a need when the agent spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedIs {
    /// It still waits for its answer.
    Open,
    /// This was its answer.
    Answered,
}

impl NeedIs {
    /// What became of it when a writer says that the agent's turn holds this knowledge, or none.
    pub fn after(kind: Option<KnowledgeType>) -> Self {
        if kind.is_some() { Self::Answered } else { Self::Open }
    }
}

/// Who speaks in each turn, and whether that opens a need, as the classifier of turns tells it.
pub fn openings(turns: &[ReadTurn]) -> impl Iterator<Item = (Speaker, bool)> {
    turns.iter().map(|turn| (turn.burst.speaker, turn.burst.speaker == Speaker::User && is_need(turn)))
}

/// Walks through a conversation and shows `judge` each agent turn (second) with the need that is open before it (first),
/// by their positions: the last turn that opened a need, or else the turn before. Of each turn it takes who speaks, and
/// whether a user opens a need: [`openings`], or what a writer says. Fitting and using the classifiers all walk this way,
/// or they would be used on other pairs than they were fitted on.
pub fn for_each_answer(turns: impl Iterator<Item = (Speaker, bool)>, mut judge: impl FnMut(usize, usize) -> NeedIs) {
    let mut open: Option<usize> = None;
    let mut just_said: Option<usize> = None;
    for (at, (speaker, opens_need)) in turns.enumerate() {
        if speaker == Speaker::User {
            just_said = Some(at);
            if opens_need {
                open = just_said;
            }
            continue;
        }
        // Else nobody has said anything that it could answer.
        let Some(previous) = just_said.take() else { continue };
        if judge(open.unwrap_or(previous), at) == NeedIs::Answered {
            open = None;
        }
    }
}

/// Whether an agent's turn carries something to say or do: not a question back, a greeting, a read-back, or filling.
pub fn has_substance(acts: &Acts) -> bool {
    let empty =
        [AgentAct::Ask, AgentAct::Confirm, AgentAct::Filler, AgentAct::Greeting, AgentAct::Closing, AgentAct::Transfer];
    acts.agent_sum(&empty) < 0.5
}
