//! Intents: what the user wants, by the nearest of their exemplars.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::vectors::{dot, normalise};

/// How many of an intent's nearest exemplars speak for it.
const NEIGHBOURS: usize = 3;
/// How sharply a lead over the other intents turns into confidence (cosines of centred embeddings).
const SHARPNESS: f32 = 30.0;

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

/// The exemplars of all intents as vectors of one model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IntentClassifier {
    /// Mean of all exemplars: what every embedding of the model shares, and tells nothing.
    mean: Vec<f32>,
    intents: Vec<IntentExemplars>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct IntentExemplars {
    name: String,
    category: String,
    vectors: Vec<Vec<f32>>,
}

impl IntentClassifier {
    /// Takes the embedded exemplars (query prefix) of every intent: name → (category, vectors).
    pub fn new(intents: BTreeMap<String, (String, Vec<Vec<f32>>)>) -> Self {
        let all: Vec<&Vec<f32>> = intents.values().flat_map(|(_, vectors)| vectors).collect();
        let dimension = all.first().map_or(0, |vector| vector.len());
        let mut mean = vec![0.0_f32; dimension];
        for vector in &all {
            mean.iter_mut().zip(vector.iter()).for_each(|(sum, x)| *sum += x / all.len() as f32);
        }
        let intents = intents
            .into_iter()
            .map(|(name, (category, vectors))| IntentExemplars {
                name,
                category,
                vectors: vectors.iter().map(|vector| centred(vector, &mean)).collect(),
            })
            .collect();
        Self { mean, intents }
    }

    /// The intents of an utterance, from its embedding with the query prefix; most likely first, confidences sum to 1.
    pub fn rank(&self, vector: &[f32]) -> Vec<RecognisedIntent> {
        let vector = centred(vector, &self.mean);
        let support: Vec<f32> = self.intents.iter().map(|intent| support(intent, &vector)).collect();
        let top = support.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = support.iter().map(|s| ((s - top) * SHARPNESS).exp()).collect();
        let sum: f32 = weights.iter().sum();
        let mut ranked: Vec<RecognisedIntent> = self
            .intents
            .iter()
            .zip(&weights)
            .map(|(intent, weight)| RecognisedIntent {
                name: intent.name.clone(),
                category: intent.category.clone(),
                confidence: weight / sum,
            })
            .collect();
        ranked.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then_with(|| a.name.cmp(&b.name)));
        ranked
    }

    /// The category of an intent.
    pub fn category_of(&self, name: &str) -> Option<&str> {
        self.intents.iter().find(|intent| intent.name == name).map(|intent| intent.category.as_str())
    }
}

/// Mean cosine of the nearest few exemplars.
fn support(intent: &IntentExemplars, vector: &[f32]) -> f32 {
    let mut nearest = [f32::NEG_INFINITY; NEIGHBOURS];
    for exemplar in &intent.vectors {
        let cosine = dot(exemplar, vector);
        if cosine > nearest[NEIGHBOURS - 1] {
            nearest[NEIGHBOURS - 1] = cosine;
            nearest.sort_by(|a, b| b.total_cmp(a));
        }
    }
    let found = intent.vectors.len().clamp(1, NEIGHBOURS);
    nearest[..found].iter().sum::<f32>() / found as f32
}

fn centred(vector: &[f32], mean: &[f32]) -> Vec<f32> {
    let mut centred: Vec<f32> = vector.iter().zip(mean).map(|(x, mean)| x - mean).collect();
    normalise(&mut centred);
    centred
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_exemplars_decide() {
        let intents = BTreeMap::from([
            ("cancel".to_owned(), ("billing".to_owned(), vec![vec![0.0, 1.0, 0.1], vec![0.1, 1.0, 0.0]])),
            ("pricing".to_owned(), ("sales".to_owned(), vec![vec![1.0, 0.0, 0.1], vec![1.0, 0.1, 0.0]])),
        ]);
        let classifier = IntentClassifier::new(intents);
        let ranked = classifier.rank(&[0.9, 0.1, 0.05]);
        assert_eq!((ranked[0].name.as_str(), ranked[0].category.as_str()), ("pricing", "sales"));
        assert!(ranked[0].confidence > 0.9);
        assert_eq!(classifier.category_of("cancel"), Some("billing"));
    }
}
