//! Exchanges: a need of the user and the agent's turn that answers it, and which kind of knowledge that is.
//!
//! Two classifiers, one on the other. [`PairClassifier`] is fitted on embedded seed exchanges of many businesses.
//! [`ExchangeClassifier`] joins what it says with the acts of both turns; its weights stand in `data/exchanges.toml`, made
//! by `turnwise eval fit` from the development part of the labelled demo. It sees no word and no embedding, so it carries
//! over to other businesses and languages as far as the acts and the seeds do.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::domain::classify::acts::{Acts, AgentAct, UserAct};
use crate::domain::conversation::{Burst, Speaker};
use crate::domain::knowledge::KnowledgeType;
use crate::domain::softmax::{Balance, FitRules, Scaling, Softmax};
use crate::domain::text;

/// The fitted weights.
const WEIGHTS: &str = include_str!("data/exchanges.toml");
/// The class of exchanges that hold no knowledge.
const NONE: &str = "none";
/// How the fit is made; the penalty was chosen by cross-validation over the development part of the demo.
const RULES: FitRules = FitRules { scaling: Scaling::Standardise, balance: Balance::Rows, l2: 0.005 };
/// Keeps the logarithm of an act that is all but impossible from ruling everything else.
const FLOOR: f32 = 1e-3;

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
    /// How sure that is, 0 to 1.
    pub probability: f32,
}

/// The embeddings of a need and of its answer (query prefix).
pub type VectorPair = (Arc<[f32]>, Arc<[f32]>);

/// Tells what knowledge an exchange holds from the embeddings of both turns; fitted on seeds, for one model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PairClassifier(Softmax);

impl PairClassifier {
    /// How the fit is made; the penalty was chosen by cross-validation over the seeds.
    const RULES: FitRules = FitRules { scaling: Scaling::Centre, balance: Balance::Classes, l2: 5e-4 };

    /// Fits on embedded seed exchanges: both vectors (query prefix) and the kind or none.
    pub fn fit(pairs: &[VectorPair], kinds: &[Option<KnowledgeType>]) -> Self {
        let rows: Vec<Vec<f32>> = pairs.iter().map(|(need, answer)| [&need[..], &answer[..]].concat()).collect();
        Self(fit_kinds(&rows, kinds, Self::RULES))
    }

    /// The probability of each kind, then that of none.
    pub fn predict(&self, need: &[f32], answer: &[f32]) -> Vec<f32> {
        self.0.predict(&[need, answer].concat())
    }
}

/// Tells what knowledge an exchange holds, if any.
pub struct ExchangeClassifier(Softmax);

static EMBEDDED: LazyLock<ExchangeClassifier> =
    LazyLock::new(|| ExchangeClassifier(toml::from_str(WEIGHTS).expect("the embedded weights are well-formed")));

impl ExchangeClassifier {
    /// The weights that ship with Turnwise.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// Fits weights on labelled exchanges: features of [`features`], and the kind or none.
    pub fn fit(rows: &[Vec<f32>], kinds: &[Option<KnowledgeType>]) -> Self {
        Self(fit_kinds(rows, kinds, RULES))
    }

    /// The weights as they are shipped.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.0).unwrap_or_default()
    }

    /// The most likely kind of an exchange with these features, or none.
    pub fn best(&self, row: &[f32]) -> Option<KnowledgeType> {
        let probabilities = self.0.predict(row);
        let best = (0..probabilities.len()).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]))?;
        KnowledgeType::ALL.get(best).copied()
    }

    /// The most likely kind of an exchange with these features, its probability, and that of no knowledge.
    pub fn classify(&self, row: &[f32]) -> (KnowledgeType, f32, f32) {
        let probabilities = self.0.predict(row);
        let best = KnowledgeType::ALL
            .iter()
            .copied()
            .max_by(|a, b| probabilities[*a as usize].total_cmp(&probabilities[*b as usize]));
        let kind = best.unwrap_or(KnowledgeType::Faq);
        (kind, probabilities[kind as usize], probabilities[KnowledgeType::ALL.len()])
    }
}

