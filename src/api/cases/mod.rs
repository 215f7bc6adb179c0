//! Cases: what a curator should look at, and decides.

pub(super) mod decide;
pub(super) mod list;
pub(super) mod show;
pub(super) mod undo;
mod wire;

use crate::api::cases::wire::CaseWithEntries;
use crate::api::error::ApiError;
use crate::api::knowledge::body_of;
use crate::domain::ids::{CaseId, TenantId};
use crate::store::Store;

/// The id that a path names; what cannot be one names no case.
fn case_id(name: &str) -> Result<CaseId, ApiError> {
    name.parse().map_err(|_| ApiError::not_found("case", name))
}

/// The case with this id, as it is answered.
async fn shown(store: &Store, tenant: &TenantId, id: CaseId) -> Result<CaseWithEntries, ApiError> {
    let stored = store.case(tenant, id).await?.ok_or_else(|| ApiError::not_found("case", &id.to_string()))?;
    let entry = body_of(store, tenant, stored.case.entry_id).await?;
    let other = match stored.case.other_id {
        Some(other) => Some(body_of(store, tenant, other).await?),
        None => None,
    };
    Ok(CaseWithEntries::new(stored, entry, other))
}
