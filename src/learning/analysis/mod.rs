//! Analysis of one conversation: what it was about, how it ended, how well the agent did, each with its reason.
//!
//! Works with no language model: everything is told from embeddings, dialogue acts and counts.

pub mod language;
pub mod outcome;
pub mod phrases;
pub mod quality;
pub mod summary;

use std::collections::BTreeMap;

use crate::domain::analysis::TrainingRecord;
use crate::domain::classify::exchange::{ExchangeClassifier, ReadTurn, exchanges, is_need};
use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Burst, Conversation, ConversationStatus, Speaker, bursts};
use crate::domain::ids::RecordId;
use crate::domain::redaction::Redactor;
use crate::domain::text;
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::learning::analysis::outcome::judge_outcome;
use crate::learning::analysis::quality::measure_quality;
use crate::learning::pipeline::Stage;
use crate::learning::{Learner, PIPELINE_VERSION};
use crate::store::conversations::StoredConversation;
use crate::store::jobs::Job;

/// The most intents that one conversation is said to have.
const MAX_INTENTS: usize = 3;
/// Confidence from which an utterance carries an intent.
const MIN_INTENT_CONFIDENCE: f32 = 0.25;
/// Category when nothing tells one.
const NO_CATEGORY: &str = "general";

impl Learner {
    /// Stage `analyze`: makes the training record.
    pub(super) async fn analyze(&self, job: &Job, stored: &StoredConversation) -> Result<(), Error> {
        let turns = self.understand(&stored.conversation).await?;
        let record = analyse(&self.engine, &stored.conversation, &turns, self.engine.now());
        let mut tx = self.engine.store.begin().await?;
        tx.upsert_record(&job.tenant, &record).await?;
        let id = stored.conversation.id;
        tx.set_conversation_status(&job.tenant, id, ConversationStatus::Processing, None, self.engine.now()).await?;
        self.commit_stage(tx, job, stored, Some(Stage::Chunk)).await
    }

    /// The turns of a conversation as bursts, redacted, without what Turnwise itself injected, understood.
    ///
    /// # Errors
    /// When the model fails or too much waits.
    pub async fn understand(&self, conversation: &Conversation) -> Result<Vec<ReadTurn>, Error> {
        let embedder = &self.engine.generations.first().embedder;
        self.engine.understanding().read(embedder, redacted_bursts(conversation)).await
    }
}

/// What was said, burst by burst, with personal values as slots and our own injected text taken out.
pub fn redacted_bursts(conversation: &Conversation) -> Vec<Burst> {
    let mut turns = conversation.turns.clone();
    for turn in &mut turns {
        turn.text = text::tidy(&text::strip_injected(&turn.text));
    }
    let redactor = Redactor::for_conversation(turns.iter().map(|turn| (turn.speaker, turn.text.as_str())));
    let mut bursts = bursts(&turns);
    for burst in &mut bursts {
        burst.text = redactor.redact(burst.speaker, &burst.text);
    }
    // What has no word (a cough, a dash) carries nothing, and a model cannot embed it.
    bursts.retain(|burst| text::word_count(&burst.text) > 0);
    bursts
}

/// The training record of a conversation.
pub fn analyse(engine: &Engine, conversation: &Conversation, turns: &[ReadTurn], now: Timestamp) -> TrainingRecord {
    let mut reasons = BTreeMap::new();
    let language = conversation.language.clone().unwrap_or_else(|| language::recognise(turns));
    let (user_intents, intent_reason) = user_intents(engine, turns);
    reasons.insert("user_intents".to_owned(), intent_reason);

    let category = match (&conversation.category, user_intents.first()) {
        (Some(given), _) => {
            reasons.insert("conversation_category".to_owned(), "given with the conversation".to_owned());
            given.clone()
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
    let judged = judge_outcome(conversation, turns, answered(engine, turns));
    reasons.insert("outcome".to_owned(), judged.reason);

    TrainingRecord {
        id: RecordId::derive(conversation.id),
        conversation_id: conversation.id,
        call_id: conversation.call_id.clone(),
        agent_id: conversation.agent_id.clone(),
        summary: summary::summarise(turns),
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
        created_at: now,
    }
}

/// Share of the agent's turns that answer a need, 0 to 1.
pub fn answered(engine: &Engine, turns: &[ReadTurn]) -> f32 {
    let agent_turns = turns.iter().filter(|turn| turn.burst.speaker == Speaker::Agent).count();
    let found = exchanges(turns, engine.understanding().pairs(), ExchangeClassifier::embedded(), 0.5);
    found.len() as f32 / agent_turns.max(1) as f32
}

/// What the user wanted: the intents of the turns in which something is wanted, weighed by how surely, early ones more.
fn user_intents(engine: &Engine, turns: &[ReadTurn]) -> (Vec<String>, String) {
    let mut weights: BTreeMap<String, f32> = BTreeMap::new();
    let needs = turns.iter().filter(|turn| turn.burst.speaker == Speaker::User && is_need(turn));
    for (position, turn) in needs.enumerate() {
        let Some(best) = engine.understanding().intents(&turn.vector).into_iter().next() else { continue };
        if best.confidence >= MIN_INTENT_CONFIDENCE {
            *weights.entry(best.name).or_default() += best.confidence / (1.0 + position as f32 * 0.25);
        }
    }
    let mut ranked: Vec<(String, f32)> = weights.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranked.truncate(MAX_INTENTS);
    let reason = match ranked.as_slice() {
        [] => "no turn came near the exemplars of any intent".to_owned(),
        found => {
            let parts: Vec<String> = found.iter().map(|(name, weight)| format!("{name} {weight:.2}")).collect();
            format!("nearest exemplars of the user's needs: {}", parts.join(", "))
        }
    };
    (ranked.into_iter().map(|(name, _)| name).collect(), reason)
}
