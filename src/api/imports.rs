//! `POST /training/import/`: take over entries and training records of another system.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::completion::to_the_end;
use crate::api::error::{ApiError, FieldProblem};
use crate::api::json::JsonBody;
use crate::api::knowledge::{curator, editor};
use crate::domain::deserialize::objects;
use crate::domain::entry_fields::EntryFields;
use crate::domain::import::{
    EntryImport, ImportBatch, ImportReport, ImportResult, ImportStatus, MAX_IMPORTS, RecordImport,
};

/// What is to be taken over, at most 200 entries and records together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ImportRequest, example = json!({
    "entries": [{
        "key": "faq/17", "knowledge_type": "faq", "category": "billing", "title": "How do I get my money back?",
        "content": "Refunds are paid back to the card within five working days.",
        "trigger_phrases": ["How do I get my money back?", "refund"], "language": "en", "success_rate": 0.85
    }],
    "records": [{
        "key": "conversationtrainingdata/3", "ai_conversation": "17", "conversation_category": "sales",
        "outcome": "successful", "success_score": 0.9, "key_phrases": ["monthly price"],
        "user_intents": ["booking", "information"], "conversation_summary": "The user asked for the price."
    }]
}))]
pub struct ImportBody {
    /// Knowledge entries.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 200, nullable)]
    entries: Vec<EntryImportBody>,
    /// Training records whose conversations stay behind.
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 200, nullable)]
    records: Vec<RecordImportBody>,
    /// `true` changes nothing, and answers what would become of each.
    #[schema(default = false)]
    dry_run: Option<bool>,
}

/// An entry of another system. What is wrong with it is told in its place in the answer, and the others are taken over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ImportedKnowledgeEntry)]
pub struct EntryImportBody {
    /// Its id there (1 to 200 characters), by which it is known again. Without one it is the same when kind, language,
    /// title and content are.
    key: Option<String>,
    /// Its kind: `faq`, `response_pattern` or `objection_handling`; `response_template` and `support_pattern` are
    /// read as `response_pattern`.
    knowledge_type: Option<String>,
    /// Its category, 1 to 200 characters.
    category: Option<String>,
    /// A short heading, 1 to 200 characters.
    title: Option<String>,
    /// What to say or do, 1 to 5000 characters.
    content: Option<String>,
    /// User utterances that it answers, 1 to 200.
    trigger_phrases: Option<Vec<String>>,
    /// Language of the content, a BCP 47 tag; recognised when missing, else `und`.
    language: Option<String>,
    /// How often it led to success there, 0 to 1: where measuring begins.
    success_rate: Option<f64>,
    /// Whether it is offered; `live` when missing.
    status: Option<String>,
    /// When it was made there, RFC 3339.
    created_at: Option<String>,
}

/// A training record of another system; as with entries, what is wrong with it is told in its place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ImportedTrainingRecord)]
pub struct RecordImportBody {
    /// Its id there (1 to 200 characters), by which it is known again. Without one it is the same when its conversation
    /// is.
    key: Option<String>,
    /// The id of its conversation there, 1 to 200 characters. When that is handed in later under this `external_id`, it
    /// takes the place of what was imported.
    #[serde(default)]
    ai_conversation: String,
    /// `sales`, `support`, …; `general` when missing.
    conversation_category: Option<String>,
    /// How the conversation ended: `successful`, `unsuccessful`, `partial`, `unknown` or `excluded`.
    #[serde(default)]
    outcome: String,
    /// How successful it was, 0 to 1.
    success_score: f64,
    /// What it was about.
    #[serde(default)]
    key_phrases: Vec<String>,
    /// What the user wanted.
    #[serde(default)]
    user_intents: Vec<String>,
    /// A few sentences about it, at most 5000 characters.
    conversation_summary: Option<String>,
    /// Its language, a BCP 47 tag; recognised when missing, else `und`.
    language: Option<String>,
    /// When it was made there, RFC 3339.
    created_at: Option<String>,
}

