//! What an experiment says: rates and means of arms, how much better one is than another, and when that may be believed.
//!
//! Guarantees: [`sequential_test`] may be looked at as often as anybody likes. Its confidence sequence covers the true
//! difference at all looks together with the probability that is named, because it is an anytime-valid one: the mixture
//! sequential probability ratio test of a difference of means under a normal approximation (Johari, Koomen, Pekelis, Walsh:
//! *Peeking at A/B Tests*, KDD 2017), with a mixture as wide as the observations themselves are spread (Waudby-Smith, Arbour,
//! Sinha, Kennedy, Ramdas: *Time-uniform central limit theory and asymptotic confidence sequences*, Annals of Statistics
//! 2024). The plain intervals beside it are for one look that was decided on before.

use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::domain::conversation::word_enum;

/// How often a test may say that there is a difference where there is none.
pub const ALPHA: f64 = 0.05;
/// The fewest observations of an arm that the sequential test looks at: normal approximations need some.
pub const LEAST_OBSERVATIONS: i64 = 50;
/// A sample ratio as unlikely as this is no chance.
pub const MISMATCH: f64 = 0.001;
/// 97.5 % quantile of the normal distribution: 95 % lie between it and its negative.
const Z_95: f64 = 1.959_963_984_540_054;
/// 80 % quantile of the normal distribution.
const Z_80: f64 = 0.841_621_233_572_914_3;
/// Spread of the differences that the test expects, in standard deviations of one observation. It finds any difference in
/// the end, and those of about this size the soonest: 5 points of a success rate of one half.
const EXPECTED: f64 = 0.1;
/// The fewest conversations of an arm that a sample ratio is judged by.
const LEAST_EXPECTED: f64 = 5.0;

word_enum!(
    /// What an experiment says about an arm so far.
    ExperimentDecision {
        /// Nothing yet.
        KeepGoing = "keep_going",
        /// It is better than the control.
        Better = "better",
        /// It is worse than the control.
        Worse = "worse",
    }
);

/// A number that is estimated, and the bounds between which it lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// Observations, as the sums that means and variances are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// How many.
    pub count: i64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
}

impl Sample {
    /// Successes among `count`, each a 1.
    pub fn of_successes(successes: i64, count: i64) -> Self {
        Self { count, sum: successes as f64, squares: successes as f64 }
    }

    /// The same observations in another unit.
    pub fn scaled(self, factor: f64) -> Self {
        Self { count: self.count, sum: self.sum * factor, squares: self.squares * factor * factor }
    }

    /// These and others together.
    pub fn with(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum + other.sum, squares: self.squares + other.squares }
    }

    /// The mean; `None` of nothing.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The variance of an observation; `None` of fewer than two.
    fn variance(&self) -> Option<f64> {
        let (mean, count) = (self.mean()?, self.count as f64);
        (self.count > 1).then(|| ((self.squares - count * mean * mean) / (count - 1.0)).max(0.0))
    }

    /// The variance of an observation, never 0 for shares: with an observation more of either kind.
    fn smooth_variance(&self, is_share: bool) -> Option<f64> {
        if !is_share {
            return self.variance();
        }
        let rate = (self.sum + 1.0) / (self.count as f64 + 2.0);
        Some(rate * (1.0 - rate))
    }
}

/// The 95 % interval of a rate by Wilson (*Probable inference*, JASA 1927); `None` of nothing.
pub fn wilson(successes: f64, count: i64) -> Option<Interval> {
    if count <= 0 {
        return None;
    }
    let (n, z2) = (count as f64, Z_95 * Z_95);
    let rate = successes / n;
    let middle = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_95 * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
    Some(Interval { low: (middle - half).max(0.0), high: (middle + half).min(1.0) })
}

/// How much more an arm has than the control.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lift {
    /// The difference of the means.
    pub absolute: f64,
    /// Its 95 % interval.
    pub absolute_interval: Interval,
    /// The difference as a share of the control's mean; `None` where that is 0 or less.
    pub relative: Option<f64>,
    /// Its 95 % interval; `None` also where the arm's mean is 0 or less, and where nothing varies.
    pub relative_interval: Option<Interval>,
}

