//! Taking in a finished conversation: one transaction with its turns and its first job.

use crate::domain::conversation::{Conversation, ConversationStatus};
use crate::domain::draft::ConversationDraft;
use crate::domain::ids::{ConversationId, TenantId};
use crate::engine::error::Error;
use crate::learning::Learner;
use crate::learning::pipeline::{Stage, stage_job};

/// What to do when the caller's id is known and the content differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// Refuse.
    No,
    /// Keep it as a new version, and learn from it anew.
    Yes,
}

/// What became of a conversation that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is new; learning has been queued.
    Created(ConversationId),
    /// It was there with other content and has been replaced; learning has been queued.
    Replaced(ConversationId),
    /// It was there already, exactly so; nothing happened.
    Unchanged(ConversationId, ConversationStatus),
}

impl Accepted {
    /// Turnwise's id of the conversation.
    pub fn id(self) -> ConversationId {
        match self {
            Self::Created(id) | Self::Replaced(id) | Self::Unchanged(id, _) => id,
        }
    }

    /// Where it stands now.
    pub fn status(self) -> ConversationStatus {
        match self {
            Self::Created(_) | Self::Replaced(_) => ConversationStatus::Received,
            Self::Unchanged(_, status) => status,
        }
    }
}

impl Learner {
    /// Checks and stores a conversation and queues its learning.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field; [`Error::Conflict`] when the caller's id is known with other content
    /// and `replace` is no.
    pub async fn accept(
        &self,
        tenant: &TenantId,
        draft: ConversationDraft,
        replace: Replace,
        trace_id: Option<String>,
    ) -> Result<Accepted, Error> {
        let id = ConversationId(self.engine.new_uuid());
        let conversation = draft.check(id, &self.callers).map_err(Error::Invalid)?;
        let now = self.engine.now();
        let mut tx = self.engine.store.begin().await?;
        let known = tx.conversation_by_external_id(tenant, &conversation.external_id).await?;
        let Some(known) = known else {
            if !tx.insert_conversation(tenant, &conversation, now).await? {
                // Somebody else inserted the same id between our look and our write.
                return Err(Error::Conflict(format!(
                    "conversation '{}' is just being received",
                    conversation.external_id
                )));
            }
            tx.enqueue(tenant, &stage_job(&self.engine, Stage::Analyze, id, 1, trace_id), now).await?;
            tx.commit().await?;
            return Ok(Accepted::Created(id));
        };

        if known.conversation.content_hash == conversation.content_hash {
            tx.rollback().await?;
            return Ok(Accepted::Unchanged(known.conversation.id, known.status));
        }
        if replace == Replace::No {
            tx.rollback().await?;
            return Err(Error::Conflict(format!(
                "conversation '{}' is known with other content; send it with ?replace=true to replace it",
                conversation.external_id
            )));
        }
        let id = known.conversation.id;
        let erased = tx.erase_derived(tenant, id, now).await?;
        self.recompute_posteriors(&mut tx, tenant, &erased.changed, now).await?;
        let version = known.version + 1;
        tx.replace_conversation(tenant, &Conversation { id, ..conversation }, now).await?;
        tx.enqueue(tenant, &stage_job(&self.engine, Stage::Analyze, id, version, trace_id.clone()), now).await?;
        tx.enqueue(tenant, &stage_job(&self.engine, Stage::ErasePoints, id, version, trace_id), now).await?;
        tx.commit().await?;
        self.engine.entries.forget_all();
        Ok(Accepted::Replaced(id))
    }
}
