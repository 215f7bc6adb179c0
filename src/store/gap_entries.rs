//! Entries that were written for gaps, and how they forget.
//!
//! Guarantees: what an entry took over from an utterance goes with the conversation in which that was said, also when the gap
//! was opened again since, and when the heading was cut.

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::gaps::{heading, phrase};
use crate::domain::ids::{EntryId, ExemplarId, GapId, TenantId};
use crate::domain::language::Language;
use crate::domain::text::{normalise, shorten, words};
use crate::store::error::StoreError;
use crate::store::macros::statements;
use crate::store::statement::Statement;
use crate::store::tx::Tx;

/// The most characters of a heading that is made of a content.
const MAX_TITLE_CHARS: usize = 90;
/// Words of a content that entries are searched by before their contents are compared.
const COMPARED_WORDS: usize = 8;
const LIVE_CONTENTS: &str = "SELECT e.id, e.content FROM knowledge_entries e WHERE e.status = 'live' AND e.tenant = ";
const UNSOURCED: &str = "SELECT id FROM exemplars WHERE NOT EXISTS
    (SELECT 1 FROM exemplar_sources s WHERE s.exemplar_id = exemplars.id) AND tenant = ";

statements! {
    NOTE_GAP_ENTRY = "INSERT INTO gap_entries (gap_id, entry_id, tenant) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    ENTRIES_OF_GAP = "SELECT entry_id FROM gap_entries WHERE tenant = $1 AND gap_id = $2 ORDER BY entry_id";
    DELETE_ENTRIES_OF_GAP = "DELETE FROM gap_entries WHERE tenant = $1 AND gap_id = $2";
    DELETE_GAPS_OF_ENTRY = "DELETE FROM gap_entries WHERE tenant = $1 AND entry_id = $2";
    BLANK_ALL_VERSIONS = "UPDATE entry_versions SET snapshot = NULL WHERE tenant = $1 AND entry_id = $2";
}

impl Tx {
    /// Notes that an entry was written for a gap.
    ///
    /// # Errors
    /// [`StoreError::MissingReference`] when one of them is gone.
    pub async fn note_gap_entry(&mut self, tenant: &TenantId, gap: GapId, entry: EntryId) -> Result<(), StoreError> {
        self.execute(Statement::new(NOTE_GAP_ENTRY).bind(gap.0).bind(entry.0).bind(tenant)).await?;
        Ok(())
    }

    /// The live entry in this language, if there is one, whose content says the same but for case, white space and marks at
    /// its ends; of several the first by id.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn live_entry_that_says(
        &mut self,
        tenant: &TenantId,
        content: &str,
        language: &Language,
    ) -> Result<Option<EntryId>, StoreError> {
        let wanted = normalise(content);
        let words: Vec<String> = words(content).into_iter().take(COMPARED_WORDS).collect();
        let mut select = Statement::new("");
        select
            .push_with(LIVE_CONTENTS, tenant)
            .push_with(" AND e.language = ", language.as_str())
            .push_words(" AND e.search_text LIKE ", Some(words.join(" ").as_str()))
            .push(" ORDER BY e.id");
        let rows: Vec<(Uuid, String)> = self.rows(select).await?;
        Ok(rows.into_iter().find(|(_, said)| normalise(said) == wanted).map(|(id, _)| EntryId(id)))
    }

    /// The entries that were ever written for a gap and are still there.
    pub(super) async fn entries_of_gap(&mut self, tenant: &TenantId, gap: GapId) -> Result<Vec<EntryId>, StoreError> {
        let rows: Vec<(Uuid,)> = self.rows(Statement::new(ENTRIES_OF_GAP).bind(tenant).bind(gap.0)).await?;
        Ok(rows.into_iter().map(|(entry,)| EntryId(entry)).collect())
    }

    /// Forgets which entries were written for a gap that goes.
    pub(super) async fn forget_entries_of_gap(&mut self, tenant: &TenantId, gap: GapId) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_ENTRIES_OF_GAP).bind(tenant).bind(gap.0)).await?;
        Ok(())
    }

    /// Forgets for which gap an entry was written that is erased.
    pub(super) async fn forget_gaps_of_entry(&mut self, tenant: &TenantId, entry: EntryId) -> Result<(), StoreError> {
        self.execute(Statement::new(DELETE_GAPS_OF_ENTRY).bind(tenant).bind(entry.0)).await?;
        Ok(())
    }

    /// Erases what an entry took over from utterances that nobody says any more: its exemplars, its heading, and the versions
    /// that may quote them.
    pub(super) async fn forget_phrases(
        &mut self,
        tenant: &TenantId,
        entry: EntryId,
        (lost, said): (&[String], &[&str]),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let said: Vec<String> = said.iter().map(|said| normalise(&phrase(said))).collect();
        let lost: Vec<&String> = lost.iter().filter(|lost| !said.contains(&normalise(&phrase(lost)))).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let mut select = Statement::new("");
        select.push_with(UNSOURCED, tenant).push(" AND id IN ");
        select.push_list(lost.iter().map(|lost| ExemplarId::derive(entry, &normalise(&phrase(lost))).0));
        let gone: Vec<(Uuid,)> = self.rows(select).await?;
        let gone: Vec<Uuid> = gone.into_iter().map(|(exemplar,)| exemplar).collect();
        self.erase_exemplars(tenant, &gone, now).await?;
        // The gap gave the entry its heading, too, unless a person wrote another one.
        if let Some(mut written) = self.entries(tenant, &[entry]).await?.pop()
            && lost.iter().any(|lost| normalise(&heading(lost)) == normalise(&written.title))
        {
            (written.title, written.updated_at) = (shorten(&written.content, MAX_TITLE_CHARS), now);
            self.set_words(tenant, &written).await?;
        }
        self.execute(Statement::new(BLANK_ALL_VERSIONS).bind(tenant).bind(entry.0)).await?;
        Ok(())
    }
}
