//! `POST /gaps/{id}/undo/`: take the decision about a gap back.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::gaps::wire::GapBody;
use crate::api::gaps::{gap_id, shown};
use crate::api::knowledge::{curator, editor};

/// Open a gap again
///
/// The entry that was written for it, if one was, is retired; it can be brought back as every entry can.
#[utoipa::path(post, path = "/gaps/{id}/undo/", tag = "gaps",
    params(("id" = uuid::Uuid, Path, description = "The gap.")),
    responses(
        (status = 200, description = "The gap as it is now.", body = GapBody),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It is not decided.", body = ErrorBody),
    ))]
pub async fn undo(State(api): State<Api>, caller: Caller, Path(name): Path<String>) -> Result<Json<GapBody>, ApiError> {
    let id = gap_id(&name)?;
    let services = api.services()?;
    let (curator, editor) = (curator(services), editor(&services.engine.store, &caller).await?);
    let tenant = caller.tenant.clone();
    to_the_end(async move { curator.undo_gap(&tenant, id, &editor).await }).await?;
    Ok(Json(shown(&services.engine.store, &caller.tenant, id).await?))
}
