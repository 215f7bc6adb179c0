//! Knowledge entries.

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::ids::{EntryId, TenantId};
use crate::domain::knowledge::{Curated, Entry, EntryStatus, KnowledgeType};
use crate::domain::language::Language;
use crate::domain::success::Posterior;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::{ascending, descending, statements};
use crate::store::page::{Keyed, List, Order, Page, PageRequest};
use crate::store::rows::{language, moment, word};
use crate::store::search;
use crate::store::statement::Statement;
use crate::store::tx::Tx;

word_enum!(
    /// Where an entry comes from. Erasing conversations removes what was learned from them alone, never what a person
    /// wrote.
    Origin {
        /// Distilled from conversations.
        Learned = "learned",
        /// Written by a curator.
        Curator = "curator",
        /// Taken over from elsewhere.
        Import = "import",
    }
);

/// What is stored with a new entry and is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntrySource {
    /// Where it comes from.
    pub origin: Origin,
    /// Which version of the pipeline made it.
    pub pipeline_version: i64,
}

word_enum!(
    /// In which order entries are wanted.
    EntryOrder {
        /// The first made first.
        CreatedAt = "created_at",
        /// The last made first.
        CreatedAtDown = "-created_at",
        /// The longest unchanged first.
        UpdatedAt = "updated_at",
        /// The last changed first.
        UpdatedAtDown = "-updated_at",
        /// The lowest success rate first.
        SuccessRate = "success_rate",
        /// The highest success rate first.
        SuccessRateDown = "-success_rate",
        /// The least used first.
        Uses = "uses",
        /// The most used first.
        UsesDown = "-uses",
    }
);

/// Which entries are wanted, and in which order; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntryFilter {
    /// Their kind.
    pub knowledge_type: Option<KnowledgeType>,
    /// Their category.
    pub category: Option<String>,
    /// The intent that they serve.
    pub intent: Option<String>,
    /// Language of their content.
    pub language: Option<Language>,
    /// Whether they are offered.
    pub status: Option<EntryStatus>,
    /// Words that must all stand in title or content, in any case; matched as they are written, not by meaning.
    pub search: Option<String>,
    /// The order; `None` is the last made first.
    pub order: Option<EntryOrder>,
}

const COLUMNS: &str = "SELECT e.id, e.knowledge_type, e.category, e.intent, e.title, e.content, e.language, e.status,
    e.status_reason, e.alpha, e.beta, e.uses, e.prior_rate, e.curated_title, e.curated_content, e.curated_phrases,
    e.curated_status, e.evidence_count, e.created_at, e.updated_at";
const FROM: &str = " FROM knowledge_entries e WHERE e.tenant = ";
/// Without an index of the tenant, which SQLite would walk through to find some by their ids.
const FROM_GIVEN: &str = " FROM knowledge_entries e WHERE e.tenant || '' = ";

statements! {
    INSERT_ENTRY = "INSERT INTO knowledge_entries (id, tenant, knowledge_type, category, intent, title, content,
        search_text, language, status, status_reason, alpha, beta, uses, created_at, updated_at, prior_rate,
        curated_title, curated_content, curated_phrases, curated_status, evidence_count, origin, pipeline_version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, 0, $22,
        $23)";
    UPDATE_ENTRY = "UPDATE knowledge_entries SET knowledge_type = $3, category = $4, intent = $5, title = $6,
        content = $7, search_text = $8, language = $9, status = $10, status_reason = $11, alpha = $12, beta = $13,
        uses = $14, created_at = $15, updated_at = $16, prior_rate = $17, curated_title = $18, curated_content = $19,
        curated_phrases = $20, curated_status = $21 WHERE id = $1 AND tenant = $2";
    SET_ENTRY_STATUS = "UPDATE knowledge_entries SET status = $3, status_reason = $4, updated_at = $5
        WHERE tenant = $1 AND id = $2";
    SET_STATUS_REASON = "UPDATE knowledge_entries SET status_reason = $3, updated_at = $4
        WHERE tenant = $1 AND id = $2";
    SET_WORDS = "UPDATE knowledge_entries SET intent = $3, title = $4, content = $5, search_text = $6, updated_at = $7
        WHERE tenant = $1 AND id = $2";
    SET_POSTERIOR = "UPDATE knowledge_entries SET alpha = $3, beta = $4, uses = $5 WHERE tenant = $1 AND id = $2";
    UNMARK_EXEMPLARS_OF_ENTRY = "DELETE FROM index_marks WHERE point_id IN
        (SELECT id FROM exemplars WHERE tenant = $1 AND entry_id = $2)";
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: Uuid,
    knowledge_type: String,
    category: String,
    intent: Option<String>,
    title: String,
    content: String,
    language: String,
    status: String,
    status_reason: Option<String>,
    alpha: f64,
    beta: f64,
    uses: i64,
    prior_rate: Option<f64>,
    curated_title: bool,
    curated_content: bool,
    curated_phrases: bool,
    curated_status: bool,
    evidence_count: i64,
    created_at: i64,
    updated_at: i64,
    /// Of a list alone.
    #[sqlx(default)]
    ordered_by: i64,
}

