//! How often an entry led to success: a Beta posterior with a credible interval.
//!
//! The prior comes from the entry's evidence (the success scores of the conversations in which an agent gave this
//! answer), with a total weight of at most [`EVIDENCE_WEIGHT`]; used exposures with a known outcome are counted on top.
//! Gelman et al., *Bayesian Data Analysis*, 3rd edition, section 2.4.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF};

/// The most that evidence weighs, in pseudo-observations, however many conversations there are.
pub const EVIDENCE_WEIGHT: f64 = 4.0;

/// Width of the credible interval: 90 %.
const TAIL: f64 = 0.05;

/// The posterior of a success rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Posterior {
    /// Pseudo-count of successes; above 0.
    alpha: f64,
    /// Pseudo-count of failures; above 0.
    beta: f64,
    /// Used exposures, whatever their outcome.
    uses: i64,
}

/// A success rate as it is told to callers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuccessRate {
    /// Mean of the posterior, 0 to 1.
    pub rate: f64,
    /// Lower end of the 90 % credible interval.
    pub low: f64,
    /// Upper end of the 90 % credible interval.
    pub high: f64,
    /// Used exposures.
    pub uses: i64,
}

impl Posterior {
    /// The posterior of an entry whose evidence has these success scores (0 to 1 each) and that was never shown.
    ///
    /// A uniform Beta(1, 1) stands under the evidence, so that one success is not yet certainty.
    pub fn from_evidence(scores: &[f64]) -> Self {
        let weight = (scores.len() as f64).min(EVIDENCE_WEIGHT);
        let mean = if scores.is_empty() { 0.5 } else { scores.iter().sum::<f64>() / scores.len() as f64 };
        Self { alpha: 1.0 + weight * mean, beta: 1.0 + weight * (1.0 - mean), uses: 0 }
    }

    /// A posterior as it was stored.
    pub fn from_counts(alpha: f64, beta: f64, uses: i64) -> Self {
        Self { alpha: alpha.max(f64::MIN_POSITIVE), beta: beta.max(f64::MIN_POSITIVE), uses }
    }

    /// Pseudo-count of successes.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Pseudo-count of failures.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// Used exposures, whatever their outcome.
    pub fn uses(&self) -> i64 {
        self.uses
    }

    /// Mean, 0 to 1.
    pub fn mean(&self) -> f64 {
        self.alpha / (self.alpha + self.beta)
    }

    /// Mean and 90 % credible interval.
    pub fn rate(&self) -> SuccessRate {
        let (low, high) = match Beta::new(self.alpha, self.beta) {
            Ok(beta) => (beta.inverse_cdf(TAIL), beta.inverse_cdf(1.0 - TAIL)),
            Err(_) => (0.0, 1.0),
        };
        SuccessRate { rate: self.mean(), low, high, uses: self.uses }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_weighs_at_most_four() {
        let four = Posterior::from_evidence(&[1.0; 4]);
        let many = Posterior::from_evidence(&[1.0; 400]);
        assert_eq!(four, many);
        assert!((four.mean() - 5.0 / 6.0).abs() < 1e-9);
    }

    #[test]
    fn four_successes_beat_two_and_two() {
        let good = Posterior::from_evidence(&[0.9, 0.9, 0.9, 0.9]);
        let mixed = Posterior::from_evidence(&[0.9, 0.9, 0.1, 0.1]);
        assert!(good.mean() > mixed.mean());
        assert!(good.rate().low > mixed.rate().low);
    }

    #[test]
    fn the_interval_holds_the_mean() {
        for scores in [&[][..], &[1.0][..], &[0.0, 0.0][..], &[0.2, 0.9, 0.4][..]] {
            let rate = Posterior::from_evidence(scores).rate();
            assert!(0.0 <= rate.low && rate.low < rate.rate && rate.rate < rate.high && rate.high <= 1.0, "{rate:?}");
        }
    }
}
