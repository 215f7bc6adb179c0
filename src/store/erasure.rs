//! Erasing a conversation, and everything that was learned from it alone.
//!
//! Guarantees that after the commit no row holds its text or what was derived from it, except what another
//! conversation said as well or a person wrote; and that every point of the index that held its text is on the list of
//! erased points. What is left of an entry may still be worded as it was said there, and needs a new posterior: which
//! words and which posterior are rules of learning, so both are the caller's, in the same transaction.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{ConversationId, EntryId, TenantId};
use crate::store::entries::Origin;
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::marks::Collection;
use crate::store::statement::Statement;
use crate::store::tx::Tx;
use crate::store::{Pool, Store};

/// What an erasure touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Entries that lost evidence or exemplars and are still there: their words, posterior and status are to be made
    /// anew.
    pub changed: Vec<EntryId>,
    /// Entries that are gone, because nothing else speaks for them.
    pub removed: Vec<EntryId>,
    /// Points that must leave the index.
    pub points: usize,
}

impl Store {
    /// Takes what was deleted out of the log that SQLite keeps beside its file; writers wait meanwhile. `false` when somebody
    /// reads an older state of the database for so long that it could not be done. PostgreSQL needs nothing of us.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn empty_log(&self) -> Result<bool, StoreError> {
        let (Pool::Sqlite { write, .. }, Some(empty)) = (&self.pool, self.dialect().empty_log()) else {
            return Ok(true);
        };
        let (busy, _, _): (i64, i64, i64) = sqlx::query_as(empty).fetch_one(write).await?;
        Ok(busy == 0)
    }
}

/// The tenant is compared so that SQLite takes no index of it and walks through all that it has for some ids.
const SELECT_UNSUPPORTED: &str = "SELECT id FROM knowledge_entries WHERE NOT EXISTS
    (SELECT 1 FROM evidence v WHERE v.entry_id = knowledge_entries.id) AND tenant || '' = ";
const DELETE_EVIDENCE: &str = "DELETE FROM evidence WHERE tenant = ";
const DELETE_SOURCES: &str = "DELETE FROM exemplar_sources WHERE tenant = ";
const SELECT_ORPHANS: &str = "SELECT id FROM exemplars WHERE NOT EXISTS
    (SELECT 1 FROM exemplar_sources s WHERE s.exemplar_id = exemplars.id) AND conversation_id = ";
/// The place where it was said first among those that are left.
const REATTRIBUTE: &str = "UPDATE exemplars SET
    conversation_id = (SELECT s.conversation_id FROM exemplar_sources s WHERE s.exemplar_id = exemplars.id
        ORDER BY s.conversation_id, s.turn LIMIT 1),
    turn = (SELECT s.turn FROM exemplar_sources s WHERE s.exemplar_id = exemplars.id
        ORDER BY s.conversation_id, s.turn LIMIT 1)
    WHERE conversation_id = ";
const DELETE_SOURCES_OF_EXEMPLARS: &str = "DELETE FROM exemplar_sources WHERE exemplar_id IN ";
const DELETE_EXEMPLARS: &str = "DELETE FROM exemplars WHERE tenant = ";

