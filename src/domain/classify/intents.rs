//! Intents: what the user wants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::classify::text_classifier::{TextClassifier, TextFeatures};

/// Strength of the penalty; chosen on the development part of the demo.
const PENALTY: f32 = 8e-5;

/// An intent that was recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct RecognisedIntent {
    /// Its name, such as `pricing`.
    pub name: String,
    /// Its category, such as `sales`.
    pub category: String,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
}

/// Tells intents from texts and their embeddings by one model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IntentClassifier {
    classifier: TextClassifier,
    /// Name and category, in the order of the classes.
    intents: Vec<(String, String)>,
}

impl IntentClassifier {
    /// Fits on the exemplars of every intent, embedded with the query prefix: name → (category, exemplars).
    pub fn fit(intents: BTreeMap<String, (String, Vec<TextFeatures>)>) -> Self {
        let mut names = Vec::with_capacity(intents.len());
        let mut labels = Vec::new();
        let mut texts = Vec::new();
        for (name, (category, exemplars)) in intents {
            labels.extend(std::iter::repeat_n(names.len(), exemplars.len()));
            texts.extend(exemplars);
            names.push((name, category));
        }
        Self { classifier: TextClassifier::fit(&texts, &labels, names.len(), PENALTY), intents: names }
    }

    /// The intents of an utterance; most likely first, confidences sum to 1.
    pub fn rank(&self, utterance: &TextFeatures) -> Vec<RecognisedIntent> {
        let confidences = self.classifier.predict(utterance);
        let mut ranked: Vec<RecognisedIntent> = self
            .intents
            .iter()
            .zip(confidences)
            .map(|((name, category), confidence)| RecognisedIntent {
                name: name.clone(),
                category: category.clone(),
                confidence,
            })
            .collect();
        ranked.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then_with(|| a.name.cmp(&b.name)));
        ranked
    }

    /// The category of an intent.
    pub fn category_of(&self, name: &str) -> Option<&str> {
        self.intents.iter().find(|(known, _)| known == name).map(|(_, category)| category.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemplars_decide() {
        let exemplars = |vectors: [[f32; 3]; 2], texts: [&str; 2]| -> Vec<TextFeatures> {
            texts.iter().zip(vectors).map(|(text, vector)| TextFeatures::of(text, &vector)).collect()
        };
        let intents = BTreeMap::from([
            (
                "cancel".to_owned(),
                ("billing".to_owned(), exemplars([[0.0, 1.0, 0.1], [0.1, 1.0, 0.0]], ["i want out", "end it"])),
            ),
            (
                "pricing".to_owned(),
                ("sales".to_owned(), exemplars([[1.0, 0.0, 0.1], [1.0, 0.1, 0.0]], ["how much", "what is the price"])),
            ),
        ]);
        let classifier = IntentClassifier::fit(intents);
        let ranked = classifier.rank(&TextFeatures::of("the cost", &[0.9, 0.1, 0.05]));
        assert_eq!((ranked[0].name.as_str(), ranked[0].category.as_str()), ("pricing", "sales"));
        assert!(ranked[0].confidence > 0.9);
        assert_eq!(classifier.category_of("cancel"), Some("billing"));
    }
}
