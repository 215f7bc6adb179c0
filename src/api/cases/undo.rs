//! `POST /cases/{id}/undo/`: take the decision about a case back.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::cases::wire::CaseWithEntries;
use crate::api::cases::{case_id, shown};
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::knowledge::{curator, editor};

/// Take a decision back
///
/// What it changed is as it was before, and the case is open again. What was learned since stays; words of a conversation
/// that was erased since do not come back.
#[utoipa::path(post, path = "/cases/{id}/undo/", tag = "cases",
    params(("id" = uuid::Uuid, Path, description = "The case.")),
    responses(
        (status = 200, description = "The case as it is now.", body = CaseWithEntries),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It is not decided, or somebody changed since what it changed.", body = ErrorBody),
    ))]
pub async fn undo(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<CaseWithEntries>, ApiError> {
    let id = case_id(&name)?;
    let services = api.services()?;
    let (curator, editor) = (curator(services), editor(&services.engine.store, &caller).await?);
    let tenant = caller.tenant.clone();
    to_the_end(async move { curator.undo(&tenant, id, &editor).await }).await?;
    Ok(Json(shown(&services.engine.store, &caller.tenant, id).await?))
}
