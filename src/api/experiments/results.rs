//! `GET /experiments/{id}/results/`: what an experiment says so far.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::experiments::{experiment_id, experimenter};
use crate::api::fields::FieldChecks;
use crate::api::params::Params;
use crate::domain::experiment::{ExperimentKind, ExperimentMetric, ExperimentStatus};
use crate::domain::experiment_statistics::{ExperimentDecision, Interval, Lift, Sequential};
use crate::experiments::results::{ArmResults, Guardrail, Guardrails, Results};

/// The least relative difference that can be asked for.
const LEAST_MDE: f64 = 0.001;

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResultParams {
    /// The relative difference that `sample_size_per_arm` is for: the smallest that matters.
    #[param(value_type = Option<f64>, minimum = 0.001, maximum = 1, default = 0.05)]
    mde: Option<String>,
}

/// What an experiment says so far.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExperimentResults)]
pub struct ResultsBody {
    /// The experiment.
    experiment_id: Uuid,
    /// What its arms differ in.
    kind: ExperimentKind,
    /// Where it stands.
    status: ExperimentStatus,
    /// What the arms are compared by.
    metric: ExperimentMetric,
    /// The name of the arm that the others are compared with.
    control: String,
    /// The relative difference that `sample_size_per_arm` is for.
    mde: f64,
    /// Conversations that each arm needs so that a single look at the end finds such a difference from the control, as that
    /// is now, in 4 of 5 experiments; null while there is nothing to go by, and where a rate cannot grow by so much.
    #[schema(required)]
    sample_size_per_arm: Option<i64>,
    /// Whether conversations are spread over the arms as the shares say.
    sample_ratio: SampleRatioBody,
    /// The arms, in their order.
    arms: Vec<ArmResultsBody>,
}

/// Whether conversations are spread over the arms as the shares say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SampleRatio)]
pub struct SampleRatioBody {
    /// How likely those that were assigned, or those that were handed in, are spread as unevenly as this by chance (chi-square
    /// test); null while there are few.
    #[schema(required)]
    p_value: Option<f64>,
    /// Whether that is so unlikely (below 0.001) that something loses conversations of one arm, and the numbers are not to
    /// be believed.
    is_mismatch: bool,
}

/// What an experiment says about an arm.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExperimentArmResults)]
pub struct ArmResultsBody {
    /// Its name.
    name: String,
    /// Its share of the conversations.
    share: f64,
    /// Whether the others are compared with it.
    is_control: bool,
    /// Conversations that were assigned to it, running and excluded ones included.
    assigned: i64,
    /// Those that were handed in; excluded ones are not counted.
    conversations: i64,
    /// Those that ended successfully, unsuccessfully or in part.
    judged: i64,
    /// Those that ended successfully.
    successful: i64,
    /// `successful` among `judged`; null of nothing.
    #[schema(required)]
    success_rate: Option<EstimateBody>,
    /// The mean of the metric; null of nothing.
    #[schema(required)]
    value: Option<f64>,
    /// How much more of the metric it has than the control, for one look that was decided on before; null for the control,
    /// and while either has too little.
    #[schema(required)]
    lift: Option<LiftBody>,
    /// A test of that which may be looked at any time; null for the control, and while either has too little.
    #[schema(required)]
    test: Option<TestBody>,
    /// What the test says; null for the control.
    #[schema(required)]
    decision: Option<ExperimentDecision>,
    /// What must not suffer.
    guardrails: GuardrailsBody,
}

/// A rate and its 95 % interval.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExperimentRate)]
pub struct EstimateBody {
    /// The rate.
    rate: f64,
    /// Lower bound.
    low: f64,
    /// Upper bound.
    high: f64,
}

/// A difference from the control and its 95 % interval.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExperimentLift)]
pub struct LiftBody {
    /// The difference.
    absolute: f64,
    /// Lower bound.
    low: f64,
    /// Upper bound.
    high: f64,
    /// The difference as a share of the control's value; null where that is 0.
    #[schema(required)]
    relative: Option<f64>,
    /// Lower bound.
    #[schema(required)]
    relative_low: Option<f64>,
    /// Upper bound.
    #[schema(required)]
    relative_high: Option<f64>,
}

/// A test that may be looked at any time: however often somebody looks, all arms together are called better or worse by
/// mistake in one experiment of 20 at most.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExperimentTest)]
pub struct TestBody {
    /// The always-valid p-value of no difference from the control.
    p_value: f64,
    /// Lower bound of the confidence sequence of the difference.
    low: f64,
    /// Upper bound.
    high: f64,
}

