//! API keys.

use turnwise::domain::error::ErrorClass;
use turnwise::domain::ids::KeyId;
use turnwise::store::keys::{ApiKey, KeyScope};
use uuid::Uuid;

use crate::store::fixtures::{at, begin, commit, other_tenant, tenant};
use crate::store::on_both;

fn key(number: u128, hash: &str) -> ApiKey {
    ApiKey {
        id: KeyId(Uuid::from_u128(number)),
        tenant: tenant(),
        name: "first".to_owned(),
        scope: KeyScope::Admin,
        hash: hash.to_owned(),
        created_at: at(1),
        last_used_at: None,
        expires_at: Some(at(9)),
        revoked_at: None,
    }
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_alone() {
    on_both(async |store| {
        let key = key(1, "abc");
        let mut tx = begin(&store).await;
        tx.insert_key(&key).await.expect("it is stored");
        commit(tx).await;

        assert_eq!(store.key_by_hash("abc").await.expect("it answers"), Some(key));
        assert_eq!(store.key_by_hash("abd").await.expect("it answers"), None);
        assert_eq!(store.count_keys(&tenant()).await.expect("it counts"), 1);
        assert_eq!(store.count_keys(&other_tenant()).await.expect("it counts"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_hash_is_taken_once() {
    on_both(async |store| {
        let mut tx = begin(&store).await;
        tx.insert_key(&key(1, "abc")).await.expect("it is stored");
        let error = tx.insert_key(&key(2, "abc")).await.expect_err("the hash is taken");
        assert_eq!(error.class(), ErrorClass::Conflict);
    })
    .await;
}

#[tokio::test]
async fn use_and_revocation_are_noted_for_the_own_tenant_only() {
    on_both(async |store| {
        let key = key(1, "abc");
        let mut tx = begin(&store).await;
        tx.insert_key(&key).await.expect("it is stored");
        tx.touch_key(&tenant(), key.id, at(5)).await.expect("it is noted");
        tx.touch_key(&tenant(), key.id, at(4)).await.expect("it is noted");
        assert!(!tx.revoke_key(&other_tenant(), key.id, at(6)).await.expect("it answers"));
        assert!(tx.revoke_key(&tenant(), key.id, at(6)).await.expect("it answers"));
        assert!(!tx.revoke_key(&tenant(), key.id, at(7)).await.expect("it answers"));
        commit(tx).await;

        let stored = store.key_by_hash("abc").await.expect("it answers").expect("it is there");
        assert_eq!((stored.last_used_at, stored.revoked_at), (Some(at(5)), Some(at(6))));
    })
    .await;
}
