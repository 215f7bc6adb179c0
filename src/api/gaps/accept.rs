//! `POST /gaps/{id}/accept/`: write an entry for a gap.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::gaps::wire::GapBody;
use crate::api::gaps::{gap_id, shown};
use crate::api::json::OptionalBody;
use crate::api::knowledge::{curator, editor};
use crate::domain::entry_fields::EntryFields;

/// What the entry says; what is missing is taken from the gap.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GapAcceptance, example = json!({
    "content": "There are two charging points for electric cars behind the building, free for members."
}))]
pub struct AcceptBody {
    /// A short heading; else the title of the gap.
    #[schema(min_length = 1, max_length = 200)]
    title: Option<String>,
    /// What to say or do; else the draft, and needed when there is none.
    #[schema(min_length = 1, max_length = 5000)]
    content: Option<String>,
    /// Its kind; else `faq`.
    #[schema(value_type = Option<crate::domain::knowledge::KnowledgeType>)]
    knowledge_type: Option<String>,
    /// Its category; else that of most of the gap's conversations.
    #[schema(min_length = 1, max_length = 200)]
    category: Option<String>,
    /// User utterances that it answers, 1 to 200; else those of the gap, at most 50.
    #[schema(min_items = 1, max_items = 200)]
    trigger_phrases: Option<Vec<String>>,
}

impl From<AcceptBody> for EntryFields {
    fn from(body: AcceptBody) -> Self {
        Self {
            title: body.title,
            content: body.content,
            knowledge_type: body.knowledge_type,
            category: body.category,
            trigger_phrases: body.trigger_phrases,
            ..Self::default()
        }
    }
}

/// Accept a gap
///
/// Writes an entry of a person's own, which is found moments later, and closes the gap; `entry_id` says which. The body may
/// be left out when there is a draft. What is asked in vain from then on is counted as `volume_after`.
#[utoipa::path(post, path = "/gaps/{id}/accept/", tag = "gaps",
    params(("id" = uuid::Uuid, Path, description = "The gap.")), request_body = AcceptBody,
    responses(
        (status = 200, description = "The gap as it is now.", body = GapBody),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It is decided already, or a live entry says the same.", body = ErrorBody),
    ))]
pub async fn accept(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
    OptionalBody(body): OptionalBody<AcceptBody>,
) -> Result<Json<GapBody>, ApiError> {
    let id = gap_id(&name)?;
    let services = api.services()?;
    let (curator, editor) = (curator(services), editor(&services.engine.store, &caller).await?);
    let tenant = caller.tenant.clone();
    to_the_end(async move { curator.accept_gap(&tenant, id, body.into(), &editor).await }).await?;
    Ok(Json(shown(&services.engine.store, &caller.tenant, id).await?))
}
