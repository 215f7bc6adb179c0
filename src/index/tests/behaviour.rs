//! What the index promises to its callers.

use std::time::Instant;

use futures::FutureExt;

use super::*;
use crate::domain::clock::Timestamp;
use crate::domain::conversation::Outcome;
use crate::domain::error::ErrorClass;
use crate::index::edge::log_bytes;

/// The vector that points along axis `axis`.
fn axis(axis: usize) -> Arc<[f32]> {
    (0..DIMENSION).map(|at| if at == axis { 1.0 } else { 0.0 }).collect()
}

fn words(number: u128, tag: &str, text: &str) -> Point {
    let payload = Payload::exemplar(
        tenant("large"),
        Uuid::from_u128(1_000 + number),
        language(tag),
        "support".to_owned(),
        EntryStatus::Live,
        KnowledgeType::Faq,
    );
    Point { id: Uuid::from_u128(number), vector: axis(0), text: text.to_owned(), payload }
}

#[tokio::test]
async fn what_was_written_is_found_at_once_with_its_owner_and_cosine() {
    let dir = tempfile::tempdir().expect("a directory");
    let index = open(dir.path()).await;
    let mut both: Vec<f32> = axis(1).to_vec();
    both[2] = 1.0;
    let far = exemplar(3, axis(9));
    index.upsert(vec![exemplar(1, axis(1)), exemplar(2, both.into()), far]).await.expect("written");

    let hits = index.search_dense(&tenant("large"), axis(1), &top(2, Filter::default())).await.expect("found");
    assert_eq!(found(&hits), [id(1), id(2)]);
    assert_eq!(hits[0].owner, id(0));
    assert!((hits[0].score - 1.0).abs() < 1e-5 && (hits[1].score - 0.5_f32.sqrt()).abs() < 1e-5, "{hits:?}");

    index.upsert(vec![exemplar(1, axis(5))]).await.expect("replaced");
    let hits = index.search_dense(&tenant("large"), axis(1), &top(1, Filter::default())).await.expect("found");
    assert_eq!(found(&hits), [id(2)]);
    index.delete(vec![id(2), id(77)]).await.expect("deleted");
    assert_eq!(ids(&index).await, HashSet::from([id(1), id(3)]));
    assert_eq!(index.count().await.expect("counted"), 2);
}

#[tokio::test]
async fn a_tenant_sees_only_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let index = open(dir.path()).await;
    // Numbers 0 and 99 are of the small tenant.
    let points = [0, 1, 2, 99].map(|number| exemplar(number, axis(1)));
    index.upsert(points.to_vec()).await.expect("written");

    let search = top(10, Filter::default());
    for (name, mine) in [("small", vec![id(0), id(99)]), ("large", vec![id(1), id(2)]), ("nobody", vec![])] {
        let mine: HashSet<Uuid> = mine.into_iter().collect();
        let dense = index.search_dense(&tenant(name), axis(1), &search).await.expect("found");
        let exact = index.search_exact(&tenant(name), axis(1), &search).await.expect("found");
        let lexical = index.search_lexical(&tenant(name), "utterance", &language("en"), &search).await.expect("found");
        for hits in [dense, exact, lexical] {
            assert_eq!(found(&hits).into_iter().collect::<HashSet<_>>(), mine, "{name}");
        }
    }
    let page = index.ids_page(None, 10).await.expect("a page");
    assert_eq!(page.iter().filter(|point| point.tenant == tenant("small")).count(), 2);
    assert!(page.iter().all(|point| point.status.is_some()));
}

