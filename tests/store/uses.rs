//! Uses of entries, and outcomes that are told apart from their conversations.

use turnwise::domain::conversation::{Outcome, OutcomeSource};
use turnwise::domain::credit::{EntryUse, UseSource};
use turnwise::domain::ids::{EntryId, RetrievalId};
use turnwise::store::outcomes::ToldOutcome;
use uuid::Uuid;

use crate::store::fixtures::{at, begin, commit, insert_conversation, insert_entry, other_tenant, record, tenant};
use crate::store::on_both;

fn used(entry: EntryId, retrieval: u128, conversation: &str, source: UseSource) -> EntryUse {
    let retrieval = RetrievalId(Uuid::from_u128(retrieval));
    EntryUse {
        entry_id: entry,
        key: EntryUse::key_of_retrieval(retrieval),
        source,
        retrieval_id: Some(retrieval),
        conversation_ref: Some(conversation.to_owned()),
        success: (source == UseSource::Caller).then_some(false),
        used_at: at(1_000),
    }
}

#[tokio::test]
async fn a_use_counts_once_and_the_caller_outranks_the_words() {
    on_both(async |store| {
        let conversation = insert_conversation(&store, 1).await;
        let (one, two) = (insert_entry(&store, 1).await.id, insert_entry(&store, 2).await.id);
        let name = conversation.external_id.as_str();
        let mut tx = begin(&store).await;
        tx.upsert_record(&tenant(), &record(conversation.id)).await.expect("it is stored");
        let said = [used(one, 1, name, UseSource::Conversation), used(two, 1, name, UseSource::Conversation)];
        for _ in 0..2 {
            tx.settle_uses(&tenant(), name, &[RetrievalId(Uuid::from_u128(1))], &said).await.expect("it is stored");
        }
        let uses = tx.uses_of(&tenant(), one).await.expect("it answers");
        assert_eq!((uses.len(), uses[0].success, uses[0].outcome), (1, None, Some(record(conversation.id).outcome)));
        assert_eq!(tx.entries_used_in(&tenant(), name).await.expect("it answers").len(), 2);
        assert_eq!(tx.uses_of(&other_tenant(), one).await.expect("it answers"), vec![]);

        tx.tell_use(&tenant(), &used(one, 1, name, UseSource::Caller)).await.expect("it is stored");
        tx.settle_uses(&tenant(), name, &[], &said).await.expect("it is stored");
        let uses = tx.uses_of(&tenant(), one).await.expect("it answers");
        assert_eq!((uses.len(), uses[0].success), (1, Some(false)), "the words do not take its place");

        // Said of the whole conversation, it stands for what the conversation shows.
        let whole = EntryUse {
            key: EntryUse::key_of_conversation(name),
            retrieval_id: None,
            ..used(two, 9, name, UseSource::Caller)
        };
        tx.tell_use(&tenant(), &whole).await.expect("it is stored");
        tx.settle_uses(&tenant(), name, &[], &said).await.expect("it is stored");
        assert_eq!(tx.uses_of(&tenant(), two).await.expect("it answers").len(), 1);

        tx.settle_uses(&tenant(), name, &[], &[]).await.expect("it is stored");
        assert_eq!(tx.entries_used_in(&tenant(), name).await.expect("it answers").len(), 2, "callers' words stay");
        commit(tx).await;
    })
    .await;
}

#[tokio::test]
async fn an_outcome_is_awaited_while_a_conversation_is_there_without_its_record() {
    on_both(async |store| {
        let conversation = insert_conversation(&store, 1).await;
        let (one, two) = (insert_entry(&store, 1).await.id, insert_entry(&store, 2).await.id);
        let name = conversation.external_id.as_str();
        let mut tx = begin(&store).await;
        tx.upsert_record(&tenant(), &record(conversation.id)).await.expect("it is stored");
        tx.settle_uses(&tenant(), name, &[], &[used(one, 1, name, UseSource::Conversation)]).await.expect("stored");
        tx.tell_use(&tenant(), &used(two, 1, name, UseSource::Caller)).await.expect("it is stored");
        let unheard = EntryUse { success: None, ..used(one, 2, "call-that-never-came", UseSource::Caller) };
        tx.tell_use(&tenant(), &unheard).await.expect("it is stored");
        assert!(!tx.awaits_outcome(&tenant(), one).await.expect("it answers"));
        tx.erase_derived(&tenant(), conversation.id, at(2)).await.expect("it is taken back");
        assert!(tx.awaits_outcome(&tenant(), one).await.expect("it answers"));
        assert!(!tx.awaits_outcome(&tenant(), two).await.expect("it answers"), "the caller said how that ended");
        assert!(!tx.awaits_outcome(&other_tenant(), one).await.expect("it answers"));
        commit(tx).await;
    })
    .await;
}

#[tokio::test]
async fn every_source_has_one_word_and_the_caller_comes_first() {
    on_both(async |store| {
        let told = |source, outcome| ToldOutcome {
            conversation_ref: "call-1".to_owned(),
            source,
            outcome,
            satisfaction: Some(4),
            confidence: 0.5,
            told_at: at(1),
        };
        let mut tx = begin(&store).await;
        for (source, outcome) in [
            (OutcomeSource::Judge, Outcome::Partial),
            (OutcomeSource::Caller, Outcome::Unsuccessful),
            (OutcomeSource::Caller, Outcome::Successful),
            (OutcomeSource::Platform, Outcome::Excluded),
        ] {
            tx.tell_outcome(&tenant(), &told(source, outcome)).await.expect("it is stored");
        }
        let unrated = ToldOutcome { satisfaction: None, ..told(OutcomeSource::Judge, Outcome::Partial) };
        tx.tell_outcome(&tenant(), &unrated).await.expect("it is stored, and its rating stays");
        commit(tx).await;
        let found = store.outcomes_of(&tenant(), "call-1").await.expect("it answers");
        let expected = [
            told(OutcomeSource::Caller, Outcome::Successful),
            told(OutcomeSource::Platform, Outcome::Excluded),
            told(OutcomeSource::Judge, Outcome::Partial),
        ];
        assert_eq!(found, expected);
        assert_eq!(store.outcomes_of(&other_tenant(), "call-1").await.expect("it answers"), vec![]);
    })
    .await;
}

#[tokio::test]
async fn erasing_a_conversation_forgets_its_uses_and_outcomes() {
    on_both(async |store| {
        let conversation = insert_conversation(&store, 1).await;
        let entry = insert_entry(&store, 1).await.id;
        let name = conversation.external_id.as_str();
        let mut tx = begin(&store).await;
        tx.settle_uses(&tenant(), name, &[], &[used(entry, 1, name, UseSource::Conversation)]).await.expect("stored");
        let told = ToldOutcome {
            conversation_ref: name.to_owned(),
            source: OutcomeSource::Caller,
            outcome: Outcome::Successful,
            satisfaction: None,
            confidence: 1.0,
            told_at: at(1),
        };
        tx.tell_outcome(&tenant(), &told).await.expect("it is stored");
        let erased = tx.erase_conversation(&tenant(), conversation.id, at(2)).await.expect("it answers");
        assert_eq!(erased.expect("it was there").changed, [entry], "its success rate is to be made anew");
        assert_eq!(tx.uses_of(&tenant(), entry).await.expect("it answers"), vec![]);
        commit(tx).await;
        assert_eq!(store.outcomes_of(&tenant(), name).await.expect("it answers"), vec![]);
    })
    .await;
}
