//! Gaps: what was asked and not known, clustered, and what was decided about it.

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::entry_version::Editor;
use crate::domain::gaps::{Gap, GapCounts, GapDecision, GapDraft, GapStatus};
use crate::domain::ids::{ConversationId, EntryId, GapId, KeyId, TenantId};
use crate::domain::language::Language;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::{ascending, descending, statements};
use crate::store::page::{Keyed, List, Order, Page, PageRequest};
use crate::store::rows::{language, moment, position, word};
use crate::store::statement::Statement;
use crate::store::tx::Tx;

word_enum!(
    /// In which order gaps are wanted.
    GapOrder {
        /// What matters least first.
        Score = "score",
        /// What matters most first.
        ScoreDown = "-score",
        /// What was asked least first.
        Volume = "volume",
        /// What was asked most first.
        VolumeDown = "-volume",
        /// What was not asked for longest first.
        LastSeen = "last_seen",
        /// What was asked last first.
        LastSeenDown = "-last_seen",
    }
);

/// Which gaps are wanted, and in which order; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GapFilter {
    /// What became of them.
    pub status: Option<GapStatus>,
    /// The language in which they are asked.
    pub language: Option<Language>,
    /// Words that must all stand in the title, in any case.
    pub search: Option<String>,
    /// The order; `None` is what matters most first.
    pub order: Option<GapOrder>,
}

/// A gap by what it is recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapLeader {
    /// The gap.
    pub id: GapId,
    /// The language in which it is asked.
    pub language: Language,
    /// Its most central utterance.
    pub title: String,
}

const COLUMNS: &str = "SELECT g.id, g.language, g.title, g.category, g.status, g.volume, g.volume_after,
    g.conversations, g.judged, g.failures, g.cost_usd, g.score_milli, g.draft, g.draft_conversation, g.draft_turn,
    g.entry_id, g.reason, g.decided_key, g.decided_name, g.decided_at, g.first_seen, g.last_seen";
const FROM: &str = " FROM gaps g WHERE g.tenant = ";

statements! {
    // Whoever writes a gap holds it, so nothing that another one wrote is lost.
    PUT_GAP = "INSERT INTO gaps (id, tenant, language, title, search_text, category, status, volume, volume_after,
        conversations, judged, failures, cost_usd, score_milli, draft, draft_conversation, draft_turn, entry_id, reason,
        decided_key, decided_name, decided_at, first_seen, last_seen) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
        $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24) ON CONFLICT (id) DO UPDATE SET
        title = excluded.title, search_text = excluded.search_text, category = excluded.category,
        status = excluded.status, volume = excluded.volume, volume_after = excluded.volume_after,
        conversations = excluded.conversations, judged = excluded.judged, failures = excluded.failures,
        cost_usd = excluded.cost_usd, score_milli = excluded.score_milli, draft = excluded.draft,
        draft_conversation = excluded.draft_conversation, draft_turn = excluded.draft_turn,
        entry_id = excluded.entry_id, reason = excluded.reason, decided_key = excluded.decided_key,
        decided_name = excluded.decided_name, decided_at = excluded.decided_at, first_seen = excluded.first_seen,
        last_seen = excluded.last_seen";
    GAP_LEADERS = "SELECT id, language, title FROM gaps WHERE tenant = $1 ORDER BY id";
    FORGET_DRAFTS = "UPDATE gaps SET draft = NULL, draft_conversation = NULL, draft_turn = NULL WHERE tenant = $1
        AND draft_conversation = $2";
    SETTLE_LINKS_OF_GAP = "UPDATE gap_retrievals SET gap_id = NULL WHERE tenant = $1 AND gap_id = $2";
    DELETE_LINKS_OF_GAP = "DELETE FROM gap_retrievals WHERE tenant = $1 AND gap_id = $2";
    DELETE_GAP = "DELETE FROM gaps WHERE tenant = $1 AND id = $2";
}

#[derive(sqlx::FromRow)]
struct GapRow {
    id: Uuid,
    language: String,
    title: String,
    category: Option<String>,
    status: String,
    volume: i64,
    volume_after: i64,
    conversations: i64,
    judged: i64,
    failures: f64,
    cost_usd: Option<f64>,
    score_milli: i64,
    draft: Option<String>,
    draft_conversation: Option<Uuid>,
    draft_turn: Option<i64>,
    entry_id: Option<Uuid>,
    reason: Option<String>,
    decided_key: Option<Uuid>,
    decided_name: Option<String>,
    decided_at: Option<i64>,
    first_seen: i64,
    last_seen: i64,
    /// Of a list alone.
    #[sqlx(default)]
    ordered_by: i64,
}

