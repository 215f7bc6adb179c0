//! What people do with the knowledge base: write entries, change them, take them out of use, put an earlier version back,
//! take over those of another system.
//!
//! Guarantees: every change is one transaction with its version, which says who and when, and with the job that brings
//! the index in line, so that a kill loses neither; what learning made of an entry in between is kept as a version, too,
//! so that every step can be taken back; what a person wrote or decided is marked, and learning leaves it alone.
//!
//! Refuses: to embed or to touch the index itself.

mod cases;
mod gaps;
mod imports;

use std::sync::Arc;

use crate::domain::case_decision::EntryStanding;
use crate::domain::clock::Timestamp;
use crate::domain::entry_fields::{EntryEdit, NewEntry};
use crate::domain::entry_version::{Editor, EntrySnapshot, EntryVersion, VersionStep};
use crate::domain::experiment::Experiment;
use crate::domain::ids::{EntryId, ExemplarId, TenantId};
use crate::domain::knowledge::{Entry, EntryStatus, Exemplar};
use crate::domain::success::Posterior;
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::engine::upkeep::index_changes_job;
use crate::store::entries::{EntrySource, Origin};
use crate::store::tx::Tx;

/// The version of the pipeline of what no pipeline made.
const NO_PIPELINE: i64 = 0;
/// Why an entry that was deleted has its status.
const RETIRED: &str = "a person took it out of use";

/// Changes the knowledge base for people.
pub struct Curator {
    engine: Arc<Engine>,
}

/// An entry that is being changed, held until the transaction ends.
struct Held {
    entry: Entry,
    exemplars: Vec<Exemplar>,
    snapshot: EntrySnapshot,
}

