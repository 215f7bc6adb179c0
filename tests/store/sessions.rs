//! Training sessions, their items, and labels that were given.

use turnwise::domain::conversation::ConversationStatus;
use turnwise::domain::ids::{ConversationId, SessionId, TenantId};
use turnwise::domain::training::{Created, Labels, Selection, Session, SessionKind, SessionStatus};
use turnwise::store::page::{Cursor, PageRequest};
use turnwise::store::sessions::{SessionFilter, SessionOrder, SessionState};
use uuid::Uuid;

use crate::store::fixtures::{at, begin, commit, insert_conversation, other_tenant, tenant};
use crate::store::on_both;

fn session(number: u128, kind: SessionKind) -> Session {
    Session {
        id: SessionId(Uuid::from_u128(number)),
        name: "a test".to_owned(),
        kind,
        status: SessionStatus::Scheduled,
        run_at: at(5),
        cron: None,
        selection: Selection { agent_id: Some("anna".to_owned()), from: Some(at(1)), ..Selection::default() },
        done: 0,
        total: 0,
        created: Created::default(),
        failures: Vec::new(),
        created_at: at(5),
        started_at: None,
        finished_at: None,
    }
}

#[tokio::test]
async fn the_last_item_that_ends_is_told_and_failures_are_listed() {
    on_both(async |store| {
        let ids = [insert_conversation(&store, 1).await.id, insert_conversation(&store, 2).await.id];
        let wanted = session(9, SessionKind::Relearn);
        let mut tx = begin(&store).await;
        tx.insert_session(&tenant(), &wanted).await.expect("it is stored");
        assert!(tx.begin_session(&tenant(), wanted.id, 2, at(6)).await.expect("it begins"));
        assert!(!tx.begin_session(&tenant(), wanted.id, 2, at(6)).await.expect("it has begun"));
        for id in ids {
            assert!(tx.add_session_item(&tenant(), wanted.id, id).await.expect("it is new"));
            assert!(!tx.add_session_item(&tenant(), wanted.id, id).await.expect("it is there"));
        }
        commit(tx).await;
        let begun = store.session_state(&tenant(), wanted.id).await.expect("it answers").expect("it is there");
        assert_eq!(store.pending_items(&tenant(), wanted.id).await.expect("it counts"), 2);
        assert_eq!(store.pending_items(&other_tenant(), wanted.id).await.expect("it counts"), 0);

        let mut tx = begin(&store).await;
        let settle = tx.settle_session_items(&other_tenant(), ids[0], None).await.expect("it answers");
        assert_eq!(settle, []);
        let first = tx.settle_session_items(&tenant(), ids[0], Some("distill: no")).await.expect("it answers");
        assert_eq!(first, [], "another one is waited for");
        let last = tx.settle_session_items(&tenant(), ids[1], None).await.expect("it answers");
        assert_eq!(last, [wanted.id]);
        assert_eq!(tx.settle_session_items(&tenant(), ids[1], None).await.expect("it answers"), []);
        assert!(tx.advance_session(&tenant(), &begun, None, 0).await.expect("it goes on"));
        assert!(tx.complete_session(&tenant(), wanted.id, at(7)).await.expect("it ends"));
        commit(tx).await;

        let ended = store.session(&tenant(), wanted.id).await.expect("it answers").expect("it is there");
        assert_eq!((ended.status, ended.done, ended.total), (SessionStatus::Completed, 2, 2));
        assert_eq!((ended.started_at, ended.finished_at), (Some(at(6)), Some(at(7))));
        assert_eq!((ended.selection, ended.run_at), (wanted.selection, at(5)));
        assert_eq!(ended.failures.len(), 1);
        assert_eq!(ended.failures[0].conversation_id, Some(ids[0]));
        assert_eq!(store.session(&other_tenant(), wanted.id).await.expect("it answers"), None);

        let list = async |of: &TenantId, status| {
            let filter =
                SessionFilter { kind: Some(SessionKind::Relearn), status: Some(status), ..SessionFilter::default() };
            store.list_sessions(of, &filter, &PageRequest::first(10)).await.expect("it lists").items.len()
        };
        assert_eq!(list(&tenant(), SessionStatus::Completed).await, 1);
        assert_eq!(list(&tenant(), SessionStatus::Running).await, 0);
        assert_eq!(list(&other_tenant(), SessionStatus::Completed).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_page_is_noted_once_from_where_the_session_was() {
    on_both(async |store| {
        let wanted = session(9, SessionKind::RefreshMetrics);
        let mut tx = begin(&store).await;
        tx.insert_session(&tenant(), &wanted).await.expect("it is stored");
        assert!(tx.begin_session(&tenant(), wanted.id, 9, at(6)).await.expect("it begins"));
        commit(tx).await;
        let state = async || store.session_state(&tenant(), wanted.id).await.expect("it answers").expect("it is there");
        let advance = async |was: &SessionState, next, done| {
            let mut tx = begin(&store).await;
            assert!(!tx.advance_session(&other_tenant(), was, next, done).await.expect("it answers"));
            let is_noted = tx.advance_session(&tenant(), was, next, done).await.expect("it answers");
            commit(tx).await;
            is_noted
        };

        let first = state().await;
        let place = Some(Cursor::behind(at(3)));
        assert!(advance(&first, place, 5).await);
        assert!(!advance(&first, place, 5).await, "another has gone through the first page");
        let second = state().await;
        assert_eq!((second.place, second.walked, second.session.done), (place, false, 5));
        assert!(advance(&second, None, 4).await);
        assert!(!advance(&second, None, 4).await, "another has gone through the last page");
        assert!(!advance(&first, place, 5).await, "the end is not the beginning, although both have no place");
        let end = state().await;
        assert_eq!((end.place, end.walked, end.session.done), (None, true, 9));
    })
    .await;
}

#[tokio::test]
async fn sessions_come_in_every_order_and_are_found_by_their_names() {
    on_both(async |store| {
        let mut tx = begin(&store).await;
        for (number, created, due, name) in
            [(1, 10, 40, "Übung_eins"), (2, 20, 20, "übung zwei"), (3, 20, 40, "a test")]
        {
            let mut wanted = session(number, SessionKind::Relearn);
            (wanted.created_at, wanted.run_at, wanted.name) = (at(created), at(due), name.to_owned());
            tx.insert_session(&tenant(), &wanted).await.expect("it is stored");
        }
        commit(tx).await;
        let check = async |filter: SessionFilter, expected: &[u128]| {
            let mut page = PageRequest::first(1);
            let mut found = Vec::new();
            loop {
                let listed = store.list_sessions(&tenant(), &filter, &page).await.expect("it lists");
                found.extend(listed.items.iter().map(|session| session.id.0.as_u128()));
                page.after = listed.next;
                if page.after.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "{filter:?}");
        };
        check(SessionFilter::default(), &[3, 2, 1]).await;
        for (order, expected) in [
            (SessionOrder::CreatedAt, [1, 2, 3]),
            (SessionOrder::CreatedAtDown, [3, 2, 1]),
            (SessionOrder::RunAt, [2, 1, 3]),
            (SessionOrder::RunAtDown, [3, 1, 2]),
        ] {
            check(SessionFilter { order: Some(order), ..SessionFilter::default() }, &expected).await;
        }
        let search = |words: &str| SessionFilter { search: Some(words.to_owned()), ..SessionFilter::default() };
        check(search("ÜBUNG"), &[2, 1]).await;
        check(search("übung_"), &[1]).await;
        check(search("übung test"), &[]).await;
    })
    .await;
}

#[tokio::test]
async fn a_session_is_moved_only_from_where_it_stands() {
    on_both(async |store| {
        let wanted = session(9, SessionKind::ProcessNew);
        let mut tx = begin(&store).await;
        tx.insert_session(&tenant(), &wanted).await.expect("it is stored");
        let pause = (SessionStatus::Running, SessionStatus::Paused);
        assert!(!tx.move_session(&tenant(), wanted.id, pause, None, at(6)).await.expect("it answers"));
        let fail = (SessionStatus::Scheduled, SessionStatus::Failed);
        assert!(tx.move_session(&tenant(), wanted.id, fail, Some("no"), at(6)).await.expect("it answers"));
        commit(tx).await;
        let failed = store.session(&tenant(), wanted.id).await.expect("it answers").expect("it is there");
        assert_eq!((failed.status, failed.finished_at), (SessionStatus::Failed, Some(at(6))));
        assert_eq!((failed.failures[0].conversation_id, failed.failures[0].error.as_str()), (None, "no"));
    })
    .await;
}

#[tokio::test]
async fn a_walk_passes_what_is_processed_unless_it_is_to_be_learned_anew() {
    on_both(async |store| {
        let ids: Vec<ConversationId> =
            vec![insert_conversation(&store, 1).await.id, insert_conversation(&store, 2).await.id];
        let mut tx = begin(&store).await;
        let processed = ConversationStatus::Processed;
        tx.set_conversation_status(&tenant(), ids[0], processed, None, at(9)).await.expect("it is there");
        assert_eq!(tx.hold_conversation(&tenant(), ids[0]).await.expect("it answers"), Some(processed));
        assert_eq!(tx.hold_conversation(&other_tenant(), ids[0]).await.expect("it answers"), None);
        commit(tx).await;

        let all = Selection::default();
        let count = async |kind, selection: &Selection| {
            store.count_selected(&tenant(), kind, selection).await.expect("it counts")
        };
        assert_eq!(count(SessionKind::ProcessNew, &all).await, 1);
        assert_eq!(count(SessionKind::Relearn, &all).await, 2);
        let one = Selection { conversation_ids: vec![ids[0]], ..Selection::default() };
        assert_eq!(count(SessionKind::Relearn, &one).await, 1);
        let nobody = Selection { agent_id: Some("nobody".to_owned()), ..Selection::default() };
        assert_eq!(count(SessionKind::Relearn, &nobody).await, 0);

        let first = store.walk_selected(&tenant(), SessionKind::Relearn, &all, &PageRequest::first(1)).await;
        let first = first.expect("it walks");
        let page = PageRequest { after: first.next, ..PageRequest::first(1) };
        let second = store.walk_selected(&tenant(), SessionKind::Relearn, &all, &page).await.expect("it walks");
        assert_eq!((first.items[0], second.items[0], second.next), (ids[1], ids[0], None));

        let mut tx = begin(&store).await;
        assert_eq!(tx.renew_conversation(&tenant(), ids[0]).await.expect("it answers"), Some(2));
        assert_eq!(tx.renew_conversation(&other_tenant(), ids[0]).await.expect("it answers"), None);
        commit(tx).await;
        assert_eq!(count(SessionKind::ProcessNew, &all).await, 2);

        let names = ["call-2".to_owned(), ids[0].to_string(), "nobody".to_owned()];
        let found = store.conversation_ids(&tenant(), &names).await.expect("it answers");
        assert_eq!(found, [Some(ids[1]), Some(ids[0]), None]);
    })
    .await;
}

#[tokio::test]
async fn labels_are_kept_until_the_conversation_is_erased() {
    on_both(async |store| {
        let id = insert_conversation(&store, 1).await.id;
        let labels = Labels { category: Some("sales".to_owned()), intents: vec!["booking".to_owned()], call_id: None };
        let mut tx = begin(&store).await;
        assert!(tx.give_labels(&tenant(), id, labels.clone(), at(5)).await.expect("it is stored"));
        assert!(!tx.give_labels(&tenant(), id, labels.clone(), at(6)).await.expect("it is there"));
        assert!(!tx.give_labels(&tenant(), id, Labels::default(), at(6)).await.expect("it says nothing"));
        commit(tx).await;
        assert_eq!(store.labels_of(&tenant(), id).await.expect("it answers"), labels);
        assert_eq!(store.labels_of(&other_tenant(), id).await.expect("it answers"), Labels::default());

        let mut tx = begin(&store).await;
        tx.erase_conversation(&tenant(), id, at(7)).await.expect("it is erased");
        commit(tx).await;
        assert_eq!(store.labels_of(&tenant(), id).await.expect("it answers"), Labels::default());
    })
    .await;
}
