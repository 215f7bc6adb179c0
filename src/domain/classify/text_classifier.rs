//! Multinomial logistic regression over a text: its embedding and its words.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::domain::classify::words::{WordId, word_ids};
use crate::domain::regression::{Balance, Design, SparseRow, fit, softmax_in_place};
use crate::domain::vectors::dot;

/// How much an embedding counts beside the words, which have length 1 together; chosen by cross-validation over the
/// practice conversations.
const EMBEDDING_WEIGHT: f32 = 4.0;
/// A word that stands in fewer texts than this teaches nothing.
const MIN_TEXTS: usize = 2;
/// The largest whole number that a weight is kept as.
const LEVELS: f32 = 127.0;

/// What a classifier sees of a text, or of two texts that are read together.
#[derive(Clone, Debug)]
pub struct TextFeatures {
    embedding: Vec<f32>,
    words: Vec<(WordId, f32)>,
}

impl TextFeatures {
    /// Of one text and its embedding.
    pub fn of(text: &str, embedding: &[f32]) -> Self {
        Self { embedding: embedding.to_vec(), words: weighed(word_ids(text, "")) }
    }

    /// Of a need and its answer, each a text and its embedding.
    pub fn of_pair(need: (&str, &[f32]), answer: (&str, &[f32])) -> Self {
        let mut words = weighed(word_ids(need.0, "need"));
        words.extend(weighed(word_ids(answer.0, "answer")));
        Self { embedding: [need.1, answer.1].concat(), words }
    }
}

/// The words of a text as a vector of length 1.
fn weighed(words: Vec<WordId>) -> Vec<(WordId, f32)> {
    let weight = 1.0 / (words.len().max(1) as f32).sqrt();
    words.into_iter().map(|word| (word, weight)).collect()
}

/// A fitted classifier of texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Compact", into = "Compact")]
pub struct TextClassifier {
    /// Subtracted from every embedding.
    mean: Vec<f32>,
    /// One row a class: a weight a dimension of the embedding.
    weights: Vec<Vec<f32>>,
    /// One row a word that the fit knows: a weight a class.
    words: BTreeMap<WordId, Vec<f32>>,
    /// One a class.
    bias: Vec<f32>,
}

impl TextClassifier {
    /// Fits labelled texts (a label is an index below `classes`); every class counts the same, however many texts it has.
    /// `l2` is the strength of the penalty on the weights relative to the mean loss.
    pub fn fit(texts: &[TextFeatures], labels: &[usize], classes: usize, l2: f32) -> Self {
        let dimension = texts.first().map_or(0, |text| text.embedding.len());
        let mut mean = vec![0.0_f32; dimension];
        for text in texts {
            mean.iter_mut().zip(&text.embedding).for_each(|(sum, x)| *sum += x / texts.len() as f32);
        }
        let mut dense = Array2::<f32>::zeros((texts.len(), dimension));
        for (mut row, text) in dense.outer_iter_mut().zip(texts) {
            row.iter_mut().zip(centred(&text.embedding, &mean)).for_each(|(to, x)| *to = x);
        }
        let known = known_words(texts);
        let place: BTreeMap<WordId, usize> = known.iter().enumerate().map(|(at, word)| (*word, at)).collect();
        let sparse = texts.iter().map(|text| -> SparseRow {
            text.words.iter().filter_map(|(word, value)| Some((*place.get(word)?, *value))).collect()
        });
        let design = Design { dense, sparse: sparse.collect(), sparse_width: known.len() };
        let fitted = fit(&design, labels, classes, Balance::Classes, l2);
        let exact = Self {
            mean,
            weights: fitted.dense.outer_iter().map(|row| row.to_vec()).collect(),
            words: known.into_iter().zip(fitted.sparse.outer_iter().map(|row| row.to_vec())).collect(),
            bias: fitted.bias.to_vec(),
        };
        // As it would come back from a file, so that a fresh fit and a kept one judge alike.
        Self::from(Compact::from(exact))
    }

    /// The probability of each class; they sum to 1.
    pub fn predict(&self, text: &TextFeatures) -> Vec<f32> {
        debug_assert_eq!(text.embedding.len(), self.mean.len(), "embeddings are of the model that the fit saw");
        let embedding: Vec<f32> = centred(&text.embedding, &self.mean).collect();
        let mut logits: Vec<f32> =
            self.weights.iter().zip(&self.bias).map(|(weights, bias)| dot(weights, &embedding) + bias).collect();
        for (word, value) in &text.words {
            let Some(weights) = self.words.get(word) else { continue };
            logits.iter_mut().zip(weights).for_each(|(logit, weight)| *logit += weight * value);
        }
        softmax_in_place(&mut logits);
        logits
    }
}

