//! `GET /gaps/{id}/`: one gap.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::gaps::wire::GapBody;
use crate::api::gaps::{gap_id, shown};

/// Look at a gap
///
/// With the last of its utterances and the answer that was drafted for it.
#[utoipa::path(get, path = "/gaps/{id}/", tag = "gaps",
    params(("id" = uuid::Uuid, Path, description = "The gap.")),
    responses(
        (status = 200, description = "The gap.", body = GapBody),
        (status = 404, description = "There is none.", body = ErrorBody),
    ))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(name): Path<String>) -> Result<Json<GapBody>, ApiError> {
    Ok(Json(shown(&api.services()?.engine.store, &caller.tenant, gap_id(&name)?).await?))
}
