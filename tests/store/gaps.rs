//! Gaps: which retrievals become them, how they are kept, and how they forget.

use turnwise::domain::conversation::Outcome;
use turnwise::domain::credit::{EntryUse, UseSource};
use turnwise::domain::entry_version::Editor;
use turnwise::domain::gaps::{Gap, GapCounts, GapDecision, GapDraft, GapStatus, heading, phrase};
use turnwise::domain::ids::CaseId;
use turnwise::domain::ids::{GapId, RetrievalId};
use turnwise::domain::knowledge::{Case, CaseKind, Entry};
use turnwise::domain::text::normalise;
use turnwise::store::Store;
use turnwise::store::cases::Suspicion;
use turnwise::store::gap_retrievals::GapLink;
use turnwise::store::gaps::{GapFilter, GapOrder};
use turnwise::store::page::PageRequest;
use turnwise::store::retrievals::{Exposure, Retrieval};
use uuid::Uuid;

use crate::store::fixtures::{
    self, at, begin, commit, entry, exemplar, insert_conversation, insert_entry, language, other_tenant, record, tenant,
};
use crate::store::on_both;

fn retrieval(number: u128, conversation: Option<&str>, reason: Option<&str>) -> Retrieval {
    let shown = Exposure { rank: 1, entry_id: entry(1).id, exemplar_id: None, score: 0.5, similarity: 0.5 };
    Retrieval {
        utterance: format!("do you have parking {number}"),
        language: Some(language("en")),
        abstained: reason.is_some(),
        reason: reason.map(str::to_owned),
        exposures: if reason.is_some() { vec![] } else { vec![shown] },
        ..fixtures::retrieval(number, conversation)
    }
}

fn gap(number: u128, title: &str, volume: i64, score: f64) -> Gap {
    let id = GapId::derive(RetrievalId(Uuid::from_u128(number)));
    let counts = GapCounts {
        volume,
        conversations: 1,
        judged: 1,
        failures: 0.5,
        cost_usd: Some(0.25),
        first_seen: Some(at(1)),
        last_seen: Some(at(number as i64)),
        ..GapCounts::default()
    };
    Gap {
        id,
        language: language("en"),
        title: title.to_owned(),
        category: Some("sales".to_owned()),
        status: GapStatus::Open,
        counts,
        score,
        draft: None,
        decided: None,
    }
}

fn link(retrieval: &Retrieval, gap: Option<&Gap>) -> GapLink {
    GapLink {
        retrieval_id: retrieval.id,
        gap_id: gap.map(|gap| gap.id),
        conversation_ref: retrieval.conversation_ref.clone(),
        conversation_id: None,
        asked_at: retrieval.created_at,
    }
}

async fn unanswered(store: &Store) -> Vec<u128> {
    let found = store.unanswered(&tenant(), at(0), 99).await.expect("it answers");
    found.iter().map(|found| found.retrieval_id.0.as_u128()).collect()
}

