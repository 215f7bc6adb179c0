//! Erasing a conversation and what was learned from it alone.

use crate::domain::clock::Timestamp;
use crate::domain::credit;
use crate::domain::ids::{CaseId, ConversationId, EntryId, TenantId};
use crate::domain::knowledge::{Case, CaseKind, Entry, EntryStatus, Evidence};
use crate::domain::redaction::redacted_bursts;
use crate::engine::error::Error;
use crate::engine::upkeep::{index_changes_job, settle_sessions};
use crate::learning::Learner;
use crate::learning::distillation::intents::{founded_by, is_discovered};
use crate::learning::distillation::wording;
use crate::learning::pipeline::{Stage, upkeep_job};
use crate::store::tx::Tx;

impl Learner {
    /// Erases a conversation. When this returns, its text is in no table and in no index, also after a kill.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn erase(&self, tenant: &TenantId, id: ConversationId) -> Result<(), Error> {
        let now = self.engine.now();
        let mut tx = self.engine.store.begin().await?;
        // Before any row, as every stage takes it, or two could wait for each other.
        tx.lock_distillation(tenant).await?;
        // What is erased is waited for by nobody.
        settle_sessions(&self.engine, &mut tx, tenant, (id, None)).await?;
        let Some(erased) = tx.erase_conversation(tenant, id, now).await? else {
            return Err(Error::NotFound { what: "conversation", id: id.to_string() });
        };
        self.settle_what_is_left(&mut tx, tenant, &erased.changed, now).await?;
        // The job finishes what we begin below, should we be killed before its end.
        tx.enqueue(tenant, &upkeep_job(&self.engine, Stage::ErasePoints), now).await?;
        tx.commit().await?;
        self.engine.entries.forget_all();
        self.drain_erased(tenant).await?;
        Ok(())
    }

    /// Makes entries that lost evidence stand on what is left of it: their words, their posterior, their status.
    pub(super) async fn settle_what_is_left(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        entries: &[EntryId],
        now: Timestamp,
    ) -> Result<(), Error> {
        // What a person wrote is nobody's answer.
        for entry in tx.learned_entries(tenant, entries).await? {
            self.reword(tx, tenant, &entry, now).await?;
        }
        self.recompute_posteriors(tx, tenant, entries, now).await
    }

    /// Words an entry as those said it who still speak for it: its words may be those of the erased conversation.
    async fn reword(&self, tx: &mut Tx, tenant: &TenantId, entry: &Entry, now: Timestamp) -> Result<(), Error> {
        let evidence = tx.evidence_of(tenant, entry.id).await?;
        let said = self.said(tx, tenant, &evidence).await?;
        if said.is_none() && !entry.curated.content {
            // Nobody who is left can be quoted for it, so its words were those of the erased conversation alone.
            tx.erase_entry(tenant, entry.id, now).await?;
            return Ok(());
        }
        let (question, answer) = said.unzip();
        let question = question.flatten();
        let exemplars = tx.exemplars_of(tenant, &[entry.id]).await?;
        let mut reworded = entry.clone();
        // A title or a content that a person gave to what was learned stays, too.
        if !entry.curated.title && !exemplars.iter().any(|exemplar| wording::title(&exemplar.text) == entry.title) {
            let oldest = exemplars.first().map(|exemplar| exemplar.text.as_str());
            let words = oldest.or(question.as_deref()).or(answer.as_deref());
            reworded.title = wording::title(words.unwrap_or(&entry.content));
        }
        if let Some(answer) = answer.filter(|_| !entry.curated.content) {
            reworded.content = answer;
        }
        // The name of a discovered intent is made of somebody's words.
        let founded = |intent: &str| {
            exemplars.iter().any(|e| founded_by(&e.text, &e.language).is_some_and(|founded| founded == intent))
        };
        reworded.intent = entry.intent.clone().filter(|intent| !is_discovered(intent) || founded(intent));
        if reworded != *entry {
            reworded.updated_at = now;
            tx.set_words(tenant, &reworded).await?;
        }
        Ok(())
    }

    /// Question and answer of the oldest evidence that can be quoted, redacted; one that went well before any other.
    async fn said(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        evidence: &[Evidence],
    ) -> Result<Option<(Option<String>, String)>, Error> {
        let (good, other): (Vec<&Evidence>, Vec<&Evidence>) =
            evidence.iter().partition(|evidence| evidence.success_score >= self.settings.min_success_score);
        for evidence in good.into_iter().chain(other) {
            let Some(stored) = tx.conversation(tenant, evidence.conversation_id).await? else { continue };
            let mut bursts = redacted_bursts(&stored.conversation.turns);
            let Some(answer) = bursts.iter().position(|burst| burst.first == evidence.answer_turn) else { continue };
            let question = bursts.iter().find(|burst| burst.last == evidence.question_turn);
            let question = question.map(|burst| burst.text.clone());
            return Ok(Some((question, bursts.swap_remove(answer).text)));
        }
        Ok(None)
    }

    /// Computes posterior and status of entries anew from the evidence and the uses that they have now.
    pub(super) async fn recompute_posteriors(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        entries: &[EntryId],
        now: Timestamp,
    ) -> Result<(), Error> {
        for entry in tx.hold_entries(tenant, entries).await? {
            let evidence = tx.evidence_of(tenant, entry.id).await?;
            let uses = tx.uses_of(tenant, entry.id).await?;
            let prior = entry.prior(&evidence);
            let posterior = credit::posterior(prior, &uses, now, self.settings.use_half_life_ms());
            tx.set_posterior(tenant, entry.id, posterior).await?;
            let (status, reason) = self.standing(tx, tenant, (&entry, &evidence, &uses), now).await?;
            if status != entry.status {
                tx.set_entry_status(tenant, entry.id, status, reason.as_deref(), now).await?;
                if status == EntryStatus::Suspect || entry.status == EntryStatus::Suspect {
                    // Behind a use that somebody told stands no conversation whose stages would index it.
                    tx.enqueue(tenant, &index_changes_job(&self.engine), now).await?;
                }
                if status == EntryStatus::Quarantined {
                    tx.insert_case(tenant, &held_back(entry.id, reason, now)).await?;
                }
            } else if reason != entry.status_reason {
                tx.set_status_reason(tenant, entry.id, reason.as_deref(), now).await?;
            }
        }
        Ok(())
    }
}

/// The case of an entry that the policy holds back.
fn held_back(entry_id: EntryId, reason: Option<String>, now: Timestamp) -> Case {
    Case {
        id: CaseId::derive(CaseKind::Quarantined.as_str(), entry_id, None),
        kind: CaseKind::Quarantined,
        entry_id,
        other_id: None,
        detail: reason.unwrap_or_else(|| "it was held back".to_owned()),
        created_at: now,
    }
}
