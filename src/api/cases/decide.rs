//! `POST /cases/{id}/decide/`: decide a case.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::cases::wire::CaseWithEntries;
use crate::api::cases::{case_id, shown};
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::fields::FieldChecks;
use crate::api::json::JsonBody;
use crate::api::knowledge::{curator, editor};
use crate::domain::case_decision::Decision;

/// A decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecisionRequest, example = json!({"decision": "keep_both", "reason": "different customers"}))]
pub struct DecisionBody {
    /// One of the case's `decisions`.
    #[serde(default)]
    #[schema(required = true, value_type = Decision)]
    decision: String,
    /// Why; 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

impl DecisionBody {
    fn check(&self) -> Result<(Decision, Option<String>), ApiError> {
        let mut checks = FieldChecks::default();
        let decision = checks.word::<Decision>("decision", Some(&self.decision));
        let reason = checks.name("reason", self.reason.as_deref());
        checks.finish()?;
        let decision = decision.ok_or_else(|| ApiError::internal("a decision that passed its check is missing"))?;
        Ok((decision, reason))
    }
}

/// Decide a case
///
/// What follows from it is done with the answer, the index moments later. `merge` moves the exemplars of `other_id` to
/// `entry_id` and retires it, `keep_entry` retires `other_id`, `keep_other` retires `entry_id`, `approve` offers the entry
/// and `reject` retires it. Every change is a version of its entry.
#[utoipa::path(post, path = "/cases/{id}/decide/", tag = "cases",
    params(("id" = uuid::Uuid, Path, description = "The case.")), request_body = DecisionBody,
    responses(
        (status = 200, description = "The case as it is now.", body = CaseWithEntries),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It is decided already, or cannot be decided so any more.", body = ErrorBody),
    ))]
pub async fn decide(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<DecisionBody>,
) -> Result<Json<CaseWithEntries>, ApiError> {
    let (id, decided) = (case_id(&name)?, body.check()?);
    let services = api.services()?;
    let (curator, editor) = (curator(services), editor(&services.engine.store, &caller).await?);
    let tenant = caller.tenant.clone();
    to_the_end(async move { curator.decide(&tenant, id, decided, &editor).await }).await?;
    Ok(Json(shown(&services.engine.store, &caller.tenant, id).await?))
}
