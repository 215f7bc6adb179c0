//! `GET /experiments/{id}/`: one experiment.

use axum::Json;
use axum::extract::{Path, State};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::experiments::wire::ExperimentBody;
use crate::api::experiments::{experiment_id, experimenter};

/// Look at an experiment
///
/// Its arms and where it stands; what it says is in its results.
#[utoipa::path(get, path = "/experiments/{id}/", tag = "experiments",
    params(("id" = uuid::Uuid, Path, description = "The experiment.")),
    responses(
        (status = 200, description = "The experiment.", body = ExperimentBody),
        (status = 404, description = "There is none.", body = ErrorBody),
    ))]
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ExperimentBody>, ApiError> {
    let id = experiment_id(&name)?;
    let found = experimenter(api.services()?).find(&caller.tenant, id).await?;
    Ok(Json(ExperimentBody::from(found)))
}