#[tokio::test]
async fn every_filter_restricts() {
    let dir = tempfile::tempdir().expect("a directory");
    let index = open(dir.path()).await;
    let payload = |tag, category: &str, outcome, started_at| {
        let started_at = Timestamp::from_millis(started_at);
        Payload::chunk(tenant("large"), id(0), language(tag), category.to_owned(), outcome, started_at)
    };
    let mut entry = exemplar(1, axis(1));
    entry.payload.knowledge_type = Some(KnowledgeType::ObjectionHandling);
    entry.payload.category = Some("sales".to_owned());
    let chunks = [
        payload("en-GB", "billing", Outcome::Successful, 1_000),
        payload("ur-Latn", "billing", Outcome::Unsuccessful, 2_000),
        payload("ur", "sales", Outcome::Partial, 3_000),
    ];
    let chunks = chunks.into_iter().enumerate().map(|(number, payload)| {
        let number = number + 10;
        Point { id: id(number), vector: axis(1), text: String::new(), payload }
    });
    index.upsert(chunks.chain([entry, exemplar(5, axis(1))]).collect()).await.expect("written");

    let at = Timestamp::from_millis;
    let all = Filter::default;
    for (filter, expected) in [
        (all(), vec![1, 5, 10, 11, 12]),
        (live(), vec![1]),
        (Filter { statuses: vec![EntryStatus::Live, EntryStatus::Quarantined], ..all() }, vec![1, 5]),
        (Filter { knowledge_type: Some(KnowledgeType::Faq), ..all() }, vec![5]),
        (Filter { category: Some("sales".to_owned()), ..all() }, vec![1, 12]),
        (Filter { languages: vec![language("ur")], ..all() }, vec![12]),
        (Filter { languages: vec![language("en-US")], ..all() }, vec![1, 5, 10]),
        (Filter { languages: vec![language("ur-PK")], ..all() }, vec![12]),
        (Filter { languages: vec![language("ur"), language("ur-Latn")], ..all() }, vec![11, 12]),
        (Filter { outcome: Some(Outcome::Unsuccessful), ..all() }, vec![11]),
        (Filter { from: Some(at(2_000)), ..all() }, vec![11, 12]),
        (Filter { to: Some(at(2_000)), ..all() }, vec![10]),
        (Filter { from: Some(at(1_500)), to: Some(at(2_500)), outcome: Some(Outcome::Partial), ..all() }, vec![]),
    ] {
        let hits = index.search_dense(&tenant("large"), axis(1), &top(10, filter.clone())).await.expect("found");
        let expected: HashSet<Uuid> = expected.into_iter().map(id).collect();
        assert_eq!(found(&hits).into_iter().collect::<HashSet<_>>(), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn rare_words_are_found_in_every_language() {
    let dir = tempfile::tempdir().expect("a directory");
    let index = open(dir.path()).await;
    let texts = [
        ("en", "my router keeps rebooting every evening"),
        ("en", "can I change the delivery address"),
        ("es", "quisiera cancelar la suscripción del gimnasio"),
        ("es", "¿cuánto cuesta el envío?"),
        ("hi", "मेरा राउटर बार बार बंद हो रहा है"),
        ("hi", "हिन्दी में बात कर सकते हैं"),
        ("ur", "میرا راؤٹر بار بار بند ہو رہا ہے"),
        ("ur", "مجھے اپائنٹمنٹ منسوخ کرنی ہے"),
        ("ar", "أريد إلغاء الاشتراك في النادي"),
        ("ar", "كم تكلفة التوصيل؟"),
        ("ur-Latn", "mujhe appointment cancel karni hai"),
    ];
    let points = texts.iter().zip(0..).map(|((tag, text), number)| words(number, tag, text)).collect();
    index.upsert(points).await.expect("written");

    for (tag, query, expected) in [
        ("en", "routers reboot", 0),
        ("en", "what about the delivery addresses", 1),
        ("es", "cancelar suscripcion", 2),
        ("es", "cuanto cuesta", 3),
        ("hi", "राउटर बंद", 4),
        ("hi", "हिंदी", 5),
        ("ur", "راوٹر بند ہے", 6),
        // Typed on an Arabic keyboard.
        ("ur", "اپائنٹمنٹ منسوخ كرني", 7),
        ("ar", "الغاء الاشتراك", 8),
        ("ar", "تكلفه التوصيل", 9),
        ("ur-Latn", "appointment cancel", 10),
        // A mistaken language.
        ("und", "mujhe appointment", 10),
        ("en", "राउटर", 4),
    ] {
        let hits = index.search_lexical(&tenant("large"), query, &language(tag), &top(3, Filter::default())).await;
        let hits = hits.expect("found");
        assert_eq!(hits.first().map(|hit| hit.id), Some(Uuid::from_u128(expected)), "{query}: {hits:?}");
        assert!(hits[0].score > 0.0 && hits[0].owner == Uuid::from_u128(1_000 + expected));
    }
    for nothing in ["", "the", "…", "zzzz"] {
        let hits = index.search_lexical(&tenant("large"), nothing, &language("en"), &top(3, Filter::default())).await;
        assert_eq!(hits.expect("an answer"), [], "{nothing}");
    }
}

#[tokio::test]
async fn a_wrong_vector_and_an_empty_request_are_answered_without_the_engine() {
    let dir = tempfile::tempdir().expect("a directory");
    let index = open(dir.path()).await;
    let short: Arc<[f32]> = Arc::from([1.0_f32, 2.0]);
    let error = index.upsert(vec![exemplar(1, axis(1)), exemplar(2, Arc::clone(&short))]).await.expect_err("too short");
    assert_eq!(error.class(), ErrorClass::Caller);
    assert_eq!(error.to_string(), "the vector has 2 dimensions, the index has 384");
    assert!(index.search_dense(&tenant("large"), short, &top(1, Filter::default())).await.is_err());
    assert_eq!(index.count().await.expect("counted"), 0);

    index.upsert(Vec::new()).await.expect("nothing to do");
    index.delete(Vec::new()).await.expect("nothing to do");
    assert_eq!(index.search_dense(&tenant("large"), axis(1), &top(0, Filter::default())).await.expect("none"), []);
    assert_eq!(index.search_dense(&tenant("large"), axis(1), &top(5, Filter::default())).await.expect("none"), []);
}

#[tokio::test]
async fn writes_beyond_the_queue_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = IndexSettings { write_queue: 4, ..IndexSettings::default() };
    let index = open_with(dir.path(), &settings).await;
    let answers = {
        // While this test holds the shard, the writer can take at most one batch of four from its queue.
        let _held = index.shard.write().expect("not poisoned");
        let writes = (0..10).map(|number| index.upsert(vec![exemplar(number, axis(number))]));
        let mut writes = Box::pin(futures::future::join_all(writes));
        assert!((&mut writes).now_or_never().is_none());
        writes
    }
    .await;
    let refused = answers.iter().filter(|answer| matches!(answer, Err(IndexError::Overloaded))).count();
    let written = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((2..=6).contains(&refused), "{refused} refused");
    assert_eq!(written, 10 - refused);
    assert_eq!(index.count().await.expect("counted"), written);
}

#[tokio::test]
async fn a_search_that_is_too_late_is_not_begun() {
    let dir = tempfile::tempdir().expect("a directory");
    let index = open(dir.path()).await;
    let late = Search { deadline: Some(Instant::now()), ..top(1, Filter::default()) };
    let error = index.search_dense(&tenant("large"), axis(1), &late).await.expect_err("too late");
    assert!(matches!(error, IndexError::Late), "{error:?}");
}

#[tokio::test]
async fn a_closed_index_says_so_and_frees_its_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let index = open(dir.path()).await;
    index.upsert(vec![exemplar(1, axis(1))]).await.expect("written");
    let second = VectorIndex::open(dir.path(), Collection::Exemplars, DIMENSION, &IndexSettings::default()).await;
    assert!(matches!(second, Err(IndexError::Engine { .. })), "two writers at once");

    index.close().await.expect("closed");
    assert!(matches!(index.upsert(vec![exemplar(2, axis(1))]).await, Err(IndexError::Closed)));
    assert!(matches!(index.count().await, Err(IndexError::Closed)));
    assert!(matches!(index.close().await, Err(IndexError::Closed)));
    assert_eq!(ids(&open(dir.path()).await).await, HashSet::from([id(1)]));
}

#[tokio::test]
async fn another_dimension_is_another_generation() {
    let dir = tempfile::tempdir().expect("a directory");
    open(dir.path()).await.close().await.expect("closed");
    let other = VectorIndex::open(dir.path(), Collection::Exemplars, 768, &IndexSettings::default()).await;
    assert!(matches!(other, Err(IndexError::Engine { .. })));
}

#[tokio::test]
async fn an_engine_that_panics_stops_writing_and_is_healed_by_opening_it_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let index = open(dir.path()).await;
    index.upsert(vec![exemplar(1, axis(1))]).await.expect("written");
    // Flushing fails without its files, and the engine panics then.
    let segments = dir.path().join("segments");
    let aside = dir.path().join("aside");
    std::fs::rename(&segments, &aside).expect("taken away");
    let error = index.optimize().await.expect_err("no files");
    assert!(matches!(error, IndexError::Failed(_)), "{error:?}");
    std::fs::rename(&aside, &segments).expect("put back");
    let error = index.upsert(vec![exemplar(2, axis(1))]).await.expect_err("failed before");
    assert!(error.to_string().contains("must be opened anew"), "{error}");
    let hits =
        index.search_dense(&tenant("large"), axis(1), &top(5, Filter::default())).await.expect("reading goes on");
    assert_eq!(found(&hits), [id(1)]);

    assert!(index.close().await.is_err());
    assert_eq!(ids(&open(dir.path()).await).await, HashSet::from([id(1)]));
}

