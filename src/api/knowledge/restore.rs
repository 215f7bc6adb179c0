//! `POST /training/knowledge-base/{id}/versions/{version}/restore/`: put an earlier version back.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::knowledge::wire::EntryBody;
use crate::api::knowledge::{body_of, curator, editor, entry_id};

/// Put an earlier version back
///
/// As a new version: its words, exemplars, status and given success rate. What was measured since stays.
#[utoipa::path(post, path = "/training/knowledge-base/{id}/versions/{version}/restore/", tag = "training",
    params(
        ("id" = uuid::Uuid, Path, description = "The entry."),
        ("version" = i64, Path, description = "The number of the version."),
    ),
    responses(
        (status = 200, description = "The entry as it is now.", body = EntryBody),
        (status = 404, description = "There is no such entry or version.", body = ErrorBody),
        (status = 409, description = "The version quoted a conversation that was erased.", body = ErrorBody),
    ))]
pub async fn restore(
    State(api): State<Api>,
    caller: Caller,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<EntryBody>, ApiError> {
    let id = entry_id(&name)?;
    let number = version.parse::<i64>().map_err(|_| ApiError::not_found("version", &version))?;
    let services = api.services()?;
    let (curator, editor) = (curator(services), editor(&services.engine.store, &caller).await?);
    let tenant = caller.tenant.clone();
    to_the_end(async move { curator.restore(&tenant, id, number, &editor).await }).await?;
    Ok(Json(body_of(&services.engine.store, &caller.tenant, id).await?))
}
