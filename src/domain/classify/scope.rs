//! Whether an utterance is a matter of a business at all: an answer to small talk is worse than none.
//!
//! How near the nearest known utterance is cannot tell it alone. What is asked about football on Sunday lies as near to a
//! question about opening hours on Sunday as another question about them. What people say to businesses sounds otherwise
//! than what they say to each other, whatever the business; that is learned from the practice conversations and from
//! utterances that no business could answer. (Larson et al., *An Evaluation Dataset for Intent Classification and
//! Out-of-Scope Prediction*, EMNLP 2019, show that out-of-scope utterances to learn from help where similarity fails.)

use serde::{Deserialize, Serialize};

use crate::domain::classify::text_classifier::{TextClassifier, TextFeatures};

/// Strength of the penalty; chosen by fitting on half of the out-of-scope seeds and measuring on the other, which has other
/// themes.
const PENALTY: f32 = 2.5e-4;
/// No utterance is surer than this, in natural log-odds: one strange word must not decide by itself.
const SUREST: f32 = 4.0;

/// Tells whether any business could be meant, from a text and its embedding by one model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScopeClassifier(TextClassifier);

impl ScopeClassifier {
    /// Fits on what users say to businesses and on what no business could answer, embedded with the query prefix.
    pub fn fit(in_scope: Vec<TextFeatures>, out_of_scope: Vec<TextFeatures>) -> Self {
        let labels: Vec<usize> = [vec![0; out_of_scope.len()], vec![1; in_scope.len()]].concat();
        let texts = [out_of_scope, in_scope].concat();
        Self(TextClassifier::fit(&texts, &labels, 2, PENALTY))
    }

    /// Natural log-odds that an utterance is a matter of a business, -4 to 4.
    pub fn log_odds(&self, utterance: &TextFeatures) -> f32 {
        let probabilities = self.0.predict(utterance);
        let odds = probabilities[1] / probabilities[0].max(f32::MIN_POSITIVE);
        odds.ln().clamp(-SUREST, SUREST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn business_is_told_from_small_talk_and_nothing_is_certain() {
        let texts = |all: &[&str], vector: [f32; 2]| -> Vec<TextFeatures> {
            all.iter().map(|text| TextFeatures::of(text, &vector)).collect()
        };
        let business = texts(&["what is the price", "when is the shop open", "the price of the plan"], [1.0, 0.1]);
        let chat = texts(&["who won the match", "who is the best player", "did the match end"], [0.1, 1.0]);
        let classifier = ScopeClassifier::fit(business, chat);
        let of = |text: &str, vector: [f32; 2]| classifier.log_odds(&TextFeatures::of(text, &vector));
        assert!(of("what is the price of it", [0.9, 0.2]) > 1.0);
        assert!(of("who won", [0.2, 0.9]) < -1.0);
        assert!(of("", [100.0, -100.0]) <= SUREST && of("", [-100.0, 100.0]) >= -SUREST);
    }
}
