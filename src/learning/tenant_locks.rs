//! A lock for each tenant, for what may happen once at a time in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::domain::ids::TenantId;

/// The locks of all tenants, made when they are first wanted and kept: there are no more than tenants.
#[derive(Default)]
pub struct TenantLocks(Mutex<HashMap<TenantId, Arc<tokio::sync::Mutex<()>>>>);

impl TenantLocks {
    /// Waits until nobody holds the lock of this tenant; it is held until what comes back is dropped.
    pub async fn hold(&self, tenant: &TenantId) -> OwnedMutexGuard<()> {
        self.of(tenant).lock_owned().await
    }

    fn of(&self, tenant: &TenantId) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(tenant.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_tenant_waits_for_itself_only() {
        let locks = TenantLocks::default();
        let (one, other) = (TenantId::default_tenant(), TenantId::parse("acme").expect("a valid name"));
        let first = locks.hold(&one).await;
        let mut second = Box::pin(locks.hold(&one));
        assert!((&mut second).now_or_never().is_none(), "the first one holds it");
        assert!(locks.hold(&other).now_or_never().is_some(), "another tenant is not in the way");
        drop(first);
        assert!(second.now_or_never().is_some());
    }
}
