//! Outcomes: how a conversation ended, from the evidence in its dialogue.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::classify::acts::{AgentAct, CONTENT, UserAct};
use crate::domain::classify::exchange::{Exchange, ReadTurn};
use crate::domain::conversation::{Outcome, Speaker};
use crate::domain::softmax::Softmax;
use crate::domain::text;

/// Strength of the penalty; chosen by cross-validation over the practice conversations.
const PENALTY: f32 = 0.06;
/// The classes that a dialogue can show.
pub const CLASSES: [Outcome; 3] = [Outcome::Successful, Outcome::Partial, Outcome::Unsuccessful];
/// How much success each class counts.
const CREDIT: [f64; 3] = [1.0, 0.5, 0.0];
/// How many grounds are told on either side.
const GROUNDS: usize = 3;
/// A ground that weighs less than this, in logits, is not worth a word.
const TELLING: f32 = 0.05;
/// From this overlap of words on, a user's turn says again what an earlier one said.
const SAME_WORDS: f64 = 0.5;

/// How many turns back are compared; a conversation may be long.
const RECENT: usize = 20;

/// What a user's turn can be there for, as far as it tells how a conversation goes.
const USER_GROUPS: [(&str, &[UserAct]); 7] = [
    ("content", &[UserAct::Satisfied]),
    ("agreeing", &[UserAct::Affirm]),
    ("leaving", &[UserAct::Farewell]),
    ("discontent or asking for a person", &[UserAct::Dissatisfied, UserAct::Escalation]),
    ("refusing", &[UserAct::Decline]),
    ("resisting", &[UserAct::Objection]),
    ("still in need", &[UserAct::Problem, UserAct::Question, UserAct::Request]),
];

/// The same of an agent's turn.
const AGENT_GROUPS: [(&str, &[AgentAct]); 5] = [
    ("acting", &[AgentAct::Action]),
    ("helping", &[AgentAct::Answer, AgentAct::Instruction, AgentAct::Offer, AgentAct::Reassurance]),
    ("unable or handing over", &[AgentAct::Unable, AgentAct::Transfer]),
    ("closing", &[AgentAct::Closing]),
    ("asking back or filling time", &[AgentAct::Ask, AgentAct::Confirm, AgentAct::Filler]),
];

/// What the evidence of a dialogue is called, and how much of it there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    names: Vec<String>,
    values: Vec<f32>,
}

impl Evidence {
    /// The measures, always as many and in the same order.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    fn note(&mut self, name: impl Into<String>, value: f32) {
        self.names.push(name.into());
        self.values.push(value);
    }
}

/// What the evidence says.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The likeliest outcome.
    pub outcome: Outcome,
    /// How likely it is, 0 to 1.
    pub confidence: f64,
    /// How successful the conversation was, 0 to 1.
    pub success_score: f64,
    /// What speaks for the outcome and what against it, each the largest first, as a sentence.
    pub grounds: String,
}

/// Tells the outcome from evidence; fitted for one model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutcomeClassifier(Softmax);

impl OutcomeClassifier {
    /// Fits on labelled conversations: rows of [`evidence`] and outcomes of [`CLASSES`].
    pub fn fit(rows: &[&[f32]], outcomes: &[Outcome]) -> Self {
        let names: Vec<&str> = CLASSES.iter().map(|outcome| outcome.as_str()).collect();
        let class_of = |outcome: &Outcome| CLASSES.iter().position(|class| class == outcome).unwrap_or(1);
        let labels: Vec<usize> = outcomes.iter().map(class_of).collect();
        Self(Softmax::fit(rows, &labels, &names, PENALTY))
    }

    /// The likeliest outcome of a conversation with these measures.
    pub fn likeliest(&self, row: &[f32]) -> Outcome {
        CLASSES[likeliest(&self.0.predict(row))]
    }

    /// Judges a conversation.
    pub fn judge(&self, evidence: &Evidence) -> Verdict {
        let probabilities = self.0.predict(&evidence.values);
        let best = likeliest(&probabilities);
        let weights = self.0.contributions(&evidence.values, best);
        let above = self.0.above_mean(&evidence.values);
        let mut grounds: Vec<(f32, String)> = weights
            .into_iter()
            .zip(evidence.names.iter().zip(above))
            .map(|(weight, (name, above))| (weight, format!("{} \"{name}\"", if above { "much" } else { "little" })))
            .collect();
        grounds.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        let side = |sign: f32| -> String {
            let telling = grounds.iter().filter(|(weight, _)| weight * sign >= TELLING).take(GROUNDS);
            let told: Vec<&str> = telling.map(|(_, ground)| ground.as_str()).collect();
            if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
        };
        let outcome = CLASSES[best];
        Verdict {
            outcome,
            confidence: f64::from(probabilities[best]),
            success_score: probabilities.iter().zip(CREDIT).map(|(p, credit)| f64::from(*p) * credit).sum(),
            grounds: format!("evidence in the dialogue; for {outcome}: {}; against it: {}", side(1.0), side(-1.0)),
        }
    }
}

fn likeliest(probabilities: &[f32]) -> usize {
    (0..CLASSES.len()).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b])).unwrap_or(0)
}

