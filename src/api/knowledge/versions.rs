//! `GET /training/knowledge-base/{id}/versions/`: who changed an entry when, and what it was then; the last first.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::fields::FieldChecks;
use crate::api::knowledge::{entry_id, find};
use crate::api::paging::{List, PagingParams};
use crate::api::params::ListParams;
use crate::domain::clock::Timestamp;
use crate::domain::entry_version::{EntrySnapshot, EntryVersion, VersionStep};
use crate::domain::knowledge::{EntryStatus, KnowledgeType};
use crate::domain::language::Language;

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionParams {
    /// What made them.
    #[param(value_type = Option<VersionStep>)]
    step: Option<String>,
}

/// One version of an entry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KnowledgeEntryVersion)]
pub struct VersionBody {
    /// Its number, from 1.
    version: i64,
    /// What made it; `learned` is what learning had made of the entry when a person came to change it.
    step: VersionStep,
    /// Id of the key that made it.
    #[schema(required)]
    editor_key: Option<Uuid>,
    /// What that key is called, or where the change came from.
    #[schema(required)]
    editor_name: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// What the entry was from then on; null when it quoted a conversation that was erased.
    #[schema(required)]
    entry: Option<SnapshotBody>,
}

/// What an entry was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KnowledgeEntrySnapshot)]
pub struct SnapshotBody {
    /// Its kind.
    knowledge_type: KnowledgeType,
    /// Its category.
    category: String,
    /// Its heading.
    title: String,
    /// What to say or do.
    content: String,
    /// User utterances that it answered.
    trigger_phrases: Vec<String>,
    /// The success rate that was given, 0 to 1.
    #[schema(required)]
    success_rate: Option<f64>,
    /// Whether it was offered.
    status: EntryStatus,
    /// Why it had this status, when that is not plain.
    #[schema(required)]
    status_reason: Option<String>,
    /// Language of the content.
    #[schema(value_type = String)]
    language: Language,
}

impl From<EntryVersion> for VersionBody {
    fn from(version: EntryVersion) -> Self {
        Self {
            version: version.number,
            step: version.step,
            editor_key: version.editor.key.map(|key| key.0),
            editor_name: version.editor.name,
            created_at: version.created_at,
            entry: version.snapshot.map(SnapshotBody::from),
        }
    }
}

impl From<EntrySnapshot> for SnapshotBody {
    fn from(snapshot: EntrySnapshot) -> Self {
        Self {
            knowledge_type: snapshot.knowledge_type,
            category: snapshot.category,
            title: snapshot.title,
            content: snapshot.content,
            trigger_phrases: snapshot.phrases.into_iter().map(|phrase| phrase.text).collect(),
            success_rate: snapshot.prior_rate,
            status: snapshot.status,
            status_reason: snapshot.status_reason,
            language: snapshot.language,
        }
    }
}

/// List the versions of an entry
///
/// The last first. An entry that no person has touched has none.
#[utoipa::path(get, path = "/training/knowledge-base/{id}/versions/", tag = "training",
    params(("id" = uuid::Uuid, Path, description = "The entry."), VersionParams, PagingParams),
    responses(
        (status = 200, description = "One page.", body = List<VersionBody>),
        (status = 404, description = "There is no such entry.", body = ErrorBody),
    ))]
pub async fn versions(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
    params: ListParams<VersionParams>,
) -> Result<Json<List<VersionBody>>, ApiError> {
    let id = entry_id(&name)?;
    let mut checks = FieldChecks::default();
    let step = checks.word("step", params.filter.step.as_deref());
    checks.finish()?;
    let store = &api.services()?.engine.store;
    find(store, &caller.tenant, id).await?;
    let page = store.list_versions(&caller.tenant, id, step, &params.paging.request()).await?;
    Ok(Json(params.paging.answer_each(&params.url, page, VersionBody::from)))
}
