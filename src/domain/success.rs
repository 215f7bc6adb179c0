//! How often an entry led to success: a Beta posterior with a credible interval.
//!
//! The prior comes from the entry's evidence (the success scores of the conversations in which an agent gave this
//! answer), with a total weight of at most [`EVIDENCE_WEIGHT`]; used exposures with a known outcome are counted on top.
//! Gelman et al., *Bayesian Data Analysis*, 3rd edition, section 2.4.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF};

/// The most that evidence weighs, in pseudo-observations, however many conversations there are.
pub const EVIDENCE_WEIGHT: f64 = 4.0;

/// What weighs a rate that a person gave, in pseudo-observations.
pub const GIVEN_WEIGHT: f64 = 4.0;

/// The least pseudo-count of a rate that was given: a certain 0 or 1 would have no interval.
const LEAST_COUNT: f64 = 0.01;

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

    /// The prior of an entry whose success rate (0 to 1) a person gave, with the weight [`GIVEN_WEIGHT`]. Its mean is that
    /// rate exactly, unless it is nearer to 0 or 1 than a quarter of a hundredth.
    pub fn from_prior_rate(rate: f64) -> Self {
        let rate = rate.clamp(0.0, 1.0);
        let alpha = GIVEN_WEIGHT * rate;
        // Not `4 * (1 - rate)`: this way the two add up to 4 also in floating point, and the mean is exact.
        Self { alpha: alpha.max(LEAST_COUNT), beta: (GIVEN_WEIGHT - alpha).max(LEAST_COUNT), uses: 0 }
    }

    /// The same uses on another prior.
    pub fn on_prior(self, before: Self, now: Self) -> Self {
        if self.uses == 0 {
            return Self { uses: 0, ..now };
        }
        Self::from_counts(self.alpha - before.alpha + now.alpha, self.beta - before.beta + now.beta, self.uses)
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

    /// The success rate under which the true one lies with this probability (0 to 1).
    pub fn quantile(&self, probability: f64) -> f64 {
        // Counts are above 0, so there always is a distribution.
        Beta::new(self.alpha, self.beta).map_or(0.5, |beta| beta.inverse_cdf(probability))
    }

    /// Mean and 90 % credible interval.
    pub fn rate(&self) -> SuccessRate {
        let (low, high) = (self.quantile(TAIL), self.quantile(1.0 - TAIL));
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
    fn a_rate_that_was_given_reads_back_as_it_was() {
        for given in (4..=396).map(|number| f64::from(number) / 400.0).chain([0.85, 0.1, 0.333_333_333_333_333_3]) {
            let told = Posterior::from_prior_rate(given).rate();
            assert_eq!(told.rate, given);
            assert!(told.low <= given && given <= told.high, "{told:?}");
        }
        for certain in [0.0, 1.0] {
            let told = Posterior::from_prior_rate(certain).rate();
            assert!((told.rate - certain).abs() < 0.003 && told.low <= told.high, "{told:?}");
        }
    }

    #[test]
    fn uses_stay_when_the_prior_changes() {
        let (before, now) = (Posterior::from_evidence(&[0.9]), Posterior::from_prior_rate(0.25));
        assert_eq!(before.on_prior(before, now), now);
        let used = Posterior::from_counts(before.alpha() + 3.0, before.beta() + 1.0, 4);
        let moved = used.on_prior(before, now);
        assert!((moved.alpha() - 4.0).abs() < 1e-9 && (moved.beta() - 4.0).abs() < 1e-9, "{moved:?}");
        assert_eq!(moved.uses(), 4);
    }

    #[test]
    fn the_interval_holds_the_mean() {
        for scores in [&[][..], &[1.0][..], &[0.0, 0.0][..], &[0.2, 0.9, 0.4][..]] {
            let rate = Posterior::from_evidence(scores).rate();
            assert!(0.0 <= rate.low && rate.low < rate.rate && rate.rate < rate.high && rate.high <= 1.0, "{rate:?}");
        }
    }
}
