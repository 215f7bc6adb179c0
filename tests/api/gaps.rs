//! Gaps: what is asked in vain, written down or dismissed.

use reqwest::Method;
use serde_json::{Value, json};
use turnwise::api::PREFIX;

use crate::api::callers::{ask as ask_as, make_key};
use crate::api::content::find_gaps;
use crate::api::fixtures::call;
use crate::support::app::{ADMIN_KEY, Answer, TestApp, answer};

const NOBODY: &str = "01a205c1-1395-7709-b7d2-8909f9a470df";
const CHARGING: [&str; 3] = [
    "is there a charging station for my electric car?",
    "can I charge my electric vehicle there?",
    "where can I charge my electric car?",
];
const SPANISH: [&str; 2] = ["¿tienen cargadores para coches eléctricos?", "¿puedo cargar mi coche eléctrico allí?"];
const SMALL_TALK: &str = "did you see the match on saturday, that second goal was never offside";
const ANSWERED: &str = "Yes, we have two charging points for electric cars behind the building, free for all members.";

/// Asks as an agent does on a turn, and is told nothing.
async fn ask_in_vain(app: &TestApp, utterance: &str, language: &str, conversation: &str) {
    let question = json!({"utterance": utterance, "language": language, "conversation_id": conversation});
    let told = app.post("/retrieve/", &question).await.json();
    assert_eq!(told["abstained"], true, "{told}");
    app.app.flush_exposures().await;
}

/// A call in which this was asked and answered so, and how it ended.
fn asked_call(external_id: &str, asked: &str, told: &str, outcome: &str) -> Value {
    let turns = [("user", asked), ("agent", told), ("user", "Okay, thank you. Bye."), ("agent", "Goodbye.")];
    let mut call = call(external_id, &turns);
    call["outcome"] = json!(outcome);
    call
}

/// A Turnwise that learns no entries, in which a few things were asked in vain.
async fn with_gaps() -> TestApp {
    let app = TestApp::spawn_with(&["learning.distillation=false"]).await;
    for (asked, conversation) in CHARGING.iter().zip(["501", "502", "503"]) {
        ask_in_vain(&app, asked, "en", conversation).await;
    }
    ask_in_vain(&app, SPANISH[0], "es", "504").await;
    ask_in_vain(&app, SMALL_TALK, "en", "505").await;
    let unable = "I am sorry, I do not know that, I cannot help you there.";
    app.learn([
        asked_call("501", CHARGING[0], unable, "unsuccessful"),
        asked_call("502", CHARGING[1], ANSWERED, "successful"),
        asked_call("503", CHARGING[2], unable, "unsuccessful"),
    ])
    .await;
    find_gaps(&app).await;
    app
}

async fn gaps(app: &TestApp, query: &str) -> Vec<Value> {
    let listed = app.get(&format!("/gaps/{query}")).await;
    assert_eq!(listed.status, 200, "{}", listed.text);
    let listed = listed.json();
    let results = listed["results"].as_array().expect("a list").clone();
    assert_eq!(listed["count"], results.len());
    results
}

fn path_of(gap: &Value) -> String {
    format!("/gaps/{}/", gap["id"].as_str().expect("an id"))
}

/// Decides without a body.
async fn decide(app: &TestApp, path: &str, word: &str) -> Answer {
    answer(app.request(Method::POST, &format!("{PREFIX}{path}{word}/")).bearer_auth(ADMIN_KEY)).await
}

#[tokio::test]
async fn what_is_asked_in_vain_in_many_words_is_one_gap_with_an_answer_from_a_call_that_went_well() {
    let app = with_gaps().await;
    let all = gaps(&app, "").await;
    assert_eq!(all.len(), 2, "{all:#?}");
    let charging = &all[0];
    assert_eq!((&charging["language"], &charging["status"]), (&json!("en"), &json!("open")));
    assert_eq!((&charging["volume"], &charging["conversations"]), (&json!(3), &json!(3)));
    assert_eq!((&charging["failures"], &charging["category"]), (&json!(2.0), &json!("sales")));
    assert!(charging["cost_usd"].as_f64().is_some_and(|cost| (cost - 0.0375).abs() < 1e-9), "{charging}");
    // Three times, (2 + 1) of (3 + 2) failed, each cost what all cost.
    assert!(charging["score"].as_f64().is_some_and(|score| (score - 1.8).abs() < 1e-9), "{charging}");
    assert_eq!(charging["draft"]["content"], ANSWERED);
    assert_eq!(charging["draft"]["turn"], 1);
    assert!(CHARGING.iter().any(|asked| charging["title"] == *asked), "{charging}");
    assert_eq!(charging["utterances"].as_array().map(Vec::len), Some(3));
    assert_eq!(app.get(&path_of(charging)).await.json(), *charging);

    find_gaps(&app).await;
    assert_eq!(gaps(&app, "").await, all, "a second run changes nothing");
    for (query, count) in [
        ("?language=es", 1),
        ("?status=open", 2),
        ("?status=accepted", 0),
        ("?search=ELECTRIC", 1),
        ("?ordering=volume&limit=100", 2),
        ("?ordering=-last_seen", 2),
    ] {
        assert_eq!(gaps(&app, query).await.len(), count, "{query}");
    }
    for (query, field) in [("status=new", "status"), ("ordering=title", "ordering"), ("language=english", "language")] {
        let wrong = app.get(&format!("/gaps/?{query}")).await;
        assert_eq!((wrong.status, wrong.json()["field"].as_str()), (422, Some(field)), "{}", wrong.text);
    }
    app.close().await;
}

