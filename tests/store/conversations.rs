//! Conversations and their turns.

use turnwise::domain::conversation::{ConversationStatus, Outcome};
use turnwise::domain::error::ErrorClass;
use turnwise::store::conversations::ConversationFilter;
use turnwise::store::page::{Cursor, PageRequest};

use crate::store::fixtures::{
    at, begin, commit, conversation, insert_conversation, language, other_tenant, record, tenant,
};
use crate::store::{on_both, open};
use crate::support::postgres::TestDatabase;

#[tokio::test]
async fn a_conversation_comes_back_as_it_was_given() {
    on_both(async |store| {
        let mut given = conversation(1);
        given.language = None;
        given.usage = None;
        given.satisfaction = None;
        let mut tx = begin(&store).await;
        assert!(tx.insert_conversation(&tenant(), &given, at(7)).await.expect("it is stored"));
        commit(tx).await;
        let full = insert_conversation(&store, 2).await;

        let stored = store.conversation(&tenant(), given.id).await.expect("it answers").expect("it is there");
        assert_eq!(stored.conversation, given);
        assert_eq!((stored.version, stored.status, stored.received_at), (1, ConversationStatus::Received, at(7)));
        let by_name = store.find_conversation(&tenant(), "call-2").await.expect("it answers").expect("it is there");
        assert_eq!(by_name.conversation, full);
        let by_id = store.find_conversation(&tenant(), &full.id.to_string()).await.expect("it answers");
        assert_eq!(by_id, Some(by_name));
        assert_eq!(store.find_conversation(&tenant(), "call-3").await.expect("it answers"), None);
    })
    .await;
}

#[tokio::test]
async fn an_id_of_ours_wins_over_an_external_id_that_is_the_same() {
    on_both(async |store| {
        let first = insert_conversation(&store, 1).await;
        let mut second = conversation(2);
        second.external_id = first.id.to_string();
        let mut tx = begin(&store).await;
        assert!(tx.insert_conversation(&tenant(), &second, at(9)).await.expect("it is stored"));
        commit(tx).await;
        let find = async |name: &str| {
            let found = store.find_conversation(&tenant(), name).await.expect("it answers");
            found.map(|found| found.conversation.id)
        };
        assert_eq!(find(&first.id.to_string()).await, Some(first.id));
        assert_eq!(find(&second.id.to_string()).await, Some(second.id));
        assert_eq!(find("call-1").await, Some(first.id));
    })
    .await;
}

#[tokio::test]
async fn an_external_id_is_taken_once_in_a_tenant() {
    on_both(async |store| {
        let first = insert_conversation(&store, 1).await;
        let mut again = conversation(2);
        again.external_id = first.external_id.clone();
        let mut tx = begin(&store).await;
        assert!(!tx.insert_conversation(&tenant(), &again, at(9)).await.expect("it answers"));
        let known = tx.conversation_by_external_id(&tenant(), &first.external_id).await.expect("it answers");
        assert_eq!(known.expect("it is there").conversation.id, first.id);
        assert!(tx.insert_conversation(&other_tenant(), &again, at(9)).await.expect("it answers"));
        commit(tx).await;
        assert_eq!(store.count_conversations(&tenant()).await.expect("it counts"), 1);
        assert_eq!(store.count_conversations(&other_tenant()).await.expect("it counts"), 1);
    })
    .await;
}

#[tokio::test]
async fn another_tenant_sees_nothing() {
    on_both(async |store| {
        let given = insert_conversation(&store, 1).await;
        let stranger = other_tenant();
        assert_eq!(store.conversation(&stranger, given.id).await.expect("it answers"), None);
        assert_eq!(store.find_conversation(&stranger, "call-1").await.expect("it answers"), None);
        assert_eq!(store.conversations(&stranger, &[given.id]).await.expect("it answers"), vec![]);
        let page = PageRequest::first(10);
        let list = store.list_conversations(&stranger, &ConversationFilter::default(), &page).await;
        assert_eq!(list.expect("it answers").count, 0);
        let mut tx = begin(&store).await;
        assert_eq!(tx.replace_conversation(&stranger, &given, at(2)).await.expect("it answers"), None);
        assert_eq!(tx.erase_conversation(&stranger, given.id, at(2)).await.expect("it answers"), None);
        let failed = ConversationStatus::Failed;
        assert!(!tx.set_conversation_status(&stranger, given.id, failed, None, at(2)).await.expect("it answers"));
    })
    .await;
}