/// What became of what was to be taken over.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportAnswer)]
pub struct ImportReportBody {
    /// Whether nothing was changed, because that was wanted.
    dry_run: bool,
    /// How many are new.
    created: usize,
    /// How many were taken over before and are now as they were given.
    updated: usize,
    /// How many are there already: exactly so, or as somebody here has changed them since.
    unchanged: usize,
    /// How many cannot be taken over.
    invalid: usize,
    /// Each entry, in the order of the request.
    entries: Vec<ImportResultBody>,
    /// Each record, in the order of the request.
    records: Vec<ImportResultBody>,
}

/// What became of one of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportResult)]
pub struct ImportResultBody {
    /// What.
    status: ImportStatus,
    /// The id of the entry, or of the record's conversation; of what a dry run would create, none.
    #[schema(required)]
    id: Option<Uuid>,
    /// What is wrong with it, field by field; empty unless it is `invalid`.
    errors: Vec<FieldProblem>,
}

impl From<EntryImportBody> for EntryImport {
    fn from(body: EntryImportBody) -> Self {
        let fields = EntryFields {
            knowledge_type: body.knowledge_type,
            category: body.category,
            title: body.title,
            content: body.content,
            trigger_phrases: body.trigger_phrases,
            language: body.language,
            status: body.status,
            success_rate: body.success_rate,
        };
        Self { key: body.key, fields, created_at: body.created_at }
    }
}

impl From<RecordImportBody> for RecordImport {
    fn from(body: RecordImportBody) -> Self {
        Self {
            key: body.key,
            ai_conversation: body.ai_conversation,
            conversation_category: body.conversation_category.unwrap_or_else(|| "general".to_owned()),
            outcome: body.outcome,
            success_score: body.success_score,
            key_phrases: body.key_phrases,
            user_intents: body.user_intents,
            conversation_summary: body.conversation_summary.unwrap_or_default(),
            language: body.language,
            created_at: body.created_at,
        }
    }
}

impl ImportReportBody {
    fn new(report: &ImportReport, dry_run: bool) -> Self {
        let body = |result: &ImportResult| ImportResultBody {
            status: result.status,
            id: result.id.filter(|_| !(dry_run && result.status == ImportStatus::Created)),
            errors: result.errors.iter().map(FieldProblem::from).collect(),
        };
        Self {
            dry_run,
            created: report.count(ImportStatus::Created),
            updated: report.count(ImportStatus::Updated),
            unchanged: report.count(ImportStatus::Unchanged),
            invalid: report.count(ImportStatus::Invalid),
            entries: report.entries.iter().map(body).collect(),
            records: report.records.iter().map(body).collect(),
        }
    }
}

/// Take over entries and training records
///
/// What is good is taken over even if the rest is not; each is answered in its place. The same again changes nothing: an
/// entry that a person has changed here since stays as it is, and so does the record of a conversation that was handed in
/// itself. Of a record's conversation nothing else is known, so it has no turns and nothing is learned from it.
#[utoipa::path(post, path = "/training/import/", tag = "training", request_body = ImportBody,
    responses((status = 200, description = "What became of each.", body = ImportReportBody)))]
pub async fn import(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(body): JsonBody<ImportBody>,
) -> Result<Json<ImportReportBody>, ApiError> {
    if body.entries.len() + body.records.len() > MAX_IMPORTS {
        let field = if body.entries.len() > MAX_IMPORTS { "entries" } else { "records" };
        return Err(ApiError::field(field, format!("entries and records must be at most {MAX_IMPORTS} together")));
    }
    let services = api.services()?;
    let (curator, editor) = (curator(services), editor(&services.engine.store, &caller).await?);
    let dry_run = body.dry_run.unwrap_or_default();
    let batch = ImportBatch {
        entries: body.entries.into_iter().map(EntryImport::from).collect(),
        records: body.records.into_iter().map(RecordImport::from).collect(),
    };
    let work = async move { curator.import(&caller.tenant, batch, dry_run, &editor).await };
    let report = to_the_end(work).await?;
    Ok(Json(ImportReportBody::new(&report, dry_run)))
}
