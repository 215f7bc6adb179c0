//! How a conversation ended: an explicit label first, then the evidence in the dialogue.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::domain::classify::acts::{AgentAct, UserAct};
use crate::domain::classify::exchange::ReadTurn;
use crate::domain::conversation::{Conversation, Outcome, OutcomeSource, Speaker};
use crate::domain::softmax::{Balance, FitRules, Scaling, Softmax};
use crate::learning::analysis::quality::shared_words;

/// The fitted weights; `turnwise eval outcomes --fit` makes them from the development part of the labelled demo.
const WEIGHTS: &str = include_str!("outcome.toml");
/// How the fit is made; the penalty was chosen by cross-validation over the development part of the demo.
const RULES: FitRules = FitRules { scaling: Scaling::Standardise, balance: Balance::Rows, l2: 0.06 };
/// The classes that the dialogue can show.
pub const CLASSES: [Outcome; 3] = [Outcome::Successful, Outcome::Partial, Outcome::Unsuccessful];
/// How much success each class counts.
const CREDIT: [f64; 3] = [1.0, 0.5, 0.0];
/// What the evidence is called, in the order of the features.
const EVIDENCE: [&str; 10] = [
    "user content at the end",
    "user discontent at the end",
    "agent unable or handing over at the end",
    "agent unable or handing over",
    "user discontent",
    "user discontent in the second half",
    "agent unable in the second half, at its worst",
    "agent helping",
    "user repeating",
    "needs answered",
];

static EMBEDDED: LazyLock<OutcomeClassifier> =
    LazyLock::new(|| toml::from_str(WEIGHTS).expect("the embedded weights are well-formed"));

/// Tells the outcome from evidence.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutcomeClassifier(Softmax);

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

impl OutcomeClassifier {
    /// Fits weights on labelled conversations: rows of [`evidence`] and outcomes of [`CLASSES`].
    pub fn fit(rows: &[Vec<f32>], outcomes: &[Outcome]) -> Self {
        let names: Vec<&str> = CLASSES.iter().map(|outcome| outcome.as_str()).collect();
        let labels: Vec<usize> =
            outcomes.iter().map(|o| CLASSES.iter().position(|class| class == o).unwrap_or(1)).collect();
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        Self(Softmax::fit(&rows, &labels, &names, RULES))
    }

    /// The weights as they are shipped.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// The most likely of [`CLASSES`].
    pub fn best(&self, row: &[f32]) -> Outcome {
        let probabilities = self.0.predict(row);
        let best = (0..CLASSES.len()).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
        CLASSES[best.unwrap_or(0)]
    }

    /// The probability of each of [`CLASSES`].
    pub fn predict(&self, row: &[f32]) -> Vec<f32> {
        self.0.predict(row)
    }
}

/// Judges how a conversation ended.
///
/// A given outcome is believed, and its score is moved a little by the satisfaction; a given `unknown` says that nobody
/// told, so the dialogue decides. With fewer than two turns nothing can be told.
pub fn judge_outcome(conversation: &Conversation, turns: &[ReadTurn], answered: f32) -> JudgedOutcome {
    let inferred = infer(turns, answered);
    let rating = conversation.satisfaction.map(|stars| (stars - 1) as f64 / 4.0);
    match conversation.outcome {
        Some(Outcome::Unknown) | None => {}
        Some(outcome) => {
            let base = match outcome {
                Outcome::Successful => 0.9,
                Outcome::Partial => 0.5,
                Outcome::Unsuccessful => 0.1,
                Outcome::Excluded | Outcome::Unknown => 0.0,
            };
            let counted = outcome != Outcome::Excluded;
            let success_score = rating.filter(|_| counted).map_or(base, |rating| 0.8 * base + 0.2 * rating);
            return JudgedOutcome {
                outcome,
                source: OutcomeSource::Caller,
                confidence: 1.0,
                success_score,
                reason: "given with the conversation".to_owned(),
            };
        }
    }
    let Some((outcome, confidence, score, reason)) = inferred else {
        return JudgedOutcome {
            outcome: Outcome::Unknown,
            source: OutcomeSource::Rule,
            confidence: 0.0,
            success_score: 0.0,
            reason: "too little was said to tell".to_owned(),
        };
    };
    let success_score = rating.map_or(score, |rating| 0.6 * score + 0.4 * rating);
    JudgedOutcome { outcome, source: OutcomeSource::Rule, confidence, success_score, reason }
}

