//! `POST /training/training-sessions/start_training/`: start a session, now or later.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::json::JsonBody;
use crate::api::observe::RequestInfo;
use crate::api::training::sessions::selection::FilterBody;
use crate::api::training::sessions::wire::SessionBody;
use crate::domain::deserialize::object;
use crate::domain::schedule::Cron;
use crate::domain::training::SessionKind;
use crate::learning::sessions::NewSession;

/// A session that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TrainingRequest, example = json!({"kind": "relearn", "name": "sales anew", "filter": {"category": "sales"}}))]
pub struct StartBody {
    /// What it does.
    #[schema(value_type = Option<SessionKind>, default = "process_new")]
    kind: Option<String>,
    /// What people call it; named after what it does when missing.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// When it begins, or a schedule at the earliest, RFC 3339; at once when missing.
    #[schema(format = DateTime)]
    run_at: Option<String>,
    /// Makes it a schedule: minute, hour, day of month, month and day of week, in the tenant's time zone.
    #[schema(min_length = 1, max_length = 200, example = "0 3 * * *")]
    cron: Option<String>,
    /// Which conversations it is about; all of them when missing.
    #[serde(default, deserialize_with = "object")]
    filter: Option<FilterBody>,
}

/// Start a training session
///
/// `process_new` learns from conversations that are not learned from yet or that failed, `relearn` takes back what was
/// learned from conversations and learns from them anew, `refresh_metrics` computes the success of every entry anew.
///
/// With `cron` the session in the answer is a schedule: it stays `scheduled`, its `run_at` is the next tick, and each tick
/// makes a session of its own. Pausing, resuming and cancelling it is about the ticks to come. Ticks that were missed
/// while nothing ran are made up for by one.
#[utoipa::path(post, path = "/training/training-sessions/start_training/", tag = "training", request_body = StartBody,
    responses((status = 202, description = "The session.", body = SessionBody)))]
pub async fn start_training(
    State(api): State<Api>,
    caller: Caller,
    Extension(request): Extension<RequestInfo>,
    JsonBody(body): JsonBody<StartBody>,
) -> Result<(StatusCode, Json<SessionBody>), ApiError> {
    let mut checks = FieldChecks::default();
    let kind = checks.word::<SessionKind>("kind", body.kind.as_deref()).unwrap_or(SessionKind::ProcessNew);
    let name = checks.name("name", body.name.as_deref());
    let run_at = checks.time("run_at", body.run_at.as_deref());
    let cron = body.cron.as_deref().and_then(|pattern| checks.keep(Cron::parse(pattern)));
    if body.filter.is_some() && kind == SessionKind::RefreshMetrics {
        checks.refuse("filter", "is for conversations, and refresh_metrics is about entries; leave it out");
    }
    let selection = body.filter.unwrap_or_default().check(&mut checks);
    checks.finish()?;

    let learner = Arc::clone(&api.services()?.learner);
    let wanted = NewSession { name, kind, run_at, cron, selection };
    let start = async move { learner.start_session(&caller.tenant, wanted, Some(request.id)).await };
    let session = to_the_end(start).await?;
    Ok((StatusCode::ACCEPTED, Json(SessionBody::from(session))))
}
