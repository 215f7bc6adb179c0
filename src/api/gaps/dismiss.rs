//! `POST /gaps/{id}/dismiss/`: want no entry for a gap.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::fields::FieldChecks;
use crate::api::gaps::wire::GapBody;
use crate::api::gaps::{gap_id, shown};
use crate::api::json::OptionalBody;
use crate::api::knowledge::{curator, editor};

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GapDismissal, example = json!({"reason": "not our business"}))]
pub struct DismissBody {
    /// Why; 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// Dismiss a gap
///
/// It is closed without an entry, goes on taking in what sounds like it, and does not come back as another. The body may be
/// left out.
#[utoipa::path(post, path = "/gaps/{id}/dismiss/", tag = "gaps",
    params(("id" = uuid::Uuid, Path, description = "The gap.")), request_body = DismissBody,
    responses(
        (status = 200, description = "The gap as it is now.", body = GapBody),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It is decided already.", body = ErrorBody),
    ))]
pub async fn dismiss(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
    OptionalBody(body): OptionalBody<DismissBody>,
) -> Result<Json<GapBody>, ApiError> {
    let mut checks = FieldChecks::default();
    let reason = checks.name("reason", body.reason.as_deref());
    checks.finish()?;
    let id = gap_id(&name)?;
    let services = api.services()?;
    let (curator, editor) = (curator(services), editor(&services.engine.store, &caller).await?);
    let tenant = caller.tenant.clone();
    to_the_end(async move { curator.dismiss_gap(&tenant, id, reason, &editor).await }).await?;
    Ok(Json(shown(&services.engine.store, &caller.tenant, id).await?))
}
