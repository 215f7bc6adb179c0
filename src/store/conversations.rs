//! Conversations and their turns, as they were received.

use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Conversation, ConversationStatus, Outcome, Usage, bursts, word_enum};
use crate::domain::ids::{ConversationId, TenantId};
use crate::domain::language::Language;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::{ascending, descending, statements};
use crate::store::page::{Keyed, List, Order, Page, PageRequest};
use crate::store::rows::{language, moment, optional_word, word};
use crate::store::statement::Statement;
use crate::store::turns::Turns;
use crate::store::tx::Tx;

/// A conversation and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredConversation {
    /// As it was received, with its turns.
    pub conversation: Conversation,
    /// 1, and one more each time that it is replaced or learned from anew.
    pub version: i64,
    /// Where it stands on its way through learning.
    pub status: ConversationStatus,
    /// Why it failed, when it did.
    pub failure: Option<String>,
    /// When this version was received.
    pub received_at: Timestamp,
    /// When it was fully learned from.
    pub processed_at: Option<Timestamp>,
}

word_enum!(
    /// In which order conversations are wanted.
    ConversationOrder {
        /// The first received first.
        ReceivedAt = "received_at",
        /// The last received first.
        ReceivedAtDown = "-received_at",
        /// The first begun first.
        StartedAt = "started_at",
        /// The last begun first.
        StartedAtDown = "-started_at",
    }
);

/// Which conversations are wanted, and in which order; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConversationFilter {
    /// Where they stand.
    pub status: Option<ConversationStatus>,
    /// How they ended: as analysed, or as given while they are not yet analysed.
    pub outcome: Option<Outcome>,
    /// As analysed, or as given.
    pub category: Option<String>,
    /// As analysed, or as given.
    pub language: Option<Language>,
    /// Which agent spoke.
    pub agent_id: Option<String>,
    /// `phone`, `chat` or the like.
    pub channel: Option<String>,
    /// Started at or after this.
    pub from: Option<Timestamp>,
    /// Started before this.
    pub to: Option<Timestamp>,
    /// Words that must each stand in the caller's id or the id of the call, in any case.
    pub search: Option<String>,
    /// The order; `None` is the last received first.
    pub order: Option<ConversationOrder>,
}

const COLUMNS: &str = "SELECT c.id, c.external_id, c.call_id, c.caller_hash, c.agent_id, c.channel, c.language,
    c.category, c.started_at, c.ended_at, c.outcome, c.satisfaction, c.prompt_tokens, c.completion_tokens, c.cost_usd,
    c.metadata, c.content_hash, c.version, c.status, c.failure, c.received_at, c.processed_at";
const FROM: &str = " FROM conversations c";
// The narrow row beside the record says the same, and ten of them lie where one record does.
const FROM_WITH_FACTS: &str = " FROM conversations c LEFT JOIN record_facts f ON f.conversation_id = c.id";
const OF_TENANT: &str = " WHERE c.tenant = ";
/// Of what is looked up by ids: without an index of the tenant, which SQLite would walk through to find a few.
const GIVEN_OF_TENANT: &str = " WHERE c.tenant || '' = ";
const SEARCHED: [[&str; 2]; 2] =
    [["LOWER(c.external_id) LIKE ", "c.external_id LIKE "], ["LOWER(c.call_id) LIKE ", "c.call_id LIKE "]];

statements! {
    INSERT_CONVERSATION = "INSERT INTO conversations (id, tenant, external_id, call_id, caller_hash, agent_id, channel,
        language, category, started_at, ended_at, outcome, satisfaction, prompt_tokens, completion_tokens, cost_usd,
        metadata, content_hash, burst_count, version, status, received_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 1, 'received',
        $20)
        ON CONFLICT (tenant, external_id) DO NOTHING";
    REPLACE_CONVERSATION = "UPDATE conversations SET external_id = $3, call_id = $4, caller_hash = $5, agent_id = $6,
        channel = $7, language = $8, category = $9, started_at = $10, ended_at = $11, outcome = $12, satisfaction = $13,
        prompt_tokens = $14, completion_tokens = $15, cost_usd = $16, metadata = $17, content_hash = $18,
        burst_count = $19, version = version + 1, status = 'received', failure = NULL, received_at = $20,
        processed_at = NULL WHERE id = $1 AND tenant = $2 RETURNING version";
    DELETE_CONVERSATION = "DELETE FROM conversations WHERE tenant = $1 AND id = $2";
    COUNT_CONVERSATIONS = "SELECT COUNT(*) FROM conversations WHERE tenant = $1";
}

