//! `POST /training/training-data/bulk_process/`: learn from many conversations.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::json::JsonBody;
use crate::api::observe::RequestInfo;
use crate::api::training::sessions::selection::FilterBody;
use crate::api::training::sessions::wire::SessionBody;
use crate::domain::deserialize::object;
use crate::domain::training::{Selection, SessionKind};
use crate::learning::sessions::NewSession;

/// The most conversations that one request may name.
const MAX_IDS: usize = 1_000;

/// Which conversations: named ones, or those that pass a filter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BulkRequest, example = json!({"filter": {"status": "failed"}}))]
pub struct BulkBody {
    /// The conversations, by the caller's ids or Turnwise's.
    #[schema(min_items = 1, max_items = 1000)]
    conversation_ids: Option<Vec<String>>,
    /// Instead of naming them; `{}` is all of them.
    #[serde(default, deserialize_with = "object")]
    filter: Option<FilterBody>,
}

/// Learn from many conversations
///
/// Those that are not learned from yet, or failed; those that are learned from already are left as they are. The session
/// in the answer tells how far that is.
#[utoipa::path(post, path = "/training/training-data/bulk_process/", tag = "training", request_body = BulkBody,
    responses((status = 202, description = "The session that does it.", body = SessionBody)))]
pub async fn bulk_process(
    State(api): State<Api>,
    caller: Caller,
    Extension(request): Extension<RequestInfo>,
    JsonBody(body): JsonBody<BulkBody>,
) -> Result<(StatusCode, Json<SessionBody>), ApiError> {
    let services = api.services()?;
    let mut checks = FieldChecks::default();
    let selection = match (&body.conversation_ids, &body.filter) {
        (Some(names), None) => {
            if !(1..=MAX_IDS).contains(&names.len()) {
                return Err(ApiError::field("conversation_ids", format!("must be 1 to {MAX_IDS} ids")));
            }
            let mut wanted = Vec::with_capacity(names.len());
            for (at, name) in names.iter().enumerate() {
                wanted.extend(checks.name(&format!("conversation_ids[{at}]"), Some(name)));
            }
            checks.finish()?;
            let mut checks = FieldChecks::default();
            let found = services.engine.store.conversation_ids(&caller.tenant, &wanted).await?;
            for at in found.iter().enumerate().filter_map(|(at, id)| id.is_none().then_some(at)) {
                checks.refuse(format!("conversation_ids[{at}]"), "names no conversation");
            }
            checks.finish()?;
            Selection { conversation_ids: found.into_iter().flatten().collect(), ..Selection::default() }
        }
        (None, Some(filter)) => {
            let selection = filter.check(&mut checks);
            checks.finish()?;
            selection
        }
        (None, None) => return Err(ApiError::field("conversation_ids", "is missing; name conversations, or a filter")),
        (Some(_), Some(_)) => return Err(ApiError::field("filter", "give conversation_ids or a filter")),
    };
    let wanted = NewSession { name: None, kind: SessionKind::ProcessNew, run_at: None, cron: None, selection };
    let learner = Arc::clone(&services.learner);
    let start = async move { learner.start_session(&caller.tenant, wanted, Some(request.id)).await };
    let session = to_the_end(start).await?;
    Ok((StatusCode::ACCEPTED, Json(SessionBody::from(session))))
}
