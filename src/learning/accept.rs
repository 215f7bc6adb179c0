//! Taking in a finished conversation: one transaction with its turns and its first job.

use crate::domain::conversation::{Conversation, ConversationStatus};
use crate::domain::draft::ConversationDraft;
use crate::domain::ids::{ConversationId, TenantId};
use crate::domain::import::is_record_alone;
use crate::engine::error::Error;
use crate::learning::Learner;
use crate::learning::analysis::outcome::told_rating;
use crate::learning::pipeline::{Stage, stage_job};

/// How often what is there is looked at, when it changes between the look and the write.
const LOOKS: usize = 3;

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
    /// It was there with other content, or as an imported record alone, and has been replaced; learning has been queued.
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
        for _ in 0..LOOKS {
            if let Some(accepted) = self.accept_once(tenant, &conversation, replace, trace_id.as_ref()).await? {
                return Ok(accepted);
            }
        }
        Err(Error::Conflict(format!(
            "conversation '{}' is just being received or erased by others; try again",
            conversation.external_id
        )))
    }

    /// `None`, and nothing happened, when somebody else inserted or erased the conversation between our look and our
    /// write: then what is there has to be looked at again.
    async fn accept_once(
        &self,
        tenant: &TenantId,
        conversation: &Conversation,
        replace: Replace,
        trace_id: Option<&String>,
    ) -> Result<Option<Accepted>, Error> {
        let now = self.engine.now();
        let mut tx = self.engine.store.begin().await?;
        let rated = Conversation {
            // What was told apart from it, before it came or since, counts before what it says itself.
            satisfaction: told_rating(&tx.outcomes_of(tenant, &conversation.external_id).await?)
                .or(conversation.satisfaction),
            ..conversation.clone()
        };
        let conversation = &rated;
        let known = tx.conversation_by_external_id(tenant, &conversation.external_id).await?;
        let Some(known) = known else {
            let id = conversation.id;
            if !tx.insert_conversation(tenant, conversation, now).await? {
                tx.rollback().await?;
                return Ok(None);
            }
            tx.enqueue(tenant, &stage_job(&self.engine, Stage::Analyze, id, 1, trace_id.cloned()), now).await?;
            tx.commit().await?;
            return Ok(Some(Accepted::Created(id)));
        };

        if known.conversation.content_hash == conversation.content_hash {
            tx.rollback().await?;
            return Ok(Some(Accepted::Unchanged(known.conversation.id, known.status)));
        }
        // Where only the record was imported, the conversation itself takes its place without being asked.
        let stands_in = is_record_alone(&known.conversation);
        if replace == Replace::No && !stands_in {
            tx.rollback().await?;
            return Err(Error::Conflict(format!(
                "conversation '{}' is known with other content; send it with ?replace=true to replace it",
                conversation.external_id
            )));
        }
        let id = known.conversation.id;
        let mut replacement = Conversation { id, ..conversation.clone() };
        self.take_back(&mut tx, tenant, &replacement, now).await?;
        tx.forget_drafts(tenant, id).await?;
        if stands_in {
            replacement.category = replacement.category.or(known.conversation.category);
            replacement.outcome = replacement.outcome.or(known.conversation.outcome);
        }
        // Not the version that we saw and one more: another replacement may have come first.
        let Some(version) = tx.replace_conversation(tenant, &replacement, now).await? else {
            tx.rollback().await?;
            return Ok(None);
        };
        self.queue_anew(&mut tx, tenant, (id, version), now, trace_id.cloned()).await?;
        tx.commit().await?;
        self.engine.entries.forget_all();
        Ok(Some(Accepted::Replaced(id)))
    }
}