impl Store {
    /// The entry with this id.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn entry(&self, tenant: &TenantId, id: EntryId) -> Result<Option<Entry>, StoreError> {
        Ok(self.entries(tenant, &[id]).await?.pop())
    }

    /// These entries, those that exist, in no order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn entries(&self, tenant: &TenantId, ids: &[EntryId]) -> Result<Vec<Entry>, StoreError> {
        self.rows::<EntryRow>(by_ids(tenant, ids)).await?.into_iter().map(EntryRow::read).collect()
    }

    /// The entries that pass the filter, in its order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list_entries(
        &self,
        tenant: &TenantId,
        filter: &EntryFilter,
        page: &PageRequest,
    ) -> Result<Page<Entry>, StoreError> {
        let list = List {
            columns: COLUMNS,
            from: filter.from(tenant),
            order: filter.order.unwrap_or(EntryOrder::CreatedAtDown).fragments(),
        };
        self.page::<EntryRow>(list, page).await?.try_map(EntryRow::read)
    }
}

impl Tx {
    /// Stores a new entry. Its evidence count begins at 0 and is counted by [`Tx::add_evidence`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the id is taken.
    pub async fn insert_entry(
        &mut self,
        tenant: &TenantId,
        entry: &Entry,
        source: EntrySource,
    ) -> Result<(), StoreError> {
        let statement = values(Statement::new(INSERT_ENTRY), tenant, entry)
            .bind(source.origin.as_str())
            .bind(source.pipeline_version);
        self.execute(statement).await?;
        Ok(())
    }

    /// Stores an entry in place of the one with its id; its evidence count, origin and pipeline version stay. Its
    /// exemplars count as not indexed from now on. `false` when there is none.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn update_entry(&mut self, tenant: &TenantId, entry: &Entry) -> Result<bool, StoreError> {
        if self.execute(values(Statement::new(UPDATE_ENTRY), tenant, entry)).await? == 0 {
            return Ok(false);
        }
        self.execute(Statement::new(UNMARK_EXEMPLARS_OF_ENTRY).bind(tenant).bind(entry.id.0)).await?;
        Ok(true)
    }

    /// Moves an entry to another status. Its exemplars count as not indexed from now on. `false` when there is none.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn set_entry_status(
        &mut self,
        tenant: &TenantId,
        id: EntryId,
        status: EntryStatus,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let statement =
            Statement::new(SET_ENTRY_STATUS).bind(tenant).bind(id.0).bind(status.as_str()).bind(reason).bind(now);
        if self.execute(statement).await? == 0 {
            return Ok(false);
        }
        self.execute(Statement::new(UNMARK_EXEMPLARS_OF_ENTRY).bind(tenant).bind(id.0)).await?;
        Ok(true)
    }

    /// Gives the status of an entry another reason. The index does not hold it, so nothing is indexed anew. `false`
    /// when there is no such entry.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn set_status_reason(
        &mut self,
        tenant: &TenantId,
        id: EntryId,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let statement = Statement::new(SET_STATUS_REASON).bind(tenant).bind(id.0).bind(reason).bind(now);
        Ok(self.execute(statement).await? > 0)
    }

    /// Stores the intent, title and content of an entry in place of those before, and when that was. The index does not
    /// hold them, so nothing is indexed anew. `false` when there is no such entry.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn set_words(&mut self, tenant: &TenantId, entry: &Entry) -> Result<bool, StoreError> {
        let statement = Statement::new(SET_WORDS)
            .bind(tenant)
            .bind(entry.id.0)
            .bind(entry.intent.clone())
            .bind(&entry.title)
            .bind(&entry.content)
            .bind(search_text(entry))
            .bind(entry.updated_at);
        Ok(self.execute(statement).await? > 0)
    }

    /// Stores how often an entry led to success. The index does not hold it, so nothing is indexed anew. `false` when
    /// there is no such entry.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn set_posterior(
        &mut self,
        tenant: &TenantId,
        id: EntryId,
        posterior: Posterior,
    ) -> Result<bool, StoreError> {
        let statement = Statement::new(SET_POSTERIOR)
            .bind(tenant)
            .bind(id.0)
            .bind(posterior.alpha())
            .bind(posterior.beta())
            .bind(posterior.uses());
        Ok(self.execute(statement).await? > 0)
    }

    /// These entries, as this transaction sees them, those that exist, in no order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn entries(&mut self, tenant: &TenantId, ids: &[EntryId]) -> Result<Vec<Entry>, StoreError> {
        self.rows::<EntryRow>(by_ids(tenant, ids)).await?.into_iter().map(EntryRow::read).collect()
    }

    /// The entry with this id, which nobody else changes until this transaction ends.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn hold_entry(&mut self, tenant: &TenantId, id: EntryId) -> Result<Option<Entry>, StoreError> {
        Ok(self.hold_entries(tenant, &[id]).await?.pop())
    }

    /// These entries, those that exist, by id, which nobody else changes until this transaction ends. Whoever changes
    /// several entries or their exemplars holds them by this first, because others take them in this order, too, each before
    /// its exemplars: in another order, two transactions wait for each other.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn hold_entries(&mut self, tenant: &TenantId, ids: &[EntryId]) -> Result<Vec<Entry>, StoreError> {
        let mut select = by_ids(tenant, ids);
        select.push(" ORDER BY e.id");
        self.lock_rows(&mut select, "e");
        self.rows::<EntryRow>(select).await?.into_iter().map(EntryRow::read).collect()
    }

    /// As [`Tx::entries`], those only that were distilled from conversations.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn learned_entries(&mut self, tenant: &TenantId, ids: &[EntryId]) -> Result<Vec<Entry>, StoreError> {
        let mut select = by_ids(tenant, ids);
        select.push_with(" AND e.origin = ", Origin::Learned.as_str());
        self.rows::<EntryRow>(select).await?.into_iter().map(EntryRow::read).collect()
    }
}