/// The measures that must not suffer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExperimentGuardrails)]
pub struct GuardrailsBody {
    /// Turns of a conversation; a burst counts once.
    average_turns: GuardrailBody,
    /// Seconds from start to end.
    average_duration_s: GuardrailBody,
    /// US dollars of a conversation, of those with a cost.
    average_cost_usd: GuardrailBody,
    /// Ratings that users gave, 1 to 5.
    average_satisfaction: GuardrailBody,
}

/// A measure, and how much more of it there is than in the control.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExperimentGuardrail)]
pub struct GuardrailBody {
    /// The mean; null of nothing.
    #[schema(required)]
    value: Option<f64>,
    /// The difference; null for the control, and while either has too little.
    #[schema(required)]
    difference: Option<f64>,
    /// Lower bound of its 95 % interval.
    #[schema(required)]
    low: Option<f64>,
    /// Upper bound.
    #[schema(required)]
    high: Option<f64>,
}

/// Look at what an experiment says
///
/// Computed now, from the conversations that were handed in; outcomes that are told later are in it then. The control is the
/// hold-out, or else the first arm.
#[utoipa::path(get, path = "/experiments/{id}/results/", tag = "experiments",
    params(("id" = uuid::Uuid, Path, description = "The experiment."), ResultParams),
    responses(
        (status = 200, description = "What it says so far.", body = ResultsBody),
        (status = 404, description = "There is none.", body = ErrorBody),
    ))]
pub async fn results(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<ResultParams>,
) -> Result<Json<ResultsBody>, ApiError> {
    let id = experiment_id(&name)?;
    let mut checks = FieldChecks::default();
    let mde = checks.share("mde", params.mde.as_deref());
    if mde.is_some_and(|mde| mde < LEAST_MDE) {
        checks.refuse("mde", format!("must be at least {LEAST_MDE}"));
    }
    checks.finish()?;
    let told = experimenter(api.services()?).results(&caller.tenant, id, mde).await?;
    Ok(Json(ResultsBody::from(told)))
}

impl From<Results> for ResultsBody {
    fn from(results: Results) -> Self {
        Self {
            experiment_id: results.experiment.id.0,
            kind: results.experiment.kind,
            status: results.experiment.status,
            metric: results.experiment.metric,
            control: results.control().to_owned(),
            mde: results.mde,
            sample_size_per_arm: results.sample_size,
            sample_ratio: SampleRatioBody { p_value: results.sample_ratio, is_mismatch: results.is_mismatch() },
            arms: results.arms.into_iter().map(ArmResultsBody::from).collect(),
        }
    }
}

impl From<ArmResults> for ArmResultsBody {
    fn from(results: ArmResults) -> Self {
        let rate = |(rate, Interval { low, high }): (f64, Interval)| EstimateBody { rate, low, high };
        Self {
            name: results.arm.name,
            share: results.arm.share,
            is_control: results.is_control,
            assigned: results.sums.assigned,
            conversations: results.sums.conversations,
            judged: results.sums.judged,
            successful: results.sums.successful,
            success_rate: results.success_rate.map(rate),
            value: results.value,
            lift: results.lift.map(LiftBody::from),
            test: results.test.map(TestBody::from),
            decision: results.decision,
            guardrails: GuardrailsBody::from(results.guardrails),
        }
    }
}

impl From<Lift> for LiftBody {
    fn from(lift: Lift) -> Self {
        Self {
            absolute: lift.absolute,
            low: lift.absolute_interval.low,
            high: lift.absolute_interval.high,
            relative: lift.relative,
            relative_low: lift.relative_interval.map(|interval| interval.low),
            relative_high: lift.relative_interval.map(|interval| interval.high),
        }
    }
}

impl From<Sequential> for TestBody {
    fn from(test: Sequential) -> Self {
        Self { p_value: test.p_value, low: test.interval.low, high: test.interval.high }
    }
}

impl From<Guardrails> for GuardrailsBody {
    fn from(guardrails: Guardrails) -> Self {
        Self {
            average_turns: GuardrailBody::from(guardrails.turns),
            average_duration_s: GuardrailBody::from(guardrails.duration),
            average_cost_usd: GuardrailBody::from(guardrails.cost),
            average_satisfaction: GuardrailBody::from(guardrails.satisfaction),
        }
    }
}

impl From<Guardrail> for GuardrailBody {
    fn from(guardrail: Guardrail) -> Self {
        let Guardrail { value, lift } = guardrail;
        Self {
            value,
            difference: lift.map(|lift| lift.absolute),
            low: lift.map(|lift| lift.absolute_interval.low),
            high: lift.map(|lift| lift.absolute_interval.high),
        }
    }
}
