//! Experiments: made, started, stopped, and what they say.
//!
//! Guarantees: a running experiment never changes, so that what is compared is comparable; one that was stopped does not
//! run again. Who is in which arm is told by `domain::experiment`, answered by `retrieval`, and kept with the exposures.

pub mod results;

use std::sync::Arc;

use crate::domain::error::FieldError;
use crate::domain::experiment::{Arm, Experiment, ExperimentKind, ExperimentMetric, ExperimentStatus, RetrievalFilter};
use crate::domain::ids::{EntryId, ExperimentId, TenantId};
use crate::engine::Engine;
use crate::engine::error::Error;

/// The most experiments of a tenant that run at the same time.
pub const MAX_RUNNING: i64 = 20;

/// The service of experiments.
pub struct Experimenter {
    engine: Arc<Engine>,
}

/// An experiment that somebody wants; its arms are checked.
#[derive(Clone, Debug, PartialEq)]
pub struct NewExperiment {
    /// What people call it.
    pub name: String,
    /// What its arms differ in.
    pub kind: ExperimentKind,
    /// What its arms are compared by.
    pub metric: ExperimentMetric,
    /// Its arms.
    pub arms: Vec<Arm>,
    /// Which retrievals it takes.
    pub filter: RetrievalFilter,
}

impl Experimenter {
    /// The experiments of this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Makes an experiment, as a draft.
    ///
    /// # Errors
    /// [`Error::Invalid`] when an arm names an entry that is not there.
    pub async fn create(&self, tenant: &TenantId, wanted: NewExperiment) -> Result<Experiment, Error> {
        let entries: Vec<EntryId> = wanted.arms.iter().filter_map(|arm| arm.settings.entry_id).collect();
        let known = self.engine.store.entries(tenant, &entries).await?;
        let is_missing = |entry: EntryId| known.iter().all(|known| known.id != entry);
        let missing: Vec<FieldError> = wanted
            .arms
            .iter()
            .enumerate()
            .filter(|(_, arm)| arm.settings.entry_id.is_some_and(is_missing))
            .map(|(at, _)| FieldError::new(format!("arms[{at}].settings.entry_id"), "there is no such knowledge entry"))
            .collect();
        if !missing.is_empty() {
            return Err(Error::Invalid(missing));
        }
        let experiment = Experiment {
            id: ExperimentId(self.engine.new_uuid()),
            name: wanted.name,
            kind: wanted.kind,
            status: ExperimentStatus::Draft,
            metric: wanted.metric,
            arms: wanted.arms,
            filter: wanted.filter,
            created_at: self.engine.now(),
            started_at: None,
            stopped_at: None,
        };
        let mut tx = self.engine.store.begin().await?;
        tx.insert_experiment(tenant, &experiment).await?;
        tx.commit().await?;
        Ok(experiment)
    }

    /// Lets a draft run; conversations join it from now on. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Conflict`] when it was stopped, or when [`MAX_RUNNING`] run.
    pub async fn start(&self, tenant: &TenantId, id: ExperimentId) -> Result<Experiment, Error> {
        let found = self.find(tenant, id).await?;
        match found.status {
            ExperimentStatus::Running => return Ok(found),
            ExperimentStatus::Stopped => {
                let message = "it was stopped, and what came since was in no arm; make another one like it";
                return Err(Error::Conflict(message.to_owned()));
            }
            ExperimentStatus::Draft => {}
        }
        let mut tx = self.engine.store.begin().await?;
        if tx.count_running_experiments(tenant).await? >= MAX_RUNNING {
            tx.rollback().await?;
            return Err(Error::Conflict(format!("{MAX_RUNNING} experiments run already; stop one of them first")));
        }
        tx.start_experiment(tenant, id, self.engine.now()).await?;
        tx.commit().await?;
        self.renew(tenant).await;
        self.find(tenant, id).await
    }

    /// Ends an experiment; conversations are answered as configured from now on. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Conflict`] when it never ran.
    pub async fn stop(&self, tenant: &TenantId, id: ExperimentId) -> Result<Experiment, Error> {
        let found = self.find(tenant, id).await?;
        match found.status {
            ExperimentStatus::Stopped => return Ok(found),
            ExperimentStatus::Draft => {
                return Err(Error::Conflict("it is a draft, which has no effect; there is nothing to stop".to_owned()));
            }
            ExperimentStatus::Running => {}
        }
        let mut tx = self.engine.store.begin().await?;
        tx.stop_experiment(tenant, id, self.engine.now()).await?;
        tx.commit().await?;
        self.renew(tenant).await;
        self.find(tenant, id).await
    }

    /// The experiment with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn find(&self, tenant: &TenantId, id: ExperimentId) -> Result<Experiment, Error> {
        let found = self.engine.store.experiment(tenant, id).await?;
        found.ok_or_else(|| Error::NotFound { what: "experiment", id: id.to_string() })
    }

    /// Lets retrievals of this process know. What is written is written, so a failure is no failure of the step: the next
    /// retrieval reads.
    async fn renew(&self, tenant: &TenantId) {
        if let Err(error) = self.engine.experiments.renew(&self.engine.store, tenant).await {
            tracing::debug!(%error, "The running experiments could not be read anew");
        }
    }
}
