//! Taking the language out of an embedding.
//!
//! A multilingual model puts texts of one language near each other, whatever they say: with multilingual-e5-small the
//! nearest utterance is of the same language far more often than of the same subject. Removing the few directions in
//! which the means of the languages differ leaves the meaning. On the development part of the demo the nearest exemplar
//! of another conversation is about the same subject in 45 % of cases instead of 29 %. (Yang et al., *A Simple and
//! Effective Method To Eliminate the Self Language Bias in Multilingual Representations*, EMNLP 2021.)

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::language::Language;
use crate::domain::vectors::{dot, normalise};

/// What remains of a direction that the ones before it already span.
const NEGLIGIBLE: f32 = 1e-3;

/// The directions in which languages differ, for one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LanguageSpace {
    /// Mean over the languages; empty when nothing is taken out.
    mean: Vec<f32>,
    /// Orthonormal directions, one fewer than languages.
    directions: Vec<Vec<f32>>,
    /// Where each language lies, as a direction from the mean.
    languages: Vec<(Language, Vec<f32>)>,
}

impl LanguageSpace {
    /// From the mean embedding of each language; with fewer than two there is nothing to take out.
    pub fn fit(named: &[(Language, Vec<f32>)]) -> Self {
        if named.len() < 2 {
            return Self::default();
        }
        let means: Vec<&Vec<f32>> = named.iter().map(|(_, mean)| mean).collect();
        let dimension = means[0].len();
        let mut mean = vec![0.0_f32; dimension];
        for language in &means {
            mean.iter_mut().zip(language.iter()).for_each(|(sum, x)| *sum += x / means.len() as f32);
        }
        let mut directions: Vec<Vec<f32>> = Vec::new();
        for language in &means {
            let mut direction: Vec<f32> = language.iter().zip(&mean).map(|(x, m)| x - m).collect();
            let before = dot(&direction, &direction).sqrt();
            remove(&mut direction, &directions);
            // The last one follows from the others, up to rounding.
            if dot(&direction, &direction).sqrt() > NEGLIGIBLE * before.max(f32::EPSILON) {
                normalise(&mut direction);
                directions.push(direction);
            }
        }
        let languages = named
            .iter()
            .map(|(language, vector)| {
                let mut direction: Vec<f32> = vector.iter().zip(&mean).map(|(x, m)| x - m).collect();
                normalise(&mut direction);
                (language.clone(), direction)
            })
            .collect();
        Self { mean, directions, languages }
    }

    /// Which of the known languages a text sounds like, from its embedding; right in four cases of five for one
    /// utterance, so it may lend weight but never decide.
    pub fn language_of(&self, vector: &[f32]) -> Option<&Language> {
        let centred: Vec<f32> = vector.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
        let nearest = self.languages.iter().max_by(|a, b| dot(&a.1, &centred).total_cmp(&dot(&b.1, &centred)));
        nearest.map(|(language, _)| language)
    }

    /// A short name that differs for different spaces; `plain` when nothing is taken out.
    pub fn fingerprint(&self) -> String {
        if self.mean.is_empty() {
            return "plain".to_owned();
        }
        let mut hash = Sha256::new();
        for number in self.mean.iter().chain(self.directions.iter().flatten()) {
            // Rounded, so that another processor's last digits are no other space.
            hash.update(((number * 1_000.0).round() as i32).to_le_bytes());
        }
        hex::encode(&hash.finalize()[..4])
    }

    /// The embedding without its language, of length 1.
    pub fn strip(&self, vector: &[f32]) -> Vec<f32> {
        if self.mean.is_empty() {
            return vector.to_vec();
        }
        let mut stripped: Vec<f32> = vector.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
        remove(&mut stripped, &self.directions);
        normalise(&mut stripped);
        stripped
    }
}

/// Subtracts what lies along orthonormal directions.
fn remove(vector: &mut [f32], directions: &[Vec<f32>]) {
    for direction in directions {
        let along = dot(vector, direction);
        vector.iter_mut().zip(direction).for_each(|(x, d)| *x -= along * d);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_meaning_in_two_languages_becomes_one() {
        // The first number is the meaning, the others say which language it is.
        let (english, hindi) = (Language::parse("en").expect("a tag"), Language::parse("hi").expect("a tag"));
        let space = LanguageSpace::fit(&[(english, vec![0.0, 1.0, 0.0]), (hindi.clone(), vec![0.0, 0.0, 1.0])]);
        assert_eq!(space.language_of(&[0.7, 0.1, 1.0]), Some(&hindi));
        let (a, b) = (space.strip(&[0.7, 1.0, 0.1]), space.strip(&[0.7, 0.1, 1.0]));
        assert!(dot(&a, &b) > 0.99, "{a:?} {b:?}");
        assert!(dot(&a, &space.strip(&[-0.7, 1.0, 0.1])) < -0.9);
    }

    #[test]
    fn one_language_is_left_alone() {
        assert_eq!(
            LanguageSpace::fit(&[(Language::undetermined(), vec![0.1, 0.2])]).strip(&[0.6, 0.8]),
            vec![0.6, 0.8]
        );
    }
}
