//! What people and platforms tell: how a conversation ended, and whether an entry was used.
//!
//! Guarantees: it may be told before, during and after the conversation; what was told stands in its own rows, and what follows
//! from it is computed by stage `credit`, which may run again at any time.

use crate::domain::conversation::{Conversation, ConversationStatus};
use crate::domain::credit::{EntryUse, UseSource};
use crate::domain::error::FieldError;
use crate::domain::ids::{EntryId, RetrievalId, TenantId};
use crate::domain::knowledge::Entry;
use crate::engine::error::Error;
use crate::learning::Learner;
use crate::learning::analysis::outcome::told_rating;
use crate::learning::pipeline::{Stage, stage_job};
use crate::store::conversations::StoredConversation;
use crate::store::jobs::NewJob;
use crate::store::outcomes::ToldOutcome;
use crate::store::tx::Tx;

impl Learner {
    /// Takes what somebody tells about how a conversation ended, also while it is still running. What follows from it is
    /// computed by a job; `true` when there is a conversation for it already.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn note_outcome(
        &self,
        tenant: &TenantId,
        told: ToldOutcome,
        trace_id: Option<String>,
    ) -> Result<bool, Error> {
        let stored = self.engine.store.find_conversation(tenant, &told.conversation_ref).await?;
        let conversation_ref = stored.as_ref().map_or(told.conversation_ref, |s| s.conversation.external_id.clone());
        let now = self.engine.now();
        let mut tx = self.engine.store.begin().await?;
        // The end of learning from it looks at what was told, and must not look just before this is written.
        tx.lock_distillation(tenant).await?;
        let told = ToldOutcome { conversation_ref, ..told };
        tx.tell_outcome(tenant, &told).await?;
        let current = match &stored {
            Some(stored) => tx.conversation(tenant, stored.conversation.id).await?,
            // It may have come meanwhile.
            None => tx.conversation_by_external_id(tenant, &told.conversation_ref).await?,
        };
        if let Some(current) = &current {
            let told = tx.outcomes_of(tenant, &current.conversation.external_id).await?;
            self.keep_rating(&mut tx, tenant, (&current.conversation, &told)).await?;
        }
        // One that is still being learned from, or will be again, sees it there.
        if let Some(done) = current.as_ref().filter(|current| current.status == ConversationStatus::Processed) {
            tx.enqueue(tenant, &self.late_credit(done, trace_id), now).await?;
        }
        tx.commit().await?;
        Ok(current.is_some())
    }

    /// Gives a conversation the rating that was told of it, if one was, by whom is believed most.
    pub(super) async fn keep_rating(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        (conversation, told): (&Conversation, &[ToldOutcome]),
    ) -> Result<(), Error> {
        if let Some(rating) = told_rating(told).filter(|rating| conversation.satisfaction != Some(*rating)) {
            tx.rate_conversation(tenant, conversation.id, rating).await?;
        }
        Ok(())
    }

    /// Takes what somebody tells about the use of an entry: that it was used, and whether it led to success. Told again
    /// for the same retrieval (or, without one, the same conversation) it replaces what was told; without either it is
    /// a use of its own.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such entry or retrieval; [`Error::Invalid`] when the retrieval did not show the
    /// entry.
    pub async fn record_usage(
        &self,
        tenant: &TenantId,
        entry: EntryId,
        success: Option<bool>,
        (retrieval, conversation): (Option<RetrievalId>, Option<String>),
    ) -> Result<Entry, Error> {
        let store = &self.engine.store;
        let missing = |what, id: String| Error::NotFound { what, id };
        if store.entry(tenant, entry).await?.is_none() {
            return Err(missing("knowledge entry", entry.0.to_string()));
        }
        let mut conversation_ref = conversation;
        if let Some(id) = retrieval {
            let known = store.retrievals(tenant, &[id]).await?.pop();
            let known = known.ok_or_else(|| missing("retrieval", id.0.to_string()))?;
            if known.exposures.iter().all(|shown| shown.entry_id != entry) {
                return Err(FieldError::new("retrieval_id", "that retrieval did not show this entry").into());
            }
            conversation_ref = conversation_ref.or(known.conversation_ref);
        }
        if let (None, Some(id)) = (&conversation_ref, retrieval) {
            // One that comes later takes it over.
            conversation_ref = store.conversation_of_turn(tenant, id).await?;
        }
        if let Some(name) = &conversation_ref
            && let Some(stored) = store.find_conversation(tenant, name).await?
        {
            conversation_ref = Some(stored.conversation.external_id);
        }
        let key = match (retrieval, &conversation_ref) {
            (Some(id), _) => EntryUse::key_of_retrieval(id),
            (None, Some(name)) => EntryUse::key_of_conversation(name),
            (None, None) => format!("call/{}", self.engine.new_uuid()),
        };
        let now = self.engine.now();
        let told = EntryUse {
            entry_id: entry,
            key,
            source: UseSource::Caller,
            retrieval_id: retrieval,
            conversation_ref,
            success,
            used_at: now,
        };
        let mut tx = store.begin().await?;
        tx.lock_distillation(tenant).await?;
        tx.tell_use(tenant, &told).await?;
        self.recompute_posteriors(&mut tx, tenant, &[entry], now).await?;
        let changed = tx.entries(tenant, &[entry]).await?.pop();
        tx.commit().await?;
        self.engine.entries.forget(tenant, [entry]);
        changed.ok_or_else(|| missing("knowledge entry", entry.0.to_string()))
    }

    /// The job of a conversation whose outcome became known later; one for each time, because a running one may have read
    /// what was known before.
    pub(super) fn late_credit(&self, stored: &StoredConversation, trace_id: Option<String>) -> NewJob {
        let job = stage_job(&self.engine, Stage::Credit, stored.conversation.id, stored.version, trace_id);
        NewJob { dedupe_key: None, ..job }
    }
}