#[tokio::test]
async fn an_accepted_gap_is_answered_and_opened_again_it_is_not() {
    let app = with_gaps().await;
    let path = path_of(&gaps(&app, "?language=en").await[0]);
    let accepted = decide(&app, &path, "accept").await;
    assert_eq!(accepted.status, 200, "{}", accepted.text);
    let accepted = accepted.json();
    assert_eq!((&accepted["status"], &accepted["decided_by"]), (&json!("accepted"), &json!("bootstrap")));
    let entry = format!("/training/knowledge-base/{}/", accepted["entry_id"].as_str().expect("an id"));
    let written = app.get(&entry).await.json();
    assert_eq!((&written["content"], &written["status"]), (&json!(ANSWERED), &json!("live")));
    assert_eq!(written["trigger_phrases"].as_array().map(Vec::len), Some(3), "{written}");
    assert_eq!((&written["knowledge_type"], &written["category"]), (&json!("faq"), &json!("sales")));

    app.drain_jobs().await;
    let question = json!({"utterance": "where can I plug in and charge my electric car?", "language": "en"});
    let told = app.post("/retrieve/", &question).await;
    assert!(told.text.contains("two charging points"), "{}", told.text);
    for word in ["accept", "dismiss"] {
        assert_eq!(decide(&app, &path, word).await.status, 409, "{word}");
    }

    let opened = decide(&app, &path, "undo").await.json();
    assert_eq!((&opened["status"], &opened["entry_id"]), (&json!("open"), &Value::Null));
    assert_eq!(app.get(&entry).await.json()["status"], "retired");
    app.drain_jobs().await;
    let told = app.post("/retrieve/", &question).await;
    assert!(!told.text.contains("two charging points"), "{}", told.text);
    assert_eq!(decide(&app, &path, "undo").await.status, 409);

    // With words of one's own it needs no draft.
    let own = json!({"title": "Charging", "content": "Behind the house.", "category": "service",
        "knowledge_type": "support_pattern", "trigger_phrases": ["charging point"]});
    let again = app.post(&format!("{path}accept/"), &own).await.json();
    let written = app.get(&format!("/training/knowledge-base/{}/", again["entry_id"].as_str().expect("an id"))).await;
    let written = written.json();
    for (name, expected) in [
        ("title", json!("Charging")),
        ("content", json!("Behind the house.")),
        ("category", json!("service")),
        ("knowledge_type", json!("response_pattern")),
        ("trigger_phrases", json!(["charging point"])),
        ("language", json!("en")),
    ] {
        assert_eq!(written[name], expected, "{name}");
    }
    app.close().await;
}

#[tokio::test]
async fn a_gap_without_a_draft_needs_a_content_and_a_dismissed_one_does_not_come_back() {
    let app = with_gaps().await;
    let spanish = gaps(&app, "?language=es").await.remove(0);
    assert_eq!(spanish["draft"], Value::Null);
    let path = path_of(&spanish);
    let refused = decide(&app, &path, "accept").await;
    assert_eq!((refused.status, refused.json()["field"].as_str()), (422, Some("content")), "{}", refused.text);
    let wrong = app.post(&format!("{path}accept/"), &json!({"content": "", "knowledge_type": "poem"})).await;
    assert_eq!(wrong.status, 422);
    let wrong = app.post(&format!("{path}dismiss/"), &json!({"reason": ""})).await;
    assert_eq!((wrong.status, wrong.json()["field"].as_str()), (422, Some("reason")));

    let dismissed = app.post(&format!("{path}dismiss/"), &json!({"reason": "not in Spain"})).await;
    assert_eq!(dismissed.status, 200, "{}", dismissed.text);
    assert_eq!(dismissed.json()["reason"], "not in Spain");
    app.clock.advance_millis(1_000);
    ask_in_vain(&app, SPANISH[1], "es", "506").await;
    find_gaps(&app).await;
    let all = gaps(&app, "?language=es").await;
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!((&all[0]["status"], &all[0]["volume"]), (&json!("dismissed"), &json!(2)));
    assert_eq!(decide(&app, &path, "undo").await.json()["status"], "open");
    for word in ["accept", "dismiss", "undo"] {
        for id in [NOBODY, "first"] {
            assert_eq!(decide(&app, &format!("/gaps/{id}/"), word).await.code(), "not_found", "{word} {id}");
        }
    }
    app.close().await;
}

