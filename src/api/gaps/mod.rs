//! Gaps: what users ask and nobody has written down, for a curator to fill or to dismiss.

pub(super) mod accept;
pub(super) mod dismiss;
pub(super) mod list;
pub(super) mod show;
pub(super) mod undo;
mod wire;

use crate::api::error::ApiError;
use crate::api::gaps::wire::GapBody;
use crate::domain::gaps::Gap;
use crate::domain::ids::{GapId, TenantId};
use crate::store::Store;

/// Utterances that a gap shows.
const EXAMPLES: usize = 5;
/// Utterances that are looked at to find so many different ones.
const LOOKED_AT: u32 = 25;

/// The id that a path names; what cannot be one names no gap.
fn gap_id(name: &str) -> Result<GapId, ApiError> {
    name.parse().map_err(|_| ApiError::not_found("gap", name))
}

/// The gap with this id, as it is answered.
async fn shown(store: &Store, tenant: &TenantId, id: GapId) -> Result<GapBody, ApiError> {
    let gap = store.gap(tenant, id).await?.ok_or_else(|| ApiError::not_found("gap", &id.to_string()))?;
    with_utterances(store, tenant, gap).await
}

/// A gap with a few of its utterances.
async fn with_utterances(store: &Store, tenant: &TenantId, gap: Gap) -> Result<GapBody, ApiError> {
    let mut examples: Vec<String> = Vec::new();
    for said in store.gap_utterances(tenant, gap.id, LOOKED_AT).await? {
        if examples.len() < EXAMPLES && !examples.contains(&said) {
            examples.push(said);
        }
    }
    Ok(GapBody::new(gap, examples))
}
