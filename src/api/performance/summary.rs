//! `GET /training/performance-metrics/summary/`: a period compared with the one before.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::fields::FieldChecks;
use crate::api::params::Params;
use crate::api::performance::arm::{AskedArm, check_arm, find_arm};
use crate::api::performance::csv_table::{Format, csv_answer};
use crate::domain::clock::Timestamp;
use crate::domain::period::PeriodKind;
use crate::store::measures::MetricFilter;

/// Which period, and which conversations are in it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SummaryParams {
    /// How long a period is: `daily` without it. Weeks are ISO weeks.
    #[param(value_type = Option<PeriodKind>)]
    period: Option<String>,
    /// The period in which the time before this moment lies: the beginning of a month gives the month before. Without it,
    /// the period of now, which is not over.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Which agent spoke.
    agent_id: Option<String>,
    /// The category of conversations and entries.
    category: Option<String>,
    /// The language of conversations and entries.
    language: Option<String>,
    /// `phone`, `chat` or the like.
    channel: Option<String>,
    /// The experiment of `arm`; its conversations alone count, and what was asked in them.
    #[param(value_type = Option<uuid::Uuid>)]
    experiment: Option<String>,
    /// The name of an arm of `experiment`.
    arm: Option<String>,
    /// The form of the answer: `json` without it. As `csv` it is a table with a line for each measure.
    #[param(inline, value_type = Option<Format>)]
    format: Option<String>,
}

/// A period compared with the one before.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PerformanceSummary)]
pub struct SummaryBody {
    /// How long the periods are.
    period: PeriodKind,
    /// When the period begins, in the time zone of the metrics.
    #[schema(format = DateTime)]
    period_start: String,
    /// When the period before begins.
    #[schema(format = DateTime)]
    previous_start: String,
    /// Every measure of `/performance-metrics/`, by its name.
    #[schema(value_type = BTreeMap<String, Compared>)]
    measures: BTreeMap<&'static str, Compared>,
}

/// A measure in two periods.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Compared {
    /// In the period.
    #[schema(required)]
    value: Option<f64>,
    /// In the period before.
    #[schema(required)]
    previous: Option<f64>,
    /// `value` less `previous`; null unless both are known.
    #[schema(required)]
    change: Option<f64>,
}

/// A line of the table.
#[derive(Serialize)]
struct Line {
    measure: &'static str,
    value: Option<f64>,
    previous: Option<f64>,
    change: Option<f64>,
}

/// What was asked for.
struct Asked {
    period: PeriodKind,
    to: Option<Timestamp>,
    filter: MetricFilter,
    arm: Option<AskedArm>,
    format: Format,
}

impl SummaryParams {
    fn check(&self) -> Result<Asked, ApiError> {
        let mut checks = FieldChecks::default();
        let period = checks.word("period", self.period.as_deref());
        let to = checks.time("to", self.to.as_deref());
        let filter = MetricFilter {
            agent_id: checks.name("agent_id", self.agent_id.as_deref()),
            category: checks.name("category", self.category.as_deref()),
            language: checks.language("language", self.language.as_deref()),
            channel: checks.name("channel", self.channel.as_deref()),
            arm: None,
        };
        let arm = check_arm(&mut checks, self.experiment.as_deref(), self.arm.as_deref());
        let format = checks.word("format", self.format.as_deref());
        checks.finish()?;
        let (period, format) = (period.unwrap_or(PeriodKind::Daily), format.unwrap_or(Format::Json));
        Ok(Asked { period, to, filter, arm, format })
    }
}

/// Compare performance with the period before
///
/// Every measure of a day, week or month, what it was in the one before, and the change.
#[utoipa::path(get, path = "/training/performance-metrics/summary/", tag = "training", params(SummaryParams),
    responses(
        (status = 200, description = "The two periods.",
            content((SummaryBody = "application/json"), (String = "text/csv"))),
        (status = 404, description = "There is no such experiment or arm.", body = ErrorBody),
    ))]
pub async fn summary(
    State(api): State<Api>,
    caller: Caller,
    Params(params): Params<SummaryParams>,
) -> Result<Response, ApiError> {
    let Asked { period, to, mut filter, arm, format } = params.check()?;
    let services = api.services()?;
    filter.arm = find_arm(&services.engine.store, &caller.tenant, arm).await?;
    let both = services.analytics.compared(&caller.tenant, period, &filter, to).await?;
    let [this, previous] = both.as_slice() else {
        return Err(ApiError::internal("two periods were asked for and not computed"));
    };
    let lines = this.measures().into_iter().zip(previous.measures()).map(|((measure, value), (_, previous))| {
        let change = value.zip(previous).map(|(value, previous)| value - previous);
        Line { measure, value, previous, change }
    });
    if format == Format::Csv {
        return csv_answer(&["measure", "value", "previous", "change"], &lines.collect::<Vec<_>>());
    }
    let compared = |line: Line| Compared { value: line.value, previous: line.previous, change: line.change };
    let body = SummaryBody {
        period,
        period_start: this.period_start.clone(),
        previous_start: previous.period_start.clone(),
        measures: lines.map(|line| (line.measure, compared(line))).collect(),
    };
    Ok(Json(body).into_response())
}
