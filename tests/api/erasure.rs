//! What erasing leaves behind: nothing, also when others said the same, or when it is being indexed or recorded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use turnwise::domain::conversation::Outcome;
use turnwise::domain::ids::{ConversationId, EntryId, RetrievalId, TenantId};
use turnwise::domain::knowledge::Evidence;
use turnwise::store::tx::Tx;
use uuid::Uuid;

use crate::api::fixtures::{call, hours_call, price_call};
use crate::support::app::TestApp;

#[tokio::test]
async fn an_entry_that_others_speak_for_keeps_none_of_its_words() {
    let app = TestApp::spawn().await;
    let told = call(
        "100",
        &[
            ("agent", "Thank you for calling Northwind Gyms, how can I help you today?"),
            ("user", "Okay so tell me, how much is the premium membership per month?"),
            (
                "agent",
                "The premium membership is 49 dollars a month. It includes fluffy towels, the pool, the sauna and all group classes.",
            ),
            ("user", "That sounds good, please sign me up."),
            ("agent", "Great, I have signed you up for the premium membership. You will get an email in a minute."),
            ("user", "Perfect, thank you so much!"),
        ],
    );
    app.learn([told]).await;
    let entries = entries(&app).await;
    let entry = entries.iter().find(|entry| entry.to_string().contains("fluffy")).expect("it is learned");
    assert!(entry["title"].as_str().expect("a title").contains("tell me"), "{entry}");
    let id: EntryId = entry["id"].as_str().expect("an id").parse().expect("an id");

    // The other call says so as well, whether or not its words were found to be near enough.
    app.learn([price_call("200")]).await;
    let other = conversation(&app, "200").await;
    let mut tx = begin(&app).await;
    let evidence = Evidence {
        entry_id: id,
        conversation_id: other,
        question_turn: 1,
        answer_turn: 2,
        caller: "another".to_owned(),
        success_score: 0.9,
        outcome: Outcome::Successful,
    };
    tx.add_evidence(&TenantId::default_tenant(), &[evidence]).await.expect("it is stored");
    tx.commit().await.expect("it commits");
    assert!(retrieved(&app).await.contains("fluffy"));

    assert_eq!(app.delete("/conversations/100/").await.status, 204);
    let now = app.get("/training/knowledge-base/").await;
    let offered = retrieved(&app).await;
    for erased in ["fluffy", "tell me"] {
        assert!(!now.text.contains(erased) && !offered.contains(erased), "{erased}: {} {offered}", now.text);
    }
    let found = app.get("/training/knowledge-base/?search=fluffy").await.json();
    assert_eq!(found["count"], 0, "{found}");
    assert!(offered.contains("49 dollars"), "{offered}");
    let now = now.json();
    let results = now["results"].as_array().expect("results");
    let kept = results.iter().find(|entry| entry["id"] == id.to_string()).expect("it is still there");
    assert_eq!(kept["title"], "Hi, how much is the premium membership per month?");
    assert_eq!(
        kept["content"],
        "The premium membership is 49 dollars a month. It includes the pool, the sauna and all group classes."
    );
    app.close().await;
}

#[tokio::test]
async fn why_an_entry_waits_follows_its_evidence() {
    let app = TestApp::spawn_with(&["learning.live_after_callers=3"]).await;
    app.learn([price_call("100")]).await;
    assert_eq!(reason(&app).await, "1 of 3 callers so far");
    app.learn([price_call("200")]).await;
    assert_eq!(reason(&app).await, "2 of 3 callers so far");
    assert_eq!(app.delete("/conversations/100/").await.status, 204);
    assert_eq!(reason(&app).await, "1 of 3 callers so far");
    app.close().await;
}

