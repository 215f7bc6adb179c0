//! Stage `merge_entries`: live entries that say the same and that distillation never saw beside each other: what people
//! wrote or imported, and what came to resemble another one by an edit.
//!
//! Refuses to merge them itself: two that say the same become a case, and a person decides it. A pair that was a case before
//! is not told again, however it was decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{CaseId, EntryId, TenantId};
use crate::domain::knowledge::{Case, CaseKind, Entry, EntryStatus};
use crate::domain::ranking::Calibration;
use crate::domain::text;
use crate::domain::vectors::dot;
use crate::embedding::embedder::Role;
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::index::point::{Filter, Search};
use crate::learning::Learner;
use crate::learning::distillation::matching::STRICT;
use crate::store::jobs::Job;

/// The most entries that one run looks at, the last changed first.
const MOST: u32 = 1_000;
/// Exemplars of an entry whose neighbours are looked at.
const NEEDS: usize = 3;
/// Exemplars that are looked at around each of them.
const NEIGHBOURS: usize = 20;
/// How far a run looks back behind the one before, so that what one run missed the next one sees.
const OVERLAP_MS: i64 = 3_600_000;

impl Learner {
    /// Stage `merge_entries`.
    pub(super) async fn merge_entries(&self, job: &Job) -> Result<(), Error> {
        let store = &self.engine.store;
        let last_run = job.payload.get("since").and_then(serde_json::Value::as_str).and_then(Timestamp::parse);
        let since = last_run.map_or(Timestamp::from_millis(0), |last_run| last_run.plus_millis(-OVERLAP_MS));
        let changed = store.live_entries_since(&job.tenant, since, MOST).await?;
        let entries = self.engine.entries.entries(store, &job.tenant, &changed).await?;
        for entry in changed.iter().filter_map(|id| entries.get(id)) {
            for other in self.sayers_of_the_same(&job.tenant, entry).await? {
                self.note_duplicate(&job.tenant, entry.id, other).await?;
            }
        }
        self.finish(job).await
    }

    /// The other live entries of the same kind and language that answer the same needs by the same words or meaning.
    async fn sayers_of_the_same(&self, tenant: &TenantId, entry: &Entry) -> Result<Vec<EntryId>, Error> {
        let (store, generation) = (&self.engine.store, self.engine.generations.first());
        let calibration = Calibration::of_model(&generation.embedder.spec().name);
        let exemplars = store.exemplars_of(tenant, &[entry.id]).await?;
        let needs: Vec<&str> = exemplars.iter().take(NEEDS).map(|exemplar| exemplar.text.as_str()).collect();
        let filter = Filter {
            statuses: vec![EntryStatus::Live],
            knowledge_type: Some(entry.knowledge_type),
            languages: vec![entry.language.clone()],
            ..Filter::default()
        };
        let search = Search { filter, limit: NEIGHBOURS, deadline: None };
        let mut nearest: BTreeMap<EntryId, f64> = BTreeMap::new();
        for need in generation.embed_meaning(Lane::Batch, &needs, None).await? {
            for hit in generation.exemplars.search_dense(tenant, need, &search).await? {
                let cosine = nearest.entry(EntryId(hit.owner)).or_insert(-1.0);
                *cosine = cosine.max(f64::from(hit.score));
            }
        }
        nearest.remove(&entry.id);
        let ids: Vec<EntryId> = nearest.keys().copied().collect();
        let known = self.engine.entries.entries(store, tenant, &ids).await?;
        // The index may lag behind the rows.
        let others: Vec<&Arc<Entry>> = ids
            .iter()
            .filter_map(|id| known.get(id))
            .filter(|other| other.status == EntryStatus::Live && other.knowledge_type == entry.knowledge_type)
            .collect();
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let contents: Vec<&str> =
            std::iter::once(entry).chain(others.iter().map(|other| &***other)).map(|e| e.content.as_str()).collect();
        let answers = generation.embedder.embed(Lane::Batch, Role::Query, &contents, None).await?;
        let Some((own, answers)) = answers.split_first() else { return Ok(Vec::new()) };
        let given = generation.meaning(&own.vector);
        let (same_question, same_answer) = (self.settings.same_question, self.settings.same_answer);
        let mut same = Vec::new();
        for (other, answer) in others.iter().zip(answers) {
            let question = calibration.sameness(nearest.get(&other.id).copied().unwrap_or(-1.0));
            let answered = calibration.sameness(f64::from(dot(&given, &generation.meaning(&answer.vector))));
            let in_words = text::normalise(&entry.content) == text::normalise(&other.content);
            let in_meaning = (question >= same_question && answered >= same_answer)
                || (question >= same_question / STRICT && answered >= same_answer * STRICT);
            let conflict = self.answers_conflict(
                entry.knowledge_type,
                (&entry.content, &own.vector),
                (&other.content, &answer.vector),
            );
            if in_words || (in_meaning && !conflict) {
                same.push(other.id);
            }
        }
        Ok(same)
    }

    /// Makes a case of two entries, unless they are or were one, whichever was the first of them.
    async fn note_duplicate(&self, tenant: &TenantId, entry: EntryId, other: EntryId) -> Result<(), Error> {
        let store = &self.engine.store;
        for kind in [CaseKind::NearDuplicate, CaseKind::Contradiction] {
            for (one, two) in [(entry, other), (other, entry)] {
                if store.case(tenant, CaseId::derive(kind.as_str(), one, Some(two))).await?.is_some() {
                    return Ok(());
                }
            }
        }
        let case = Case {
            id: CaseId::derive(CaseKind::NearDuplicate.as_str(), entry, Some(other)),
            kind: CaseKind::NearDuplicate,
            entry_id: entry,
            other_id: Some(other),
            detail: "both say the same, to the same need".to_owned(),
            created_at: self.engine.now(),
        };
        let mut tx = store.begin().await?;
        tx.hold_entries(tenant, &[entry, other]).await?;
        tx.insert_case(tenant, &case).await?;
        tx.commit().await?;
        Ok(())
    }
}
