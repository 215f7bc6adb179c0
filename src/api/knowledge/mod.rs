//! The knowledge base: what was learned, and what people write and change.

pub(super) mod create;
pub(super) mod edit;
pub(super) mod list;
pub(super) mod record_usage;
pub(super) mod restore;
pub(super) mod retire;
pub(super) mod search_by_intent;
pub(super) mod show;
pub(super) mod versions;
pub(super) mod wire;

use std::collections::HashMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use crate::api::Services;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::knowledge::wire::EntryBody;
use crate::curation::Curator;
use crate::domain::entry_version::Editor;
use crate::domain::ids::{EntryId, TenantId};
use crate::domain::knowledge::Entry;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::keys::KeysOf;

/// Reads of evidence at the same time.
const READS: usize = 4;
/// Who an editor without a key is: a program on this machine, which needs none.
const ON_THIS_MACHINE: &str = "this machine";

/// The id that a path names; what cannot be one names no entry.
fn entry_id(name: &str) -> Result<EntryId, ApiError> {
    name.parse().map_err(|_| ApiError::not_found("knowledge entry", name))
}

/// The entry with this id.
async fn find(store: &Store, tenant: &TenantId, id: EntryId) -> Result<Entry, ApiError> {
    let found = store.entry(tenant, id).await?;
    found.ok_or_else(|| ApiError::not_found("knowledge entry", &id.to_string()))
}

/// The entry with this id, as it is answered.
pub(super) async fn body_of(store: &Store, tenant: &TenantId, id: EntryId) -> Result<EntryBody, ApiError> {
    let entry = find(store, tenant, id).await?;
    let bodies = with_evidence(store, tenant, vec![entry]).await?;
    bodies.into_iter().next().ok_or_else(|| ApiError::internal("an entry that was found has no body"))
}

/// What changes the knowledge base.
pub(super) fn curator(services: &Services) -> Curator {
    Curator::new(Arc::clone(&services.engine))
}

/// Who is changing it.
pub(super) async fn editor(store: &Store, caller: &Caller) -> Result<Editor, StoreError> {
    let Some(id) = caller.key else { return Ok(Editor { key: None, name: Some(ON_THIS_MACHINE.to_owned()) }) };
    let key = store.key(&KeysOf::Tenant(caller.tenant.clone()), id).await?;
    Ok(Editor { key: Some(id), name: key.map(|key| key.name) })
}

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
