//! The stages of the learning path as jobs.

use serde::{Deserialize, Serialize};

use crate::domain::conversation::{ConversationStatus, word_enum};
use crate::domain::error::ErrorClass;
use crate::domain::ids::{ConversationId, JobId};
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::engine::upkeep::settle_sessions;
use crate::learning::Learner;
use crate::store::conversations::StoredConversation;
use crate::store::jobs::{Job, NewJob};

word_enum!(
    /// A stage, which is also the kind of its job.
    Stage {
        /// Summary, intents, outcome, quality; and cut into pieces.
        Analyze = "analyze",
        /// Pieces into the index.
        IndexChunks = "index_chunks",
        /// Entries and exemplars.
        Distill = "distill",
        /// What was shown, what of it was said, and how that ended.
        Credit = "credit",
        /// Exemplars into the index, where credit has left any; then the conversation is processed.
        IndexExemplars = "index_exemplars",
        /// Erased texts out of the index.
        ErasePoints = "erase_points",
        /// Graphs over what every search scans.
        OptimizeIndex = "optimize_index",
        /// A page of a training session.
        TrainingSession = "training_session",
        /// Entries that say the same become cases.
        MergeEntries = "merge_entries",
        /// What is kept no longer goes.
        Prune = "prune",
        /// Exposures that wait in vain are given up.
        ExpireExposures = "expire_exposures",
        /// What was asked and not known becomes gaps.
        FindGaps = "find_gaps",
    }
);

impl Stage {
    /// Whether it learns from a conversation; the others look after the index, or after many conversations.
    const fn learns(self) -> bool {
        matches!(self, Self::Analyze | Self::IndexChunks | Self::Distill | Self::Credit | Self::IndexExemplars)
    }
}

/// What a stage needs to know.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct StagePayload {
    conversation_id: ConversationId,
    /// The version that it was queued for; a replaced conversation has jobs of its own.
    version: i64,
}

/// The job of a stage for this version of a conversation.
pub fn stage_job(
    engine: &Engine,
    stage: Stage,
    conversation: ConversationId,
    version: i64,
    trace_id: Option<String>,
) -> NewJob {
    let payload = StagePayload { conversation_id: conversation, version };
    NewJob {
        id: JobId(engine.new_uuid()),
        kind: stage.as_str().to_owned(),
        payload: serde_json::to_value(payload).unwrap_or_default(),
        dedupe_key: Some(format!("{conversation}/{version}")),
        priority: 0,
        run_at: engine.now(),
        trace_id,
    }
}

/// A job that looks after the index as a whole; one at a time.
pub fn upkeep_job(engine: &Engine, stage: Stage) -> NewJob {
    NewJob {
        id: JobId(engine.new_uuid()),
        kind: stage.as_str().to_owned(),
        payload: serde_json::Value::Null,
        dedupe_key: Some(stage.as_str().to_owned()),
        priority: if stage == Stage::ErasePoints { 10 } else { 0 },
        run_at: engine.now(),
        trace_id: None,
    }
}

impl Learner {
    /// Runs one job; its result and its end are one transaction.
    ///
    /// # Errors
    /// What went wrong; [`Error::class`] says whether trying again may help.
    pub async fn run(&self, job: &Job) -> Result<(), Error> {
        let stage: Stage = job.kind.parse().map_err(|_| Error::NotFound { what: "job kind", id: job.kind.clone() })?;
        match stage {
            Stage::ErasePoints => return self.erase_points(job).await,
            Stage::OptimizeIndex => return self.optimize_index(job).await,
            Stage::TrainingSession => return self.run_session(job).await,
            Stage::MergeEntries => return self.merge_entries(job).await,
            Stage::Prune => return self.prune(job).await,
            Stage::ExpireExposures => return self.expire_exposures(job).await,
            Stage::FindGaps => return self.find_gaps(job).await,
            // One that names no conversation: what people wrote or changed.
            Stage::IndexExemplars if job.payload.get("conversation_id").is_none() => {
                return self.index_changes(job).await;
            }
            _ => {}
        }
        let payload: StagePayload = serde_json::from_value(job.payload.clone())
            .map_err(|error| Error::Conflict(format!("job {} has an unreadable payload: {error}", job.id)))?;
        let stored = self.engine.store.conversation(&job.tenant, payload.conversation_id).await?;
        let Some(stored) = stored.filter(|stored| stored.version == payload.version) else {
            // Erased or replaced meanwhile: there is nothing left to do for this job.
            return self.finish(job).await;
        };
        match stage {
            Stage::Analyze => self.analyze(job, &stored).await,
            Stage::IndexChunks => self.index_chunks(job, &stored).await,
            Stage::Distill => self.distill(job, &stored).await,
            Stage::Credit => self.credit(job, &stored).await,
            Stage::IndexExemplars => self.index_exemplars(job, &stored).await,
            // Those that are about no conversation were begun above.
            _ => Ok(()),
        }
    }

