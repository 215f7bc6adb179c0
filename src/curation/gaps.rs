//! Deciding gaps, and taking decisions back.
//!
//! Guarantees: what is decided and the entry that is written for it are one transaction; taking it back retires that entry
//! and never erases it, because people may have changed it.

use crate::curation::{Curator, hold_if_there, insert_new, retired};
use crate::domain::entry_fields::{EntryFields, MAX_PHRASE_CHARS, NewEntry};
use crate::domain::entry_version::{Editor, EntrySnapshot, VersionStep};
use crate::domain::error::FieldError;
use crate::domain::gaps::{Gap, GapCounts, GapDecision, GapMember, GapStatus, heading, phrase};
use crate::domain::ids::{EntryId, GapId, TenantId};
use crate::domain::knowledge::{EntryStatus, KnowledgeType};
use crate::domain::language::Language;
use crate::domain::text;
use crate::engine::error::Error;
use crate::engine::upkeep::index_changes_job;
use crate::store::entries::Origin;
use crate::store::tx::Tx;

/// The most utterances of a gap that become exemplars of its entry.
const MAX_TAKEN: usize = 50;
/// The category of an entry whose conversations have none.
const UNCATEGORISED: &str = "general";
/// Why an entry is retired whose gap was opened again.
const OPENED_AGAIN: &str = "the gap that it was written for was opened again";

impl Curator {
    /// Writes an entry for a gap and closes it. What is not given is taken from the gap: its draft as the content, its most
    /// central utterance as the title, its utterances as the exemplars.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Conflict`] when it is decided already, or a live entry says the same;
    /// [`Error::Invalid`] when a field is wrong, or when there is neither a draft nor a content.
    pub async fn accept_gap(
        &self,
        tenant: &TenantId,
        id: GapId,
        given: EntryFields,
        editor: &Editor,
    ) -> Result<EntryId, Error> {
        let now = self.engine.now();
        let mut tx = self.begin(tenant).await?;
        let gap = hold_open(&mut tx, tenant, id).await?;
        let members = tx.gap_members(tenant, id).await?;
        let new = entry_for(&gap, &members, given)?;
        let EntrySnapshot { content, language, .. } = new.snapshot();
        if let Some(same) = tx.live_entry_that_says(tenant, content, language).await? {
            tx.rollback().await?;
            return Err(Error::Conflict(format!(
                "entry {same} is live and says the same already: dismiss the gap, or send a content of its own; where that \
                 entry is not found, add the gap's utterances to its trigger_phrases"
            )));
        }
        let entry = EntryId(self.engine.new_uuid());
        insert_new(&mut tx, tenant, (entry, &new), (Origin::Curator, editor), (now, now)).await?;
        let decided = GapDecision { entry_id: Some(entry), reason: None, editor: editor.clone(), decided_at: now };
        tx.put_gap(tenant, &Gap { status: GapStatus::Accepted, decided: Some(decided), ..gap }).await?;
        tx.note_gap_entry(tenant, id, entry).await?;
        tx.enqueue(tenant, &index_changes_job(&self.engine), now).await?;
        tx.commit().await?;
        Ok(entry)
    }

    /// Closes a gap without an entry. It goes on taking in what sounds like it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Conflict`] when it is decided already.
    pub async fn dismiss_gap(
        &self,
        tenant: &TenantId,
        id: GapId,
        reason: Option<String>,
        editor: &Editor,
    ) -> Result<(), Error> {
        let now = self.engine.now();
        let mut tx = self.begin(tenant).await?;
        let gap = hold_open(&mut tx, tenant, id).await?;
        let decided = GapDecision { entry_id: None, reason, editor: editor.clone(), decided_at: now };
        tx.put_gap(tenant, &Gap { status: GapStatus::Dismissed, decided: Some(decided), ..gap }).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Opens a gap again; the entry that was written for it is retired.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Conflict`] when it is not decided.
    pub async fn undo_gap(&self, tenant: &TenantId, id: GapId, editor: &Editor) -> Result<(), Error> {
        let now = self.engine.now();
        let mut tx = self.begin(tenant).await?;
        let gap = hold_gap(&mut tx, tenant, id).await?;
        let Some(decided) = &gap.decided else {
            return Err(Error::Conflict("it is not decided, so there is nothing to undo".to_owned()));
        };
        let written = decided.entry_id;
        // Somebody may have erased it since.
        let there = match written {
            Some(entry) => hold_if_there(&mut tx, tenant, entry).await?,
            None => None,
        };
        if let Some(held) = there.filter(|held| held.entry.status != EntryStatus::Retired) {
            let after = retired(OPENED_AGAIN).onto(&held.snapshot);
            self.write(&mut tx, tenant, &held, after, (VersionStep::Retired, editor)).await?;
            tx.enqueue(tenant, &index_changes_job(&self.engine), now).await?;
        }
        let counts = GapCounts::of(&tx.gap_members(tenant, id).await?, None);
        tx.put_gap(tenant, &Gap { status: GapStatus::Open, decided: None, counts, ..gap }).await?;
        tx.commit().await?;
        self.engine.entries.forget(tenant, written);
        Ok(())
    }
}

async fn hold_gap(tx: &mut Tx, tenant: &TenantId, id: GapId) -> Result<Gap, Error> {
    let gap = tx.hold_gap(tenant, id).await?;
    gap.ok_or_else(|| Error::NotFound { what: "gap", id: id.to_string() })
}

async fn hold_open(tx: &mut Tx, tenant: &TenantId, id: GapId) -> Result<Gap, Error> {
    let gap = hold_gap(tx, tenant, id).await?;
    match gap.status {
        GapStatus::Open => Ok(gap),
        decided => Err(Error::Conflict(format!("it is {decided} already; undo that first"))),
    }
}

/// The entry that is written for a gap.
fn entry_for(gap: &Gap, members: &[GapMember], given: EntryFields) -> Result<NewEntry, Error> {
    let Some(content) = given.content.or_else(|| gap.draft.as_ref().map(|draft| draft.content.clone())) else {
        let message = "is missing: no call that went well has answered this, so there is no draft to take";
        return Err(FieldError::new("content", message).into());
    };
    let is_known = gap.language != Language::undetermined();
    let fields = EntryFields {
        knowledge_type: given.knowledge_type.or_else(|| Some(KnowledgeType::Faq.as_str().to_owned())),
        category: given.category.or_else(|| gap.category.clone()).or_else(|| Some(UNCATEGORISED.to_owned())),
        title: given.title.or_else(|| Some(heading(&gap.title))),
        content: Some(content),
        trigger_phrases: given.trigger_phrases.or_else(|| Some(phrases_of(gap, members))),
        language: given.language.or_else(|| is_known.then(|| gap.language.to_string())),
        status: given.status,
        success_rate: given.success_rate,
    };
    fields.new_entry().map_err(Error::Invalid)
}

/// What was asked, the most central utterance first and then the last ones.
fn phrases_of(gap: &Gap, members: &[GapMember]) -> Vec<String> {
    let mut phrases = vec![phrase(&gap.title)];
    for member in members.iter().rev() {
        let said = &member.utterance;
        let fits = text::word_count(said) > 0 && said.chars().count() <= MAX_PHRASE_CHARS;
        if fits && phrases.len() < MAX_TAKEN && !phrases.contains(said) {
            phrases.push(said.clone());
        }
    }
    phrases
}
