//! Retrievals that found nothing useful, and the gaps that they belong to.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::gaps::GapMember;
use crate::domain::ids::{ConversationId, GapId, RetrievalId, TenantId};
use crate::domain::language::Language;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::{language, moment, optional_word};
use crate::store::statement::{Statement, inserts};
use crate::store::tx::Tx;

/// A retrieval that found nothing useful and that no gap was looked for yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Unanswered {
    /// The retrieval.
    pub retrieval_id: RetrievalId,
    /// The conversation as the agent named it.
    pub conversation_ref: Option<String>,
    /// What was asked, redacted.
    pub utterance: String,
    /// Its language, if the agent said it.
    pub language: Option<Language>,
    /// When.
    pub asked_at: Timestamp,
}

/// A retrieval that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct GapLink {
    /// The retrieval.
    pub retrieval_id: RetrievalId,
    /// The gap that it belongs to; `None` for small talk.
    pub gap_id: Option<GapId>,
    /// The conversation as the agent named it.
    pub conversation_ref: Option<String>,
    /// The conversation, when it is there.
    pub conversation_id: Option<ConversationId>,
    /// When it was asked.
    pub asked_at: Timestamp,
}

// The tenant of what is looked up by ids is compared so that SQLite takes no index of it and walks through all that it has.
const STILL_SAID: &str = "SELECT id FROM retrievals WHERE utterance <> '' AND tenant || '' = ";
const UTTERANCES: &str = "SELECT id, utterance FROM retrievals WHERE tenant || '' = ";
const INSERT_LINKS: &str =
    "INSERT INTO gap_retrievals (retrieval_id, tenant, gap_id, conversation_ref, conversation_id, asked_at) VALUES";
const DO_NOTHING: &str = "ON CONFLICT DO NOTHING";

statements! {
    // A hold-out gets nothing on purpose, and a search that failed says nothing about what is known.
    UNANSWERED = "SELECT t.id, t.conversation_ref, t.utterance, t.language, t.created_at FROM retrievals t
        WHERE t.tenant = $1 AND t.created_at >= $2 AND t.utterance <> ''
        AND NOT EXISTS (SELECT 1 FROM gap_retrievals g WHERE g.retrieval_id = t.id)
        AND ((t.abstained = TRUE AND t.reason IN ('below_floor', 'nothing_fits')) OR (t.abstained = FALSE
            AND EXISTS (SELECT 1 FROM conversations c JOIN training_records r ON r.conversation_id = c.id
                WHERE c.tenant = t.tenant AND c.external_id = t.conversation_ref AND r.outcome = 'unsuccessful')
            AND EXISTS (SELECT 1 FROM exposures e WHERE e.retrieval_id = t.id AND e.used = FALSE)
            AND NOT EXISTS (SELECT 1 FROM exposures e WHERE e.retrieval_id = t.id AND (e.used IS NULL OR e.used = TRUE))
            AND NOT EXISTS (SELECT 1 FROM entry_uses u WHERE u.tenant = t.tenant
                AND u.conversation_ref = t.conversation_ref AND u.retrieval_id = t.id)))
        ORDER BY t.created_at, t.id LIMIT $3";
    GAP_MEMBERS = "SELECT l.retrieval_id, t.utterance, l.asked_at, c.id AS conversation_id, r.category, r.outcome,
        c.cost_usd FROM gap_retrievals l LEFT JOIN retrievals t ON t.id = l.retrieval_id
        LEFT JOIN conversations c ON c.id = l.conversation_id
        LEFT JOIN training_records r ON r.conversation_id = c.id
        WHERE l.gap_id = $2 AND l.tenant = $1 ORDER BY l.asked_at, l.retrieval_id";
    GAP_UTTERANCES = "SELECT t.utterance FROM gap_retrievals l JOIN retrievals t ON t.id = l.retrieval_id
        WHERE l.gap_id = $2 AND l.tenant = $1 AND t.utterance <> '' ORDER BY l.asked_at DESC, l.retrieval_id DESC LIMIT $3";
    // An index holds those that have no conversation yet.
    RESOLVE_BY_NAME = "UPDATE gap_retrievals SET conversation_id = (SELECT c.id FROM conversations c
            WHERE c.tenant = gap_retrievals.tenant AND c.external_id = gap_retrievals.conversation_ref)
        WHERE tenant = $1 AND conversation_id IS NULL AND gap_id IS NOT NULL
        AND EXISTS (SELECT 1 FROM conversations c
            WHERE c.tenant = gap_retrievals.tenant AND c.external_id = gap_retrievals.conversation_ref)";
    RESOLVE_BY_TURN = "UPDATE gap_retrievals SET conversation_id = (SELECT n.conversation_id FROM turns n
            WHERE n.retrieval_id = gap_retrievals.retrieval_id AND n.tenant = gap_retrievals.tenant
            ORDER BY n.conversation_id LIMIT 1)
        WHERE tenant = $1 AND conversation_id IS NULL AND gap_id IS NOT NULL
        AND EXISTS (SELECT 1 FROM turns n
            WHERE n.retrieval_id = gap_retrievals.retrieval_id AND n.tenant = gap_retrievals.tenant)";
    AVERAGE_COST = "SELECT AVG(cost_usd) FROM conversations WHERE tenant = $1";
    // One for each index: with an OR between them SQLite would walk through all that the tenant has.
    FORGET_NAMED_LINKS = "DELETE FROM gap_retrievals WHERE tenant = $1 AND conversation_ref IN ($2, $3)
        RETURNING gap_id, retrieval_id";
    FORGET_RESOLVED_LINKS = "DELETE FROM gap_retrievals WHERE tenant = $1 AND conversation_id = $2
        RETURNING gap_id, retrieval_id";
    FORGET_LINKS_OF_TURNS = "DELETE FROM gap_retrievals WHERE tenant || '' = $1 AND retrieval_id IN
        (SELECT retrieval_id FROM turns WHERE conversation_id = $2 AND retrieval_id IS NOT NULL)
        RETURNING gap_id, retrieval_id";
}

