//! What an experiment says so far, arm by arm.

use crate::domain::experiment::{Arm, Experiment, ExperimentMetric};
use crate::domain::experiment_statistics::{
    ExperimentDecision, Interval, Lift, MISMATCH, Sample, Sequential, lift, sample_ratio, sample_size, sequential_test,
    wilson,
};
use crate::domain::ids::{ExperimentId, TenantId};
use crate::engine::error::Error;
use crate::experiments::Experimenter;
use crate::store::experiments::ArmSums;

/// The relative difference that is looked for when nobody says.
pub const DEFAULT_MDE: f64 = 0.05;

/// What an experiment says so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// The experiment.
    pub experiment: Experiment,
    /// The relative difference that `sample_size` is for.
    pub mde: f64,
    /// The arms, in their order.
    pub arms: Vec<ArmResults>,
    /// Conversations that each arm needs for one look at the end; `None` while the control has nothing to go by.
    pub sample_size: Option<i64>,
    /// How likely conversations are spread over the arms as unevenly as they are, those that were assigned or those that came;
    /// `None` while there are few.
    pub sample_ratio: Option<f64>,
}

/// What an experiment says about an arm.
#[derive(Clone, Debug, PartialEq)]
pub struct ArmResults {
    /// The arm.
    pub arm: Arm,
    /// Whether the others are compared with it.
    pub is_control: bool,
    /// What its conversations add up to.
    pub sums: ArmSums,
    /// The success rate and its 95 % interval; `None` while nothing has ended.
    pub success_rate: Option<(f64, Interval)>,
    /// The mean of the metric.
    pub value: Option<f64>,
    /// How much more of the metric it has than the control; `None` of the control, and while either has too little.
    pub lift: Option<Lift>,
    /// The sequential test against the control; `None` of the control, and while either has too little.
    pub test: Option<Sequential>,
    /// What that says; `None` of the control.
    pub decision: Option<ExperimentDecision>,
    /// What must not suffer.
    pub guardrails: Guardrails,
}

/// The measures that must not suffer from what an arm is there for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guardrails {
    /// Turns of a conversation.
    pub turns: Guardrail,
    /// Seconds from start to end.
    pub duration: Guardrail,
    /// US dollars of a conversation.
    pub cost: Guardrail,
    /// Ratings, 1 to 5.
    pub satisfaction: Guardrail,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guardrail {
    /// The mean; `None` of nothing.
    pub value: Option<f64>,
    /// How much more that is than in the control; `None` of the control, and while either has too little.
    pub lift: Option<Lift>,
}

impl Results {
    /// The name of the arm that the others are compared with.
    pub fn control(&self) -> &str {
        self.arms.iter().find(|arm| arm.is_control).map_or("", |arm| arm.arm.name.as_str())
    }

    /// Whether conversations are spread over the arms so unevenly that the numbers are not to be believed.
    pub fn is_mismatch(&self) -> bool {
        self.sample_ratio.is_some_and(|p| p < MISMATCH)
    }
}

impl Experimenter {
    /// What an experiment says so far; `mde` is the relative difference to find, above 0.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn results(&self, tenant: &TenantId, id: ExperimentId, mde: Option<f64>) -> Result<Results, Error> {
        let experiment = self.find(tenant, id).await?;
        let mut by_name = self.engine.store.arm_sums(tenant, id).await?;
        let sums = experiment.arms.iter().map(|arm| by_name.remove(&arm.name).unwrap_or_default()).collect();
        Ok(compare(experiment, sums, mde.unwrap_or(DEFAULT_MDE)))
    }
}

/// The results of arms that add up to these sums.
fn compare(experiment: Experiment, sums: Vec<ArmSums>, mde: f64) -> Results {
    let metric = experiment.metric;
    let is_share = metric == ExperimentMetric::SuccessRate;
    let at_control = experiment.control();
    let control = sums.get(at_control).cloned().unwrap_or_default();
    let base = sample(&control, metric);
    let comparisons = experiment.arms.len().saturating_sub(1);
    let sample_ratio = unevenness(&experiment.arms, &sums);

    let arms = experiment.arms.iter().zip(sums).enumerate().map(|(at, (arm, sums))| {
        let is_control = at == at_control;
        let own = sample(&sums, metric);
        let test = sequential_test(&own, &base, is_share, comparisons).filter(|_| !is_control);
        let decided = test.map_or(ExperimentDecision::KeepGoing, |test| test.decision(metric.is_better_low()));
        let rate = Sample::of_successes(sums.successful, sums.judged).mean();
        let guardrail = |metric: ExperimentMetric| {
            let (own, other) = (sample(&sums, metric), sample(&control, metric));
            Guardrail { value: own.mean(), lift: lift(&own, &other, false).filter(|_| !is_control) }
        };
        ArmResults {
            arm: arm.clone(),
            is_control,
            success_rate: rate.zip(wilson(sums.successful as f64, sums.judged)),
            value: own.mean(),
            lift: lift(&own, &base, is_share).filter(|_| !is_control),
            test,
            decision: Some(decided).filter(|_| !is_control),
            guardrails: Guardrails {
                turns: guardrail(ExperimentMetric::Turns),
                duration: guardrail(ExperimentMetric::Duration),
                cost: guardrail(ExperimentMetric::Cost),
                satisfaction: guardrail(ExperimentMetric::Satisfaction),
            },
            sums,
        }
    });
    let arms = arms.collect();
    Results { arms, mde, sample_size: sample_size(&base, is_share, mde), sample_ratio, experiment }
}

