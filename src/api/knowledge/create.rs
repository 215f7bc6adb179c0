//! `POST /training/knowledge-base/`: a person's own entry.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::ApiError;
use crate::api::json::JsonBody;
use crate::api::knowledge::wire::EntryBody;
use crate::api::knowledge::{body_of, curator, editor};
use crate::api::{Api, PREFIX};
use crate::domain::entry_fields::EntryFields;
use crate::store::entries::Origin;

/// A new entry with the utterances that it answers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKnowledgeEntry, example = json!({
    "knowledge_type": "response_pattern", "category": "sales", "title": "Questions about the price",
    "content": "The premium plan is 49 dollars a month, with everything included. Shall I book it for you?",
    "trigger_phrases": ["price", "how much is it", "I need a quote"], "language": "en", "success_rate": 0.85
}))]
pub struct NewEntryBody {
    /// Its kind; `response_template` and `support_pattern` are read as `response_pattern`.
    #[serde(default)]
    #[schema(value_type = crate::domain::knowledge::KnowledgeType, required = true)]
    knowledge_type: String,
    /// Its category.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 200)]
    category: String,
    /// A short heading.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 200)]
    title: String,
    /// What to say or do.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 5000)]
    content: String,
    /// User utterances that it answers, 1 to 200: examples, matched by meaning. Two that sound alike are one.
    #[serde(default)]
    #[schema(required = true, min_items = 1, max_items = 200)]
    trigger_phrases: Vec<String>,
    /// Language of the content, a BCP 47 tag; recognised when missing, else `und`. A region does not count.
    language: Option<String>,
    /// How often it leads to success as far as is known: where measuring begins.
    #[schema(minimum = 0, maximum = 1)]
    success_rate: Option<f64>,
    /// Whether it is offered; `live` when missing.
    #[schema(value_type = Option<crate::domain::knowledge::EntryStatus>)]
    status: Option<String>,
}

impl From<NewEntryBody> for EntryFields {
    fn from(body: NewEntryBody) -> Self {
        Self {
            knowledge_type: Some(body.knowledge_type),
            category: Some(body.category),
            title: Some(body.title),
            content: Some(body.content),
            trigger_phrases: Some(body.trigger_phrases),
            language: body.language,
            status: body.status,
            success_rate: body.success_rate,
        }
    }
}

/// Write an entry
///
/// It is stored with the answer, and found by its exemplars moments later. Learning adds evidence and exemplars to it
/// and leaves its words alone.
#[utoipa::path(post, path = "/training/knowledge-base/", tag = "training", request_body = NewEntryBody, responses(
    (status = 201, description = "The entry.", body = EntryBody,
        headers(("Location" = String, description = "Where it can be asked for."))),
))]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(body): JsonBody<NewEntryBody>,
) -> Result<Response, ApiError> {
    let new = EntryFields::from(body).new_entry().map_err(ApiError::fields)?;
    let services = api.services()?;
    let (curator, editor) = (curator(services), editor(&services.engine.store, &caller).await?);
    let tenant = caller.tenant.clone();
    let add = async move { curator.add(&tenant, &[new], Origin::Curator, &editor).await };
    let added = to_the_end(add).await?;
    let id = added.first().copied().ok_or_else(|| ApiError::internal("an entry that was added has no id"))?;
    let location = [(LOCATION, format!("{PREFIX}/training/knowledge-base/{id}/"))];
    let entry = body_of(&services.engine.store, &caller.tenant, id).await?;
    Ok((StatusCode::CREATED, location, axum::Json(entry)).into_response())
}