#[tokio::test]
async fn a_replacement_is_a_new_version_with_other_turns() {
    on_both(async |store| {
        let mut given = insert_conversation(&store, 1).await;
        let mut tx = begin(&store).await;
        let processed = ConversationStatus::Processed;
        assert!(tx.set_conversation_status(&tenant(), given.id, processed, None, at(50)).await.expect("it answers"));
        commit(tx).await;

        given.turns.truncate(2);
        given.content_hash = "other".to_owned();
        let mut tx = begin(&store).await;
        assert_eq!(tx.replace_conversation(&tenant(), &given, at(60)).await.expect("it answers"), Some(2));
        commit(tx).await;

        let stored = store.conversation(&tenant(), given.id).await.expect("it answers").expect("it is there");
        assert_eq!(stored.conversation, given);
        assert_eq!((stored.version, stored.status), (2, ConversationStatus::Received));
        assert_eq!((stored.received_at, stored.processed_at), (at(60), None));
    })
    .await;
}

#[tokio::test]
async fn on_postgres_two_replacements_at_once_are_two_versions() {
    let database = TestDatabase::create().await;
    let store = open(&database.url).await;
    let given = insert_conversation(&store, 1).await;
    let (tenant, mut first, mut second) = (tenant(), begin(&store).await, begin(&store).await);
    // Both have seen version 1; the second waits for the first.
    assert!(first.conversation(&tenant, given.id).await.expect("it answers").is_some_and(|seen| seen.version == 1));
    assert!(second.conversation(&tenant, given.id).await.expect("it answers").is_some_and(|seen| seen.version == 1));
    assert_eq!(first.replace_conversation(&tenant, &given, at(60)).await.expect("it answers"), Some(2));
    let (replaced, ()) = tokio::join!(second.replace_conversation(&tenant, &given, at(61)), commit(first));
    assert_eq!(replaced.expect("it answers"), Some(3));
    commit(second).await;
    store.close().await;
    database.drop().await;
}