#[tokio::test]
async fn what_offered_nothing_and_what_nobody_used_in_a_call_that_failed_is_unanswered() {
    on_both(async |store| {
        let (good, bad) = (insert_conversation(&store, 101).await, insert_conversation(&store, 102).await);
        let asked = [
            retrieval(1, None, Some("below_floor")),
            retrieval(2, Some(&good.external_id), Some("nothing_fits")),
            retrieval(3, None, Some("holdout")),
            retrieval(4, None, Some("search_unavailable")),
            retrieval(5, Some(&good.external_id), None),
            retrieval(6, Some(&bad.external_id), None),
            retrieval(7, Some(&bad.external_id), None),
            retrieval(8, Some(&bad.external_id), None),
        ];
        let used = EntryUse {
            entry_id: entry(1).id,
            key: EntryUse::key_of_retrieval(asked[6].id),
            source: UseSource::Conversation,
            retrieval_id: Some(asked[6].id),
            conversation_ref: Some(bad.external_id.clone()),
            success: None,
            used_at: at(7),
        };
        let mut tx = begin(&store).await;
        let mut failed = record(bad.id);
        failed.outcome = Outcome::Unsuccessful;
        tx.upsert_record(&tenant(), &record(good.id)).await.expect("it is stored");
        tx.upsert_record(&tenant(), &failed).await.expect("it is stored");
        tx.insert_retrievals(&tenant(), &asked).await.expect("they are stored");
        // What is not settled yet may still be used.
        tx.settle_uses(&tenant(), &good.external_id, &[asked[4].id], &[]).await.expect("it is settled");
        let settled = [asked[5].id, asked[6].id];
        tx.settle_uses(&tenant(), &bad.external_id, &settled, &[used]).await.expect("it is settled");
        commit(tx).await;
        assert_eq!(unanswered(&store).await, [1, 2, 6]);
        assert_eq!(store.unanswered(&other_tenant(), at(0), 99).await.expect("it answers"), []);
        assert_eq!(store.unanswered(&tenant(), at(3), 99).await.expect("it answers").len(), 1);

        let parking = gap(1, &asked[0].utterance, 1, 1.0);
        let mut tx = begin(&store).await;
        let ids: Vec<RetrievalId> = asked.iter().map(|asked| asked.id).collect();
        assert_eq!(tx.still_said(&tenant(), &ids).await.expect("it answers").len(), asked.len());
        assert_eq!(tx.still_said(&other_tenant(), &ids).await.expect("it answers"), []);
        tx.put_gap(&tenant(), &parking).await.expect("it is stored");
        let links = [link(&asked[0], Some(&parking)), link(&asked[1], None), link(&asked[5], Some(&parking))];
        for _ in 0..2 {
            tx.link_gap_retrievals(&tenant(), &links).await.expect("they are noted");
        }
        tx.resolve_gap_conversations(&tenant()).await.expect("they are found");
        commit(tx).await;
        assert_eq!(unanswered(&store).await, Vec::<u128>::new());

        let members = store.gap_members(&tenant(), parking.id).await.expect("it answers");
        let seen: Vec<_> =
            members.iter().map(|one| (one.utterance.as_str(), one.conversation_id, one.outcome)).collect();
        let expected = [
            (asked[0].utterance.as_str(), None, None),
            (asked[5].utterance.as_str(), Some(bad.id), Some(Outcome::Unsuccessful)),
        ];
        assert_eq!(seen, expected);
        assert_eq!(members[1].cost_usd, Some(0.01));
        assert_eq!(store.gap_members(&other_tenant(), parking.id).await.expect("it answers"), []);
        let last = store.gap_utterances(&tenant(), parking.id, 1).await.expect("it answers");
        assert_eq!(last, [asked[5].utterance.as_str()]);
        let cost = store.average_cost(&tenant()).await.expect("it answers").expect("a cost is known");
        assert!((cost - 0.01).abs() < 1e-9);
        assert_eq!(store.average_cost(&other_tenant()).await.expect("it answers"), None);
    })
    .await;
}

