//! The knowledge base: what was learned.

pub(super) mod list;
pub(super) mod search_by_intent;
pub(super) mod wire;

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};

use crate::api::knowledge::wire::EntryBody;
use crate::domain::ids::{EntryId, TenantId};
use crate::domain::knowledge::Entry;
use crate::store::Store;
use crate::store::error::StoreError;

/// Reads of evidence at the same time.
const READS: usize = 4;

/// Entries with their exemplars and their evidence, in the same order.
async fn with_evidence(store: &Store, tenant: &TenantId, entries: Vec<Entry>) -> Result<Vec<EntryBody>, StoreError> {
    let ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
    let mut exemplars: HashMap<EntryId, Vec<String>> = HashMap::new();
    for exemplar in store.exemplars_of(tenant, &ids).await? {
        exemplars.entry(exemplar.entry_id).or_default().push(exemplar.text);
    }
    let evidence = stream::iter(ids).map(|id| store.evidence_of(tenant, id)).buffered(READS);
    let evidence: Vec<_> = evidence.try_collect().await?;
    let bodies = entries.into_iter().zip(evidence).map(|(entry, evidence)| {
        let phrases = exemplars.remove(&entry.id).unwrap_or_default();
        EntryBody::new(entry, phrases, evidence)
    });
    Ok(bodies.collect())
}