/// Fits on rows that hold a kind of knowledge or none.
fn fit_kinds(rows: &[Vec<f32>], kinds: &[Option<KnowledgeType>], rules: FitRules) -> Softmax {
    let mut classes: Vec<&str> = KnowledgeType::ALL.iter().map(|kind| kind.as_str()).collect();
    classes.push(NONE);
    let labels: Vec<usize> =
        kinds.iter().map(|kind| kind.map_or(KnowledgeType::ALL.len(), |kind| kind as usize)).collect();
    let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    Softmax::fit(&rows, &labels, &classes, rules)
}

/// What the classifier sees of an exchange: logarithms of what the pair classifier says and of the acts of both turns, as
/// a whole and by sentence, whether they are put as questions, and how long they are.
pub fn features(pairs: &PairClassifier, need: &ReadTurn, answer: &ReadTurn) -> Vec<f32> {
    let logarithms = |values: &[f32]| values.iter().map(|p| (p + FLOOR).ln()).collect::<Vec<f32>>();
    let logs = |acts: &Acts| logarithms(&acts.0);
    let length = |turn: &ReadTurn| (1.0 + turn.burst.text.chars().count() as f32).ln();
    let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
    let asks = |turn: &ReadTurn| text::sentences(&turn.burst.text).iter().any(|s| text::ends_as_question(s));
    let mut row = logarithms(&pairs.predict(&need.vector, &answer.vector));
    row.extend(logs(&need.acts));
    row.extend(logs(&need.sentence_acts));
    row.extend(logs(&answer.acts));
    row.extend(logs(&answer.sentence_acts));
    row.extend([
        flag(text::ends_as_question(&need.burst.text)),
        flag(asks(need)),
        flag(text::ends_as_question(&answer.burst.text)),
        length(need),
        length(answer),
    ]);
    row
}

/// Whether a user's turn opens a need: asks, wants, complains or resists, rather than gives details or chats.
pub fn is_need(turn: &ReadTurn) -> bool {
    let acts = turn.acts.max(&turn.sentence_acts);
    let needs = [UserAct::Question, UserAct::Request, UserAct::Problem, UserAct::Objection];
    let need = needs.iter().map(|act| acts.user(*act)).fold(0.0, f32::max);
    need >= 0.3
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
    for_each_answer(turns, |need, answer| {
        let (kind, probability, none) = classifier.classify(&features(pairs, &turns[need], &turns[answer]));
        if probability < min_probability || none > probability {
            return NeedIs::Open;
        }
        if kind == KnowledgeType::ObjectionHandling && resisted_again(turns.get(answer + 1)) {
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

/// Walks through a conversation and shows `judge` each agent turn (second) with the need that is open before it (first),
/// by their positions: the last turn that opened a need, or else the turn before. Fitting and using the classifier both
/// walk this way, or it would be used on other pairs than it was fitted on.
pub fn for_each_answer(turns: &[ReadTurn], mut judge: impl FnMut(usize, usize) -> NeedIs) {
    let mut open: Option<usize> = None;
    for (at, turn) in turns.iter().enumerate() {
        if turn.burst.speaker == Speaker::User {
            if is_need(turn) {
                open = Some(at);
            }
            continue;
        }
        let Some(previous) = at.checked_sub(1) else { continue };
        if judge(open.unwrap_or(previous), at) == NeedIs::Answered {
            open = None;
        }
    }
}

/// Whether the user's next turn shows that the reply did not win the user over.
fn resisted_again(next: Option<&ReadTurn>) -> bool {
    let against = [UserAct::Objection, UserAct::Dissatisfied, UserAct::Escalation, UserAct::Decline];
    next.is_some_and(|turn| against.iter().map(|act| turn.acts.user(*act)).sum::<f32>() > 0.7)
}

/// Whether an agent's turn carries something to say or do: not a question back, a greeting, a read-back, or filling.
pub fn has_substance(acts: &Acts) -> bool {
    let empty =
        [AgentAct::Ask, AgentAct::Confirm, AgentAct::Filler, AgentAct::Greeting, AgentAct::Closing, AgentAct::Transfer];
    empty.iter().map(|act| acts.agent(*act)).sum::<f32>() < 0.5
}