statements! {
    DELETE_RECORD = "DELETE FROM training_records WHERE tenant = $1 AND conversation_id = $2";
    TOUCHED_ENTRIES = "SELECT entry_id FROM evidence WHERE tenant = $1 AND conversation_id = $2
        UNION SELECT x.entry_id FROM exemplar_sources s JOIN exemplars x ON x.id = s.exemplar_id
        WHERE s.tenant = $1 AND s.conversation_id = $2";
    DELETE_EVIDENCE_OF_ENTRY = "DELETE FROM evidence WHERE tenant = $1 AND entry_id = $2";
    SAID_EXEMPLARS = "SELECT s.exemplar_id, x.entry_id FROM exemplar_sources s JOIN exemplars x ON x.id = s.exemplar_id
        WHERE s.tenant = $1 AND s.conversation_id = $2";
    EXEMPLARS_OF_ENTRY = "SELECT id FROM exemplars WHERE tenant = $1 AND entry_id = $2";
    DELETE_ENTRY = "DELETE FROM knowledge_entries WHERE tenant = $1 AND id = $2";
    // One part for each index, as where these links are forgotten.
    ENTRIES_OF_GAPS_IN = "SELECT w.entry_id FROM gap_retrievals l JOIN gap_entries w ON w.gap_id = l.gap_id
        WHERE l.tenant = $1 AND l.conversation_ref IN ($2, $3)
        UNION SELECT w.entry_id FROM gap_retrievals l JOIN gap_entries w ON w.gap_id = l.gap_id
        WHERE l.tenant = $1 AND l.conversation_id = $4
        UNION SELECT w.entry_id FROM turns n JOIN gap_retrievals l ON l.retrieval_id = n.retrieval_id
        JOIN gap_entries w ON w.gap_id = l.gap_id WHERE n.conversation_id = $4 AND l.tenant || '' = $1";
    EXTERNAL_ID = "SELECT external_id FROM conversations WHERE tenant = $1 AND id = $2";
    BLANK_UTTERANCES = "UPDATE retrievals SET utterance = '' WHERE tenant = $1 AND (conversation_ref = $2
        OR conversation_ref = $3)";
    BLANK_UTTERANCES_OF_TURNS = "UPDATE retrievals SET utterance = '' WHERE tenant || '' = $1 AND id IN
        (SELECT retrieval_id FROM turns WHERE conversation_id = $2 AND retrieval_id IS NOT NULL)";
}

