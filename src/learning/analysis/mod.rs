//! Analysis of one conversation: what it was about, how it ended, how well the agent did, each with its reason.
//!
//! Works with no language model: everything is told from embeddings, dialogue acts and counts.

pub mod language;
pub mod matter;
pub mod outcome;
pub mod phrases;
pub mod quality;
pub mod summary;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::analysis::TrainingRecord;
use crate::domain::classify::exchange::{ReadTurn, need_strength};
use crate::domain::classify::text_classifier::TextFeatures;
use crate::domain::conversation::{Conversation, ConversationStatus, Speaker};
use crate::domain::ids::RecordId;
use crate::domain::redaction::redacted_bursts;
use crate::domain::training::Labels;
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::learning::analysis::outcome::judge_outcome;
use crate::learning::analysis::quality::measure_quality;
use crate::learning::pipeline::Stage;
use crate::learning::{Learner, PIPELINE_VERSION};
use crate::store::conversations::StoredConversation;
use crate::store::jobs::Job;
use crate::store::outcomes::ToldOutcome;

/// The most intents that one conversation is said to have.
pub const MAX_INTENTS: usize = 3;
/// Confidence from which an utterance carries a listed intent; at least one must, or the conversation has none.
pub const MIN_INTENT_CONFIDENCE: f32 = 0.25;
/// An intent needs this share of what all turns sound like; an even guess among thirty is 0.03.
const MIN_INTENT_SHARE: f32 = 0.1;
/// And this much of the likeliest one's.
const MIN_BESIDE_FIRST: f32 = 0.4;
/// How much less every later turn counts: what a conversation is about is said first.
const LATER: f32 = 0.35;
/// Category when nothing tells one.
const NO_CATEGORY: &str = "general";
/// Reason of a label that a caller gave when it asked for the conversation to be processed.
const GIVEN: &str = "given with the request";

impl Learner {
    /// Stage `analyze`: makes the training record and the chunks.
    pub(super) async fn analyze(&self, job: &Job, stored: &StoredConversation) -> Result<(), Error> {
        let turns = self.understand(&stored.conversation).await?;
        let told = self.engine.store.outcomes_of(&job.tenant, &stored.conversation.external_id).await?;
        let given = self.engine.store.labels_of(&job.tenant, stored.conversation.id).await?;
        let (engine, conversation) = (Arc::clone(&self.engine), stored.conversation.clone());
        // A long conversation is work for a processor, which must not stall those who ask.
        let task = move || analyse(&engine, &conversation, &turns, &told, &given);
        let record = tokio::task::spawn_blocking(task).await.map_err(|_| Error::Overloaded)?;
        let chunks = self.chunks(&stored.conversation)?;
        let (id, now) = (stored.conversation.id, self.engine.now());
        let mut tx = self.engine.store.begin().await?;
        tx.upsert_record(&job.tenant, &record).await?;
        tx.replace_chunks(&job.tenant, id, &chunks, now).await?;
        tx.set_conversation_status(&job.tenant, id, ConversationStatus::Processing, None, now).await?;
        self.commit_stage(tx, job, stored, Some(Stage::IndexChunks)).await
    }

    /// The turns of a conversation as bursts, redacted, without what Turnwise itself injected, understood.
    ///
    /// # Errors
    /// When the model fails or too much waits.
    pub async fn understand(&self, conversation: &Conversation) -> Result<Vec<ReadTurn>, Error> {
        let embedder = &self.engine.generations.first().embedder;
        self.engine.understanding().read(embedder, redacted_bursts(&conversation.turns)).await
    }
}

