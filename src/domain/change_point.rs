//! Whether a rate of success has fallen: a change-point in a row of credits, whatever their age.
//!
//! A generalised likelihood ratio compares "one rate all along" with "one rate up to somewhere, a lower one after it", at
//! every place where the row can be cut, and is looked at again after each new credit. (Page, *Continuous inspection
//! schemes*, Biometrika 1954; Siegmund, Venkatraman: *Using the generalized likelihood ratio statistic for sequential
//! detection of a change-point*, Annals of Statistics 1995; Lai, *Information bounds and quick detection of parameter
//! changes in stochastic systems*, IEEE Transactions on Information Theory 1998.) The rate before is estimated from the
//! row itself, so nothing has to be known beforehand.
//!
//! The limit grows with the logarithm of the row, so that who is looked at ten times as often is not accused more easily. It
//! was chosen by simulation, with a look after each use and 6 000 rows each. Rows whose rate stays the same and that are
//! ever accused, in percent:
//!
//! | rate | 0.3 | 0.5 | 0.6 | 0.7 | 0.8 | 0.9 |
//! |---|---|---|---|---|---|---|
//! | within 100 uses | 0.15 | 0.32 | 0.23 | 0.08 | 0.15 | 0.03 |
//! | within 500 uses | 0.33 | 0.50 | 0.60 | 0.28 | 0.27 | 0.18 |
//! | within 5 000 uses | 0.65 | 0.88 | 0.98 | 0.68 | 0.48 | 0.33 |
//!
//! A rate that falls from 0.8 to 0.3, found within 60 uses after that, in percent of 20 000 rows; when it is found, that
//! takes 20 to 24 uses on average:
//!
//! | uses before | 15 | 20 | 30 | 40 | 50 | 60 | 80 | 100 | 300 | 1 000 |
//! |---|---|---|---|---|---|---|---|---|---|---|
//! | found | 38 | 53 | 73 | 85 | 91 | 94 | 97 | 99 | 99.9 | 99.9 |
//!
//! With few uses before, nobody can tell a rate that fell from one that was overrated: the two samples are too small for
//! any test that accuses so few wrongly.

/// The fewest credits on each side of a cut: fewer are a streak.
const MIN_SIDE: usize = 10;
/// The least fall that anybody should look at, as a difference of rates.
const MIN_FALL: f64 = 0.25;
/// Log-likelihood ratio from which a fall is believed, beside the natural logarithm of the length of the row.
const LIMIT: f64 = 5.8;
/// How many of the last credits may be taken away again when it is asked whether a fall was ever seen. What is offered no
/// more is used no more, so few come after that.
const LOOK_BACK: usize = 200;

/// A fall of a rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fall {
    /// How many credits came before it.
    pub at: usize,
    /// The rate before it, 0 to 1.
    pub before: f64,
    /// The rate since, 0 to 1.
    pub after: f64,
}

/// The likeliest fall in a row of credits (0 to 1 each, the oldest first), as it looks at the end of the row; `None` when
/// one rate explains it as well.
pub fn fall(credits: &[f64]) -> Option<Fall> {
    let length = credits.len();
    if length < 2 * MIN_SIDE {
        return None;
    }
    let total: f64 = credits.iter().sum();
    let one_rate = log_likelihood(total, length);
    let (mut since, mut taken, mut side) = (0.0, 0, MIN_SIDE);
    let mut best: Option<(f64, Fall)> = None;
    while side <= length - MIN_SIDE {
        while taken < side {
            since += credits[length - 1 - taken];
            taken += 1;
        }
        let at = length - side;
        let found = Fall { at, before: (total - since) / at as f64, after: since / side as f64 };
        if found.before - found.after >= MIN_FALL {
            let ratio = log_likelihood(total - since, at) + log_likelihood(since, side) - one_rate;
            if best.is_none_or(|(most, _)| ratio > most) {
                best = Some((ratio, found));
            }
        }
        // Every place near the end and ever fewer far from it: what a cut that is a little off costs is little there.
        side += (side / MIN_SIDE).max(1);
    }
    best.filter(|(ratio, _)| *ratio > LIMIT + (length as f64).ln()).map(|(_, found)| found)
}

/// Whether a fall was seen at the end of this row, or would have been at one of its last credits: what came after a fall
/// does not undo it, only a correction of what came before does.
pub fn has_fallen(credits: &[f64]) -> bool {
    let shortest = credits.len().saturating_sub(LOOK_BACK);
    (shortest..=credits.len()).rev().any(|length| fall(&credits[..length]).is_some())
}

/// The natural logarithm of the likelihood of credits with this sum, at the rate that explains them best.
fn log_likelihood(sum: f64, length: usize) -> f64 {
    let length = length as f64;
    term(sum, length) + term(length - sum, length)
}

fn term(part: f64, whole: f64) -> f64 {
    if part > 0.0 { part * (part / whole).ln() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dice::dice;

    /// Successes at these rates, one row a seed.
    fn row(seed: u64, rates: impl Iterator<Item = f64>) -> Vec<f64> {
        rates.enumerate().map(|(at, rate)| f64::from(dice([seed, at as u64]) < rate)).collect()
    }

    /// After how many credits a fall is seen first, looking after each from `first` on.
    fn seen(credits: &[f64], first: usize) -> Option<usize> {
        (first..=credits.len()).find(|length| fall(&credits[..*length]).is_some())
    }

    #[test]
    fn a_fall_is_found_soon_and_a_rate_that_stays_is_left_alone() {
        let mut found = 0;
        for seed in 100..200 {
            let falling = row(seed, (0..160).map(|at| if at < 100 { 0.8 } else { 0.3 }));
            found += usize::from(seen(&falling, 101).is_some());
        }
        assert!(found >= 95, "{found} of 100");
        for rate in [0.3, 0.6, 0.9] {
            let accused = (1_000..1_100).filter(|seed| seen(&row(*seed, (0..200).map(|_| rate)), 20).is_some());
            let accused = accused.count();
            assert!(accused <= 2, "{accused} of 100 at {rate}");
        }
    }

    #[test]
    fn a_fall_says_where_it_was_and_how_deep() {
        let credits: Vec<f64> = [vec![1.0; 40], vec![0.5; 4], vec![0.0; 30]].concat();
        let found = fall(&credits).expect("it fell");
        assert!((40..=44).contains(&found.at), "{found:?}");
        assert!(found.before > 0.9 && found.after < 0.1, "{found:?}");
        assert_eq!(fall(&credits[..40]), None);
        let risen: Vec<f64> = credits.iter().rev().copied().collect();
        assert_eq!(fall(&risen), None, "a rise is no fall");
        assert_eq!(fall(&[]), None);
    }

    #[test]
    fn what_comes_after_a_fall_does_not_undo_it_and_a_correction_does() {
        let fallen: Vec<f64> = [vec![1.0; 30], vec![0.0; 12]].concat();
        assert!(fall(&fallen).is_some());
        let mut later = fallen.clone();
        later.extend([1.0; 60]);
        assert!(fall(&later).is_none() && has_fallen(&later));
        let corrected: Vec<f64> = later.iter().map(|_| 1.0).collect();
        assert!(!has_fallen(&corrected));
    }
}
