//! `GET /training/performance-metrics/`: performance by day, week or month, the newest period first.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::analytics::performance::PeriodOrder;
use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::fields::FieldChecks;
use crate::api::paging::{List, PagingParams};
use crate::api::params::ListParams;
use crate::api::performance::arm::{AskedArm, check_arm, find_arm};
use crate::api::performance::csv_table::{Format, csv_answer};
use crate::api::performance::wire::MetricBody;
use crate::domain::clock::Timestamp;
use crate::domain::period::PeriodKind;
use crate::store::measures::MetricFilter;

/// Which periods, and which conversations are in them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MetricParams {
    /// How long a period is: `daily` without it. Weeks are ISO weeks.
    #[param(value_type = Option<PeriodKind>)]
    period: Option<String>,
    /// Periods that end after this moment; a period is never cut. Without it: since there is anything.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Periods that begin before this moment; without it, up to now.
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
    /// The form of the answer: `json` without it. As `csv` a page is a table of its `results`.
    #[param(inline, value_type = Option<Format>)]
    format: Option<String>,
    /// In which order periods come, the oldest first with `period_start`; `-period_start` when missing.
    #[param(inline, value_type = Option<PeriodOrder>)]
    ordering: Option<String>,
}

/// What was asked for.
struct Asked {
    period: PeriodKind,
    range: (Option<Timestamp>, Option<Timestamp>),
    filter: MetricFilter,
    arm: Option<AskedArm>,
    format: Format,
    order: PeriodOrder,
}

impl MetricParams {
    fn check(&self) -> Result<Asked, ApiError> {
        let mut checks = FieldChecks::default();
        let period = checks.word("period", self.period.as_deref());
        let from = checks.time("from", self.from.as_deref());
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
        let order = checks.word("ordering", self.ordering.as_deref()).unwrap_or(PeriodOrder::PeriodStartDown);
        checks.ordered(("from", from), ("to", to));
        checks.finish()?;
        let (period, format) = (period.unwrap_or(PeriodKind::Daily), format.unwrap_or(Format::Json));
        Ok(Asked { period, range: (from, to), filter, arm, format, order })
    }
}

/// List performance metrics
///
/// By day, week or month, the newest period first unless `ordering` says otherwise, computed now.
#[utoipa::path(get, path = "/training/performance-metrics/", tag = "training", params(MetricParams, PagingParams),
    responses(
        (status = 200, description = "One page.",
            content((List<MetricBody> = "application/json"), (String = "text/csv"))),
        (status = 404, description = "There is no such experiment or arm.", body = ErrorBody),
    ))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    params: ListParams<MetricParams>,
) -> Result<Response, ApiError> {
    let Asked { period, range, mut filter, arm, format, order } = params.filter.check()?;
    let services = api.services()?;
    filter.arm = find_arm(&services.engine.store, &caller.tenant, arm).await?;
    let analytics = &services.analytics;
    let request = params.paging.request();
    let mut page = analytics.performance(&caller.tenant, period, &filter, range, order, &request).await?;
    let results: Vec<MetricBody> = std::mem::take(&mut page.items).into_iter().map(MetricBody::from).collect();
    match format {
        Format::Csv => csv_answer(&MetricBody::NAMES, &results),
        Format::Json => Ok(Json(params.paging.answer(&params.url, &page, results)).into_response()),
    }
}
