//! Fitting the classifiers of exchanges and outcomes on the development part of the labelled demo.

use std::collections::BTreeMap;

use crate::domain::classify::exchange::ReadTurn;
use crate::domain::classify::exchange::{ExchangeClassifier, NeedIs, PairClassifier, features, for_each_answer};
use crate::domain::conversation::{Conversation, Outcome};
use crate::domain::draft::ConversationDraft;
use crate::domain::ids::ConversationId;
use crate::domain::knowledge::KnowledgeType;
use crate::engine::error::Error;
use crate::evaluation::labels::{ConversationLabels, LabelledDemo};
use crate::evaluation::split::{Split, split_of};
use crate::learning::Learner;
use crate::learning::analysis::answered;
use crate::learning::analysis::outcome::{OutcomeClassifier, evidence};

/// Groups of the cross-validation.
const FOLDS: u32 = 8;

/// One labelled exchange, as the classifier sees it.
pub struct LabelledExchange {
    /// The conversation, by the caller's id.
    pub conversation: String,
    /// Its features.
    pub row: Vec<f32>,
    /// What a person says that it holds.
    pub kind: Option<KnowledgeType>,
}

/// One labelled conversation, as the classifier sees it.
pub struct LabelledOutcome {
    /// The conversation, by the caller's id.
    pub conversation: String,
    /// The evidence in its dialogue.
    pub row: Vec<f32>,
    /// What a person says.
    pub outcome: Outcome,
}

/// Everything that can be fitted on one part of the demo.
pub struct TrainingRows {
    /// Exchanges of successful conversations.
    pub exchanges: Vec<LabelledExchange>,
    /// All conversations.
    pub outcomes: Vec<LabelledOutcome>,
}

/// Right and wrong, by class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confusion(pub BTreeMap<(String, String), usize>);

impl Confusion {
    /// Notes one decision.
    pub fn note(&mut self, truth: &str, told: &str) {
        *self.0.entry((truth.to_owned(), told.to_owned())).or_default() += 1;
    }

    /// Of those told as `class`, how many are; 1 when none was told.
    pub fn precision(&self, class: &str) -> f64 {
        self.share(class, |(_, told)| told == class)
    }

    /// Of those that are `class`, how many were told; 1 when there are none.
    pub fn recall(&self, class: &str) -> f64 {
        self.share(class, |(truth, _)| truth == class)
    }

    fn share(&self, class: &str, of: impl Fn(&(String, String)) -> bool) -> f64 {
        let right = self.0.get(&(class.to_owned(), class.to_owned())).copied().unwrap_or(0);
        let all: usize = self.0.iter().filter(|(key, _)| of(key)).map(|(_, count)| count).sum();
        if all == 0 { 1.0 } else { right as f64 / all as f64 }
    }
}

/// Reads and understands the conversations of a part, the given outcomes hidden, and pairs them with their labels.
///
/// # Errors
/// When a conversation is malformed or the model fails.
pub async fn training_rows(learner: &Learner, demo: &LabelledDemo, part: Split) -> Result<TrainingRows, Error> {
    let mut rows = TrainingRows { exchanges: Vec::new(), outcomes: Vec::new() };
    for draft in demo.conversations.iter().filter(|draft| split_of(&draft.external_id) == part) {
        let Some(labels) = demo.labels.get(&draft.external_id) else { continue };
        let pairs = learner.engine.understanding().pairs();
        let turns = learner.understand(&checked(learner, draft.clone())?).await?;
        if let Some(row) = evidence(&turns, answered(&learner.engine, &turns)) {
            let conversation = draft.external_id.clone();
            rows.outcomes.push(LabelledOutcome { conversation, row, outcome: labels.outcome });
        }
        if labels.outcome == Outcome::Successful {
            rows.exchanges.extend(labelled_exchanges(pairs, &draft.external_id, &turns, labels));
        }
    }
    Ok(rows)
}

/// A draft as a conversation without the outcome and satisfaction that were given with it.
fn checked(learner: &Learner, draft: ConversationDraft) -> Result<Conversation, Error> {
    let hidden = ConversationDraft { outcome: None, satisfaction: None, ..draft };
    hidden.check(ConversationId(learner.engine.new_uuid()), &learner.callers).map_err(Error::Invalid)
}

/// The exchanges that distillation would look at: each agent turn with the need that is open before it.
fn labelled_exchanges(
    pairs: &PairClassifier,
    id: &str,
    turns: &[ReadTurn],
    labels: &ConversationLabels,
) -> Vec<LabelledExchange> {
    let mut rows = Vec::new();
    for_each_answer(turns, |need, answer| {
        let turn = &turns[answer];
        let span = turn.burst.first..=turn.burst.last;
        let kind = labels.knowledge.iter().find(|label| span.contains(&label.turn)).map(|label| label.kind);
        rows.push(LabelledExchange { conversation: id.to_owned(), row: features(pairs, &turns[need], turn), kind });
        if kind.is_some() { NeedIs::Answered } else { NeedIs::Open }
    });
    rows
}

/// Fits the classifier of exchanges.
pub fn fit_exchanges(rows: &[&LabelledExchange]) -> ExchangeClassifier {
    let features: Vec<Vec<f32>> = rows.iter().map(|row| row.row.clone()).collect();
    let kinds: Vec<Option<KnowledgeType>> = rows.iter().map(|row| row.kind).collect();
    ExchangeClassifier::fit(&features, &kinds)
}

/// Fits the classifier of outcomes.
pub fn fit_outcomes(rows: &[&LabelledOutcome]) -> OutcomeClassifier {
    let features: Vec<Vec<f32>> = rows.iter().map(|row| row.row.clone()).collect();
    let outcomes: Vec<Outcome> = rows.iter().map(|row| row.outcome).collect();
    OutcomeClassifier::fit(&features, &outcomes)
}

/// How well the classifier of exchanges does on conversations that it was not fitted on.
pub fn cross_validate_exchanges(rows: &[LabelledExchange]) -> Confusion {
    let mut confusion = Confusion::default();
    for fold in 0..FOLDS {
        let (held, train): (Vec<&LabelledExchange>, Vec<&LabelledExchange>) =
            rows.iter().partition(|row| fold_of(&row.conversation) == fold);
        let classifier = fit_exchanges(&train);
        for row in held {
            let told = classifier.best(&row.row);
            confusion.note(name(row.kind), name(told));
        }
    }
    confusion
}

/// How well the classifier of outcomes does on conversations that it was not fitted on.
pub fn cross_validate_outcomes(rows: &[LabelledOutcome]) -> Confusion {
    let mut confusion = Confusion::default();
    for fold in 0..FOLDS {
        let (held, train): (Vec<&LabelledOutcome>, Vec<&LabelledOutcome>) =
            rows.iter().partition(|row| fold_of(&row.conversation) == fold);
        let classifier = fit_outcomes(&train);
        for row in held {
            confusion.note(row.outcome.as_str(), classifier.best(&row.row).as_str());
        }
    }
    confusion
}

fn fold_of(id: &str) -> u32 {
    crate::evaluation::split::hash_of(&format!("fold {id}")) % FOLDS
}

fn name(kind: Option<KnowledgeType>) -> &'static str {
    kind.map_or("none", KnowledgeType::as_str)
}