/// The evidence in a dialogue in which these exchanges hold knowledge. `None` when one side said nothing.
pub fn evidence(turns: &[ReadTurn], found: &[Exchange]) -> Option<Evidence> {
    let of = |speaker: Speaker| turns.iter().filter(move |turn| turn.burst.speaker == speaker).collect::<Vec<_>>();
    let (users, agents) = (of(Speaker::User), of(Speaker::Agent));
    if users.is_empty() || agents.is_empty() {
        return None;
    }
    let any_user = |acts: &[UserAct]| -> Vec<f32> {
        let strongest = users.iter().map(|turn| turn.acts.max(&turn.sentence_acts));
        strongest.map(|turn| turn.user_sum(acts)).collect()
    };
    let any_agent = |acts: &[AgentAct]| -> Vec<f32> {
        let strongest = agents.iter().map(|turn| turn.acts.max(&turn.sentence_acts));
        strongest.map(|turn| turn.agent_sum(acts)).collect()
    };
    let content = any_user(&CONTENT);
    let against =
        any_user(&[UserAct::Dissatisfied, UserAct::Escalation, UserAct::Decline, UserAct::Objection, UserAct::Problem]);
    let failing = any_agent(&[AgentAct::Unable, AgentAct::Transfer]);
    let helping =
        any_agent(&[AgentAct::Action, AgentAct::Answer, AgentAct::Offer, AgentAct::Instruction, AgentAct::Reassurance]);

    let mut evidence = Evidence::default();
    evidence.note("user content or leaving towards the end", recent(&content));
    evidence.note("user complaining or refusing towards the end", recent(&against));
    evidence.note("agent unable or handing over towards the end", recent(&failing));
    evidence.note("agent unable or handing over", mean(&failing));
    evidence.note("user complaining or refusing", mean(&against));
    evidence.note("user complaining or refusing in the second half", mean(second_half(&against)));
    evidence.note("agent unable or handing over in the second half", largest(second_half(&failing)));
    evidence.note("agent unable at any time", largest(&any_agent(&[AgentAct::Unable])));
    evidence.note("agent helping", mean(&helping));
    evidence.note("agent acting in the second half", largest(second_half(&any_agent(&[AgentAct::Action]))));
    evidence.note("user satisfied in the second half", largest(second_half(&any_user(&[UserAct::Satisfied]))));
    evidence.note("user repeating", repeating(&users));
    evidence.note("needs answered", found.len() as f32 / agents.len() as f32);
    for (place, back) in [("last", 1), ("last but one", 2)] {
        let user = users[users.len().saturating_sub(back)];
        let agent = agents[agents.len().saturating_sub(back)];
        for (name, acts) in USER_GROUPS {
            evidence.note(format!("user {name} in the {place} turn"), user.acts.user_sum(acts));
        }
        for (name, acts) in AGENT_GROUPS {
            evidence.note(format!("agent {name} in the {place} turn"), agent.acts.agent_sum(acts));
        }
    }
    let user_ends = turns.last().is_some_and(|turn| turn.burst.speaker == Speaker::User);
    evidence.note("the user having the last word", f32::from(u8::from(user_ends)));
    Some(evidence)
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

fn second_half(values: &[f32]) -> &[f32] {
    &values[values.len() / 2..]
}

fn largest(values: &[f32]) -> f32 {
    values.iter().copied().fold(0.0, f32::max)
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// Share of user turns that say again what was said shortly before.
fn repeating(users: &[&ReadTurn]) -> f32 {
    let said: Vec<BTreeSet<String>> = users.iter().map(|turn| text::word_set(&turn.burst.text)).collect();
    let again = (1..said.len()).filter(|at| {
        said[at.saturating_sub(RECENT)..*at].iter().any(|earlier| text::overlap(earlier, &said[*at]) > SAME_WORDS)
    });
    again.count() as f32 / said.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::classify::acts::Acts;
    use crate::domain::conversation::Burst;

    fn turn(at: usize, speaker: Speaker, act: usize) -> ReadTurn {
        let count = if speaker == Speaker::User { UserAct::ALL.len() } else { AgentAct::ALL.len() };
        let mut acts = vec![0.01; count];
        acts[act] = 0.9;
        let burst = Burst { first: at, last: at, speaker, text: format!("turn {at}") };
        ReadTurn { burst, acts: Acts(acts.clone()), sentence_acts: Acts(acts), vector: vec![1.0].into() }
    }

    fn ending(last_user: UserAct, last_agent: AgentAct) -> Evidence {
        let turns = [
            turn(0, Speaker::User, UserAct::Problem as usize),
            turn(1, Speaker::Agent, last_agent as usize),
            turn(2, Speaker::User, last_user as usize),
        ];
        evidence(&turns, &[]).expect("both sides spoke")
    }

    #[test]
    fn how_it_ends_decides() {
        let good = ending(UserAct::Satisfied, AgentAct::Action);
        let bad = ending(UserAct::Dissatisfied, AgentAct::Unable);
        let rows: Vec<&[f32]> = std::iter::repeat_n([good.values(), bad.values()], 10).flatten().collect();
        let outcomes: Vec<Outcome> =
            std::iter::repeat_n([Outcome::Successful, Outcome::Unsuccessful], 10).flatten().collect();
        let classifier = OutcomeClassifier::fit(&rows, &outcomes);
        let verdict = classifier.judge(&good);
        assert_eq!(verdict.outcome, Outcome::Successful);
        assert!(verdict.success_score > 0.8, "{verdict:?}");
        let (spoke_for, against) = verdict.grounds.split_once("; against it: ").expect("both sides are told");
        assert!(spoke_for.starts_with("evidence in the dialogue; for successful: much"), "{verdict:?}");
        assert!(!spoke_for.contains("much \"user complaining") && against == "nothing", "{verdict:?}");
        assert!(classifier.judge(&bad).success_score < 0.2);
    }

    #[test]
    fn one_side_alone_is_no_evidence() {
        assert_eq!(evidence(&[turn(0, Speaker::User, 0)], &[]), None);
    }
}