impl Curator {
    /// A curator of everything that the engine has.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Stores new entries, all or none; their ids, in the same order. They can be found when the job that goes with them
    /// has run.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn add(
        &self,
        tenant: &TenantId,
        entries: &[NewEntry],
        origin: Origin,
        editor: &Editor,
    ) -> Result<Vec<EntryId>, Error> {
        let now = self.engine.now();
        let mut tx = self.engine.store.begin().await?;
        let mut added = Vec::with_capacity(entries.len());
        for new in entries {
            let id = EntryId(self.engine.new_uuid());
            insert_new(&mut tx, tenant, (id, new), (origin, editor), (now, now)).await?;
            added.push(id);
        }
        tx.enqueue(tenant, &index_changes_job(&self.engine), now).await?;
        tx.commit().await?;
        Ok(added)
    }

    /// Changes an entry. What is as it was already makes no version.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Conflict`] when it has changed since `seen`, the moment of its
    /// last change as the caller knows it, or as of [`Curator::retire`] when it is offered no more.
    pub async fn edit(
        &self,
        tenant: &TenantId,
        id: EntryId,
        edit: EntryEdit,
        seen: Option<Timestamp>,
        editor: &Editor,
    ) -> Result<(), Error> {
        let mut tx = self.begin(tenant).await?;
        let held = hold(&mut tx, tenant, id).await?;
        if seen.is_some_and(|seen| seen != held.entry.updated_at) {
            tx.rollback().await?;
            let changed = held.entry.updated_at;
            return Err(Error::Conflict(format!("the entry was changed at {changed}; look at it again")));
        }
        let after = edit.onto(&held.snapshot);
        self.put(tx, tenant, held, after, (VersionStep::Edited, editor)).await
    }

    /// Takes an entry out of use: it is kept, offered no more, and not learned again. One that is retired already stays
    /// as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Conflict`] when a running experiment tries it.
    pub async fn retire(&self, tenant: &TenantId, id: EntryId, editor: &Editor) -> Result<(), Error> {
        let mut tx = self.begin(tenant).await?;
        let held = hold(&mut tx, tenant, id).await?;
        if held.entry.status == EntryStatus::Retired {
            tx.rollback().await?;
            return Ok(());
        }
        let after = retired(RETIRED).onto(&held.snapshot);
        self.put(tx, tenant, held, after, (VersionStep::Retired, editor)).await
    }

    /// Puts an earlier version back, as a new one: with its words, exemplars and status.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such entry or version; [`Error::Conflict`] when the version quoted a
    /// conversation that was erased.
    pub async fn restore(&self, tenant: &TenantId, id: EntryId, number: i64, editor: &Editor) -> Result<(), Error> {
        let mut tx = self.begin(tenant).await?;
        let held = hold(&mut tx, tenant, id).await?;
        let Some(earlier) = tx.version(tenant, id, number).await? else {
            tx.rollback().await?;
            return Err(Error::NotFound { what: "version", id: number.to_string() });
        };
        let Some(earlier) = earlier.snapshot else {
            tx.rollback().await?;
            return Err(Error::Conflict(format!(
                "version {number} quoted a conversation that was erased, and its words with it"
            )));
        };
        let phrases = held.snapshot.with_phrases(earlier.phrases.clone());
        let after = EntrySnapshot { phrases, ..earlier };
        self.put(tx, tenant, held, after, (VersionStep::Restored, editor)).await
    }

    /// Erases an entry with its exemplars, versions, evidence and cases. Its points leave the index with the job that
    /// goes with it; none of them is offered meanwhile, because there is no entry any more.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Conflict`] when a running experiment tries it.
    pub async fn erase(&self, tenant: &TenantId, id: EntryId) -> Result<(), Error> {
        let now = self.engine.now();
        let mut tx = self.begin(tenant).await?;
        hold(&mut tx, tenant, id).await?;
        refuse_if_tried(&mut tx, tenant, id).await?;
        tx.erase_entry(tenant, id, now).await?;
        tx.enqueue(tenant, &index_changes_job(&self.engine), now).await?;
        tx.commit().await?;
        self.engine.entries.forget_all();
        Ok(())
    }

    /// A transaction that no distillation and no erasure runs beside: either could give the entry evidence, or take
    /// exemplars from it, while it is being changed.
    async fn begin(&self, tenant: &TenantId) -> Result<Tx, Error> {
        let mut tx = self.engine.store.begin().await?;
        tx.lock_distillation(tenant).await?;
        Ok(tx)
    }

    /// Writes what an entry becomes, with its versions and the job that indexes it.
    async fn put(
        &self,
        mut tx: Tx,
        tenant: &TenantId,
        held: Held,
        after: EntrySnapshot,
        step: (VersionStep, &Editor),
    ) -> Result<(), Error> {
        if after == held.snapshot {
            tx.rollback().await?;
            return Ok(());
        }
        let id = held.entry.id;
        self.write(&mut tx, tenant, &held, after, step).await?;
        tx.enqueue(tenant, &index_changes_job(&self.engine), self.engine.now()).await?;
        tx.commit().await?;
        self.engine.entries.forget(tenant, [id]);
        Ok(())
    }

    /// Writes what an entry becomes, with its versions. Whoever commits queues the job that indexes it.
    async fn write(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        held: &Held,
        after: EntrySnapshot,
        step: (VersionStep, &Editor),
    ) -> Result<(), Error> {
        if after == held.snapshot {
            return Ok(());
        }
        let id = held.entry.id;
        if held.entry.status == EntryStatus::Live && after.status != EntryStatus::Live {
            refuse_if_tried(tx, tenant, id).await?;
        }
        // Always later than before, so that the moment tells two states apart.
        let now = self.engine.now().max(held.entry.updated_at.plus_millis(1));
        let last = tx.last_version(tenant, id).await?;
        let mut number = last.as_ref().map_or(0, |last| last.number);
        if last.and_then(|last| last.snapshot).as_ref() != Some(&held.snapshot) {
            number += 1;
            let learned = (VersionStep::Learned, &Editor::default());
            tx.insert_version(tenant, &version(id, number, learned, held.snapshot.clone(), now)).await?;
        }

        let mut entry = after.onto(&held.entry, now);
        if after.prior_rate != held.snapshot.prior_rate {
            let evidence = tx.evidence_of(tenant, id).await?;
            entry.posterior = held.entry.posterior.on_prior(held.entry.prior(&evidence), entry.prior(&evidence));
        }
        tx.update_entry(tenant, &entry).await?;
        put_exemplars(tx, tenant, held, &after, now).await?;
        tx.insert_version(tenant, &version(id, number + 1, step, after, now)).await?;
        Ok(())
    }
}

/// Refuses to take away an entry that an experiment is trying: its arm would be answered with less than the others.
async fn refuse_if_tried(tx: &mut Tx, tenant: &TenantId, id: EntryId) -> Result<(), Error> {
    let running = tx.running_experiments(tenant).await?;
    let tries = |experiment: &&Experiment| experiment.arms.iter().any(|arm| arm.settings.entry_id == Some(id));
    running.iter().find(tries).map_or(Ok(()), |experiment| {
        let (name, experiment) = (&experiment.name, experiment.id);
        Err(Error::Conflict(format!(
            "the entry {id} is an arm of the running experiment '{name}' ({experiment}); stop the experiment first"
        )))
    })
}