impl Tx {
    /// Erases a conversation: its turns and everything of [`Tx::erase_derived`], and the utterances of its retrievals,
    /// whether they named the caller's id or ours or stand beside a turn. `None` when there is none.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn erase_conversation(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
        now: Timestamp,
    ) -> Result<Option<Erased>, StoreError> {
        let external_id = Statement::new(EXTERNAL_ID).bind(tenant).bind(id.0);
        let Some((external_id,)) = self.row::<(String,)>(external_id).await? else { return Ok(None) };

        // Before any row, as every stage takes it.
        self.lock_distillation(tenant).await?;
        let used = self.entries_used_in(tenant, &external_id).await?;
        // All at once, because what lost evidence, what was used and what was written for a gap come one after the other.
        let mut touched = self.entries_taught_by(tenant, id).await?;
        touched.extend(&used);
        touched.extend(self.entries_of_gaps_in(tenant, (id, &external_id)).await?);
        self.hold_entries(tenant, &touched).await?;
        self.delete_uses_in(tenant, &external_id).await?;
        self.delete_outcomes(tenant, &external_id).await?;
        let mut erased = self.erase_derived(tenant, id, now).await?;
        let also = used.into_iter().filter(|entry| !erased.changed.contains(entry) && !erased.removed.contains(entry));
        erased.changed.extend(also.collect::<Vec<_>>());
        let name = if self.is_id_of_another(tenant, &external_id).await? { id.to_string() } else { external_id };
        self.delete_assignments(tenant, &name, id).await?;
        self.forget_in_gaps(tenant, (id, &name), now).await?;
        let by_ref = Statement::new(BLANK_UTTERANCES).bind(tenant).bind(&name).bind(id.to_string());
        self.execute(by_ref).await?;
        self.execute(Statement::new(BLANK_UTTERANCES_OF_TURNS).bind(tenant).bind(id.0)).await?;
        self.delete_labels(tenant, id).await?;
        self.delete_conversation(tenant, id).await?;
        Ok(Some(erased))
    }

    /// Erases what was derived from a conversation and leaves the conversation itself: its record, chunks and evidence,
    /// the exemplars that only it said, and the learned entries that nothing else is evidence for
    /// and that no person worded.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn erase_derived(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
        now: Timestamp,
    ) -> Result<Erased, StoreError> {
        let points = self.erase_analysis(tenant, id, now).await?;
        let taken_back = self.take_back(tenant, id, &[], now).await?;
        Ok(Erased { points: points + taken_back.points, ..taken_back })
    }

    /// Erases what analysis made of a conversation, its record and its chunks, and leaves what it is evidence for; how many
    /// points must leave the index.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn erase_analysis(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        // A distillation that runs at the same time could add evidence to an entry that is just being removed.
        self.lock_distillation(tenant).await?;
        // It holds the conversation before its chunks, as everybody does, or two would wait for each other.
        self.mark_conversation(tenant, id).await?;
        let points = self.erase_chunks(tenant, id, now).await?;
        self.delete_facts(tenant, id).await?;
        self.execute(Statement::new(DELETE_RECORD).bind(tenant).bind(id.0)).await?;
        Ok(points)
    }

    /// Takes back what a conversation taught, except to the entries in `kept`: the evidence, the exemplars that only it said,
    /// and the learned entries that nothing else is evidence for and that no person worded.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn take_back(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
        kept: &[EntryId],
        now: Timestamp,
    ) -> Result<Erased, StoreError> {
        let mut touched = self.entries_taught_by(tenant, id).await?;
        touched.retain(|entry| !kept.contains(entry));
        // One of them may lose exemplars alone, and nothing else would hold it before them.
        self.hold_entries(tenant, &touched).await?;
        let mut points = self.forget_lessons(tenant, id, (&touched, &touched), now).await?;
        let (removed, of_removed) = self.remove_unsupported(tenant, &touched, now).await?;
        points += of_removed;
        let changed: Vec<EntryId> = touched.into_iter().filter(|entry| !removed.contains(entry)).collect();
        for entry in &changed {
            self.blank_versions(tenant, *entry).await?;
        }
        Ok(Erased { changed, removed, points })
    }

    /// The entries to which a conversation gave evidence or exemplars, by id.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn entries_taught_by(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
    ) -> Result<Vec<EntryId>, StoreError> {
        let touched: Vec<(Uuid,)> = self.rows(Statement::new(TOUCHED_ENTRIES).bind(tenant).bind(id.0)).await?;
        let touched: BTreeSet<EntryId> = touched.into_iter().map(|(entry,)| EntryId(entry)).collect();
        Ok(touched.into_iter().collect())
    }

    /// Forgets what a conversation taught the first of these entries, its evidence, and the second, its exemplars; the
    /// entries stay. How many points must leave the index.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn forget_lessons(
        &mut self,
        tenant: &TenantId,
        id: ConversationId,
        (evidence_of, exemplars_of): (&[EntryId], &[EntryId]),
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut evidence = Statement::new("");
        evidence.push_with(DELETE_EVIDENCE, tenant).push_with(" AND conversation_id = ", id.0);
        evidence.push(" AND entry_id IN ").push_list(evidence_of.iter().map(|entry| entry.0));
        self.execute(evidence).await?;
        self.count_evidence(tenant, evidence_of.iter().copied()).await?;
        self.erase_exemplars_said_in(tenant, (id, exemplars_of), now).await
    }

    /// Which of these entries were distilled from conversations and have no evidence left.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn unsupported(&mut self, tenant: &TenantId, entries: &[EntryId]) -> Result<Vec<EntryId>, StoreError> {
        self.unsupported_and(tenant, entries, None).await
    }

    /// Erases those of these entries that were distilled from conversations, have no evidence left, and were worded by no
    /// person; which they are, and how many points must leave the index.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn remove_unsupported(
        &mut self,
        tenant: &TenantId,
        entries: &[EntryId],
        now: Timestamp,
    ) -> Result<(Vec<EntryId>, usize), StoreError> {
        let removed = self.unsupported_and(tenant, entries, Some(false)).await?;
        let mut points = 0;
        for entry in &removed {
            points += self.erase_entry(tenant, *entry, now).await?;
        }
        Ok((removed, points))
    }

    async fn unsupported_and(
        &mut self,
        tenant: &TenantId,
        entries: &[EntryId],
        curated_content: Option<bool>,
    ) -> Result<Vec<EntryId>, StoreError> {
        let mut select = Statement::new("");
        select
            .push_with(SELECT_UNSUPPORTED, tenant)
            .push_with(" AND origin = ", Origin::Learned.as_str())
            .push_some(" AND curated_content = ", curated_content)
            .push(" AND id IN ")
            .push_list(entries.iter().map(|entry| entry.0));
        let found: Vec<(Uuid,)> = self.rows(select).await?;
        Ok(found.into_iter().map(|(entry,)| EntryId(entry)).collect())
    }

    /// Erases an entry with its exemplars, evidence and cases; how many points must leave the index. What was shown of
    /// it stays in the exposures, as a number.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn erase_entry(&mut self, tenant: &TenantId, id: EntryId, now: Timestamp) -> Result<usize, StoreError> {
        // Before its exemplars, as everybody does.
        self.hold_entry(tenant, id).await?;
        let exemplars: Vec<(Uuid,)> = self.rows(Statement::new(EXEMPLARS_OF_ENTRY).bind(tenant).bind(id.0)).await?;
        let exemplars: Vec<Uuid> = exemplars.into_iter().map(|(exemplar,)| exemplar).collect();
        self.erase_exemplars(tenant, &exemplars, now).await?;
        self.delete_cases_of(tenant, id).await?;
        self.delete_versions(tenant, id).await?;
        self.delete_uses_of(tenant, id).await?;
        self.forget_import(tenant, id).await?;
        self.forget_gaps_of_entry(tenant, id).await?;
        self.execute(Statement::new(DELETE_EVIDENCE_OF_ENTRY).bind(tenant).bind(id.0)).await?;
        self.execute(Statement::new(DELETE_ENTRY).bind(tenant).bind(id.0)).await?;
        Ok(exemplars.len())
    }

    /// The entries that were ever written for the gaps in which a conversation asked.
    async fn entries_of_gaps_in(
        &mut self,
        tenant: &TenantId,
        (id, external_id): (ConversationId, &str),
    ) -> Result<Vec<EntryId>, StoreError> {
        let statement =
            Statement::new(ENTRIES_OF_GAPS_IN).bind(tenant).bind(external_id).bind(id.to_string()).bind(id.0);
        let written: Vec<(Uuid,)> = self.rows(statement).await?;
        Ok(written.into_iter().map(|(entry,)| EntryId(entry)).collect())
    }

    /// Whether an id of a caller's is an id of ours, which wins: a retrieval that named it meant that conversation.
    async fn is_id_of_another(&mut self, tenant: &TenantId, external_id: &str) -> Result<bool, StoreError> {
        let Ok(other) = external_id.parse::<ConversationId>() else { return Ok(false) };
        let known = self.row::<(String,)>(Statement::new(EXTERNAL_ID).bind(tenant).bind(other.0)).await?;
        Ok(known.is_some())
    }

    /// Takes this conversation out of the places where exemplars of these entries were said; those that nobody else said are
    /// erased.
    async fn erase_exemplars_said_in(
        &mut self,
        tenant: &TenantId,
        (id, entries): (ConversationId, &[EntryId]),
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let said: Vec<(Uuid, Uuid)> = self.rows(Statement::new(SAID_EXEMPLARS).bind(tenant).bind(id.0)).await?;
        let of_these = said.into_iter().filter(|(_, entry)| entries.contains(&EntryId(*entry)));
        let said: BTreeSet<Uuid> = of_these.map(|(exemplar, _)| exemplar).collect();
        let mut sources = Statement::new("");
        sources.push_with(DELETE_SOURCES, tenant).push_with(" AND conversation_id = ", id.0);
        sources.push(" AND exemplar_id IN ").push_list(said.iter().copied());
        self.execute(sources).await?;

        let mut orphans = Statement::new("");
        orphans.push_with(SELECT_ORPHANS, id.0).push_with(" AND tenant = ", tenant);
        orphans.push(" AND id IN ").push_list(said.iter().copied());
        let orphans: Vec<(Uuid,)> = self.rows(orphans).await?;
        let orphans: Vec<Uuid> = orphans.into_iter().map(|(exemplar,)| exemplar).collect();
        self.erase_exemplars(tenant, &orphans, now).await?;

        let mut reattribute = Statement::new("");
        reattribute.push_with(REATTRIBUTE, id.0).push_with(" AND tenant = ", tenant);
        reattribute.push(" AND id IN ").push_list(said);
        self.execute(reattribute).await?;
        Ok(orphans.len())
    }

    /// Deletes exemplars with the places where they were said, and puts their points on the list of erased ones.
    pub(super) async fn erase_exemplars(
        &mut self,
        tenant: &TenantId,
        ids: &[Uuid],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut sources = Statement::new(DELETE_SOURCES_OF_EXEMPLARS);
        sources.push_list(ids.iter().copied());
        self.execute(sources).await?;
        let mut exemplars = Statement::new("");
        exemplars.push_with(DELETE_EXEMPLARS, tenant).push(" AND id IN ").push_list(ids.iter().copied());
        self.execute(exemplars).await?;
        self.erase_points(tenant, Collection::Exemplars, ids, now).await
    }
}