#[derive(sqlx::FromRow)]
struct ConversationRow {
    id: Uuid,
    external_id: String,
    call_id: Option<String>,
    caller_hash: Option<String>,
    agent_id: String,
    channel: String,
    language: Option<String>,
    category: Option<String>,
    started_at: i64,
    ended_at: i64,
    outcome: Option<String>,
    satisfaction: Option<i64>,
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    cost_usd: Option<f64>,
    metadata: Json<serde_json::Value>,
    content_hash: String,
    version: i64,
    status: String,
    failure: Option<String>,
    received_at: i64,
    processed_at: Option<i64>,
    /// Of a list alone.
    #[sqlx(default)]
    ordered_by: i64,
}

impl Store {
    /// The conversation with this id of ours.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn conversation(
        &self,
        tenant: &TenantId,
        id: ConversationId,
    ) -> Result<Option<StoredConversation>, StoreError> {
        let row = self.row(by_id(tenant, id)).await?;
        self.with_turns(tenant, row).await
    }

    /// The conversation with this id of the caller's.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn conversation_by_external_id(
        &self,
        tenant: &TenantId,
        external_id: &str,
    ) -> Result<Option<StoredConversation>, StoreError> {
        let row = self.row(by_external_id(tenant, external_id)).await?;
        self.with_turns(tenant, row).await
    }

    /// The conversation that a caller names, by our id or by its own. Ours comes first, so that nobody can hand in a
    /// conversation under the id of another one and be taken for it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn find_conversation(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Option<StoredConversation>, StoreError> {
        if let Ok(id) = name.parse::<ConversationId>()
            && let Some(found) = self.conversation(tenant, id).await?
        {
            return Ok(Some(found));
        }
        self.conversation_by_external_id(tenant, name).await
    }

    /// These conversations, those that exist, in no order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn conversations(
        &self,
        tenant: &TenantId,
        ids: &[ConversationId],
    ) -> Result<Vec<StoredConversation>, StoreError> {
        let mut select = Statement::new(COLUMNS);
        select.push(FROM).push_with(GIVEN_OF_TENANT, tenant);
        select.push(" AND c.id IN ").push_list(ids.iter().map(|id| id.0));
        let rows: Vec<ConversationRow> = self.rows(select).await?;
        self.all_with_turns(tenant, rows).await
    }

    /// The conversations that pass the filter, in its order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list_conversations(
        &self,
        tenant: &TenantId,
        filter: &ConversationFilter,
        page: &PageRequest,
    ) -> Result<Page<StoredConversation>, StoreError> {
        let list = List {
            columns: COLUMNS,
            from: filter.from(tenant, &[]),
            order: filter.order.unwrap_or(ConversationOrder::ReceivedAtDown).fragments(),
        };
        let mut found: Page<ConversationRow> = self.page(list, page).await?;
        let items = self.all_with_turns(tenant, std::mem::take(&mut found.items)).await?;
        Ok(Page { items, count: found.count, count_is_lower_bound: found.count_is_lower_bound, next: found.next })
    }

    /// How many conversations there are.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn count_conversations(&self, tenant: &TenantId) -> Result<i64, StoreError> {
        self.number(Statement::new(COUNT_CONVERSATIONS).bind(tenant)).await
    }

    async fn with_turns(
        &self,
        tenant: &TenantId,
        row: Option<ConversationRow>,
    ) -> Result<Option<StoredConversation>, StoreError> {
        Ok(self.all_with_turns(tenant, row.into_iter().collect()).await?.pop())
    }

    /// Two reads, not one: the turns of a version that is being replaced may come with the row of the version before.
    /// Harmless, because the job of the new version reads both again.
    async fn all_with_turns(
        &self,
        tenant: &TenantId,
        rows: Vec<ConversationRow>,
    ) -> Result<Vec<StoredConversation>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut turns = self.turns(tenant, rows.iter().map(|row| row.id)).await?;
        rows.into_iter().map(|row| row.read(&mut turns)).collect()
    }
}