#[tokio::test]
async fn a_greeting_or_a_thanks_is_no_gap_in_any_language() {
    let app = TestApp::spawn_with(&["learning.distillation=false"]).await;
    for said in ["hello", "thank you, bye", "Hola, buenos dias", "السلام علیکم"] {
        let told = app.post("/retrieve/", &json!({"utterance": said})).await.json();
        assert_eq!(told["abstained"], true, "{told}");
    }
    app.post("/retrieve/", &json!({"utterance": CHARGING[0]})).await;
    app.app.flush_exposures().await;
    find_gaps(&app).await;
    let all = gaps(&app, "").await;
    assert_eq!(all.iter().map(|gap| &gap["title"]).collect::<Vec<_>>(), [CHARGING[0]], "{all:#?}");
    app.close().await;
}

#[tokio::test]
async fn a_gap_that_is_answered_meanwhile_is_gone_and_its_answer_is_not_written_twice() {
    let app = with_gaps().await;
    let path = path_of(&gaps(&app, "?language=en").await[0]);
    app.clock.advance_millis(1_000);
    let own = json!({"title": "Charging", "content": ANSWERED, "category": "service", "knowledge_type": "faq",
        "trigger_phrases": CHARGING, "language": "en"});
    let written = app.post("/training/knowledge-base/", &own).await;
    assert_eq!(written.status, 201, "{}", written.text);
    let refused = decide(&app, &path, "accept").await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.text.contains(written.json()["id"].as_str().expect("an id")), "{}", refused.text);
    assert_eq!(app.get(&path).await.json()["status"], "open");

    app.drain_jobs().await;
    find_gaps(&app).await;
    assert_eq!(app.get(&path).await.status, 404);
    assert_eq!(gaps(&app, "?language=es").await.len(), 1, "nothing was written for it");
    find_gaps(&app).await;
    assert_eq!(gaps(&app, "?language=en").await, Vec::<Value>::new(), "it does not come back");
    app.close().await;
}

#[tokio::test]
async fn an_empty_body_is_none_whatever_it_is_declared_as() {
    let app = with_gaps().await;
    let path = path_of(&gaps(&app, "?language=en").await[0]);
    assert_eq!(app.post_bytes(&format!("{path}accept/"), "").await.status, 200);
    assert_eq!(app.post_bytes(&format!("{path}undo/"), "").await.status, 200);
    let form = app.request(Method::POST, &format!("{PREFIX}{path}dismiss/")).bearer_auth(ADMIN_KEY);
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(answer(form.body("")).await.status, 200);
    let form = app.request(Method::POST, &format!("{PREFIX}{path}dismiss/")).bearer_auth(ADMIN_KEY);
    assert_eq!(answer(form.header("content-type", "text/plain").body("{}")).await.status, 415);
    app.close().await;
}

#[tokio::test]
async fn what_is_erased_is_in_no_gap_and_another_tenant_sees_none() {
    let app = with_gaps().await;
    let path = path_of(&gaps(&app, "?language=en").await[0]);
    let accepted = decide(&app, &path, "accept").await.json();
    let entry = format!("/training/knowledge-base/{}/", accepted["entry_id"].as_str().expect("an id"));
    assert!(app.get(&entry).await.text.contains(CHARGING[0]));
    let (_, stranger) = make_key(&app, "acme", "admin").await;
    for (method, word) in
        [(Method::GET, ""), (Method::POST, "accept/"), (Method::POST, "dismiss/"), (Method::POST, "undo/")]
    {
        let told = ask_as(&app, &stranger, method, &format!("{PREFIX}{path}{word}"), None).await;
        assert_eq!((told.status, told.code().as_str()), (404, "not_found"), "{word}");
    }
    let listed = ask_as(&app, &stranger, Method::GET, &format!("{PREFIX}/gaps/"), None).await.json();
    assert_eq!(listed["count"], 0);

    assert_eq!(app.delete("/conversations/501/").await.status, 204);
    for place in [&path, &entry, "/gaps/"] {
        let told = app.get(place).await;
        assert!(!told.text.contains(CHARGING[0]), "{place}: {}", told.text);
    }
    assert_eq!(app.get(&path).await.json()["volume"], 2);
    for conversation in ["502", "503"] {
        assert_eq!(app.delete(&format!("/conversations/{conversation}/")).await.status, 204);
    }
    assert_eq!(app.get(&path).await.status, 404, "nobody asks it any more");
    assert_eq!(app.get(&entry).await.json()["trigger_phrases"], json!([]));
    find_gaps(&app).await;
    assert_eq!(gaps(&app, "?language=en").await, Vec::<Value>::new());
    app.close().await;
}

#[tokio::test]
async fn a_draft_goes_with_the_words_that_it_quotes_when_those_are_replaced() {
    let app = with_gaps().await;
    let path = path_of(&gaps(&app, "?language=en").await[0]);
    assert_eq!(app.get(&path).await.json()["draft"]["content"], ANSWERED);
    let other = asked_call("502", CHARGING[1], "Which car do you drive?", "unsuccessful");
    let replaced = app.post("/conversations/?replace=true", &other).await;
    assert_eq!(replaced.status, 202, "{}", replaced.text);
    assert_eq!(app.get(&path).await.json()["draft"], Value::Null);
    app.drain_jobs().await;
    find_gaps(&app).await;
    assert_eq!(app.get(&path).await.json()["draft"], Value::Null, "nobody has answered it any more");
    app.close().await;
}
