//! API keys.

use turnwise::domain::error::ErrorClass;
use turnwise::domain::ids::KeyId;
use turnwise::store::keys::{ApiKey, KeyFilter, KeyScope, KeysOf};
use turnwise::store::page::{CreatedOrder, PageRequest};
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

#[tokio::test]
async fn keys_are_listed_to_their_tenant_and_to_who_runs_the_installation() {
    on_both(async |store| {
        let keys = [
            ApiKey { created_at: at(1), ..key(1, "a") },
            ApiKey { created_at: at(2), tenant: other_tenant(), ..key(2, "b") },
            ApiKey { created_at: at(3), scope: KeyScope::Agent, name: "Größe_3".to_owned(), ..key(3, "c") },
        ];
        let mut tx = begin(&store).await;
        for key in &keys {
            tx.insert_key(key).await.expect("it is stored");
        }
        assert!(tx.revoke_key(&tenant(), keys[2].id, at(6)).await.expect("it answers"));
        commit(tx).await;

        let listed = async |of: KeysOf, filter: KeyFilter| {
            let page = store.list_keys(&of, &filter, &PageRequest::first(9)).await.expect("it answers");
            assert_eq!(page.count, page.items.len() as i64);
            page.items.iter().map(|key| key.id.0.as_u128()).collect::<Vec<_>>()
        };
        let own = KeysOf::Tenant(tenant());
        assert_eq!(listed(KeysOf::Everybody, KeyFilter::default()).await, [3, 2, 1]);
        assert_eq!(listed(own.clone(), KeyFilter::default()).await, [3, 1], "a revoked key too");
        let of_other = KeyFilter { tenant: Some(other_tenant()), ..KeyFilter::default() };
        assert_eq!(listed(KeysOf::Everybody, of_other.clone()).await, [2]);
        assert_eq!(listed(own.clone(), of_other).await, [0; 0]);
        let agents = KeyFilter { scope: Some(KeyScope::Agent), ..KeyFilter::default() };
        assert_eq!(listed(own.clone(), agents).await, [3]);
        let oldest_first = KeyFilter { order: Some(CreatedOrder::CreatedAt), ..KeyFilter::default() };
        assert_eq!(listed(KeysOf::Everybody, oldest_first).await, [1, 2, 3]);
        let search = |words: &str| KeyFilter { search: Some(words.to_owned()), ..KeyFilter::default() };
        assert_eq!(listed(own.clone(), search("GRÖßE_")).await, [3]);
        assert_eq!(listed(own.clone(), search("first_")).await, [0; 0]);

        assert_eq!(store.key(&own, keys[0].id).await.expect("it answers"), Some(keys[0].clone()));
        assert_eq!(store.key(&own, keys[1].id).await.expect("it answers"), None);
        assert_eq!(store.key(&KeysOf::Everybody, keys[1].id).await.expect("it answers"), Some(keys[1].clone()));

        let first = store.list_keys(&KeysOf::Everybody, &KeyFilter::default(), &PageRequest::first(2)).await;
        let first = first.expect("it answers");
        let rest = PageRequest { after: first.next, ..PageRequest::first(2) };
        let rest = store.list_keys(&KeysOf::Everybody, &KeyFilter::default(), &rest).await.expect("it answers");
        assert_eq!(rest.items, [keys[0].clone()]);
    })
    .await;
}