impl EntryFilter {
    fn from(&self, tenant: &TenantId) -> Statement {
        let mut from = Statement::new("");
        from.push_with(FROM, tenant)
            .push_some(" AND e.knowledge_type = ", self.knowledge_type.map(KnowledgeType::as_str))
            .push_some(" AND e.category = ", self.category.as_ref())
            .push_some(" AND e.intent = ", self.intent.as_ref())
            .push_some(" AND e.language = ", self.language.as_ref().map(Language::as_str))
            .push_some(" AND e.status = ", self.status.map(EntryStatus::as_str))
            .push_words(" AND e.search_text LIKE ", self.search.as_deref());
        from
    }
}

impl EntryOrder {
    /// A rate is ordered in billionths; the index `knowledge_entries_rate` says the same.
    const fn fragments(self) -> Order {
        match self {
            Self::CreatedAt => ascending!("e.created_at", "e.id"),
            Self::CreatedAtDown => descending!("e.created_at", "e.id"),
            Self::UpdatedAt => ascending!("e.updated_at", "e.id"),
            Self::UpdatedAtDown => descending!("e.updated_at", "e.id"),
            Self::SuccessRate => {
                ascending!(computed "CAST(e.alpha / (e.alpha + e.beta) * 1000000000 AS BIGINT)", "e.id")
            }
            Self::SuccessRateDown => {
                descending!(computed "CAST(e.alpha / (e.alpha + e.beta) * 1000000000 AS BIGINT)", "e.id")
            }
            Self::Uses => ascending!("e.uses", "e.id"),
            Self::UsesDown => descending!("e.uses", "e.id"),
        }
    }
}

fn search_text(entry: &Entry) -> String {
    search::search_text([entry.title.as_str(), entry.content.as_str()])
}

fn by_ids(tenant: &TenantId, ids: &[EntryId]) -> Statement {
    let mut select = Statement::new(COLUMNS);
    select.push_with(FROM_GIVEN, tenant).push(" AND e.id IN ").push_list(ids.iter().map(|id| id.0));
    select
}

/// The values of the statements that write an entry, which number them alike.
fn values(statement: Statement, tenant: &TenantId, entry: &Entry) -> Statement {
    statement
        .bind(entry.id.0)
        .bind(tenant)
        .bind(entry.knowledge_type.as_str())
        .bind(&entry.category)
        .bind(entry.intent.clone())
        .bind(&entry.title)
        .bind(&entry.content)
        .bind(search_text(entry))
        .bind(entry.language.as_str())
        .bind(entry.status.as_str())
        .bind(entry.status_reason.clone())
        .bind(entry.posterior.alpha())
        .bind(entry.posterior.beta())
        .bind(entry.posterior.uses())
        .bind(entry.created_at)
        .bind(entry.updated_at)
        .bind(entry.prior_rate)
        .bind(entry.curated.title)
        .bind(entry.curated.content)
        .bind(entry.curated.phrases)
        .bind(entry.curated.status)
}

impl Keyed for EntryRow {
    fn key(&self) -> (i64, Uuid) {
        (self.ordered_by, self.id)
    }
}

impl EntryRow {
    fn read(self) -> Result<Entry, StoreError> {
        Ok(Entry {
            id: EntryId(self.id),
            knowledge_type: word("knowledge_entries.knowledge_type", &self.knowledge_type)?,
            category: self.category,
            intent: self.intent,
            title: self.title,
            content: self.content,
            language: language("knowledge_entries.language", &self.language)?,
            status: word("knowledge_entries.status", &self.status)?,
            status_reason: self.status_reason,
            posterior: Posterior::from_counts(self.alpha, self.beta, self.uses),
            prior_rate: self.prior_rate,
            curated: Curated {
                title: self.curated_title,
                content: self.curated_content,
                phrases: self.curated_phrases,
                status: self.curated_status,
            },
            evidence_count: self.evidence_count,
            created_at: moment(self.created_at),
            updated_at: moment(self.updated_at),
        })
    }
}