impl Tx {
    /// Stores a new conversation with its turns, as version 1 with status `received`. `false`, and nothing is stored,
    /// when the tenant has one with this external id.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the id is taken, [`StoreError::InvalidValue`] when a text holds a NUL character
    /// and the database is PostgreSQL.
    pub async fn insert_conversation(
        &mut self,
        tenant: &TenantId,
        conversation: &Conversation,
        received_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let statement = values(Statement::new(INSERT_CONVERSATION), tenant, conversation, received_at);
        if self.execute(statement).await? == 0 {
            return Ok(false);
        }
        self.mark_metrics(tenant, conversation.started_at, Some(&conversation.external_id));
        self.insert_turns(tenant, conversation).await?;
        Ok(true)
    }

    /// Stores new content for the conversation with this id: one version more, status `received`, new turns. What was
    /// learned from the old version is the caller's to remove ([`Tx::erase_derived`]). The new version, which may follow
    /// one that another transaction has made since this one read; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another conversation has the external id; as [`Tx::insert_conversation`].
    pub async fn replace_conversation(
        &mut self,
        tenant: &TenantId,
        conversation: &Conversation,
        received_at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        // Where it was counted before, and where it is from now on.
        self.mark_conversation(tenant, conversation.id).await?;
        self.mark_metrics(tenant, conversation.started_at, Some(&conversation.external_id));
        let statement = values(Statement::new(REPLACE_CONVERSATION), tenant, conversation, received_at);
        let Some((version,)) = self.rows::<(i64,)>(statement).await?.pop() else { return Ok(None) };
        self.delete_turns(tenant, conversation.id).await?;
        self.insert_turns(tenant, conversation).await?;
        Ok(Some(version))
    }

    /// The conversation with this id of ours, as this transaction sees it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn conversation(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
    ) -> Result<Option<StoredConversation>, StoreError> {
        let row = self.row(by_id(tenant, id)).await?;
        self.with_turns(tenant, row).await
    }

    /// The conversation with this id of the caller's, as this transaction sees it.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn conversation_by_external_id(
        &mut self,
        tenant: &TenantId,
        external_id: &str,
    ) -> Result<Option<StoredConversation>, StoreError> {
        let row = self.row(by_external_id(tenant, external_id)).await?;
        self.with_turns(tenant, row).await
    }

    /// Deletes the row and its turns; everything derived must be gone, and the conversation marked with it.
    pub(super) async fn delete_conversation(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
    ) -> Result<bool, StoreError> {
        self.delete_turns(tenant, id).await?;
        Ok(self.execute(Statement::new(DELETE_CONVERSATION).bind(tenant).bind(id.0)).await? > 0)
    }

    async fn with_turns(
        &mut self,
        tenant: &TenantId,
        row: Option<ConversationRow>,
    ) -> Result<Option<StoredConversation>, StoreError> {
        let Some(row) = row else { return Ok(None) };
        let mut turns = self.turns(tenant, row.id).await?;
        row.read(&mut turns).map(Some)
    }
}

impl ConversationFilter {
    /// The tables and the filter: of all conversations, or of these alone when some are given. The record is joined only
    /// when something asks for it: it doubles the work.
    pub(super) fn from(&self, tenant: &TenantId, given: &[ConversationId]) -> Statement {
        let analysed = self.outcome.is_some() || self.category.is_some() || self.language.is_some();
        let mut from = Statement::new("");
        from.push(if analysed { FROM_WITH_FACTS } else { FROM })
            .push_with(if given.is_empty() { OF_TENANT } else { GIVEN_OF_TENANT }, tenant)
            .push_some(" AND c.status = ", self.status.map(ConversationStatus::as_str))
            .push_some(" AND COALESCE(f.outcome, c.outcome) = ", self.outcome.map(Outcome::as_str))
            .push_some(" AND COALESCE(f.category, c.category) = ", self.category.as_ref())
            .push_some(" AND COALESCE(f.language, c.language) = ", self.language.as_ref().map(Language::as_str))
            .push_some(" AND c.agent_id = ", self.agent_id.as_ref())
            .push_some(" AND c.channel = ", self.channel.as_ref())
            .push_some(" AND c.started_at >= ", self.from)
            .push_some(" AND c.started_at < ", self.to)
            .push_words_in(&SEARCHED, self.search.as_deref());
        if !given.is_empty() {
            from.push(" AND c.id IN ").push_list(given.iter().map(|id| id.0));
        }
        from
    }
}

