//! How well the classifiers of exchanges and outcomes do on practice conversations that they were not fitted on.
//!
//! What they judge from was read by classifiers of turns that had not seen these conversations either.

use std::collections::BTreeMap;

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
    cross_validate(
        rows,
        |row| &row.conversation,
        fit_exchanges,
        |classifier, row| {
            let (kind, probability) = classifier.classify(&row.row);
            (name(row.kind), name(Some(kind).filter(|_| probability >= TOLD)))
        },
    )
}

/// How well the classifier of outcomes does on conversations that it was not fitted on.
pub fn cross_validate_outcomes(rows: &[LabelledOutcome]) -> Confusion {
    cross_validate(
        rows,
        |row| &row.conversation,
        fit_outcomes,
        |classifier, row| (row.outcome.as_str(), classifier.likeliest(&row.row).as_str()),
    )
}

/// Judges every row by a classifier that was fitted without its conversation; `judge` says what a row is and what it is
/// told to be. Rows of one conversation stay in one fold, because they resemble each other.
fn cross_validate<R, C>(
    rows: &[R],
    conversation: impl Fn(&R) -> &str,
    fit: impl Fn(&[&R]) -> C,
    judge: impl Fn(&C, &R) -> (&'static str, &'static str),
) -> Confusion {
    let mut confusion = Confusion::default();
    for fold in 0..FOLDS {
        let (held, train): (Vec<&R>, Vec<&R>) = rows.iter().partition(|row| fold_of(conversation(row), FOLDS) == fold);
        let classifier = fit(&train);
        for row in held {
            let (truth, told) = judge(&classifier, row);
            confusion.note(truth, told);
        }
    }
    confusion
}

fn name(kind: Option<KnowledgeType>) -> &'static str {
    kind.map_or("none", KnowledgeType::as_str)
}