#[derive(sqlx::FromRow)]
struct UnansweredRow {
    id: Uuid,
    conversation_ref: Option<String>,
    utterance: String,
    language: Option<String>,
    created_at: i64,
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    retrieval_id: Uuid,
    utterance: Option<String>,
    asked_at: i64,
    conversation_id: Option<Uuid>,
    category: Option<String>,
    outcome: Option<String>,
    cost_usd: Option<f64>,
}

impl Store {
    /// Retrievals since a moment that found nothing useful and that were not looked at yet, the oldest first: those that
    /// offered nothing, and those whose entries nobody used in a conversation that failed.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn unanswered(
        &self,
        tenant: &TenantId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Unanswered>, StoreError> {
        let statement = Statement::new(UNANSWERED).bind(tenant).bind(since).bind(i64::from(limit));
        self.rows::<UnansweredRow>(statement).await?.into_iter().map(UnansweredRow::read).collect()
    }

    /// The retrievals of a gap, the oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn gap_members(&self, tenant: &TenantId, gap: GapId) -> Result<Vec<GapMember>, StoreError> {
        let statement = Statement::new(GAP_MEMBERS).bind(tenant).bind(gap.0);
        self.rows::<MemberRow>(statement).await?.into_iter().map(MemberRow::read).collect()
    }

    /// What was asked in a gap, redacted, the last first; at most `limit`, the same words as often as they were said.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn gap_utterances(&self, tenant: &TenantId, gap: GapId, limit: u32) -> Result<Vec<String>, StoreError> {
        let statement = Statement::new(GAP_UTTERANCES).bind(tenant).bind(gap.0).bind(i64::from(limit));
        let rows: Vec<(String,)> = self.rows(statement).await?;
        Ok(rows.into_iter().map(|(utterance,)| utterance).collect())
    }

    /// What a conversation of a tenant costs on average, in US dollars; `None` when no cost is known.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn average_cost(&self, tenant: &TenantId) -> Result<Option<f64>, StoreError> {
        let average: Option<(Option<f64>,)> = self.row(Statement::new(AVERAGE_COST).bind(tenant)).await?;
        Ok(average.and_then(|(average,)| average))
    }
}

