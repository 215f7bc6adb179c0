//! Cases: listed, decided, taken back.

use serde_json::{Value, json};
use turnwise::domain::ids::{ConversationId, EntryId};
use turnwise::domain::knowledge::CaseKind;

use crate::api::content::open_case_of;
use crate::api::fixtures::{call, hours_call, price_call};
use crate::support::app::TestApp;

const BASE: &str = "/training/knowledge-base";
const NOBODY: &str = "01a205c1-1395-7709-b7d2-8909f9a470df";

async fn write(app: &TestApp, content: &str, phrases: &[&str], status: &str) -> EntryId {
    let body = json!({
        "knowledge_type": "faq", "category": "billing", "title": content, "content": content,
        "trigger_phrases": phrases, "language": "en", "status": status,
    });
    let written = app.post(&format!("{BASE}/"), &body).await;
    assert_eq!(written.status, 201, "{}", written.text);
    written.json()["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

async fn open_case(app: &TestApp, kind: CaseKind, entry_id: EntryId, other_id: Option<EntryId>) -> String {
    format!("/cases/{}/", open_case_of(app, kind, (entry_id, other_id), "look at this").await)
}

async fn entry(app: &TestApp, id: EntryId) -> Value {
    app.get(&format!("{BASE}/{id}/")).await.json()
}

async fn decide(app: &TestApp, case: &str, decision: &str) -> (u16, Value) {
    let told = app.post(&format!("{case}decide/"), &json!({"decision": decision, "reason": "I looked"})).await;
    (told.status, told.json())
}

async fn undo(app: &TestApp, case: &str) -> (u16, Value) {
    let told = app.post(&format!("{case}undo/"), &json!({})).await;
    (told.status, told.json())
}

/// What is offered for an utterance.
async fn offered(app: &TestApp, utterance: &str) -> String {
    app.drain_jobs().await;
    app.post("/retrieve/", &json!({"utterance": utterance, "language": "en"})).await.text
}

#[tokio::test]
async fn two_entries_become_one_and_two_again() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let learned = app.get(&format!("{BASE}/?search=dollars")).await.json()["results"][0].clone();
    let goes: EntryId = learned["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let stays = write(&app, "Premium is forty-nine a month.", &["price list please"], "live").await;
    let (before_stays, before_goes) = (entry(&app, stays).await, entry(&app, goes).await);
    let case = open_case(&app, CaseKind::NearDuplicate, stays, Some(goes)).await;

    let (status, merged) = decide(&app, &case, "merge").await;
    assert_eq!(status, 200, "{merged}");
    assert_eq!((&merged["state"], &merged["decision"]), (&json!("decided"), &json!("merge")));
    assert_eq!((&merged["reason"], &merged["decided_by"]), (&json!("I looked"), &json!("bootstrap")));
    assert_eq!(merged["other"]["status"], "retired");
    assert_eq!(merged["other"]["trigger_phrases"], json!([]));
    assert_eq!(merged["entry"]["evidence_count"], learned["evidence_count"]);
    let phrases = merged["entry"]["trigger_phrases"].as_array().expect("phrases").len();
    assert_eq!(phrases, 1 + learned["trigger_phrases"].as_array().expect("phrases").len());
    let question = "how much is the premium membership per month?";
    let told = offered(&app, question).await;
    assert!(told.contains("forty-nine") && !told.contains("49 dollars"), "{told}");
    let grown = entry(&app, stays).await;
    assert!(grown["success_rate"].as_f64() > before_stays["success_rate"].as_f64(), "its evidence counts: {grown}");

    assert_eq!(decide(&app, &case, "keep_both").await.0, 409, "it is decided");
    let (status, open) = undo(&app, &case).await;
    assert_eq!((status, &open["state"], &open["decision"]), (200, &json!("open"), &Value::Null), "{open}");
    let told = offered(&app, question).await;
    assert!(told.contains("49 dollars"), "{told}");
    for (id, before) in [(stays, before_stays), (goes, before_goes)] {
        let now = entry(&app, id).await;
        for name in ["content", "status", "status_reason", "trigger_phrases", "evidence", "evidence_count", "success"] {
            assert_eq!(now[name], before[name], "{name}");
        }
    }
    assert_eq!(undo(&app, &case).await.0, 409, "it is open");
    app.close().await;
}

#[tokio::test]
async fn what_was_erased_since_does_not_come_back() {
    let app = TestApp::spawn().await;
    app.learn([price_call("100"), hours_call("200")]).await;
    let goes = app.get(&format!("{BASE}/?search=dollars")).await.json()["results"][0]["id"].clone();
    let goes: EntryId = goes.as_str().and_then(|id| id.parse().ok()).expect("an id");
    let stays = write(&app, "Premium is forty-nine a month.", &["price list please"], "live").await;
    let case = open_case(&app, CaseKind::NearDuplicate, stays, Some(goes)).await;
    assert_eq!(decide(&app, &case, "merge").await.0, 200);
    let own: ConversationId =
        app.get("/conversations/100/").await.json()["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    assert_eq!(app.delete(&format!("/conversations/{own}/")).await.status, 204);
    // Nothing speaks for the other entry any more: it is gone, and the case with it.
    assert_eq!(app.get(&format!("{BASE}/{goes}/")).await.status, 404);
    assert_eq!(undo(&app, &case).await.0, 404);
    assert_eq!(entry(&app, stays).await["trigger_phrases"], json!(["price list please"]));
    app.close().await;
}

#[tokio::test]
async fn of_two_that_contradict_one_stays_and_what_was_held_back_is_let_go() {
    let app = TestApp::spawn().await;
    let one = write(&app, "We close at six.", &["when do you close"], "live").await;
    let two = write(&app, "We close at eight.", &["closing time"], "live").await;
    let held = write(&app, "Parking is free behind the house.", &["where can I park"], "quarantined").await;
    let contradiction = open_case(&app, CaseKind::Contradiction, one, Some(two)).await;
    let quarantine = open_case(&app, CaseKind::Quarantined, held, None).await;
    for (case, decision, of, expected) in [
        (&contradiction, "keep_entry", two, "retired"),
        (&contradiction, "keep_other", one, "retired"),
        (&contradiction, "keep_both", one, "live"),
        (&quarantine, "approve", held, "live"),
        (&quarantine, "reject", held, "retired"),
    ] {
        let before = entry(&app, of).await;
        let (status, decided) = decide(&app, case, decision).await;
        assert_eq!(status, 200, "{decided}");
        assert_eq!(entry(&app, of).await["status"], expected, "{decision}");
        assert_eq!(undo(&app, case).await.0, 200);
        app.drain_jobs().await;
        let after = entry(&app, of).await;
        for name in ["status", "status_reason", "trigger_phrases"] {
            assert_eq!(after[name], before[name], "{decision}: {name}");
        }
    }

    // A person decides otherwise in between: that is not overruled.
    assert_eq!(decide(&app, &quarantine, "reject").await.0, 200);
    assert_eq!(app.patch(&format!("{BASE}/{held}/"), &json!({"status": "shadow"})).await.status, 200);
    assert_eq!(undo(&app, &quarantine).await.0, 409);
    assert_eq!(entry(&app, held).await["status"], "shadow");

    for (query, count) in [
        ("", 2),
        ("?kind=contradiction", 1),
        ("?state=open", 1),
        ("?state=decided", 1),
        (&*format!("?entry={two}"), 1),
        ("?kind=near_duplicate", 0),
    ] {
        assert_eq!(app.get(&format!("/cases/{query}")).await.json()["count"], count, "{query}");
    }
    app.close().await;
}

#[tokio::test]
async fn wrong_decisions_filters_and_unknown_cases_are_told() {
    let app = TestApp::spawn().await;
    let one = write(&app, "We close at six.", &["when do you close"], "live").await;
    let case = open_case(&app, CaseKind::Quarantined, one, None).await;
    for (body, field) in [
        (json!({}), "decision"),
        (json!({"decision": "merge"}), "decision"),
        (json!({"decision": "maybe"}), "decision"),
        (json!({"decision": "approve", "reason": ""}), "reason"),
        (json!({"decision": "approve", "by": "me"}), "by"),
    ] {
        let wrong = app.post(&format!("{case}decide/"), &body).await;
        assert_eq!((wrong.status, wrong.json()["field"].as_str()), (422, Some(field)), "{body}: {}", wrong.text);
    }
    for (query, field) in [("kind=odd", "kind"), ("state=new", "state"), ("entry=first", "entry")] {
        let wrong = app.get(&format!("/cases/?{query}")).await;
        assert_eq!((wrong.status, wrong.json()["field"].as_str()), (422, Some(field)), "{}", wrong.text);
    }
    for id in [NOBODY, "first"] {
        let case = format!("/cases/{id}/");
        assert_eq!(app.get(&case).await.code(), "not_found");
        assert_eq!(decide(&app, &case, "approve").await.0, 404);
        assert_eq!(undo(&app, &case).await.0, 404);
    }
    app.close().await;
}

#[tokio::test]
async fn an_entry_whose_success_fell_is_not_offered_until_somebody_decides() {
    let app = TestApp::spawn().await;
    let id = write(&app, "Parking is free behind the house.", &["where can I park"], "live").await;
    let question = "where can I park?";
    // Told again for the same call, it corrects what was told before.
    let tell = async |call: u32, success: bool| {
        let told = json!({"success": success, "conversation_id": format!("call-{call}")});
        let told = app.post(&format!("{BASE}/{id}/record_usage/"), &told).await;
        assert_eq!(told.status, 200, "{}", told.text);
        app.clock.advance_millis(60_000);
    };
    let open = async || app.get("/cases/?kind=suspect&state=open").await.json()["count"].as_i64();
    for call in 0..31 {
        tell(call, call < 25).await;
    }
    assert_eq!((&entry(&app, id).await["status"], open().await), (&json!("live"), Some(0)));
    assert!(offered(&app, question).await.contains("behind the house"));
    tell(31, false).await;
    let suspect = entry(&app, id).await;
    assert_eq!((&suspect["status"], open().await), (&json!("suspect"), Some(1)));
    let reason = suspect["status_reason"].as_str().expect("a reason");
    let expected = "success fell from 100 % in 22 uses to 30 % in 10 uses since 2026-09-02T08:22";
    assert!(reason.starts_with(expected), "{reason}");
    assert!(!offered(&app, question).await.contains("behind the house"));

    // Later words of the callers take it back, and the case with it; and then theirs, too.
    for call in 25..32 {
        tell(call, true).await;
    }
    assert_eq!((&entry(&app, id).await["status"], open().await), (&json!("live"), Some(0)));
    assert!(offered(&app, question).await.contains("behind the house"));
    for call in 25..32 {
        tell(call, false).await;
    }
    assert_eq!((&entry(&app, id).await["status"], open().await), (&json!("suspect"), Some(1)));

    let case = app.get("/cases/?kind=suspect").await.json()["results"][0].clone();
    assert_eq!(case["decisions"], json!(["approve", "reject"]));
    assert_eq!((&case["entry_id"], &case["detail"]), (&json!(id), &entry(&app, id).await["status_reason"]));
    let path = format!("/cases/{}/", case["id"].as_str().expect("an id"));
    let before = entry(&app, id).await;
    for (decision, expected) in [("reject", "retired"), ("approve", "live")] {
        let (status, decided) = decide(&app, &path, decision).await;
        assert_eq!((status, &decided["entry"]["status"]), (200, &json!(expected)), "{decided}");
        app.drain_jobs().await;
        // Whoever let it go knew of the fall, so that one is not found again.
        tell(90, false).await;
        assert_eq!(entry(&app, id).await["status"], expected, "{decision}");
        let is_offered = offered(&app, question).await.contains("behind the house");
        assert_eq!(is_offered, expected == "live", "{decision}");
        assert_eq!(undo(&app, &path).await.0, 200);
        app.drain_jobs().await;
        let after = entry(&app, id).await;
        for name in ["status", "status_reason", "trigger_phrases"] {
            assert_eq!(after[name], before[name], "{decision}: {name}");
        }
        assert_eq!(open().await, Some(1));
    }
    app.close().await;
}

#[tokio::test]
async fn an_entry_stays_suspect_while_a_conversation_of_its_uses_is_learned_from_anew() {
    let app = TestApp::spawn_with(&["learning.distillation=false"]).await;
    let id = write(&app, "Parking is free behind the house.", &["where can I park"], "live").await;
    let tell = async |success: Value, conversation: Option<String>| {
        let told = json!({"success": success, "conversation_id": conversation});
        let told = app.post(&format!("{BASE}/{id}/record_usage/"), &told).await;
        assert_eq!(told.status, 200, "{}", told.text);
        app.clock.advance_millis(60_000);
    };
    for number in 0..31 {
        tell(json!(number < 25), Some(format!("{}", 500 + number))).await;
    }
    // How the last one ended its conversation says alone.
    tell(Value::Null, Some("531".to_owned())).await;
    let mut failed = call("531", &[("user", "Where can I park?"), ("agent", "I do not know."), ("user", "Bye.")]);
    failed["outcome"] = json!("unsuccessful");
    app.learn([failed]).await;
    let cases = async || {
        let listed = app.get("/cases/?kind=suspect").await.json();
        let case = &listed["results"][0];
        (listed["count"].clone(), case["id"].clone(), case["created_at"].clone())
    };
    let before = cases().await;
    assert_eq!((&entry(&app, id).await["status"], &before.0), (&json!("suspect"), &json!(1)));

    let again = json!({"conversation_id": "531", "relearn": true});
    let again = app.post("/training/training-data/process_conversation/", &again).await;
    assert!((200..300).contains(&again.status), "{}", again.text);
    // Somebody looks at the entry meanwhile.
    tell(Value::Null, None).await;
    assert_eq!((&entry(&app, id).await["status"], cases().await), (&json!("suspect"), before.clone()));
    app.drain_jobs().await;
    assert_eq!((&entry(&app, id).await["status"], cases().await), (&json!("suspect"), before));
    app.close().await;
}