impl ConversationOrder {
    const fn fragments(self) -> Order {
        match self {
            Self::ReceivedAt => ascending!("c.received_at", "c.id"),
            Self::ReceivedAtDown => descending!("c.received_at", "c.id"),
            Self::StartedAt => ascending!("c.started_at", "c.id"),
            Self::StartedAtDown => descending!("c.started_at", "c.id"),
        }
    }
}

impl Keyed for ConversationRow {
    fn key(&self) -> (i64, Uuid) {
        (self.ordered_by, self.id)
    }
}

fn by_id(tenant: &TenantId, id: ConversationId) -> Statement {
    let mut select = Statement::new(COLUMNS);
    select.push(FROM).push_with(GIVEN_OF_TENANT, tenant).push_with(" AND c.id = ", id.0);
    select
}

fn by_external_id(tenant: &TenantId, external_id: &str) -> Statement {
    let mut select = Statement::new(COLUMNS);
    select.push(FROM).push_with(OF_TENANT, tenant).push_with(" AND c.external_id = ", external_id);
    select
}

/// The values of the statements that write a conversation, which number them alike.
fn values(statement: Statement, tenant: &TenantId, conversation: &Conversation, received_at: Timestamp) -> Statement {
    let usage = conversation.usage;
    statement
        .bind(conversation.id.0)
        .bind(tenant)
        .bind(&conversation.external_id)
        .bind(conversation.call_id.clone())
        .bind(conversation.caller_hash.clone())
        .bind(&conversation.agent_id)
        .bind(&conversation.channel)
        .bind(conversation.language.as_ref().map(Language::as_str))
        .bind(conversation.category.clone())
        .bind(conversation.started_at)
        .bind(conversation.ended_at)
        .bind(conversation.outcome.map(Outcome::as_str))
        .bind(conversation.satisfaction)
        .bind(usage.map(|usage| usage.prompt_tokens))
        .bind(usage.map(|usage| usage.completion_tokens))
        .bind(usage.map(|usage| usage.cost_usd))
        .bind(conversation.metadata.clone())
        .bind(&conversation.content_hash)
        .bind(bursts(&conversation.turns).len())
        .bind(received_at)
}

impl ConversationRow {
    fn read(self, turns: &mut Turns) -> Result<StoredConversation, StoreError> {
        let usage = match (self.prompt_tokens, self.completion_tokens, self.cost_usd) {
            (Some(prompt_tokens), Some(completion_tokens), Some(cost_usd)) => {
                Some(Usage { prompt_tokens, completion_tokens, cost_usd })
            }
            _ => None,
        };
        let conversation = Conversation {
            id: ConversationId(self.id),
            external_id: self.external_id,
            call_id: self.call_id,
            caller_hash: self.caller_hash,
            agent_id: self.agent_id,
            channel: self.channel,
            language: self.language.as_deref().map(|text| language("conversations.language", text)).transpose()?,
            category: self.category,
            started_at: moment(self.started_at),
            ended_at: moment(self.ended_at),
            outcome: optional_word("conversations.outcome", self.outcome.as_deref())?,
            satisfaction: self.satisfaction,
            usage,
            metadata: self.metadata.0,
            content_hash: self.content_hash,
            turns: turns.remove(&self.id).unwrap_or_default(),
        };
        Ok(StoredConversation {
            conversation,
            version: self.version,
            status: word("conversations.status", &self.status)?,
            failure: self.failure,
            received_at: moment(self.received_at),
            processed_at: self.processed_at.map(moment),
        })
    }
}
