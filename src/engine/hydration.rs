//! Entries and exemplars in memory, so that a warm retrieval needs no SQL.
//!
//! Guarantees: whoever changes an entry calls [`EntryCache::forget`] after the commit, and no reader that loaded the
//! older one puts it back: it looks at the count of changes again after it wrote, and takes back what may be old.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache;

use crate::domain::ids::{EntryId, ExemplarId, TenantId};
use crate::domain::knowledge::Entry;
use crate::engine::error::Error;
use crate::store::Store;

/// Entries and the texts of exemplars, bounded by number.
pub struct EntryCache {
    entries: Cache<(TenantId, EntryId), Arc<Entry>>,
    exemplars: Cache<(TenantId, ExemplarId), Arc<str>>,
    /// Rises with every change, so that a load that began before it is not kept.
    changes: AtomicU64,
}

impl EntryCache {
    /// Room for so many entries, and four exemplars each.
    pub fn new(capacity: u64) -> Self {
        Self {
            entries: Cache::new(capacity),
            exemplars: Cache::new(capacity.saturating_mul(4)),
            changes: AtomicU64::new(0),
        }
    }

    /// The entries with these ids that there are; one query for all that are not in memory.
    ///
    /// # Errors
    /// When the database is not available and something is missing.
    pub async fn entries(
        &self,
        store: &Store,
        tenant: &TenantId,
        ids: &[EntryId],
    ) -> Result<HashMap<EntryId, Arc<Entry>>, Error> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match self.entries.get(&(tenant.clone(), *id)) {
                Some(entry) => _ = found.insert(*id, entry),
                None => missing.push(*id),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let before = self.changes.load(Ordering::Acquire);
        for entry in store.entries(tenant, &missing).await? {
            let entry = Arc::new(entry);
            let key = (tenant.clone(), entry.id);
            self.entries.insert(key.clone(), Arc::clone(&entry));
            if before != self.changes.load(Ordering::Acquire) {
                self.entries.invalidate(&key);
            }
            found.insert(entry.id, entry);
        }
        Ok(found)
    }

    /// The texts of exemplars; one query for all that are not in memory.
    ///
    /// # Errors
    /// When the database is not available and something is missing.
    pub async fn exemplar_texts(
        &self,
        store: &Store,
        tenant: &TenantId,
        ids: &[ExemplarId],
    ) -> Result<HashMap<ExemplarId, Arc<str>>, Error> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match self.exemplars.get(&(tenant.clone(), *id)) {
                Some(text) => _ = found.insert(*id, text),
                None => missing.push(*id),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let before = self.changes.load(Ordering::Acquire);
        for exemplar in store.exemplars(tenant, &missing).await? {
            let text: Arc<str> = exemplar.text.into();
            let key = (tenant.clone(), exemplar.id);
            self.exemplars.insert(key.clone(), Arc::clone(&text));
            if before != self.changes.load(Ordering::Acquire) {
                self.exemplars.invalidate(&key);
            }
            found.insert(exemplar.id, text);
        }
        Ok(found)
    }

    /// Drops entries that have changed or are gone.
    pub fn forget(&self, tenant: &TenantId, ids: impl IntoIterator<Item = EntryId>) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        for id in ids {
            self.entries.invalidate(&(tenant.clone(), id));
        }
    }

    /// Drops everything: after an erasure, of which not every exemplar is known.
    pub fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.entries.invalidate_all();
        self.exemplars.invalidate_all();
    }
}
