//! How long many answers took, in a few hundred numbers that can be added up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Durations counted in bins, from which any share can be read. Two histograms are merged by adding their counts.
///
/// A bin is known by its least duration: a duration with everything behind its second digit cut off, and below a
/// millisecond in steps of 10 microseconds. A quantile is therefore within 5 % of the true one, or 5 microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyHistogram(BTreeMap<i64, i64>);

impl LatencyHistogram {
    /// Counts so many durations of a bin.
    pub fn add(&mut self, bin_us: i64, count: i64) {
        *self.0.entry(bin_us).or_default() += count;
    }

    /// Counts the durations of another one, too.
    pub fn merge(&mut self, other: &Self) {
        for (bin_us, count) in &other.0 {
            self.add(*bin_us, *count);
        }
    }

    /// The duration that this share (0 to 1) of all do not exceed, by nearest rank, in milliseconds: the middle of its
    /// bin. `None` when there are none.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let total: i64 = self.0.values().sum();
        let rank = (share * total as f64).ceil().max(1.0);
        let mut seen = 0_i64;
        let bin = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen as f64 >= rank
        });
        bin.map(|(start, _)| (*start as f64 + width_us(*start) as f64 / 2.0) / 1000.0)
    }
}

/// The width of the bin that begins here.
fn width_us(start: i64) -> i64 {
    let mut width = 10;
    while start >= width * 100 && width < 1_000_000 {
        width *= 10;
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(LatencyHistogram::default().quantile_ms(0.5), None);
    }

    #[test]
    fn a_quantile_is_the_middle_of_the_bin_of_its_rank() {
        let mut histogram = LatencyHistogram::default();
        for (bin_us, count) in [(120, 1), (4_500, 49), (4_500, 40), (99_000, 9), (1_200_000, 1)] {
            histogram.add(bin_us, count);
        }
        assert_eq!(histogram.quantile_ms(0.0), Some(0.125));
        assert_eq!(histogram.quantile_ms(0.5), Some(4.55));
        assert_eq!(histogram.quantile_ms(0.99), Some(99.5));
        assert_eq!(histogram.quantile_ms(1.0), Some(1_250.0));
    }

    #[test]
    fn what_is_merged_is_counted_together_also_after_it_was_kept_as_json() {
        let mut histogram = LatencyHistogram::default();
        histogram.add(120, 1);
        let mut other = LatencyHistogram::default();
        other.add(120, 2);
        other.add(4_500, 1);
        let kept = serde_json::to_string(&other).expect("it is written");
        histogram.merge(&serde_json::from_str(&kept).expect("it is read"));
        assert_eq!(histogram, LatencyHistogram(BTreeMap::from([(120, 3), (4_500, 1)])));
    }

    #[test]
    fn widths_follow_the_second_digit() {
        let widths = [(0, 10), (990, 10), (1_000, 100), (9_900, 100), (10_000, 1_000), (120_000, 10_000)];
        for (start, width) in widths {
            assert_eq!(width_us(start), width, "{start}");
        }
        assert_eq!(width_us(3_000_000), 100_000);
        assert_eq!(width_us(90_000_000), 1_000_000);
        assert_eq!(width_us(900_000_000), 1_000_000);
    }
}