#[derive(sqlx::FromRow)]
struct LeaderRow {
    id: Uuid,
    language: String,
    title: String,
}

impl Store {
    /// The gap with this id.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn gap(&self, tenant: &TenantId, id: GapId) -> Result<Option<Gap>, StoreError> {
        self.row::<GapRow>(by_id(tenant, id)).await?.map(GapRow::read).transpose()
    }

    /// The gaps that pass the filter, in its order.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list_gaps(
        &self,
        tenant: &TenantId,
        filter: &GapFilter,
        page: &PageRequest,
    ) -> Result<Page<Gap>, StoreError> {
        let mut from = Statement::new("");
        from.push_with(FROM, tenant)
            .push_some(" AND g.status = ", filter.status.map(GapStatus::as_str))
            .push_some(" AND g.language = ", filter.language.as_ref().map(Language::as_str))
            .push_words(" AND g.search_text LIKE ", filter.search.as_deref());
        let list = List { columns: COLUMNS, from, order: filter.order.unwrap_or(GapOrder::ScoreDown).fragments() };
        self.page::<GapRow>(list, page).await?.try_map(GapRow::read)
    }

    /// Every gap of a tenant, by what it is recognised by.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn gap_leaders(&self, tenant: &TenantId) -> Result<Vec<GapLeader>, StoreError> {
        let rows: Vec<LeaderRow> = self.rows(Statement::new(GAP_LEADERS).bind(tenant)).await?;
        rows.into_iter().map(LeaderRow::read).collect()
    }
}

impl Tx {
    /// The gap with this id, which nobody else changes until this transaction ends.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn hold_gap(&mut self, tenant: &TenantId, id: GapId) -> Result<Option<Gap>, StoreError> {
        let mut select = by_id(tenant, id);
        self.lock_rows(&mut select, "g");
        self.row::<GapRow>(select).await?.map(GapRow::read).transpose()
    }

    /// As [`Store::gap_leaders`], as this transaction sees them.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn gap_leaders(&mut self, tenant: &TenantId) -> Result<Vec<GapLeader>, StoreError> {
        let rows: Vec<LeaderRow> = self.rows(Statement::new(GAP_LEADERS).bind(tenant)).await?;
        rows.into_iter().map(LeaderRow::read).collect()
    }

    /// Stores a gap, in place of the one with its id. A score is kept in thousandths.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn put_gap(&mut self, tenant: &TenantId, gap: &Gap) -> Result<(), StoreError> {
        let decided = gap.decided.as_ref();
        let editor = decided.map(|decided| &decided.editor);
        let draft = gap.draft.as_ref();
        let statement = Statement::new(PUT_GAP)
            .bind(gap.id.0)
            .bind(tenant)
            .bind(gap.language.as_str())
            .bind(&gap.title)
            .bind(gap.title.to_lowercase())
            .bind(gap.category.clone())
            .bind(gap.status.as_str())
            .bind(gap.counts.volume)
            .bind(gap.counts.volume_after)
            .bind(gap.counts.conversations)
            .bind(gap.counts.judged)
            .bind(gap.counts.failures)
            .bind(gap.counts.cost_usd)
            .bind((gap.score * 1_000.0).round() as i64)
            .bind(draft.map(|draft| draft.content.clone()))
            .bind(draft.map(|draft| draft.conversation_id.0))
            .bind(draft.map(|draft| draft.turn))
            .bind(decided.and_then(|decided| decided.entry_id).map(|id| id.0))
            .bind(decided.and_then(|decided| decided.reason.clone()))
            .bind(editor.and_then(|editor| editor.key).map(|key| key.0))
            .bind(editor.and_then(|editor| editor.name.clone()))
            .bind(decided.map(|decided| decided.decided_at))
            .bind(gap.counts.first_seen.map_or(0, |moment| moment.as_millis()))
            .bind(gap.counts.last_seen.map_or(0, |moment| moment.as_millis()));
        self.execute(statement).await?;
        Ok(())
    }

    /// Takes a gap away that is answered by now; its retrievals stay looked at, in no gap. `false`, and nothing happens, when
    /// an entry was ever written for it: what that took over from users is erased by way of the gap.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn settle_gap(&mut self, tenant: &TenantId, id: GapId) -> Result<bool, StoreError> {
        if !self.entries_of_gap(tenant, id).await?.is_empty() {
            return Ok(false);
        }
        self.execute(Statement::new(SETTLE_LINKS_OF_GAP).bind(tenant).bind(id.0)).await?;
        self.execute(Statement::new(DELETE_GAP).bind(tenant).bind(id.0)).await?;
        Ok(true)
    }

    /// Takes back the drafts that quote a conversation which is replaced or erased. Another one is looked for when gaps are
    /// looked for next.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn forget_drafts(&mut self, tenant: &TenantId, conversation: ConversationId) -> Result<(), StoreError> {
        self.execute(Statement::new(FORGET_DRAFTS).bind(tenant).bind(conversation.0)).await?;
        Ok(())
    }

    /// Takes a conversation that is being erased out of the gaps: its retrievals, a title that only it said, a draft that
    /// quotes it, and what only it said in the entries that were written for a gap. A gap that nobody else
    /// asked is gone. How much the others matter is computed when gaps are looked for next.
    pub(super) async fn forget_in_gaps(
        &mut self,
        tenant: &TenantId,
        (conversation, external_id): (ConversationId, &str),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.forget_drafts(tenant, conversation).await?;
        for (id, lost) in self.forget_gap_retrievals(tenant, conversation, external_id).await? {
            let Some(mut gap) = self.hold_gap(tenant, id).await? else { continue };
            let members = self.gap_members(tenant, id).await?;
            let said: Vec<&str> =
                members.iter().map(|member| member.utterance.as_str()).filter(|said| !said.is_empty()).collect();
            for entry in self.entries_of_gap(tenant, id).await? {
                self.forget_phrases(tenant, entry, (&lost, &said), now).await?;
            }
            let Some(first) = said.first() else {
                self.forget_entries_of_gap(tenant, id).await?;
                self.execute(Statement::new(DELETE_LINKS_OF_GAP).bind(tenant).bind(id.0)).await?;
                self.execute(Statement::new(DELETE_GAP).bind(tenant).bind(id.0)).await?;
                continue;
            };
            if !said.contains(&gap.title.as_str()) {
                gap.title = (*first).to_owned();
            }
            gap.counts = GapCounts::of(&members, gap.written_at());
            self.put_gap(tenant, &gap).await?;
        }
        Ok(())
    }
}

