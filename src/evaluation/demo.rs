//! Comparing what was learned from the labelled demo with its labels.
//!
//! The given outcomes are hidden, so that they are inferred from the dialogue. Both parts of the demo are learned from;
//! they are counted apart, because weights and thresholds were fitted on the development part.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::domain::conversation::{Outcome, bursts};
use crate::domain::draft::ConversationDraft;
use crate::domain::ids::TenantId;
use crate::domain::knowledge::{EntryStatus, KnowledgeType};
use crate::domain::query::{Exposure, Limit, QueryText, RetrievalQuery};
use crate::engine::error::Error;
use crate::evaluation::labels::{ConversationLabels, LabelledDemo, read_file};
use crate::evaluation::split::{Split, split_of};
use crate::learning::Learner;
use crate::retrieval::Retriever;

/// Right and wrong of one kind of decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Told and right.
    pub right: usize,
    /// Told.
    pub told: usize,
    /// Labelled, and found.
    pub found: usize,
    /// Labelled.
    pub labelled: usize,
}

impl Score {
    /// Right among told, 0 to 1.
    pub fn precision(&self) -> f64 {
        self.right as f64 / self.told.max(1) as f64
    }

    /// Found among labelled, 0 to 1.
    pub fn recall(&self) -> f64 {
        self.found as f64 / self.labelled.max(1) as f64
    }
}

/// How learning did on one part of the demo.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PartReport {
    /// Conversations.
    pub conversations: usize,
    /// Entries by kind, counted by their evidence.
    pub kinds: BTreeMap<KnowledgeType, Score>,
    /// Successful conversations told as such.
    pub successful: Score,
    /// Outcomes that are right, of all three.
    pub outcomes_right: usize,
    /// Categories that are right.
    pub categories_right: usize,
    /// Conversations whose main intent is among those told.
    pub intents_right: usize,
}

/// The conversations of the demo without what analysis shall find out by itself.
pub fn hidden(demo: &LabelledDemo) -> impl Iterator<Item = ConversationDraft> + '_ {
    demo.conversations.iter().map(|draft| ConversationDraft {
        outcome: None,
        satisfaction: None,
        category: None,
        ..draft.clone()
    })
}

/// Compares what is learned now with the labels of one part.
///
/// # Errors
/// When the database fails, or a conversation of the demo was not learned from.
pub async fn compare(
    learner: &Learner,
    tenant: &TenantId,
    demo: &LabelledDemo,
    part: Split,
) -> Result<PartReport, Error> {
    let mut report = PartReport::default();
    for draft in demo.conversations.iter().filter(|draft| split_of(&draft.external_id) == part) {
        let Some(labels) = demo.labels.get(&draft.external_id) else { continue };
        compare_one(learner, tenant, labels, &mut report).await?;
    }
    Ok(report)
}