#[tokio::test]
async fn the_log_of_the_engine_does_not_grow_for_ever() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = IndexSettings { max_log_mib: 24, ..IndexSettings::default() };
    let index = open_with(dir.path(), &settings).await;
    let mut clusters = Clusters::new(3);
    let mut largest = 0;
    // About 2 kB of log per point: 60 MB without clearing.
    for round in 0..120 {
        fill(&index, 0..250, &mut clusters).await;
        if round == 60 {
            index.delete((0..50).map(id).collect()).await.expect("deleted");
        }
        largest = largest.max(log_bytes(dir.path()));
    }
    assert!(largest < 48 * 1024 * 1024, "{largest} bytes");
    assert_eq!(index.count().await.expect("counted"), 250);
    index.close().await.expect("closed");
    drop(open(dir.path()).await);
    assert!(log_bytes(dir.path()) <= 24 * 1024 * 1024);
}

#[test]
fn the_generations_of_one_model_are_removed_whatever_is_in_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = |collection: Collection, generation: &str| {
        let shard = collection.shard_dir(dir.path(), generation);
        std::fs::create_dir_all(&shard).expect("writable");
        std::fs::write(shard.join("redo.log"), [0xff; 9]).expect("writable");
        shard
    };
    let all = Collection::ALL;
    let gone: Vec<_> =
        all.iter().flat_map(|it| [made(*it, "bert-small-1a2b"), made(*it, "bert-small-plain")]).collect();
    let kept: Vec<_> = all.iter().flat_map(|it| [made(*it, "bert-plain"), made(*it, "bert-small-v2-plain")]).collect();
    remove_generations(dir.path(), "bert-small").expect("removed");
    assert!(gone.iter().all(|shard| !shard.exists()) && kept.iter().all(|shard| shard.exists()));
    remove_generations(&dir.path().join("nothing"), "bert-small").expect("nothing to remove");
}
