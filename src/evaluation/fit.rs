//! How well the classifiers of exchanges and outcomes do on practice conversations that they were not fitted on.
//!
//! What they judge from was read by classifiers of turns that had not seen these conversations either.

use std::collections::BTreeMap;

use crate::domain::conversation::Outcome;
use crate::domain::knowledge::KnowledgeType;
use crate::engine::understanding::fit::{LabelledExchange, LabelledOutcome, fit_exchanges, fit_outcomes, fold_of};

/// Groups of the cross-validation.
const FOLDS: usize = 8;
/// From this probability of any knowledge on, an exchange is told as knowledge.
const TOLD: f32 = 0.5;

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

/// How well the classifier of exchanges does on conversations that it was not fitted on.
pub fn cross_validate_exchanges(rows: &[LabelledExchange]) -> Confusion {
    let mut confusion = Confusion::default();
    for fold in 0..FOLDS {
        let (held, train): (Vec<&LabelledExchange>, Vec<&LabelledExchange>) =
            rows.iter().partition(|row| fold_of(&row.conversation, FOLDS) == fold);
        let classifier = fit_exchanges(&train);
        for row in held {
            let (kind, probability) = classifier.classify(&row.row);
            confusion.note(name(row.kind), name(Some(kind).filter(|_| probability >= TOLD)));
        }
    }
    confusion
}

/// How well the classifier of outcomes does on conversations that it was not fitted on.
pub fn cross_validate_outcomes(rows: &[LabelledOutcome]) -> Confusion {
    let mut confusion = Confusion::default();
    for fold in 0..FOLDS {
        let (held, train): (Vec<&LabelledOutcome>, Vec<&LabelledOutcome>) =
            rows.iter().partition(|row| fold_of(&row.conversation, FOLDS) == fold);
        let classifier = fit_outcomes(&train);
        for row in held {
            let told: Outcome = classifier.likeliest(&row.row);
            confusion.note(row.outcome.as_str(), told.as_str());
        }
    }
    confusion
}

fn name(kind: Option<KnowledgeType>) -> &'static str {
    kind.map_or("none", KnowledgeType::as_str)
}