async fn compare_one(
    learner: &Learner,
    tenant: &TenantId,
    labels: &ConversationLabels,
    report: &mut PartReport,
) -> Result<(), Error> {
    let store = &learner.engine.store;
    let missing = || Error::NotFound { what: "learned conversation", id: labels.external_id.clone() };
    let stored = store.conversation_by_external_id(tenant, &labels.external_id).await?.ok_or_else(missing)?;
    let id = stored.conversation.id;
    let record = store.record_of(tenant, id).await?.ok_or_else(missing)?;
    report.conversations += 1;
    report.outcomes_right += usize::from(record.outcome == labels.outcome);
    report.categories_right += usize::from(record.category == labels.category);
    report.intents_right += usize::from(record.user_intents.contains(&labels.intent));
    let (told, is) = (record.outcome == Outcome::Successful, labels.outcome == Outcome::Successful);
    report.successful.told += usize::from(told);
    report.successful.labelled += usize::from(is);
    report.successful.right += usize::from(told && is);
    report.successful.found += usize::from(told && is);

    let evidence = store.evidence_from(tenant, id).await?;
    let entries: Vec<_> = evidence.iter().map(|evidence| evidence.entry_id).collect();
    let entries = store.entries(tenant, &entries).await?;
    let spans = bursts(&stored.conversation.turns);
    // A label names one message; an answer may be a burst of several.
    let same_turn = |answer: usize, label: usize| {
        answer == label
            || spans.iter().any(|burst| burst.first == answer && (burst.first..=burst.last).contains(&label))
    };
    let learned: Vec<(usize, KnowledgeType)> = evidence
        .iter()
        .filter(|evidence| evidence.success_score >= learner.settings.min_success_score)
        .filter_map(|evidence| {
            let entry = entries.iter().find(|entry| entry.id == evidence.entry_id)?;
            (entry.status == EntryStatus::Live).then_some((evidence.answer_turn, entry.knowledge_type))
        })
        .collect();
    for kind in KnowledgeType::ALL {
        let score = report.kinds.entry(*kind).or_default();
        let labelled: Vec<usize> =
            labels.knowledge.iter().filter(|label| label.kind == *kind).map(|label| label.turn).collect();
        let told: Vec<usize> = learned.iter().filter(|(_, told)| told == kind).map(|(turn, _)| *turn).collect();
        score.told += told.len();
        score.right += told.iter().filter(|turn| labelled.iter().any(|label| same_turn(**turn, *label))).count();
        score.labelled += labelled.len();
        score.found += labelled.iter().filter(|label| told.iter().any(|turn| same_turn(*turn, **label))).count();
    }
    Ok(())
}

/// What the rivals show: an answer of four successes and one of two successes and two failures to the same questions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RivalReport {
    /// Content of what is offered first.
    pub first: String,
    /// Its success rate.
    pub first_rate: f64,
    /// Its similarity.
    pub first_similarity: f64,
    /// Success rate of what is offered second.
    pub second_rate: f64,
    /// Its similarity.
    pub second_similarity: f64,
}

impl RivalReport {
    /// Whether success decided between equals.
    pub fn holds(&self) -> bool {
        self.first_rate > self.second_rate && (self.first_similarity - self.second_similarity).abs() < 0.01
    }
}

/// The conversations of the rivals.
///
/// # Errors
/// When the file is missing or malformed.
pub fn read_rivals(folder: &Path) -> Result<Vec<ConversationDraft>, Error> {
    read_file(&folder.join("rivals.jsonl"))
}

/// Asks what both rivals answer; they were learned before, in an installation of their own.
///
/// # Errors
/// When retrieval fails, or offers fewer than two entries.
pub async fn ask_rivals(
    retriever: &Retriever,
    tenant: &TenantId,
    rivals: &[ConversationDraft],
) -> Result<RivalReport, Error> {
    let question = rivals.first().and_then(|draft| draft.turns.get(1)).map(|turn| turn.text.as_str());
    let query = live_query(question.unwrap_or_default(), 2)?;
    let answer = retriever.retrieve(tenant, query).await?;
    let [first, second] = answer.results.as_slice() else {
        return Err(Error::NotFound { what: "pair of rivals, but entries:", id: answer.results.len().to_string() });
    };
    Ok(RivalReport {
        first: first.content.clone(),
        first_rate: first.success.rate,
        first_similarity: first.similarity,
        second_rate: second.success.rate,
        second_similarity: second.similarity,
    })
}

/// A question as the demo asks it: no filter, no exposure, time enough.
///
/// # Errors
/// When there is nothing to ask.
pub fn live_query(utterance: &str, limit: i64) -> Result<RetrievalQuery, Error> {
    Ok(RetrievalQuery {
        utterance: QueryText::parse("utterance", utterance)?,
        conversation_ref: None,
        turn: None,
        context: Vec::new(),
        knowledge_type: None,
        category: None,
        language: None,
        limit: Limit::new(limit)?,
        deadline: None,
        render_tokens: None,
        exposure: Exposure::Unrecorded,
    })
}
