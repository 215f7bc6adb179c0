//! Whether retrieval answers what it can and declines what no business could answer.
//!
//! Asked are utterances that were written for measuring; no classifier is fitted on them (`demo/abstention.jsonl`).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::ids::{ConversationId, EntryId, TenantId};
use crate::engine::error::Error;
use crate::evaluation::demo::live_query;
use crate::evaluation::labels::{Expectation, LabelledDemo};
use crate::retrieval::Retriever;
use crate::store::Store;

/// What was answered and what was declined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct AbstentionReport {
    /// Utterances about something that the demo's conversations answer.
    pub on_topic: usize,
    /// Of them, those to which something is offered.
    pub answered: usize,
    /// Of them, those to which the first that is offered was learned from the fact, objection or situation meant.
    pub right: usize,
    /// Utterances that no business could answer.
    pub off_topic: usize,
    /// Of them, those to which nothing is offered.
    pub declined: usize,
}

/// Asks an installation that learned from the demo.
///
/// # Errors
/// When the database or retrieval fails.
pub async fn ask(
    store: &Store,
    retriever: &Retriever,
    tenant: &TenantId,
    demo: &LabelledDemo,
) -> Result<AbstentionReport, Error> {
    let mut report = AbstentionReport::default();
    let mut names = BTreeMap::new();
    for draft in &demo.conversations {
        if let Some(stored) = store.conversation_by_external_id(tenant, &draft.external_id).await? {
            names.insert(stored.conversation.id, draft.external_id.as_str());
        }
    }
    for question in &demo.abstention {
        let answer = retriever.retrieve(tenant, live_query(&question.utterance, 1)?).await?;
        let Some(expected) = &question.expect else {
            report.off_topic += 1;
            report.declined += usize::from(answer.results.is_empty());
            continue;
        };
        report.on_topic += 1;
        let Some(first) = answer.results.first() else { continue };
        report.answered += 1;
        report.right += usize::from(is_about(store, tenant, (demo, &names), first.knowledge_id, expected).await?);
    }
    Ok(report)
}

/// Whether an entry was learned from a turn that is labelled with what was expected.
async fn is_about(
    store: &Store,
    tenant: &TenantId,
    (demo, names): (&LabelledDemo, &BTreeMap<ConversationId, &str>),
    entry: EntryId,
    expected: &Expectation,
) -> Result<bool, Error> {
    let evidence = store.evidence_of(tenant, entry).await?;
    let labelled = evidence.iter().any(|evidence| {
        let labels = names.get(&evidence.conversation_id).and_then(|name| demo.labels.get(*name));
        labels.is_some_and(|labels| {
            labels.knowledge.iter().any(|label| label.turn == evidence.answer_turn && label.key == expected.key)
        })
    });
    Ok(labelled)
}