#[tokio::test]
async fn a_status_keeps_its_reason_and_its_moment() {
    on_both(async |store| {
        let given = insert_conversation(&store, 1).await;
        let steps = [
            (ConversationStatus::Processing, None, None),
            (ConversationStatus::Failed, Some("no model"), None),
            (ConversationStatus::Processed, None, Some(at(5))),
        ];
        for (status, failure, processed_at) in steps {
            let mut tx = begin(&store).await;
            let set = tx.set_conversation_status(&tenant(), given.id, status, Some("no model"), at(5)).await;
            assert!(set.expect("it answers"));
            commit(tx).await;
            let stored = store.conversation(&tenant(), given.id).await.expect("it answers").expect("it is there");
            assert_eq!(
                (stored.status, stored.failure.as_deref(), stored.processed_at),
                (status, failure, processed_at)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_committed_never_happened() {
    on_both(async |store| {
        let given = conversation(1);
        let mut tx = begin(&store).await;
        assert!(tx.insert_conversation(&tenant(), &given, at(7)).await.expect("it is stored"));
        assert_eq!(store.conversation(&tenant(), given.id).await.expect("it answers"), None);
        assert!(tx.conversation(&tenant(), given.id).await.expect("it answers").is_some());
        drop(tx);
        // The next one can begin, although the last one was only dropped.
        let mut tx = begin(&store).await;
        assert_eq!(tx.conversation(&tenant(), given.id).await.expect("it answers"), None);
        tx.rollback().await.expect("it is undone");
    })
    .await;
}

#[tokio::test]
async fn a_text_with_a_nul_is_the_callers_mistake_or_comes_back() {
    on_both(async |store| {
        let mut given = conversation(1);
        given.turns[0].text = "a\0b".to_owned();
        let mut tx = begin(&store).await;
        match tx.insert_conversation(&tenant(), &given, at(7)).await {
            Ok(_) => {
                commit(tx).await;
                let stored = store.conversation(&tenant(), given.id).await.expect("it answers").expect("it is there");
                assert_eq!(stored.conversation, given);
            }
            Err(error) => assert_eq!(error.class(), ErrorClass::Caller),
        }
    })
    .await;
}

#[tokio::test]
async fn filters_select_as_analysed_else_as_given() {
    on_both(async |store| {
        for number in 1..=3 {
            insert_conversation(&store, number).await;
        }
        let mut other = conversation(4);
        (other.agent_id, other.channel) = ("ben".to_owned(), "chat".to_owned());
        (other.started_at, other.outcome, other.language) = (at(9_000), None, None);
        other.category = Some("support".to_owned());
        let mut tx = begin(&store).await;
        tx.insert_conversation(&tenant(), &other, at(4)).await.expect("it is stored");
        // Analysis disagrees with what was given for the first one.
        let mut analysed = record(conversation(1).id);
        (analysed.outcome, analysed.category) = (Outcome::Partial, "billing".to_owned());
        analysed.language = language("ar");
        tx.upsert_record(&tenant(), &analysed).await.expect("it is stored");
        tx.set_conversation_status(&tenant(), other.id, ConversationStatus::Processing, None, at(5))
            .await
            .expect("set");
        commit(tx).await;

        let all = ConversationFilter::default();
        let check = async |filter: ConversationFilter, expected: &[u128]| {
            let page = PageRequest::first(10);
            let found = store.list_conversations(&tenant(), &filter, &page).await.expect("it answers");
            let found: Vec<u128> = found.items.iter().map(|stored| stored.conversation.id.0.as_u128()).collect();
            assert_eq!(found, expected, "{filter:?}");
        };
        check(all.clone(), &[4, 3, 2, 1]).await;
        check(ConversationFilter { outcome: Some(Outcome::Partial), ..all.clone() }, &[1]).await;
        check(ConversationFilter { outcome: Some(Outcome::Successful), ..all.clone() }, &[3, 2]).await;
        check(ConversationFilter { category: Some("billing".to_owned()), ..all.clone() }, &[1]).await;
        check(ConversationFilter { category: Some("support".to_owned()), ..all.clone() }, &[4]).await;
        check(ConversationFilter { language: Some(language("ar")), ..all.clone() }, &[1]).await;
        check(ConversationFilter { language: Some(language("ur-Latn")), ..all.clone() }, &[3, 2]).await;
        check(ConversationFilter { agent_id: Some("ben".to_owned()), ..all.clone() }, &[4]).await;
        check(ConversationFilter { channel: Some("phone".to_owned()), ..all.clone() }, &[3, 2, 1]).await;
        check(ConversationFilter { status: Some(ConversationStatus::Processing), ..all.clone() }, &[4]).await;
        check(ConversationFilter { from: Some(at(1_001)), ..all.clone() }, &[4]).await;
        check(ConversationFilter { to: Some(at(9_000)), ..all.clone() }, &[3, 2, 1]).await;
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_by_cursor_and_by_offset() {
    on_both(async |store| {
        for number in 1..=5 {
            let mut tx = begin(&store).await;
            // The same moment for all: the id must break the tie.
            tx.insert_conversation(&tenant(), &conversation(number), at(1)).await.expect("it is stored");
            commit(tx).await;
        }
        let filter = ConversationFilter::default();
        let mut seen = Vec::new();
        let mut page = PageRequest::first(2);
        loop {
            let found = store.list_conversations(&tenant(), &filter, &page).await.expect("it answers");
            assert_eq!((found.count, found.count_is_lower_bound), (5, false));
            seen.extend(found.items.iter().map(|stored| stored.conversation.id.0.as_u128()));
            let Some(next) = found.next else { break };
            page.after = Some(Cursor::parse(&next.to_string()).expect("it reads back"));
        }
        assert_eq!(seen, [5, 4, 3, 2, 1]);

        let page = PageRequest { limit: 2, offset: 4, after: None };
        let last = store.list_conversations(&tenant(), &filter, &page).await.expect("it answers");
        assert_eq!((last.items.len(), last.count, last.next), (1, 5, None));
        let page = PageRequest { limit: 2, offset: 9, after: None };
        let beyond = store.list_conversations(&tenant(), &filter, &page).await.expect("it answers");
        assert_eq!((beyond.items.len(), beyond.count, beyond.next), (0, 5, None));
        let none = store.list_conversations(&tenant(), &filter, &PageRequest::first(0)).await.expect("it answers");
        assert_eq!((none.items.len(), none.count, none.next), (0, 5, None));
    })
    .await;
}

#[tokio::test]
async fn a_first_page_that_is_all_there_is_counts_itself() {
    on_both(async |store| {
        let filter = ConversationFilter::default();
        let check = async |limit: u32, expected: (usize, i64), is_counted: bool| {
            store.watch_plans();
            let listed = store.list_conversations(&tenant(), &filter, &PageRequest::first(limit)).await;
            let found = listed.expect("it answers");
            let plans = store.take_plans();
            assert_eq!((found.items.len(), found.count), expected, "of {limit}");
            assert!(!found.count_is_lower_bound, "of {limit}");
            let counts = plans.iter().any(|plan| plan.statement.starts_with("SELECT COUNT(*)"));
            assert_eq!(counts, is_counted, "of {limit}");
        };
        check(2, (0, 0), false).await;
        for number in 1..=3 {
            insert_conversation(&store, number).await;
        }
        check(4, (3, 3), false).await;
        check(3, (3, 3), false).await;
        check(2, (2, 3), true).await;
        check(0, (0, 3), true).await;
    })
    .await;
}