#[tokio::test]
async fn what_is_erased_while_it_is_indexed_leaves_the_index() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100"), hours_call("200")]).await;
    let (engine, learner, tenant) = (app.app.engine.clone(), app.app.learner.clone(), TenantId::default_tenant());
    let generation = engine.generations.first();
    let mut tx = begin(&app).await;
    tx.unmark_generation(&generation.name).await.expect("it answers");
    tx.commit().await.expect("it commits");

    // Somebody is taking erased points out, and is not done.
    let eraser = learner.index_writes.lock().await;
    let mut indexing = tokio::spawn({
        let (learner, tenant) = (learner.clone(), tenant.clone());
        async move { learner.index_pending_exemplars(learner.engine.generations.first(), &tenant, None).await }
    });
    // An indexer that did not wait for that would be over by then.
    let waited = tokio::time::timeout(Duration::from_millis(300), &mut indexing).await;
    assert!(waited.is_err(), "it writes while erased points are taken out");

    let id = conversation(&app, "100").await;
    let mut tx = begin(&app).await;
    tx.erase_conversation(&tenant, id, engine.now()).await.expect("it answers").expect("it was there");
    tx.commit().await.expect("it commits");
    let erased = engine.store.erased_points(&tenant, 99).await.expect("it answers");
    let ids: Vec<Uuid> = erased.iter().map(|point| point.point_id).collect();
    assert!(!ids.is_empty());
    generation.exemplars.delete(ids.clone()).await.expect("they are deleted");
    generation.chunks.delete(ids.clone()).await.expect("they are deleted");
    let mut tx = begin(&app).await;
    tx.clear_erased_points(&tenant, &erased).await.expect("they are cleared");
    tx.commit().await.expect("it commits");
    drop(eraser);

    indexing.await.expect("it does not panic").expect("it goes on");
    let left = generation.exemplars.ids_page(None, 99).await.expect("it answers");
    assert!(!left.is_empty() && left.iter().all(|point| !ids.contains(&point.id)), "{left:?}");
    assert_eq!(engine.store.erased_points(&tenant, 99).await.expect("it answers"), vec![]);
    app.close().await;
}

#[tokio::test]
async fn an_utterance_that_waits_to_be_recorded_is_erased_too() {
    let app = TestApp::spawn_with(&["retrieval.exposure_flush_ms=60000"]).await;
    app.learn([price_call("100")]).await;
    let question = json!({"utterance": "a very private question", "conversation_id": "100"});
    let asked = app.post("/retrieve/", &question).await;
    let id: RetrievalId = asked.json()["retrieval_id"].as_str().expect("an id").parse().expect("an id");
    assert_eq!(app.delete("/conversations/100/").await.status, 204);
    app.app.flush_exposures().await;
    let stored = app.app.engine.store.retrievals(&TenantId::default_tenant(), &[id]).await.expect("it answers");
    assert_eq!(stored.iter().map(|retrieval| retrieval.utterance.as_str()).collect::<Vec<_>>(), [""]);
    app.close().await;
}

#[tokio::test]
async fn no_file_holds_a_word_of_what_was_erased() {
    const RARE: &str = "quetzalcoatlus";
    let app = TestApp::spawn().await;
    let asked = format!("Hi, how much is the {RARE} membership per month?");
    let told = format!("The {RARE} membership is 49 dollars a month. It includes the pool and all group classes.");
    let turns = [("user", asked.as_str()), ("agent", told.as_str()), ("user", "Perfect, thank you so much!")];
    app.learn([call("100", &turns), price_call("200"), hours_call("300")]).await;
    app.post("/retrieve/", &json!({"utterance": asked, "conversation_id": "100"})).await;
    app.app.flush_exposures().await;
    let data_dir = app.app.config.data.dir.clone();
    assert!(!holding(&data_dir, RARE).is_empty(), "it was there");
    assert_eq!(app.delete("/conversations/100/").await.status, 204);
    app.drain_jobs().await;
    assert_eq!(holding(&data_dir, RARE), Vec::<PathBuf>::new());
    app.close().await;
}

/// The files below a directory in which a word stands.
fn holding(dir: &Path, word: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(dir).expect("a directory") {
        let path = file.expect("it can be read").path();
        if path.is_dir() {
            found.extend(holding(&path, word));
        } else {
            let bytes = std::fs::read(&path).expect("it can be read").to_ascii_lowercase();
            found.extend(bytes.windows(word.len()).any(|part| part == word.as_bytes()).then_some(path));
        }
    }
    found
}

async fn begin(app: &TestApp) -> Tx {
    app.app.engine.store.begin().await.expect("a transaction begins")
}

/// Our id of a conversation.
async fn conversation(app: &TestApp, external_id: &str) -> ConversationId {
    let tenant = TenantId::default_tenant();
    let found = app.app.engine.store.conversation_by_external_id(&tenant, external_id).await.expect("it answers");
    found.expect("it is there").conversation.id
}

async fn entries(app: &TestApp) -> Vec<Value> {
    app.get("/training/knowledge-base/").await.json()["results"].as_array().expect("results").clone()
}

/// Why the entry about the price waits.
async fn reason(app: &TestApp) -> String {
    let entries = entries(app).await;
    let about_the_price = |entry: &&Value| entry["content"].as_str().is_some_and(|text| text.contains("49 dollars"));
    let entry = entries.iter().find(about_the_price).expect("it is learned");
    entry["status_reason"].as_str().unwrap_or_default().to_owned()
}

/// All that is offered for the price.
async fn retrieved(app: &TestApp) -> String {
    let answer = app.post("/retrieve/", &json!({"utterance": "how much is the premium membership"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}
