//! What callers cannot hand in, and the queue makes only now and then: a gap and a case.

use serde_json::json;
use turnwise::domain::ids::{CaseId, EntryId, TenantId};
use turnwise::domain::knowledge::{Case, CaseKind};
use turnwise::learning::pipeline::{Stage, upkeep_job};

use crate::support::app::TestApp;

/// Makes gaps of what was asked in vain so far.
pub async fn find_gaps(app: &TestApp) {
    app.app.flush_exposures().await;
    let engine = &app.app.engine;
    let mut tx = engine.store.begin().await.expect("a transaction");
    let job = upkeep_job(engine, Stage::FindGaps);
    assert!(tx.enqueue(&TenantId::default_tenant(), &job, engine.now()).await.expect("it is queued"));
    tx.commit().await.expect("it commits");
    app.drain_jobs().await;
}

/// Opens the case that two entries say the same; its id.
pub async fn open_case(app: &TestApp, entry: &str, other: &str) -> String {
    let id_of = |text: &str| -> EntryId { text.parse().expect("the id of an entry") };
    let entries = (id_of(entry), Some(id_of(other)));
    open_case_of(app, CaseKind::NearDuplicate, entries, "they say nearly the same").await.to_string()
}

/// Opens a case about one entry or two.
pub async fn open_case_of(
    app: &TestApp,
    kind: CaseKind,
    (entry_id, other_id): (EntryId, Option<EntryId>),
    detail: &str,
) -> CaseId {
    let id = CaseId::derive(kind.as_str(), entry_id, other_id);
    let created_at = app.app.engine.now();
    let case = Case { id, kind, entry_id, other_id, detail: detail.to_owned(), created_at };
    let mut tx = app.app.engine.store.begin().await.expect("a transaction");
    assert!(tx.insert_case(&TenantId::default_tenant(), &case).await.expect("it is stored"));
    tx.commit().await.expect("it commits");
    id
}

/// Asks for something that nobody has written down.
pub async fn ask_in_vain(app: &TestApp, conversation: &str) {
    let question = json!({
        "utterance": "is there a charging station for my electric car?", "language": "en", "conversation_id": conversation,
    });
    let told = app.post("/retrieve/", &question).await.json();
    assert_eq!(told["abstained"], true, "{told}");
}