fn infer(turns: &[ReadTurn], answered: f32) -> Option<(Outcome, f64, f64, String)> {
    let row = evidence(turns, answered)?;
    let probabilities = EMBEDDED.predict(&row);
    let best = (0..CLASSES.len()).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]))?;
    let score = probabilities.iter().zip(CREDIT).map(|(p, credit)| f64::from(*p) * credit).sum();
    let told: Vec<String> = EVIDENCE.iter().zip(&row).map(|(name, value)| format!("{name} {value:.2}")).collect();
    Some((
        CLASSES[best],
        f64::from(probabilities[best]),
        score,
        format!("evidence in the dialogue: {}", told.join(", ")),
    ))
}

/// The evidence in a dialogue, in the order of [`EVIDENCE`]; `answered` is the share of agent turns that answer a need.
/// `None` when one side said nothing.
pub fn evidence(turns: &[ReadTurn], answered: f32) -> Option<Vec<f32>> {
    let content = [UserAct::Satisfied, UserAct::Affirm, UserAct::Farewell];
    let against = [UserAct::Dissatisfied, UserAct::Escalation, UserAct::Decline, UserAct::Objection, UserAct::Problem];
    let helping = [AgentAct::Action, AgentAct::Answer, AgentAct::Offer, AgentAct::Instruction, AgentAct::Reassurance];
    let failing = [AgentAct::Unable, AgentAct::Transfer];
    let user = |acts: &[UserAct]| -> Vec<f32> {
        let turns = turns.iter().filter(|turn| turn.burst.speaker == Speaker::User);
        turns.map(|turn| acts.iter().map(|a| turn.acts.max(&turn.sentence_acts).user(*a)).sum()).collect()
    };
    let agent = |acts: &[AgentAct]| -> Vec<f32> {
        let turns = turns.iter().filter(|turn| turn.burst.speaker == Speaker::Agent);
        turns.map(|turn| acts.iter().map(|a| turn.acts.max(&turn.sentence_acts).agent(*a)).sum()).collect()
    };
    let (content, against, helping, failing) = (user(&content), user(&against), agent(&helping), agent(&failing));
    if content.is_empty() || helping.is_empty() {
        return None;
    }
    let second_half = |values: &[f32]| values[values.len() / 2..].to_vec();
    Some(vec![
        recent(&content),
        recent(&against),
        recent(&failing),
        mean(&failing),
        mean(&against),
        mean(&second_half(&against)),
        second_half(&failing).into_iter().fold(0.0, f32::max),
        mean(&helping),
        repeating(turns),
        answered,
    ])
}

/// A mean that halves its weight with every turn backwards.
fn recent(values: &[f32]) -> f32 {
    let (mut weight, mut sum, mut total) = (1.0, 0.0, 0.0);
    for value in values.iter().rev() {
        sum += weight * value;
        total += weight;
        weight *= 0.5;
    }
    sum / total
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// Share of user turns that ask again what was asked before.
fn repeating(turns: &[ReadTurn]) -> f32 {
    let said: Vec<&str> =
        turns.iter().filter(|turn| turn.burst.speaker == Speaker::User).map(|turn| turn.burst.text.as_str()).collect();
    let again = (1..said.len()).filter(|at| said[..*at].iter().any(|earlier| shared_words(earlier, said[*at]) > 0.5));
    again.count() as f32 / said.len().max(1) as f32
}