/// How likely conversations are spread over the arms as unevenly as they are. Those that came are looked at as well as those
/// that were assigned: an arm whose conversations get lost, or end as excluded ones, is seen in the former alone.
fn unevenness(arms: &[Arm], sums: &[ArmSums]) -> Option<f64> {
    let spread = |count: fn(&ArmSums) -> i64| -> Vec<(i64, f64)> {
        arms.iter().zip(sums).map(|(arm, sums)| (count(sums), arm.share)).collect()
    };
    let assigned = sample_ratio(&spread(|sums| sums.assigned))?;
    let Some(came) = sample_ratio(&spread(|sums| sums.conversations)) else { return Some(assigned) };
    // Two looks, by chance the less likely of them (Bonferroni).
    Some((2.0 * assigned.min(came)).min(1.0))
}

/// The observations of a metric.
fn sample(sums: &ArmSums, metric: ExperimentMetric) -> Sample {
    match metric {
        ExperimentMetric::SuccessRate => Sample::of_successes(sums.successful, sums.judged),
        ExperimentMetric::Satisfaction => sums.satisfaction,
        ExperimentMetric::Cost => sums.cost_usd,
        ExperimentMetric::Turns => sums.turns,
        ExperimentMetric::Duration => sums.duration_ms.scaled(0.001),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::experiment::{ArmSettings, ExperimentKind, ExperimentStatus, RetrievalFilter};

    fn experiment(metric: ExperimentMetric) -> Experiment {
        let arm = |name: &str, holdout| Arm {
            name: name.to_owned(),
            share: 0.5,
            settings: ArmSettings { holdout, ..ArmSettings::default() },
        };
        Experiment {
            id: ExperimentId(uuid::Uuid::from_u128(1)),
            name: "a test".to_owned(),
            kind: ExperimentKind::Holdout,
            status: ExperimentStatus::Running,
            metric,
            arms: vec![arm("with", false), arm("without", true)],
            filter: RetrievalFilter::default(),
            created_at: Timestamp::from_millis(0),
            started_at: None,
            stopped_at: None,
        }
    }

    /// So many conversations of so many turns, and how many of them were successful.
    fn sums(conversations: i64, turns: f64, successful: i64) -> ArmSums {
        let n = conversations as f64;
        ArmSums {
            assigned: conversations,
            conversations,
            judged: conversations,
            successful,
            // Half of them a turn more, half of them a turn less.
            turns: Sample { count: conversations, sum: n * turns, squares: n * (turns * turns + 1.0) },
            ..ArmSums::default()
        }
    }

    #[test]
    fn arms_are_compared_with_the_hold_out() {
        let told = compare(
            experiment(ExperimentMetric::SuccessRate),
            vec![sums(1_000, 6.0, 700), sums(1_000, 8.0, 500)],
            DEFAULT_MDE,
        );
        assert_eq!((told.control(), told.is_mismatch()), ("without", false));
        let (with, without) = (&told.arms[0], &told.arms[1]);
        assert_eq!((with.decision, without.decision), (Some(ExperimentDecision::Better), None));
        assert_eq!((without.lift, without.test, without.guardrails.turns.lift), (None, None, None));
        let lift = with.lift.expect("both have some");
        assert!((lift.absolute - 0.2).abs() < 1e-9 && lift.relative.is_some_and(|share| (share - 0.4).abs() < 1e-9));
        assert!(with.success_rate.is_some_and(|(rate, bounds)| bounds.low < rate && rate < bounds.high));
        let turns = with.guardrails.turns.lift.expect("both have some");
        assert!((turns.absolute + 2.0).abs() < 1e-9 && turns.absolute_interval.high < -1.8, "{turns:?}");
        assert_eq!(with.guardrails.cost, Guardrail::default());
        assert!(told.sample_size.is_some_and(|needed| needed > 1_000));
    }

    #[test]
    fn an_arm_whose_conversations_do_not_come_is_a_mismatch() {
        let both = vec![sums(1_000, 6.0, 700), sums(1_000, 8.0, 500)];
        let even = compare(experiment(ExperimentMetric::SuccessRate), both.clone(), DEFAULT_MDE);
        assert!(even.sample_ratio.is_some_and(|p| p > 0.99) && !even.is_mismatch(), "{:?}", even.sample_ratio);
        let mut lost = both.clone();
        lost[1].conversations = 800;
        assert!(compare(experiment(ExperimentMetric::SuccessRate), lost, DEFAULT_MDE).is_mismatch());
        let mut uneven = both;
        uneven[1].assigned = 800;
        assert!(compare(experiment(ExperimentMetric::SuccessRate), uneven, DEFAULT_MDE).is_mismatch());
    }

    #[test]
    fn less_of_some_metrics_is_better_and_nothing_says_nothing() {
        let both = vec![sums(1_000, 6.0, 700), sums(1_000, 8.0, 500)];
        let told = compare(experiment(ExperimentMetric::Turns), both, 0.1);
        assert_eq!(told.arms[0].decision, Some(ExperimentDecision::Better));
        let nothing = compare(experiment(ExperimentMetric::Turns), vec![ArmSums::default(); 2], 0.1);
        assert_eq!(nothing.arms[0].decision, Some(ExperimentDecision::KeepGoing));
        assert_eq!((nothing.sample_size, nothing.sample_ratio, nothing.arms[0].value), (None, None, None));
    }
}
