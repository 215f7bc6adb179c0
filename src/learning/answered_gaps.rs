//! Gaps that were answered meanwhile: nobody needs to decide them any more.
//!
//! Guarantees: a gap goes only when an entry that is live answers it and the entry, or the utterance by which it is found, is
//! younger than the last retrieval in vain; what was offered at that time did not help, and does not make it answered. What
//! was decided stays, and so does a gap for which an entry was ever written.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::classify::text_classifier::TextFeatures;
use crate::domain::clock::Timestamp;
use crate::domain::gaps::{Gap, GapStatus};
use crate::domain::ids::{EntryId, ExemplarId, TenantId};
use crate::domain::knowledge::EntryStatus;
use crate::domain::language::Language;
use crate::engine::error::Error;
use crate::index::point::{Filter, Search};
use crate::learning::Learner;

/// Exemplars that are looked at for each gap.
const NEAREST: usize = 20;

impl Learner {
    /// Takes the open gaps away that the knowledge base answers by now; their retrievals stay looked at.
    pub(super) async fn settle_answered_gaps(&self, tenant: &TenantId) -> Result<(), Error> {
        let store = &self.engine.store;
        let mut open = Vec::new();
        for leader in store.gap_leaders(tenant).await? {
            open.extend(store.gap(tenant, leader.id).await?.filter(|gap| gap.status == GapStatus::Open));
        }
        let titles: Vec<&str> = open.iter().map(|gap| gap.title.as_str()).collect();
        let vectors = self.query_vectors(&titles).await?;
        for (gap, vector) in open.iter().zip(&vectors) {
            if !self.is_answered(tenant, gap, vector).await? {
                continue;
            }
            let mut tx = store.begin().await?;
            tx.lock_distillation(tenant).await?;
            // Somebody may have decided it, or erased what it was called by.
            let is_same = tx.hold_gap(tenant, gap.id).await?.is_some_and(|held| held == *gap);
            if is_same && tx.settle_gap(tenant, gap.id).await? {
                tx.commit().await?;
            } else {
                tx.rollback().await?;
            }
        }
        Ok(())
    }

    /// Whether a retrieval of the gap's most central utterance would find a live entry that was not there, or not found by
    /// this, when it was last asked in vain. The floor is that of the model.
    async fn is_answered(&self, tenant: &TenantId, gap: &Gap, vector: &Arc<[f32]>) -> Result<bool, Error> {
        let Some(asked_at) = gap.counts.last_seen else { return Ok(false) };
        let generation = self.engine.generations.first();
        let calibration = self.gap_calibration();
        let scope = self.engine.understanding().scope(&TextFeatures::of(&gap.title, vector));
        let floor = calibration.floor_for(calibration.floor, scope);
        let languages = match gap.language == Language::undetermined() {
            true => Vec::new(),
            false => vec![gap.language.clone(), Language::undetermined()],
        };
        let filter = Filter { statuses: vec![EntryStatus::Live], languages, ..Filter::default() };
        let search = Search { filter, limit: NEAREST, deadline: None };
        let hits = generation.exemplars.search_dense(tenant, generation.meaning(vector), &search).await?;
        let near: Vec<(ExemplarId, EntryId)> = hits
            .iter()
            .filter(|hit| f64::from(hit.score) >= floor)
            .map(|hit| (ExemplarId(hit.id), EntryId(hit.owner)))
            .collect();
        if near.is_empty() {
            return Ok(false);
        }
        let exemplars: Vec<ExemplarId> = near.iter().map(|(exemplar, _)| *exemplar).collect();
        let entries: Vec<EntryId> = near.iter().map(|(_, entry)| *entry).collect();
        let store = &self.engine.store;
        let learned: HashMap<ExemplarId, Timestamp> =
            store.exemplars(tenant, &exemplars).await?.into_iter().map(|one| (one.id, one.created_at)).collect();
        let live: HashMap<EntryId, Timestamp> = store
            .entries(tenant, &entries)
            .await?
            .into_iter()
            .filter(|entry| entry.status == EntryStatus::Live)
            .map(|entry| (entry.id, entry.updated_at))
            .collect();
        Ok(near.iter().any(|(exemplar, entry)| {
            let Some(changed) = live.get(entry) else { return false };
            *changed > asked_at || learned.get(exemplar).is_some_and(|learned| *learned > asked_at)
        }))
    }
}
