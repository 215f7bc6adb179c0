//! Totals over everything that a tenant has, computed from the rows.

use std::collections::BTreeMap;

use crate::domain::conversation::{ConversationStatus, Outcome};
use crate::domain::ids::TenantId;
use crate::domain::knowledge::{EntryStatus, KnowledgeType};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::rows::word;
use crate::store::statement::Statement;

/// The numbers of one tenant. Excluded conversations (voicemail, never connected) are in no rate and no average.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Conversations received, excluded ones included.
    pub conversations: i64,
    /// By where they stand.
    pub by_status: BTreeMap<ConversationStatus, i64>,
    /// By how they ended: as analysed, else as given, else `unknown`.
    pub by_outcome: BTreeMap<Outcome, i64>,
    /// `successful` among `successful`, `unsuccessful` and `partial`; `None` while there are none of these.
    pub success_rate: Option<f64>,
    /// Turns in a conversation; a burst counts once.
    pub average_turns: Option<f64>,
    /// Seconds from start to end.
    pub average_duration_s: Option<f64>,
    /// Mean of the ratings that were given, 1 to 5.
    pub average_satisfaction: Option<f64>,
    /// Entries, by kind and status.
    pub entries: Vec<EntryCount>,
    /// Exemplars.
    pub exemplars: i64,
    /// Chunks.
    pub chunks: i64,
    /// Retrievals that were recorded.
    pub retrievals: i64,
    /// Entries that were shown, and whose conversation never came.
    pub expired_exposures: i64,
}

/// How many entries of one kind have one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryCount {
    /// The kind.
    pub knowledge_type: KnowledgeType,
    /// The status.
    pub status: EntryStatus,
    /// How many.
    pub count: i64,
}

statements! {
    BY_STATUS = "SELECT status, COUNT(*) FROM conversations WHERE tenant = $1 GROUP BY status";
    BY_OUTCOME = "SELECT COALESCE(f.outcome, c.outcome, 'unknown') AS ended, COUNT(*) FROM conversations c
        LEFT JOIN record_facts f ON f.conversation_id = c.id WHERE c.tenant = $1 GROUP BY ended";
    // Of a conversation without turns only the record was imported: nobody knows how long it was.
    AVERAGES = "SELECT AVG(CAST(CASE WHEN c.burst_count > 0 THEN c.burst_count END AS DOUBLE PRECISION)),
        AVG(CAST(CASE WHEN c.burst_count > 0 THEN c.ended_at - c.started_at END AS DOUBLE PRECISION)),
        AVG(CAST(c.satisfaction AS DOUBLE PRECISION))
        FROM conversations c LEFT JOIN record_facts f ON f.conversation_id = c.id
        WHERE c.tenant = $1 AND COALESCE(f.outcome, c.outcome, 'unknown') <> 'excluded'";
    ENTRIES = "SELECT knowledge_type, status, COUNT(*) FROM knowledge_entries WHERE tenant = $1
        GROUP BY knowledge_type, status ORDER BY knowledge_type, status";
    EXEMPLARS = "SELECT COUNT(*) FROM exemplars WHERE tenant = $1";
    CHUNKS = "SELECT COUNT(*) FROM chunks WHERE tenant = $1";
    RETRIEVALS = "SELECT COUNT(*) FROM retrievals WHERE tenant = $1";
}

impl Store {
    /// The numbers of a tenant, each computed now; not of one instant while rows are being written.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn totals(&self, tenant: &TenantId) -> Result<Totals, StoreError> {
        let about = |sql| Statement::new(sql).bind(tenant);
        let mut totals = Totals {
            exemplars: self.number(about(EXEMPLARS)).await?,
            chunks: self.number(about(CHUNKS)).await?,
            retrievals: self.number(about(RETRIEVALS)).await?,
            expired_exposures: self.expired_exposures(tenant).await?,
            ..Totals::default()
        };
        for (status, count) in self.rows::<(String, i64)>(about(BY_STATUS)).await? {
            totals.by_status.insert(word("conversations.status", &status)?, count);
            totals.conversations += count;
        }
        for (outcome, count) in self.rows::<(String, i64)>(about(BY_OUTCOME)).await? {
            totals.by_outcome.insert(word("conversations.outcome", &outcome)?, count);
        }
        totals.success_rate = success_rate(&totals.by_outcome);

        let averages: Option<(Option<f64>, Option<f64>, Option<f64>)> = self.row(about(AVERAGES)).await?;
        let (turns, duration_ms, satisfaction) = averages.unwrap_or_default();
        totals.average_turns = turns;
        totals.average_duration_s = duration_ms.map(|millis| millis / 1000.0);
        totals.average_satisfaction = satisfaction;

        for (knowledge_type, status, count) in self.rows::<(String, String, i64)>(about(ENTRIES)).await? {
            let knowledge_type = word("knowledge_entries.knowledge_type", &knowledge_type)?;
            totals.entries.push(EntryCount {
                knowledge_type,
                status: word("knowledge_entries.status", &status)?,
                count,
            });
        }
        Ok(totals)
    }
}

/// Conversations that nobody can judge, and those that never took place, say nothing about success.
fn success_rate(by_outcome: &BTreeMap<Outcome, i64>) -> Option<f64> {
    let count = |outcome| by_outcome.get(&outcome).copied().unwrap_or(0);
    let judged = count(Outcome::Successful) + count(Outcome::Unsuccessful) + count(Outcome::Partial);
    (judged > 0).then(|| count(Outcome::Successful) as f64 / judged as f64)
}