impl GapOrder {
    const fn fragments(self) -> Order {
        match self {
            Self::Score => ascending!("g.score_milli", "g.id"),
            Self::ScoreDown => descending!("g.score_milli", "g.id"),
            Self::Volume => ascending!("g.volume", "g.id"),
            Self::VolumeDown => descending!("g.volume", "g.id"),
            Self::LastSeen => ascending!("g.last_seen", "g.id"),
            Self::LastSeenDown => descending!("g.last_seen", "g.id"),
        }
    }
}

impl Keyed for GapRow {
    fn key(&self) -> (i64, Uuid) {
        (self.ordered_by, self.id)
    }
}

fn by_id(tenant: &TenantId, id: GapId) -> Statement {
    let mut select = Statement::new(COLUMNS);
    select.push_with(FROM, tenant).push_with(" AND g.id = ", id.0);
    select
}

impl LeaderRow {
    fn read(self) -> Result<GapLeader, StoreError> {
        Ok(GapLeader { id: GapId(self.id), language: language("gaps.language", &self.language)?, title: self.title })
    }
}

impl GapRow {
    fn read(self) -> Result<Gap, StoreError> {
        let draft = match (self.draft, self.draft_conversation, self.draft_turn) {
            (Some(content), Some(conversation), Some(turn)) => Some(GapDraft {
                content,
                conversation_id: ConversationId(conversation),
                turn: position("gaps.draft_turn", turn)?,
            }),
            _ => None,
        };
        let decided = self.decided_at.map(|decided_at| GapDecision {
            entry_id: self.entry_id.map(EntryId),
            reason: self.reason,
            editor: Editor { key: self.decided_key.map(KeyId), name: self.decided_name },
            decided_at: moment(decided_at),
        });
        Ok(Gap {
            id: GapId(self.id),
            language: language("gaps.language", &self.language)?,
            title: self.title,
            category: self.category,
            status: word("gaps.status", &self.status)?,
            counts: GapCounts {
                volume: self.volume,
                volume_after: self.volume_after,
                conversations: self.conversations,
                judged: self.judged,
                failures: self.failures,
                cost_usd: self.cost_usd,
                average_cost_usd: None,
                first_seen: Some(moment(self.first_seen)),
                last_seen: Some(moment(self.last_seen)),
            },
            score: self.score_milli as f64 / 1_000.0,
            draft,
            decided,
        })
    }
}
