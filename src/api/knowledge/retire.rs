//! `DELETE /training/knowledge-base/{id}/`: take an entry out of use, or erase it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::code::Code;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::fields::FieldChecks;
use crate::api::knowledge::{curator, editor, entry_id};
use crate::api::params::Params;
use crate::store::keys::KeyScope;

/// How it goes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RetireParams {
    /// `true` erases it, with its exemplars and versions: for admins, and not to be taken back.
    #[param(value_type = Option<bool>, default = false)]
    erase: Option<String>,
}

/// Take an entry out of use
///
/// Its status becomes `retired`: it is offered no more, conversations do not bring it back, and a change of its status
/// or an earlier version does. Doing so again changes nothing.
#[utoipa::path(delete, path = "/training/knowledge-base/{id}/", tag = "training",
    params(("id" = uuid::Uuid, Path, description = "The entry."), RetireParams),
    responses(
        (status = 204, description = "It is out of use, or gone."),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "A running experiment tries it; stop that first.", body = ErrorBody),
    ))]
pub async fn retire(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<RetireParams>,
) -> Result<StatusCode, ApiError> {
    let id = entry_id(&name)?;
    let mut checks = FieldChecks::default();
    let erase = checks.flag("erase", params.erase.as_deref()).unwrap_or(false);
    checks.finish()?;
    if erase && caller.scope < KeyScope::Admin {
        return Err(ApiError::new(Code::Forbidden, "erasing an entry needs a key of the scope admin"));
    }
    let services = api.services()?;
    let (curator, editor) = (curator(services), editor(&services.engine.store, &caller).await?);
    let go = async move {
        match erase {
            true => curator.erase(&caller.tenant, id).await,
            false => curator.retire(&caller.tenant, id, &editor).await,
        }
    };
    to_the_end(go).await?;
    Ok(StatusCode::NO_CONTENT)
}
