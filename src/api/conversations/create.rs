//! `POST /conversations/`: take in one finished conversation.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::conversations::draft::ConversationBody;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::fields::FieldChecks;
use crate::api::json::JsonBody;
use crate::api::observe::RequestInfo;
use crate::api::params::Params;
use crate::api::{Api, PREFIX};
use crate::domain::conversation::ConversationStatus;
use crate::domain::draft::ConversationDraft;
use crate::learning::accept::{Accepted, Replace};

/// What to do when it is there with other content.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CreateParams {
    /// `true` replaces a conversation that has this `external_id` and other content, and learns from it anew.
    #[param(value_type = Option<bool>, default = false)]
    replace: Option<String>,
}

/// That a conversation is there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AcceptedConversation)]
pub struct AcceptedBody {
    /// Turnwise's id; wherever an id is asked for, the caller's own does as well.
    id: Uuid,
    /// The caller's id.
    external_id: String,
    /// Where it stands on its way through learning.
    status: ConversationStatus,
}

/// Hand in a finished conversation
///
/// It is stored before the answer and learned from after it; ask for it to see its `status`. The same `external_id` with
/// the same content changes nothing and answers 200; with other content it is a conflict, unless it is to be replaced.
#[utoipa::path(post, path = "/conversations/", tag = "conversations", params(CreateParams),
    request_body = ConversationBody, responses(
        (status = 202, description = "Stored, new or replaced; learning goes on.", body = AcceptedBody,
            headers(("Location" = String, description = "Where it can be asked for."))),
        (status = 200, description = "It was there already, exactly so.", body = AcceptedBody),
        (status = 409, description = "It is there with other content.", body = ErrorBody),
    ))]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Extension(request): Extension<RequestInfo>,
    Params(params): Params<CreateParams>,
    JsonBody(body): JsonBody<ConversationBody>,
) -> Result<Response, ApiError> {
    let mut checks = FieldChecks::default();
    let replace = match checks.flag("replace", params.replace.as_deref()) {
        Some(true) => Replace::Yes,
        _ => Replace::No,
    };
    checks.finish()?;

    let draft = ConversationDraft::from(body);
    let external_id = draft.external_id.trim().to_owned();
    let services = api.services()?;
    let (learner, retriever) = (Arc::clone(&services.learner), Arc::clone(&services.retriever));
    let accept = async move {
        // What was shown on its last turn may still wait to be written, and is looked for when it is learned from.
        retriever.flush_exposures().await;
        learner.accept(&caller.tenant, draft, replace, Some(request.id)).await
    };
    let accepted = to_the_end(accept).await?;
    let status = match accepted {
        Accepted::Created(_) | Accepted::Replaced(_) => StatusCode::ACCEPTED,
        Accepted::Unchanged(..) => StatusCode::OK,
    };
    let id = accepted.id().0;
    let location = [(LOCATION, format!("{PREFIX}/conversations/{id}/"))];
    Ok((status, location, axum::Json(AcceptedBody { id, external_id, status: accepted.status() })).into_response())
}