/// Stores a new entry with its exemplars and its first version; it counts as made at `created_at`.
async fn insert_new(
    tx: &mut Tx,
    tenant: &TenantId,
    (id, new): (EntryId, &NewEntry),
    (origin, editor): (Origin, &Editor),
    (created_at, now): (Timestamp, Timestamp),
) -> Result<(), Error> {
    let snapshot = new.snapshot();
    let entry = snapshot.onto(&blank(id, snapshot, created_at), now);
    let source = EntrySource { origin, pipeline_version: NO_PIPELINE };
    tx.insert_entry(tenant, &entry, source).await?;
    tx.add_exemplars(tenant, &snapshot.exemplars(id, now)).await?;
    let version = version(id, 1, (VersionStep::Created, editor), snapshot.clone(), now);
    tx.insert_version(tenant, &version).await?;
    Ok(())
}

/// Adds the exemplars that are new and takes away those that are wanted no more.
async fn put_exemplars(
    tx: &mut Tx,
    tenant: &TenantId,
    held: &Held,
    after: &EntrySnapshot,
    now: Timestamp,
) -> Result<(), Error> {
    let id = held.entry.id;
    let last = held.exemplars.iter().map(|exemplar| exemplar.created_at).max();
    let first = last.map_or(now, |last| now.max(last.plus_millis(1)));
    let wanted = after.exemplars(id, first);
    let gone: Vec<ExemplarId> = held
        .exemplars
        .iter()
        .map(|exemplar| exemplar.id)
        .filter(|id| !wanted.iter().any(|exemplar| exemplar.id == *id))
        .collect();
    let new: Vec<Exemplar> =
        wanted.into_iter().filter(|wanted| !held.exemplars.iter().any(|exemplar| exemplar.id == wanted.id)).collect();
    if !gone.is_empty() {
        tx.remove_exemplars(tenant, &gone, now).await?;
    }
    if !new.is_empty() {
        tx.add_exemplars(tenant, &new).await?;
    }
    if after.language != held.entry.language {
        tx.set_exemplars_language(tenant, id, &after.language).await?;
    }
    Ok(())
}

/// The entry as it is, which nobody else changes until the transaction ends.
async fn hold(tx: &mut Tx, tenant: &TenantId, id: EntryId) -> Result<Held, Error> {
    let held = hold_if_there(tx, tenant, id).await?;
    held.ok_or_else(|| Error::NotFound { what: "entry", id: id.to_string() })
}

/// As [`hold`], where somebody may have erased the entry.
async fn hold_if_there(tx: &mut Tx, tenant: &TenantId, id: EntryId) -> Result<Option<Held>, Error> {
    let Some(entry) = tx.hold_entry(tenant, id).await? else { return Ok(None) };
    let exemplars = tx.exemplars_of(tenant, &[id]).await?;
    let snapshot = EntrySnapshot::of(&entry, &exemplars);
    Ok(Some(Held { entry, exemplars, snapshot }))
}

/// Taken out of use by a person, for this reason.
fn retired(reason: &str) -> EntryStanding {
    EntryStanding::decided(EntryStatus::Retired, Some(reason.to_owned()))
}

/// An entry of which nothing is known but its id and what was given.
fn blank(id: EntryId, given: &EntrySnapshot, now: Timestamp) -> Entry {
    Entry {
        id,
        knowledge_type: given.knowledge_type,
        category: String::new(),
        intent: None,
        title: String::new(),
        content: String::new(),
        language: given.language.clone(),
        status: given.status,
        status_reason: None,
        posterior: given.prior_rate.map_or_else(|| Posterior::from_evidence(&[]), Posterior::from_prior_rate),
        prior_rate: given.prior_rate,
        curated: given.curated,
        evidence_count: 0,
        created_at: now,
        updated_at: now,
    }
}

fn version(
    entry_id: EntryId,
    number: i64,
    (step, editor): (VersionStep, &Editor),
    snapshot: EntrySnapshot,
    now: Timestamp,
) -> EntryVersion {
    EntryVersion { entry_id, number, step, editor: editor.clone(), snapshot: Some(snapshot), created_at: now }
}