/// The lift of an arm over the control; `None` when either has nothing, or too little for an interval. Shares are
/// observations of 0 and 1.
///
/// The interval of a difference of shares is Newcombe's (*Interval estimation for the difference between independent
/// proportions*, Statistics in Medicine 1998, method 10), that of means is the normal one; relative ones are made of the
/// logarithm of the ratio (Katz, Baptista, Azen, Pike, Biometrics 1978).
pub fn lift(arm: &Sample, control: &Sample, is_share: bool) -> Option<Lift> {
    let (mean, base) = (arm.mean()?, control.mean()?);
    let (spread, base_spread) =
        if is_share { (mean * (1.0 - mean), base * (1.0 - base)) } else { (arm.variance()?, control.variance()?) };
    let (of_arm, of_control) = (spread / arm.count as f64, base_spread / control.count as f64);
    let absolute = mean - base;
    let absolute_interval = if is_share {
        let (own, other) = (wilson(arm.sum, arm.count)?, wilson(control.sum, control.count)?);
        Interval {
            low: absolute - (mean - own.low).hypot(other.high - base),
            high: absolute + (own.high - mean).hypot(base - other.low),
        }
    } else {
        let half = Z_95 * (of_arm + of_control).sqrt();
        Interval { low: absolute - half, high: absolute + half }
    };
    let relative = (base > 0.0).then(|| mean / base - 1.0);
    // A few successes without a failure on either side are no proof that there is no difference.
    let varies = of_arm + of_control > 0.0;
    let relative_interval = (base > 0.0 && mean > 0.0 && varies).then(|| {
        let (log, half) = ((mean / base).ln(), Z_95 * (of_arm / (mean * mean) + of_control / (base * base)).sqrt());
        Interval { low: (log - half).exp() - 1.0, high: (log + half).exp() - 1.0 }
    });
    Some(Lift { absolute, absolute_interval, relative, relative_interval })
}

/// What may be believed about the difference between an arm and the control, whenever one looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sequential {
    /// The always-valid p-value of no difference.
    pub p_value: f64,
    /// The confidence sequence of the difference, as it stands now.
    pub interval: Interval,
}

impl Sequential {
    /// What that says about the arm.
    pub fn decision(&self, is_better_low: bool) -> ExperimentDecision {
        let (better, worse) = if is_better_low {
            (self.interval.high < 0.0, self.interval.low > 0.0)
        } else {
            (self.interval.low > 0.0, self.interval.high < 0.0)
        };
        match (better, worse) {
            (true, _) => ExperimentDecision::Better,
            (_, true) => ExperimentDecision::Worse,
            _ => ExperimentDecision::KeepGoing,
        }
    }
}

/// Tests whether the means of two arms differ. All of the `comparisons` (1 or more) of an experiment together are wrong
/// with the probability [`ALPHA`] at most (Bonferroni). `None` while an arm has fewer than [`LEAST_OBSERVATIONS`], and when
/// nothing varies.
pub fn sequential_test(arm: &Sample, control: &Sample, is_share: bool, comparisons: usize) -> Option<Sequential> {
    if arm.count.min(control.count) < LEAST_OBSERVATIONS {
        return None;
    }
    let (own, other) = (arm.smooth_variance(is_share)?, control.smooth_variance(is_share)?);
    let variance = own / arm.count as f64 + other / control.count as f64;
    let mixture = EXPECTED * EXPECTED * (own + other) / 2.0;
    if variance <= 0.0 {
        return None;
    }
    let difference = arm.mean()? - control.mean()?;
    let comparisons = comparisons.max(1) as f64;
    let widening = ((variance + mixture) / variance).ln() / 2.0;
    let evidence = mixture * difference * difference / (2.0 * variance * (variance + mixture)) - widening;
    let allowed = (comparisons / ALPHA).ln() + widening;
    let half = (2.0 * variance * (variance + mixture) / mixture * allowed).sqrt();
    Some(Sequential {
        p_value: (comparisons * (-evidence).exp()).min(1.0),
        interval: Interval { low: difference - half, high: difference + half },
    })
}

/// The conversations that each arm needs so that a single look at the end finds a relative difference of `mde` from the
/// control in 4 of 5 experiments, with 5 % of errors. `None` without a control to go by, and where a share cannot grow by so
/// much. A sequential test needs more for small differences and ends sooner for large ones.
pub fn sample_size(control: &Sample, is_share: bool, mde: f64) -> Option<i64> {
    let base = control.mean().filter(|base| *base > 0.0)?;
    let difference = base * mde;
    let spread = if is_share {
        let wanted = base + difference;
        if wanted >= 1.0 {
            return None;
        }
        base * (1.0 - base) + wanted * (1.0 - wanted)
    } else {
        2.0 * control.variance()?
    };
    let needed = ((Z_95 + Z_80) / difference).powi(2) * spread;
    needed.is_finite().then(|| needed.ceil().max(1.0) as i64)
}

