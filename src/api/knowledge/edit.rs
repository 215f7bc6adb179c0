//! `PATCH /training/knowledge-base/{id}/`: a person changes an entry.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::fields::FieldChecks;
use crate::api::json::JsonBody;
use crate::api::knowledge::wire::EntryBody;
use crate::api::knowledge::{body_of, curator, editor, entry_id};
use crate::domain::entry_fields::EntryFields;

/// What to change, at least one field; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KnowledgeEntryChanges, example = json!({"content": "The premium plan is 59 dollars a month."}))]
pub struct ChangesBody {
    /// Its kind; `response_template` and `support_pattern` are read as `response_pattern`.
    #[schema(value_type = Option<crate::domain::knowledge::KnowledgeType>)]
    knowledge_type: Option<String>,
    /// Its category.
    #[schema(min_length = 1, max_length = 200)]
    category: Option<String>,
    /// Its heading.
    #[schema(min_length = 1, max_length = 200)]
    title: Option<String>,
    /// What to say or do.
    #[schema(min_length = 1, max_length = 5000)]
    content: Option<String>,
    /// All the utterances that it answers, 1 to 200. Those that it has and that are not named here are taken away, and
    /// none are learned any more.
    trigger_phrases: Option<Vec<String>>,
    /// Language of the content, a BCP 47 tag. A region does not count.
    language: Option<String>,
    /// Whether it is offered. Any status may follow any other.
    #[schema(value_type = Option<crate::domain::knowledge::EntryStatus>)]
    status: Option<String>,
    /// How often it leads to success: where measuring begins, in place of the evidence.
    #[schema(minimum = 0, maximum = 1)]
    success_rate: Option<f64>,
    /// The `updated_at` that you have seen. When the entry has changed since, the answer is 409.
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

impl ChangesBody {
    fn fields(self) -> EntryFields {
        EntryFields {
            knowledge_type: self.knowledge_type,
            category: self.category,
            title: self.title,
            content: self.content,
            trigger_phrases: self.trigger_phrases,
            language: self.language,
            status: self.status,
            success_rate: self.success_rate,
        }
    }
}

/// Change an entry
///
/// Each change is a version, which can be put back. What a person wrote or decided is left alone by learning.
#[utoipa::path(patch, path = "/training/knowledge-base/{id}/", tag = "training",
    params(("id" = uuid::Uuid, Path, description = "The entry.")), request_body = ChangesBody,
    responses(
        (status = 200, description = "The entry as it is now.", body = EntryBody),
        (status = 404, description = "There is none.", body = ErrorBody),
        (status = 409, description = "It has changed since `updated_at`, or a running experiment tries it.",
            body = ErrorBody),
    ))]
pub async fn edit(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<ChangesBody>,
) -> Result<Json<EntryBody>, ApiError> {
    let id = entry_id(&name)?;
    let mut checks = FieldChecks::default();
    let seen = checks.time("updated_at", body.updated_at.as_deref());
    checks.finish()?;
    let change = body.fields().edit().map_err(ApiError::fields)?;
    let services = api.services()?;
    let (curator, editor) = (curator(services), editor(&services.engine.store, &caller).await?);
    let tenant = caller.tenant.clone();
    to_the_end(async move { curator.edit(&tenant, id, change, seen, &editor).await }).await?;
    Ok(Json(body_of(&services.engine.store, &caller.tenant, id).await?))
}
