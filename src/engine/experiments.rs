//! The running experiments of tenants in memory, so that a warm retrieval joins its arm without SQL.
//!
//! Guarantees: who starts or stops an experiment calls [`RunningExperiments::renew`] after the commit, and no reader that
//! read before it puts the older list back; other processes hear of it within [`BELIEVED`] and one retrieval more, because
//! a list that is older is read anew beside the answer. What cannot be read assigns nobody, and is tried again.
//!
//! An arm whose own entry is not offered, because an erasure took it away or its success fell, withholds no rivals.
//!
//! Refuses to promise that a conversation is in one experiment when experiments differ in their filters and it goes on in
//! another process, or after a restart: which one it joined is remembered here, and asking the database would keep its user
//! waiting. It may then join a second one. Both may be believed all the same, because its arm in the one says nothing of its
//! arm in the other; and without filters every process chooses the same one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use crate::domain::clock::Timestamp;
use crate::domain::experiment::{Assignment, Experiment};
use crate::domain::ids::{EntryId, ExperimentId, TenantId};
use crate::domain::knowledge::EntryStatus;
use crate::domain::query::{Exposure, RetrievalQuery};
use crate::engine::error::Error;
use crate::store::Store;

/// How long a list is believed.
pub const BELIEVED: Duration = Duration::from_secs(3);
/// Tenants whose lists are kept in memory.
const TENANTS: u64 = 10_000;
/// Conversations of which it is remembered which experiment they joined.
const CONVERSATIONS: u64 = 100_000;
/// How long that is remembered after their last turn.
const REMEMBERED: Duration = Duration::from_secs(6 * 3_600);

/// The experiments that run, by tenant.
pub struct RunningExperiments(Arc<Inner>);

struct Inner {
    lists: Cache<TenantId, Arc<RunningList>>,
    joined: Cache<(TenantId, String), ExperimentId>,
    /// Rises with every change, so that a list that was read before it is not kept.
    changes: AtomicU64,
}

/// The experiments of a tenant as they were read.
struct RunningList {
    experiments: Vec<Arc<Experiment>>,
    /// Entries of their arms that are offered.
    live: BTreeSet<EntryId>,
    read_at: Instant,
    is_read_anew: AtomicBool,
}

/// The place of a conversation in an experiment.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The experiment.
    pub experiment: Arc<Experiment>,
    /// Its arm, by its place among the arms.
    pub place: usize,
    /// Entries that it is not shown: those of the other arms, unless its own is not offered.
    pub hidden: Vec<EntryId>,
}

impl Default for RunningExperiments {
    fn default() -> Self {
        Self(Arc::new(Inner {
            lists: Cache::new(TENANTS),
            joined: Cache::builder().max_capacity(CONVERSATIONS).time_to_idle(REMEMBERED).build(),
            changes: AtomicU64::new(0),
        }))
    }
}

impl RunningExperiments {
    /// Where the conversation of this retrieval belongs: in the experiment that it joined, as long as that runs; else in the
    /// first started whose filter the retrieval passes. `None` of a retrieval that names no conversation, that is not recorded,
    /// or that does not pass the filter. Reads the database once per tenant, and beside the answer from then on.
    ///
    /// # Errors
    /// When the database is not available and nothing is in memory.
    pub async fn membership(
        &self,
        store: &Store,
        tenant: &TenantId,
        query: &RetrievalQuery,
    ) -> Result<Option<Membership>, Error> {
        let Some(name) = query.conversation_ref.as_deref().filter(|_| query.exposure == Exposure::Recorded) else {
            return Ok(None);
        };
        let list = match self.0.lists.get(tenant) {
            Some(list) => list,
            None => self.0.read(store, tenant).await?,
        };
        if list.read_at.elapsed() > BELIEVED && !list.is_read_anew.swap(true, Ordering::AcqRel) {
            self.read_beside(store, tenant, Arc::clone(&list));
        }
        Ok(self.0.choose(&list, tenant, name, query))
    }

    /// Reads the experiments of a tenant anew; what was in memory before counts no more, whether that works or not.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn renew(&self, store: &Store, tenant: &TenantId) -> Result<(), Error> {
        self.0.changes.fetch_add(1, Ordering::AcqRel);
        self.0.lists.invalidate(tenant);
        self.0.read(store, tenant).await?;
        Ok(())
    }

    /// Reads a list anew that nobody waits for.
    fn read_beside(&self, store: &Store, tenant: &TenantId, old: Arc<RunningList>) {
        let (inner, store, tenant) = (Arc::clone(&self.0), store.clone(), tenant.clone());
        tokio::spawn(async move {
            if let Err(error) = inner.read(&store, &tenant).await {
                tracing::debug!(%error, "The running experiments could not be read anew");
                old.is_read_anew.store(false, Ordering::Release);
            }
        });
    }
}

impl Inner {
    async fn read(&self, store: &Store, tenant: &TenantId) -> Result<Arc<RunningList>, Error> {
        let before = self.changes.load(Ordering::Acquire);
        let experiments = store.running_experiments(tenant).await?;
        let arms = experiments.iter().flat_map(|experiment| &experiment.arms);
        let tried: Vec<EntryId> = arms.filter_map(|arm| arm.settings.entry_id).collect();
        let entries = if tried.is_empty() { Vec::new() } else { store.entries(tenant, &tried).await? };
        let live = entries.iter().filter(|entry| entry.status == EntryStatus::Live).map(|entry| entry.id);
        let list = Arc::new(RunningList {
            live: live.collect(),
            experiments: experiments.into_iter().map(Arc::new).collect(),
            read_at: Instant::now(),
            is_read_anew: AtomicBool::new(false),
        });
        self.lists.insert(tenant.clone(), Arc::clone(&list));
        if before != self.changes.load(Ordering::Acquire) {
            self.lists.invalidate(tenant);
        }
        Ok(list)
    }

    fn choose(&self, list: &RunningList, tenant: &TenantId, name: &str, query: &RetrievalQuery) -> Option<Membership> {
        if list.experiments.is_empty() {
            return None;
        }
        let key = (tenant.clone(), name.to_owned());
        let joined = self.joined.get(&key);
        let joined = joined.and_then(|id| list.experiments.iter().find(|experiment| experiment.id == id));
        let experiment = match joined {
            Some(experiment) => Some(experiment).filter(|experiment| experiment.takes(query)),
            None => list.experiments.iter().find(|experiment| experiment.takes(query)),
        }?;
        if joined.is_none() {
            self.joined.insert(key, experiment.id);
        }
        let place = experiment.place_of(name);
        let own = experiment.arms.get(place).and_then(|arm| arm.settings.entry_id);
        let hidden = match own {
            Some(own) if !list.live.contains(&own) => Vec::new(),
            _ => experiment.hidden_from(place),
        };
        Some(Membership { experiment: Arc::clone(experiment), place, hidden })
    }
}

impl Membership {
    /// Whether the conversation is offered nothing.
    pub fn is_holdout(&self) -> bool {
        self.experiment.arms.get(self.place).is_some_and(|arm| arm.settings.holdout)
    }

    /// What is kept of it; `None` when the experiment has no such arm.
    pub fn assignment(&self, conversation_ref: &str, now: Timestamp) -> Option<Assignment> {
        Some(Assignment {
            experiment_id: self.experiment.id,
            conversation_ref: conversation_ref.to_owned(),
            arm: self.experiment.arms.get(self.place)?.name.clone(),
            assigned_at: now,
        })
    }
}