/// How likely conversations are spread over the arms as unevenly as this, or more so, when each has its share: pairs of a
/// count and a share. `None` while there are too few.
pub fn sample_ratio(arms: &[(i64, f64)]) -> Option<f64> {
    let total: i64 = arms.iter().map(|(count, _)| count).sum();
    let expected = |share: f64| share * total as f64;
    if arms.len() < 2 || arms.iter().any(|(_, share)| expected(*share) < LEAST_EXPECTED) {
        return None;
    }
    let squares = arms.iter().map(|(count, share)| (*count as f64 - expected(*share)).powi(2) / expected(*share));
    let distribution = ChiSquared::new((arms.len() - 1) as f64).ok()?;
    Some(distribution.sf(squares.sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dice::dice;

    /// Looks every so many conversations of the two arms together.
    const LOOK: i64 = 50;

    /// Two arms, and what was looked at on the way.
    struct Run {
        arms: [Sample; 2],
        looks: Vec<Sequential>,
    }

    /// An experiment of `length` conversations, a `share` of them in the first arm, with these rates of success.
    fn run(seed: u64, rates: [f64; 2], share: f64, length: i64) -> Run {
        let mut arms = [Sample::default(); 2];
        let mut looks = Vec::new();
        for number in 1..=length {
            let key = |what: u64| [seed, number.unsigned_abs(), what];
            let arm = usize::from(dice(key(0)) >= share);
            let success = i64::from(dice(key(1)) < rates[arm]);
            arms[arm] = arms[arm].with(Sample::of_successes(success, 1));
            if number % LOOK == 0 {
                looks.extend(sequential_test(&arms[0], &arms[1], true, 1));
            }
        }
        Run { arms, looks }
    }

    /// How many of these runs ever say that there is a difference.
    fn found(runs: std::ops::Range<u64>, rates: [f64; 2], share: f64, length: i64) -> usize {
        let is_found = |seed: &u64| {
            let looks = run(*seed, rates, share, length).looks;
            looks.iter().any(|look| look.decision(false) != ExperimentDecision::KeepGoing)
        };
        runs.filter(is_found).count()
    }

    #[test]
    fn peeking_a_hundred_times_finds_no_difference_where_there_is_none() {
        for (rate, share) in [(0.5, 0.5), (0.9, 0.5), (0.1, 0.5), (0.6, 0.1)] {
            let wrong = found(0..120, [rate, rate], share, 5_000);
            assert!(wrong <= 6, "{wrong} of 120 at a rate of {rate}, {share} of them in the arm");
        }
    }

    #[test]
    fn a_real_difference_is_found_and_its_direction_is_told() {
        assert!(found(0..40, [0.6, 0.5], 0.5, 4_000) >= 38);
        let look = *run(1, [0.4, 0.6], 0.5, 2_000).looks.last().expect("there were looks");
        assert_eq!(look.decision(false), ExperimentDecision::Worse);
        assert_eq!(look.decision(true), ExperimentDecision::Better);
        assert!(look.p_value < 0.05 && look.interval.high < 0.0, "{look:?}");
    }

    #[test]
    fn the_p_value_and_the_sequence_say_the_same_and_more_comparisons_say_less() {
        for successes in 40..100 {
            let arms = (Sample::of_successes(successes, 200), Sample::of_successes(70, 200));
            let test = |comparisons| sequential_test(&arms.0, &arms.1, true, comparisons).expect("enough");
            for comparisons in [1, 3] {
                let test = test(comparisons);
                let is_decided = test.decision(false) != ExperimentDecision::KeepGoing;
                assert_eq!(is_decided, test.p_value < ALPHA, "{successes}: {test:?}");
            }
            assert!(test(3).p_value >= test(1).p_value && test(3).interval.low < test(1).interval.low);
        }
        let few = Sample::of_successes(10, LEAST_OBSERVATIONS - 1);
        assert_eq!(sequential_test(&few, &Sample::of_successes(10, 100), true, 1), None);
        let same = Sample { count: 50, sum: 50.0, squares: 50.0 };
        assert_eq!(sequential_test(&same, &same, false, 1), None, "nothing varies");
    }

    #[test]
    fn intervals_cover_what_is_true() {
        let (rates, runs) = ([0.7, 0.6], 400_u64);
        let holds = |interval: Interval, truth: f64| u32::from((interval.low..=interval.high).contains(&truth));
        let mut covered = [0; 4];
        for seed in 0..runs {
            let run = run(seed, rates, 0.3, 500);
            let lift = lift(&run.arms[0], &run.arms[1], true).expect("both have some");
            let own = wilson(run.arms[0].sum, run.arms[0].count).expect("it has some");
            covered[0] += holds(own, rates[0]);
            covered[1] += holds(lift.absolute_interval, rates[0] - rates[1]);
            covered[2] += holds(lift.relative_interval.expect("none is 0"), rates[0] / rates[1] - 1.0);
            covered[3] += u32::from(run.looks.iter().all(|look| holds(look.interval, rates[0] - rates[1]) == 1));
        }
        // 95 % of 400 are 380; the chance of fewer than 367 is one in a thousand.
        assert!(covered.iter().all(|covered| *covered >= 367), "{covered:?} of {runs}");
    }

    #[test]
    fn intervals_are_those_of_the_books() {
        // Newcombe 1998, table II: 56 of 70 against 48 of 80.
        let told = lift(&Sample::of_successes(56, 70), &Sample::of_successes(48, 80), true).expect("both have some");
        assert!((told.absolute - 0.2).abs() < 1e-9);
        let bounds = told.absolute_interval;
        assert!((bounds.low - 0.0524).abs() < 5e-5 && (bounds.high - 0.3339).abs() < 5e-5, "{bounds:?}");
        let own = wilson(56.0, 70).expect("some");
        assert!(own.low > 0.69 && own.low < 0.7 && own.high > 0.87 && own.high < 0.88, "{own:?}");
        assert_eq!(wilson(0.0, 0), None);
        let none = wilson(0.0, 10).expect("some");
        assert!(none.low.abs() < 1e-9 && none.high > 0.2);

        let nothing = lift(&Sample::of_successes(0, 10), &Sample::of_successes(5, 10), true).expect("both have some");
        assert_eq!((nothing.relative, nothing.relative_interval), (Some(-1.0), None));
        let upon_nothing = lift(&Sample::of_successes(5, 10), &Sample::of_successes(0, 10), true).expect("some");
        assert_eq!(upon_nothing.relative, None);
        let all = Sample::of_successes(5, 5);
        let told = lift(&all, &all, true).expect("both have some");
        assert_eq!((told.relative, told.relative_interval), (Some(0.0), None), "five are not enough for certainty");
        let costs = Sample { count: 4, sum: 20.0, squares: 120.0 };
        let told = lift(&costs, &costs.scaled(2.0), false).expect("both have some");
        assert!((told.absolute + 5.0).abs() < 1e-9 && told.relative.is_some_and(|share| (share + 0.5).abs() < 1e-9));
        assert_eq!(lift(&Sample::default(), &costs, false), None);
    }

    #[test]
    fn smaller_differences_need_more_conversations() {
        let half = Sample::of_successes(500, 1_000);
        // From 50 % to 55 %: 1 562 an arm, as the books say.
        assert_eq!(sample_size(&half, true, 0.1).map(|needed| needed / 10), Some(156));
        assert!(sample_size(&half, true, 0.05) > sample_size(&half, true, 0.1));
        assert_eq!(sample_size(&half, true, 1.0), None, "it cannot double");
        assert_eq!(sample_size(&Sample::default(), true, 0.05), None);
        let costs = Sample { count: 4, sum: 20.0, squares: 120.0 };
        assert!(sample_size(&costs, false, 0.05).is_some_and(|needed| needed > 1));
    }

    #[test]
    fn arms_that_lose_conversations_are_noticed() {
        assert!(sample_ratio(&[(5_010, 0.5), (4_990, 0.5)]).is_some_and(|p| p > 0.5));
        assert!(sample_ratio(&[(5_300, 0.5), (4_700, 0.5)]).is_some_and(|p| p < MISMATCH));
        assert!(sample_ratio(&[(1_020, 0.1), (4_980, 0.5), (4_000, 0.4)]).is_some_and(|p| p > 0.1));
        assert_eq!(sample_ratio(&[(3, 0.5), (4, 0.5)]), None);
    }
}