fn centred<'a>(embedding: &'a [f32], mean: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
    embedding.iter().zip(mean).map(|(x, mean)| (x - mean) * EMBEDDING_WEIGHT)
}

/// The words that stand in enough texts to teach something.
fn known_words(texts: &[TextFeatures]) -> BTreeSet<WordId> {
    let mut counts: BTreeMap<WordId, usize> = BTreeMap::new();
    for (word, _) in texts.iter().flat_map(|text| &text.words) {
        *counts.entry(*word).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count >= MIN_TEXTS).map(|(word, _)| word).collect()
}

/// The form in files: a byte a weight.
#[derive(Serialize, Deserialize)]
struct Compact {
    mean: Vec<f32>,
    weights: Vec<CompactRow>,
    words: Vec<(WordId, CompactRow)>,
    bias: Vec<f32>,
}

/// Weights as whole numbers of steps.
#[derive(Serialize, Deserialize)]
struct CompactRow(f32, Vec<i8>);

impl CompactRow {
    fn of(weights: &[f32]) -> Self {
        let largest = weights.iter().fold(0.0_f32, |top, weight| top.max(weight.abs()));
        let step = if largest > 0.0 { largest / LEVELS } else { 1.0 };
        Self(step, weights.iter().map(|weight| (weight / step).round() as i8).collect())
    }

    fn weights(&self) -> Vec<f32> {
        self.1.iter().map(|steps| f32::from(*steps) * self.0).collect()
    }
}

impl From<TextClassifier> for Compact {
    fn from(exact: TextClassifier) -> Self {
        Self {
            mean: exact.mean,
            weights: exact.weights.iter().map(|row| CompactRow::of(row)).collect(),
            words: exact.words.iter().map(|(word, row)| (*word, CompactRow::of(row))).collect(),
            bias: exact.bias,
        }
    }
}

impl From<Compact> for TextClassifier {
    fn from(compact: Compact) -> Self {
        Self {
            mean: compact.mean,
            weights: compact.weights.iter().map(CompactRow::weights).collect(),
            words: compact.words.into_iter().map(|(word, row)| (word, row.weights())).collect(),
            bias: compact.bias,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKING: [&str; 4] = ["how much is it", "how late do you open", "where is it", "how does that work"];
    const REFUSING: [&str; 4] = ["that is too much", "no that is not it", "too late for me", "not for me"];

    fn fitted() -> TextClassifier {
        // The embeddings say nothing here, so the words must.
        let texts: Vec<TextFeatures> =
            ASKING.iter().chain(&REFUSING).map(|text| TextFeatures::of(text, &[0.6, 0.8])).collect();
        TextClassifier::fit(&texts, &[0, 0, 0, 0, 1, 1, 1, 1], 2, 1e-3)
    }

    #[test]
    fn words_tell_texts_apart_that_embed_alike() {
        let classifier = fitted();
        let asking = classifier.predict(&TextFeatures::of("how is that", &[0.6, 0.8]));
        assert!(asking[0] > 0.6, "{asking:?}");
        let refusing = classifier.predict(&TextFeatures::of("not for me", &[0.6, 0.8]));
        assert!(refusing[1] > 0.8, "{refusing:?}");
    }

    #[test]
    fn a_kept_classifier_judges_like_the_fresh_one() {
        let fresh = fitted();
        let kept: TextClassifier =
            serde_json::from_str(&serde_json::to_string(&fresh).expect("written")).expect("read back");
        let text = TextFeatures::of("how about that", &[0.6, 0.8]);
        for (a, b) in fresh.predict(&text).iter().zip(kept.predict(&text)) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }

    #[test]
    fn embeddings_tell_texts_apart_that_share_no_word_with_the_fit() {
        let texts: Vec<TextFeatures> =
            (0..20).map(|at| TextFeatures::of("", &if at % 2 == 0 { [1.0, 0.1] } else { [0.1, 1.0] })).collect();
        let labels: Vec<usize> = (0..20).map(|at| at % 2).collect();
        let classifier = TextClassifier::fit(&texts, &labels, 2, 1e-3);
        assert!(classifier.predict(&TextFeatures::of("unheard of", &[0.9, 0.2]))[0] > 0.9);
    }
}