impl Tx {
    /// The retrievals of a gap, as this transaction sees them, the oldest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn gap_members(&mut self, tenant: &TenantId, gap: GapId) -> Result<Vec<GapMember>, StoreError> {
        let statement = Statement::new(GAP_MEMBERS).bind(tenant).bind(gap.0);
        self.rows::<MemberRow>(statement).await?.into_iter().map(MemberRow::read).collect()
    }

    /// Those of these retrievals whose utterance was not erased.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn still_said(&mut self, tenant: &TenantId, ids: &[RetrievalId]) -> Result<Vec<RetrievalId>, StoreError> {
        let mut select = Statement::new("");
        select.push_with(STILL_SAID, tenant).push(" AND id IN ").push_list(ids.iter().map(|id| id.0));
        let rows: Vec<(Uuid,)> = self.rows(select).await?;
        Ok(rows.into_iter().map(|(id,)| RetrievalId(id)).collect())
    }

    /// Notes that retrievals were looked at, and to which gaps they belong. What was noted before stays.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when a gap is gone.
    pub async fn link_gap_retrievals(&mut self, tenant: &TenantId, links: &[GapLink]) -> Result<(), StoreError> {
        let rows = links.iter().map(|link| {
            [
                link.retrieval_id.0.into(),
                tenant.into(),
                link.gap_id.map(|id| id.0).into(),
                link.conversation_ref.clone().into(),
                link.conversation_id.map(|id| id.0).into(),
                link.asked_at.into(),
            ]
        });
        self.execute_all(inserts(INSERT_LINKS, rows, DO_NOTHING)).await?;
        Ok(())
    }

    /// Finds the conversations of the retrievals in gaps that have come since: by the name that the agent gave, else by the
    /// turn that names the retrieval.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn resolve_gap_conversations(&mut self, tenant: &TenantId) -> Result<(), StoreError> {
        self.execute(Statement::new(RESOLVE_BY_NAME).bind(tenant)).await?;
        self.execute(Statement::new(RESOLVE_BY_TURN).bind(tenant)).await?;
        Ok(())
    }

    /// Takes the retrievals of a conversation that is being erased out of their gaps; what each of those gaps loses.
    pub(super) async fn forget_gap_retrievals(
        &mut self,
        tenant: &TenantId,
        conversation: ConversationId,
        external_id: &str,
    ) -> Result<BTreeMap<GapId, Vec<String>>, StoreError> {
        let named = Statement::new(FORGET_NAMED_LINKS).bind(tenant).bind(external_id).bind(conversation.to_string());
        let resolved = Statement::new(FORGET_RESOLVED_LINKS).bind(tenant).bind(conversation.0);
        let beside = Statement::new(FORGET_LINKS_OF_TURNS).bind(tenant).bind(conversation.0);
        let mut links: Vec<(Option<Uuid>, Uuid)> = Vec::new();
        for statement in [named, resolved, beside] {
            links.extend(self.rows::<(Option<Uuid>, Uuid)>(statement).await?);
        }

        let mut select = Statement::new("");
        select
            .push_with(UTTERANCES, tenant)
            .push(" AND id IN ")
            .push_list(links.iter().map(|(_, retrieval)| *retrieval));
        let said: BTreeMap<Uuid, String> = self.rows::<(Uuid, String)>(select).await?.into_iter().collect();
        let mut lost: BTreeMap<GapId, Vec<String>> = BTreeMap::new();
        for (gap, retrieval) in links {
            let Some(gap) = gap else { continue };
            lost.entry(GapId(gap)).or_default().extend(said.get(&retrieval).cloned());
        }
        Ok(lost)
    }
}

impl UnansweredRow {
    fn read(self) -> Result<Unanswered, StoreError> {
        Ok(Unanswered {
            retrieval_id: RetrievalId(self.id),
            conversation_ref: self.conversation_ref,
            utterance: self.utterance,
            language: self.language.as_deref().map(|text| language("retrievals.language", text)).transpose()?,
            asked_at: moment(self.created_at),
        })
    }
}

impl MemberRow {
    fn read(self) -> Result<GapMember, StoreError> {
        Ok(GapMember {
            retrieval_id: RetrievalId(self.retrieval_id),
            utterance: self.utterance.unwrap_or_default(),
            asked_at: moment(self.asked_at),
            conversation_id: self.conversation_id.map(ConversationId),
            category: self.category,
            outcome: optional_word("training_records.outcome", self.outcome.as_deref())?,
            cost_usd: self.cost_usd,
        })
    }
}
