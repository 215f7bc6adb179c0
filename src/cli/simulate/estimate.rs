//! A mean over worlds, with its interval.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean with its 95 % interval, by Student's t: worlds are few.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Estimate {
    /// The estimate from one value a world. One world has no interval: its ends are its value.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        let width = StudentsT::new(0.0, 1.0, (count - 1.0).max(1.0)).map_or(0.0, |t| t.inverse_cdf(0.975));
        let margin = width * (variance / count).sqrt();
        Self { mean, low: mean - margin, high: mean + margin }
    }

    /// As text, in per cent.
    pub fn percent(&self) -> String {
        let [mean, low, high] = [self.mean, self.low, self.high].map(|value| value * 100.0);
        format!("{mean:.1} % ({low:.1} to {high:.1})")
    }

    /// As text.
    pub fn plain(&self) -> String {
        format!("{:.1} ({:.1} to {:.1})", self.mean, self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_as_wide_as_worlds_differ() {
        let told = Estimate::of(&[1.0, 2.0, 3.0]);
        // Student's t with two degrees of freedom: 4.303; the standard error is 1 / sqrt(3).
        assert!((told.mean - 2.0).abs() < 1e-9 && (told.high - 2.0 - 4.3027 / 3.0_f64.sqrt()).abs() < 1e-3, "{told:?}");
        let one = Estimate::of(&[0.5]);
        assert_eq!((one.mean, one.low, one.high), (0.5, 0.5, 0.5));
    }
}