/// The training record of a conversation; `told` is what was told about its outcome apart from it, `given` are labels that
/// win over what is found here.
pub fn analyse(
    engine: &Engine,
    conversation: &Conversation,
    turns: &[ReadTurn],
    told: &[ToldOutcome],
    given: &Labels,
) -> TrainingRecord {
    let mut reasons = BTreeMap::new();
    let language = conversation.language.clone().unwrap_or_else(|| language::recognise(turns));
    let (user_intents, intent_reason) = match given.intents.as_slice() {
        [] => user_intents(engine, turns),
        intents => (intents.to_vec(), GIVEN.to_owned()),
    };
    reasons.insert("user_intents".to_owned(), intent_reason);

    let with_conversation = conversation.category.as_ref().map(|category| (category, "given with the conversation"));
    let known = given.category.as_ref().map(|category| (category, GIVEN)).or(with_conversation);
    let category = match (known, user_intents.first()) {
        (Some((category, reason)), _) => {
            reasons.insert("conversation_category".to_owned(), reason.to_owned());
            category.clone()
        }
        (None, Some(intent)) => {
            reasons.insert("conversation_category".to_owned(), format!("the category of the intent {intent}"));
            engine.understanding().category_of(intent).unwrap_or(NO_CATEGORY).to_owned()
        }
        (None, None) => {
            reasons.insert("conversation_category".to_owned(), "no intent was recognised".to_owned());
            NO_CATEGORY.to_owned()
        }
    };

    let (quality, quality_reasons) = measure_quality(turns);
    reasons.extend(quality_reasons);
    let answered = engine.understanding().answered(turns);
    let judged = judge_outcome(conversation, told, engine.understanding().verdict(turns, &answered));
    reasons.insert("outcome".to_owned(), judged.reason);

    TrainingRecord {
        id: RecordId::derive(conversation.id),
        conversation_id: conversation.id,
        call_id: given.call_id.clone().or_else(|| conversation.call_id.clone()),
        agent_id: conversation.agent_id.clone(),
        summary: summary::summarise(turns, &answered, judged.outcome),
        key_phrases: phrases::key_phrases(turns, &language),
        user_intents,
        category,
        outcome: judged.outcome,
        outcome_source: judged.source,
        outcome_confidence: judged.confidence,
        success_score: judged.success_score,
        quality,
        reasons,
        learning: Vec::new(),
        language,
        pipeline_version: PIPELINE_VERSION,
        created_at: engine.now(),
    }
}

/// What the user wanted: the intents of the turns in which something is wanted, early ones more.
fn user_intents(engine: &Engine, turns: &[ReadTurn]) -> (Vec<String>, String) {
    let mut weights: BTreeMap<String, f32> = BTreeMap::new();
    let (mut total, mut clearest) = (0.0, 0.0_f32);
    for (position, turn) in turns.iter().filter(|turn| turn.burst.speaker == Speaker::User).enumerate() {
        let weight = need_strength(&turn.acts.max(&turn.sentence_acts)) / (1.0 + position as f32 * LATER);
        total += weight;
        for intent in engine.understanding().intents(&TextFeatures::of(&turn.burst.text, &turn.vector)) {
            clearest = clearest.max(if weight > 0.0 { intent.confidence } else { 0.0 });
            *weights.entry(intent.name).or_default() += weight * intent.confidence;
        }
    }
    let mut ranked: Vec<(String, f32)> =
        weights.into_iter().map(|(name, weight)| (name, weight / total.max(f32::EPSILON))).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let least = MIN_INTENT_SHARE.max(ranked.first().map_or(0.0, |(_, top)| top * MIN_BESIDE_FIRST));
    ranked.retain(|(_, share)| *share >= least && clearest >= MIN_INTENT_CONFIDENCE);
    ranked.truncate(MAX_INTENTS);
    let reason = match ranked.as_slice() {
        [] => "no turn sounded like an intent that is known".to_owned(),
        found => {
            let parts: Vec<String> = found.iter().map(|(name, share)| format!("{name} {share:.2}")).collect();
            format!("what the user's needs sound like: {}", parts.join(", "))
        }
    };
    (ranked.into_iter().map(|(name, _)| name).collect(), reason)
}
