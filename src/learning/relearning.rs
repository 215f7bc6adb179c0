//! Learning from a conversation anew, and at a caller's request with labels of its own.

use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Burst, Conversation, ConversationStatus, Outcome, OutcomeSource};
use crate::domain::ids::{ConversationId, EntryId, TenantId};
use crate::domain::import::is_record_alone;
use crate::domain::knowledge::Evidence;
use crate::domain::redaction::redacted_bursts;
use crate::domain::training::Labels;
use crate::engine::error::Error;
use crate::learning::Learner;
use crate::learning::pipeline::{Stage, stage_job};
use crate::store::outcomes::ToldOutcome;
use crate::store::tx::Tx;

/// What a caller wants of a conversation that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessRequest {
    /// Labels that win over what analysis finds.
    pub labels: Labels,
    /// How it ended, as the caller says.
    pub outcome: Option<Outcome>,
    /// Whether it is learned from anew although nothing has changed.
    pub relearn: bool,
}

impl Learner {
    /// Keeps the given labels and learns from a conversation, if that is not done already: one that is processed is
    /// learned from anew only when that is wanted or when labels change. Where it stands then.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such conversation; [`Error::Conflict`] when only its record was imported, and
    /// more than an outcome is wanted.
    pub async fn process(
        &self,
        tenant: &TenantId,
        id: ConversationId,
        wanted: ProcessRequest,
        trace_id: Option<String>,
    ) -> Result<ConversationStatus, Error> {
        let missing = || Error::NotFound { what: "conversation", id: id.to_string() };
        let store = &self.engine.store;
        let known = store.conversation(tenant, id).await?.ok_or_else(missing)?.conversation;
        let has_turns = !is_record_alone(&known);
        if !has_turns && (wanted.relearn || wanted.labels != Labels::default()) {
            let name = &known.external_id;
            return Err(Error::Conflict(format!(
                "of conversation '{name}' only the record was imported, so there is nothing to learn from; hand in the \
                 conversation itself, or import the record with other labels"
            )));
        }
        let told = store.outcomes_of(tenant, &known.external_id).await?;
        let told = told.into_iter().find(|told| told.source == OutcomeSource::Caller);
        let believed = told.as_ref().map(|told| told.outcome).or(known.outcome);
        let outcome = wanted.outcome.filter(|outcome| believed != Some(*outcome));

        let now = self.engine.now();
        let mut tx = store.begin().await?;
        tx.lock_distillation(tenant).await?;
        let status = tx.hold_conversation(tenant, id).await?.ok_or_else(missing)?;
        let is_processed = status == ConversationStatus::Processed;
        let has_new_labels = tx.give_labels(tenant, id, wanted.labels, now).await?;
        if let Some(outcome) = outcome {
            let told = ToldOutcome {
                conversation_ref: known.external_id,
                source: OutcomeSource::Caller,
                outcome,
                // A rating that came with an earlier word of the caller's still stands.
                satisfaction: told.and_then(|told| told.satisfaction),
                confidence: 1.0,
                told_at: now,
            };
            tx.tell_outcome(tenant, &told).await?;
        }

        let failed = status == ConversationStatus::Failed && has_turns;
        if wanted.relearn || has_new_labels || failed || (outcome.is_some() && !is_processed) {
            self.renew(&mut tx, tenant, id, now, trace_id).await?;
            tx.commit().await?;
            self.engine.entries.forget_all();
            return Ok(ConversationStatus::Received);
        }
        if outcome.is_none() {
            tx.rollback().await?;
            return Ok(status);
        }
        // An outcome alone needs no new analysis; until it is counted, nobody should take the record for finished.
        let Some(stored) = tx.conversation(tenant, id).await? else { return Err(missing()) };
        tx.enqueue(tenant, &self.late_credit(&stored, trace_id), now).await?;
        tx.set_conversation_status(tenant, id, ConversationStatus::Processing, None, now).await?;
        tx.commit().await?;
        Ok(ConversationStatus::Processing)
    }

    /// Takes back what analysis made of a conversation and queues its learning anew; what it taught stays in use until it
    /// is distilled again. The caller commits, and then forgets the entries in memory. `false` when there is no such
    /// conversation.
    pub(super) async fn renew(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        id: ConversationId,
        now: Timestamp,
        trace_id: Option<String>,
    ) -> Result<bool, Error> {
        tx.erase_analysis(tenant, id, now).await?;
        let Some(version) = tx.renew_conversation(tenant, id).await? else { return Ok(false) };
        self.queue_anew(tx, tenant, (id, version), now, trace_id).await?;
        Ok(true)
    }

    /// Takes back what was learned from a conversation that `becomes` another one; the entries that others speak for too
    /// stand on those alone. What it says before and after stays in use until it is distilled again.
    pub(super) async fn take_back(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        becomes: &Conversation,
        now: Timestamp,
    ) -> Result<(), Error> {
        let id = becomes.id;
        tx.erase_analysis(tenant, id, now).await?;
        let evidence = tx.evidence_from(tenant, id).await?;
        let kept = match tx.conversation(tenant, id).await? {
            Some(before) if !evidence.is_empty() => said_in_both(&evidence, &before.conversation, becomes),
            _ => Vec::new(),
        };
        let erased = tx.take_back(tenant, id, &kept, now).await?;
        self.settle_what_is_left(tx, tenant, &erased.changed, now).await
    }

    /// Queues the learning from a new version of a conversation, and the end of what the index holds of the old one.
    pub(super) async fn queue_anew(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        (id, version): (ConversationId, i64),
        now: Timestamp,
        trace_id: Option<String>,
    ) -> Result<(), Error> {
        for stage in [Stage::Analyze, Stage::ErasePoints] {
            tx.enqueue(tenant, &stage_job(&self.engine, stage, id, version, trace_id.clone()), now).await?;
        }
        Ok(())
    }
}

/// The entries whose every exchange stands in both versions of a conversation, at the same place and in the same words.
fn said_in_both(evidence: &[Evidence], before: &Conversation, after: &Conversation) -> Vec<EntryId> {
    let (before, after) = (redacted_bursts(&before.turns), redacted_bursts(&after.turns));
    let stands = |place: &Evidence| {
        let said = exchange(&before, place);
        said.is_some() && said == exchange(&after, place)
    };
    let mut kept: Vec<EntryId> = evidence.iter().filter(|place| stands(place)).map(|place| place.entry_id).collect();
    kept.retain(|entry| evidence.iter().filter(|place| place.entry_id == *entry).all(stands));
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// Question and answer of a place, if they stand there.
fn exchange<'a>(bursts: &'a [Burst], place: &Evidence) -> Option<(&'a str, &'a str)> {
    let question = bursts.iter().find(|burst| burst.last == place.question_turn)?;
    let answer = bursts.iter().find(|burst| burst.first == place.answer_turn)?;
    Some((question.text.as_str(), answer.text.as_str()))
}