    /// Notes on the conversation that a stage of learning from it was given up, so that nobody waits for it. One that was
    /// replaced since has jobs of its own, and nothing is noted.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn note_failure(&self, job: &Job, error: &str) -> Result<(), Error> {
        let stage = job.kind.parse::<Stage>();
        if stage == Ok(Stage::TrainingSession) {
            return self.note_session_failure(job, error).await;
        }
        if !stage.is_ok_and(Stage::learns) {
            return Ok(());
        }
        let Ok(payload) = serde_json::from_value::<StagePayload>(job.payload.clone()) else { return Ok(()) };
        let mut tx = self.engine.store.begin().await?;
        if tx.conversation_version(&job.tenant, payload.conversation_id).await? != Some(payload.version) {
            tx.rollback().await?;
            return Ok(());
        }
        let failure = format!("{}: {error}", job.kind);
        tx.set_conversation_status(
            &job.tenant,
            payload.conversation_id,
            ConversationStatus::Failed,
            Some(&failure),
            self.engine.now(),
        )
        .await?;
        settle_sessions(&self.engine, &mut tx, &job.tenant, (payload.conversation_id, Some(&failure))).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends a job that had nothing to do.
    pub(super) async fn finish(&self, job: &Job) -> Result<(), Error> {
        let mut tx = self.engine.store.begin().await?;
        tx.finish_job(job, self.engine.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends a job in its stage's transaction and queues the next stage with it. When the lease was lost, another worker
    /// has taken over, and nothing of this one is kept.
    pub(super) async fn commit_stage(
        &self,
        mut tx: crate::store::tx::Tx,
        job: &Job,
        stored: &StoredConversation,
        next: Option<Stage>,
    ) -> Result<(), Error> {
        let now = self.engine.now();
        if tx.conversation_version(&job.tenant, stored.conversation.id).await? != Some(stored.version) {
            // Erased or replaced while the stage ran: nothing of what it made may stay.
            tx.rollback().await?;
            return self.finish(job).await;
        }
        if !tx.finish_job(job, now).await? {
            tx.rollback().await?;
            return Err(Error::Conflict(format!("job {} was taken over by another worker", job.id)));
        }
        if let Some(stage) = next {
            let id = stored.conversation.id;
            let next = stage_job(&self.engine, stage, id, stored.version, job.trace_id.clone());
            tx.enqueue(&job.tenant, &next, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Whether a failed job should be tried again.
pub fn is_worth_retrying(error: &Error) -> bool {
    // What it referred to was erased while it ran; the next run sees that it is gone.
    let erased_meanwhile = matches!(error, Error::Store(crate::store::error::StoreError::MissingReference(_)));
    erased_meanwhile || matches!(error.class(), ErrorClass::Transient | ErrorClass::Overloaded | ErrorClass::Conflict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::upkeep::{INDEX_EXEMPLARS, TRAINING_SESSION};

    #[test]
    fn the_job_of_other_services_has_its_stage() {
        assert_eq!(INDEX_EXEMPLARS.parse::<Stage>(), Ok(Stage::IndexExemplars));
        assert_eq!(TRAINING_SESSION.parse::<Stage>(), Ok(Stage::TrainingSession));
    }
}
