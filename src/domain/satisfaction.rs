//! How satisfied a user probably was who gave no rating.

/// Shares of the measures in the estimate; they add up to 1. Chosen, not fitted: what a user came for counts most, then
/// whether the need was seen to, then whether things had to be said twice.
const SUCCESS: f64 = 0.6;
const RESOLUTION: f64 = 0.25;
const NO_REPETITION: f64 = 0.15;

/// The estimated rating, 1 to 5, from `success_score`, `resolution` and `repetition` of a training record (0 to 1 each).
///
/// It is a weighted mean, so the estimate of means is the mean of estimates: sums over many conversations are enough to
/// say what they were like together.
pub fn estimate(success_score: f64, resolution: f64, repetition: f64) -> f64 {
    1.0 + 4.0 * (SUCCESS * success_score + RESOLUTION * resolution + NO_REPETITION * (1.0 - repetition))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn the_estimate_spans_the_scale() {
        assert!(close(estimate(1.0, 1.0, 0.0), 5.0));
        assert!(close(estimate(0.0, 0.0, 1.0), 1.0));
        assert!(estimate(0.9, 0.5, 0.1) > estimate(0.4, 0.5, 0.1));
        assert!(estimate(0.5, 0.9, 0.1) > estimate(0.5, 0.4, 0.1));
        assert!(estimate(0.5, 0.5, 0.0) > estimate(0.5, 0.5, 0.4));
    }

    #[test]
    fn the_estimate_of_means_is_the_mean_of_estimates() {
        let one = [0.9, 0.7, 0.0];
        let other = [0.2, 0.1, 0.5];
        let mean = |at: usize| (one[at] + other[at]) / 2.0;
        let of = |measures: [f64; 3]| estimate(measures[0], measures[1], measures[2]);
        assert!(close(of([mean(0), mean(1), mean(2)]), (of(one) + of(other)) / 2.0));
    }
}
