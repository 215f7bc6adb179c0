//! `GET /cases/{id}/`: one case, with its entries.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::cases::wire::CaseWithEntries;
use crate::api::cases::{case_id, shown};
use crate::api::error::{ApiError, ErrorBody};

/// Look at a case
///
/// With the entries that it is about, as they are now.
#[utoipa::path(get, path = "/cases/{id}/", tag = "cases",
    params(("id" = uuid::Uuid, Path, description = "The case.")),
    responses(
        (status = 200, description = "The case.", body = CaseWithEntries),
        (status = 404, description = "There is none.", body = ErrorBody),
    ))]
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<CaseWithEntries>, ApiError> {
    Ok(Json(shown(&api.services()?.engine.store, &caller.tenant, case_id(&name)?).await?))
}
