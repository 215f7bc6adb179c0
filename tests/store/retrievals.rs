//! Retrievals and exposures.

use turnwise::domain::ids::RetrievalId;
use turnwise::store::retrievals::{Exposure, Retrieval};
use uuid::Uuid;

use crate::store::fixtures::{at, begin, commit, entry, exemplar, language, other_tenant, tenant};
use crate::store::on_both;

#[tokio::test]
async fn many_retrievals_are_stored_at_once_and_once_only() {
    on_both(async |store| {
        let shown = |rank: usize| Exposure {
            rank,
            entry_id: entry(rank as u128).id,
            exemplar_id: (rank == 1).then(|| exemplar(entry(1).id, "price", None).id),
            score: 0.5,
            similarity: 0.875,
        };
        let retrieval = |number: u128, reference: &str| Retrieval {
            id: RetrievalId(Uuid::from_u128(number)),
            conversation_ref: Some(reference.to_owned()),
            turn: Some(2),
            utterance: "اس کی قیمت {phone}".to_owned(),
            language: Some(language("ur")),
            model: "multilingual-e5-small".to_owned(),
            abstained: number == 3,
            reason: (number == 3).then(|| "below_floor".to_owned()),
            top_similarity: Some(0.75),
            total_us: 1_234,
            created_at: at(number as i64),
            exposures: if number == 3 { vec![] } else { vec![shown(1), shown(2)] },
        };
        let given = [retrieval(1, "call-1"), retrieval(2, "call-1"), retrieval(3, "call-2")];
        let mut tx = begin(&store).await;
        tx.insert_retrievals(&tenant(), &given).await.expect("they are stored");
        tx.insert_retrievals(&tenant(), &given).await.expect("they are there");
        tx.insert_retrievals(&tenant(), &[]).await.expect("nothing is nothing");
        commit(tx).await;

        let found = store.retrievals_of(&tenant(), &["call-1", "no such"]).await.expect("it answers");
        assert_eq!(found, given[..2]);
        let found = store.retrievals(&tenant(), &[given[2].id]).await.expect("it answers");
        assert_eq!(found, given[2..]);
        assert_eq!(store.retrievals(&other_tenant(), &[given[2].id]).await.expect("it answers"), vec![]);
        assert_eq!(store.totals(&tenant()).await.expect("it answers").retrievals, 3);
    })
    .await;
}
