//! Conversations: handed in, looked at, searched, erased.

pub(super) mod create;
pub(super) mod draft;
pub(super) mod erase;
pub(super) mod list;
pub(super) mod search;
pub(super) mod show;
pub(super) mod wire;

use crate::domain::ids::TenantId;
use crate::store::Store;
use crate::store::conversations::StoredConversation;
use crate::store::error::StoreError;

/// The conversation that a path names, by the caller's id or by ours. What cannot be an id names none.
pub(super) async fn find(
    store: &Store,
    tenant: &TenantId,
    name: &str,
) -> Result<Option<StoredConversation>, StoreError> {
    if name.chars().any(char::is_control) {
        return Ok(None);
    }
    store.find_conversation(tenant, name.trim()).await
}