#[tokio::test]
async fn gaps_are_kept_listed_and_decided() {
    on_both(async |store| {
        let source = insert_conversation(&store, 101).await;
        let mut decided = gap(3, "Gibt es Parkplätze?", 2, 9.5);
        decided.language = language("de");
        decided.status = GapStatus::Accepted;
        decided.draft = Some(GapDraft { content: "Behind the house.".to_owned(), conversation_id: source.id, turn: 1 });
        decided.decided = Some(GapDecision {
            entry_id: Some(entry(1).id),
            reason: Some("asked daily".to_owned()),
            editor: Editor { key: None, name: Some("Anna".to_owned()) },
            decided_at: at(7),
        });
        let all = [gap(1, "do you have parking", 9, 1.25), gap(2, "can I bring 100% of my dogs", 3, 4.0), decided];
        let mut tx = begin(&store).await;
        for one in &all {
            tx.put_gap(&tenant(), one).await.expect("it is stored");
        }
        assert_eq!(tx.hold_gap(&other_tenant(), all[0].id).await.expect("it answers"), None);
        assert_eq!(tx.gap_leaders(&tenant()).await.expect("it answers").len(), 3);
        commit(tx).await;
        for one in &all {
            assert_eq!(store.gap(&tenant(), one.id).await.expect("it answers").as_ref(), Some(one));
        }

        let check = async |filter: GapFilter, expected: &[usize]| {
            let mut page = PageRequest::first(1);
            let mut found = Vec::new();
            loop {
                let listed = store.list_gaps(&tenant(), &filter, &page).await.expect("it answers");
                assert_eq!(listed.count as usize, expected.len(), "{filter:?}");
                found.extend(listed.items.iter().map(|gap| gap.id));
                let Some(next) = listed.next else { break };
                page.after = Some(next);
            }
            let expected: Vec<GapId> = expected.iter().map(|at| all[*at].id).collect();
            assert_eq!(found, expected, "{filter:?}");
        };
        let any = GapFilter::default();
        check(any.clone(), &[2, 1, 0]).await;
        for (order, expected) in [
            (GapOrder::Score, [0, 1, 2]),
            (GapOrder::ScoreDown, [2, 1, 0]),
            (GapOrder::Volume, [2, 1, 0]),
            (GapOrder::VolumeDown, [0, 1, 2]),
            (GapOrder::LastSeen, [0, 1, 2]),
            (GapOrder::LastSeenDown, [2, 1, 0]),
        ] {
            check(GapFilter { order: Some(order), ..any.clone() }, &expected).await;
        }
        check(GapFilter { status: Some(GapStatus::Open), ..any.clone() }, &[1, 0]).await;
        check(GapFilter { language: Some(language("de")), ..any.clone() }, &[2]).await;
        check(GapFilter { search: Some("100% DOGS".to_owned()), ..any.clone() }, &[1]).await;
        check(GapFilter { search: Some("cats".to_owned()), ..any }, &[]).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_erased_leaves_the_gaps() {
    on_both(async |store| {
        let (gone, stays) = (insert_conversation(&store, 101).await, insert_conversation(&store, 102).await);
        let written = insert_entry(&store, 11).await;
        let asked = [
            retrieval(1, Some(&gone.external_id), Some("below_floor")),
            retrieval(2, Some(&stays.external_id), Some("below_floor")),
            retrieval(3, Some(&gone.id.to_string()), Some("below_floor")),
        ];
        let mut shared = gap(1, &asked[0].utterance, 2, 1.0);
        shared.status = GapStatus::Accepted;
        shared.draft = Some(GapDraft { content: "Behind.".to_owned(), conversation_id: gone.id, turn: 1 });
        shared.decided = Some(GapDecision {
            entry_id: Some(written.id),
            reason: None,
            editor: Editor::default(),
            decided_at: at(9),
        });
        let alone = gap(3, &asked[2].utterance, 1, 1.0);
        let phrases = [
            exemplar(written.id, &asked[0].utterance, None),
            exemplar(written.id, &asked[1].utterance, None),
            exemplar(written.id, "parking", None),
        ];
        let mut tx = begin(&store).await;
        tx.insert_retrievals(&tenant(), &asked).await.expect("they are stored");
        tx.add_exemplars(&tenant(), &phrases).await.expect("they are stored");
        tx.put_gap(&tenant(), &shared).await.expect("it is stored");
        tx.note_gap_entry(&tenant(), shared.id, written.id).await.expect("it is noted");
        tx.put_gap(&tenant(), &alone).await.expect("it is stored");
        let links = [link(&asked[0], Some(&shared)), link(&asked[1], Some(&shared)), link(&asked[2], Some(&alone))];
        tx.link_gap_retrievals(&tenant(), &links).await.expect("they are noted");
        tx.erase_conversation(&tenant(), gone.id, at(50)).await.expect("it is erased").expect("it was there");
        commit(tx).await;

        assert_eq!(store.gap(&tenant(), alone.id).await.expect("it answers"), None);
        let left = store.gap(&tenant(), shared.id).await.expect("it answers").expect("it is there");
        assert_eq!((left.title, left.draft, left.counts.volume), (asked[1].utterance.clone(), None, 1));
        let kept = store.exemplars_of(&tenant(), &[written.id]).await.expect("it answers");
        let mut kept: Vec<&str> = kept.iter().map(|exemplar| exemplar.text.as_str()).collect();
        kept.sort_unstable();
        assert_eq!(kept, [asked[1].utterance.as_str(), "parking"]);
    })
    .await;
}

#[tokio::test]
async fn a_retrieval_leaves_its_gap_whichever_way_it_belongs_to_what_is_erased() {
    on_both(async |store| {
        let (gone, stays) = (insert_conversation(&store, 101).await, insert_conversation(&store, 102).await);
        let beside_a_turn = gone.turns[1].retrieval_id.expect("a turn names one").0.as_u128();
        let asked = [
            retrieval(1, Some(&gone.external_id), Some("below_floor")),
            retrieval(2, Some(&gone.id.to_string()), Some("below_floor")),
            retrieval(3, Some("its-name-before"), Some("below_floor")),
            retrieval(beside_a_turn, None, Some("below_floor")),
            retrieval(5, Some(&stays.external_id), Some("below_floor")),
        ];
        let parking = gap(1, &asked[4].utterance, 5, 1.0);
        let mut links: Vec<GapLink> = asked.iter().map(|asked| link(asked, Some(&parking))).collect();
        links[2].conversation_id = Some(gone.id);
        let mut tx = begin(&store).await;
        tx.insert_retrievals(&tenant(), &asked).await.expect("they are stored");
        tx.put_gap(&tenant(), &parking).await.expect("it is stored");
        tx.link_gap_retrievals(&tenant(), &links).await.expect("they are noted");
        tx.erase_conversation(&tenant(), gone.id, at(50)).await.expect("it is erased").expect("it was there");
        commit(tx).await;

        let members = store.gap_members(&tenant(), parking.id).await.expect("it answers");
        assert_eq!(members.iter().map(|one| one.retrieval_id).collect::<Vec<_>>(), [asked[4].id]);
    })
    .await;
}

#[tokio::test]
async fn an_entry_forgets_a_long_utterance_also_when_its_gap_was_opened_again() {
    on_both(async |store| {
        let gone = insert_conversation(&store, 101).await;
        let written = insert_entry(&store, 11).await;
        let mut long = retrieval(1, Some(&gone.external_id), Some("below_floor"));
        long.utterance = ["do you have parking for"; 40].join(" very long cars, ");
        let other = retrieval(2, Some("call-900"), Some("below_floor"));
        let opened = gap(1, &long.utterance, 2, 1.0);
        let mut taken = exemplar(written.id, &normalise(&phrase(&long.utterance)), None);
        taken.text = phrase(&long.utterance);
        let headed = Entry { title: heading(&long.utterance), ..written.clone() };
        let mut tx = begin(&store).await;
        tx.insert_retrievals(&tenant(), &[long.clone(), other.clone()]).await.expect("they are stored");
        tx.add_exemplars(&tenant(), &[taken]).await.expect("it is stored");
        assert!(tx.set_words(&tenant(), &headed).await.expect("it is stored"));
        tx.put_gap(&tenant(), &opened).await.expect("it is stored");
        for _ in 0..2 {
            tx.note_gap_entry(&tenant(), opened.id, written.id).await.expect("it is noted");
        }
        let links = [link(&long, Some(&opened)), link(&other, Some(&opened))];
        tx.link_gap_retrievals(&tenant(), &links).await.expect("they are noted");
        tx.erase_conversation(&tenant(), gone.id, at(50)).await.expect("it is erased").expect("it was there");
        commit(tx).await;

        assert_eq!(store.exemplars_of(&tenant(), &[written.id]).await.expect("it answers"), []);
        let left = store.entry(&tenant(), written.id).await.expect("it answers").expect("a person wrote it");
        assert_eq!(left.title, written.content);
        let mut tx = begin(&store).await;
        tx.erase_entry(&tenant(), written.id, at(60)).await.expect("no gap holds it");
        commit(tx).await;
    })
    .await;
}

#[tokio::test]
async fn a_retrieval_that_only_a_turn_names_counts_with_its_conversation_and_is_kept_as_long_as_its_gap() {
    on_both(async |store| {
        let conversation = insert_conversation(&store, 1).await;
        let named = conversation.turns[1].retrieval_id.expect("a turn names one").0.as_u128();
        let asked = [retrieval(named, None, Some("below_floor")), retrieval(2, None, Some("below_floor"))];
        let parking = gap(named, &asked[0].utterance, 1, 1.0);
        let mut tx = begin(&store).await;
        tx.insert_retrievals(&tenant(), &asked).await.expect("they are stored");
        tx.put_gap(&tenant(), &parking).await.expect("it is stored");
        let links = [link(&asked[0], Some(&parking)), link(&asked[1], None)];
        tx.link_gap_retrievals(&tenant(), &links).await.expect("they are noted");
        tx.resolve_gap_conversations(&tenant()).await.expect("they are found");
        assert_eq!(tx.prune_retrievals(&tenant(), at(9_000), 9).await.expect("it answers"), 1, "the small talk");
        commit(tx).await;
        let members = store.gap_members(&tenant(), parking.id).await.expect("it answers");
        let seen: Vec<_> = members.iter().map(|one| (one.utterance.as_str(), one.conversation_id)).collect();
        assert_eq!(seen, [(asked[0].utterance.as_str(), Some(conversation.id))]);
    })
    .await;
}

#[tokio::test]
async fn a_suspicion_is_kept_decided_and_withdrawn() {
    on_both(async |store| {
        let entry = insert_entry(&store, 1).await;
        let case = |since: i64| Case {
            id: CaseId::derive(&format!("suspect/{since}"), entry.id, None),
            kind: CaseKind::Suspect,
            entry_id: entry.id,
            other_id: None,
            detail: "success fell".to_owned(),
            created_at: at(since),
        };
        let mut tx = begin(&store).await;
        assert!(tx.insert_suspicion(&tenant(), &case(7), at(7)).await.expect("it is stored"));
        assert!(!tx.insert_suspicion(&tenant(), &case(7), at(7)).await.expect("it is there"));
        let known = tx.suspicions_of(&tenant(), entry.id).await.expect("it answers");
        assert_eq!(known, [Suspicion { since: at(7), is_decided: false }]);
        assert_eq!(tx.suspicions_of(&other_tenant(), entry.id).await.expect("it answers"), []);
        tx.delete_open_suspicions(&tenant(), entry.id).await.expect("it goes");
        assert_eq!(tx.suspicions_of(&tenant(), entry.id).await.expect("it answers"), []);
        commit(tx).await;
    })
    .await;
}
