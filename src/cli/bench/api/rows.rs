//! The rows that are asked about: ninety days of a busy installation, written as its parts write them, but for models and
//! the index. The same each time.

use uuid::Uuid;

use crate::cli::bench::api::around;
use crate::cli::bench::api::requests::Known;
use crate::cli::failure::Failure;
use crate::cli::print::Voice;
use crate::domain::analysis::{Quality, TrainingRecord};
use crate::domain::clock::Timestamp;
use crate::domain::conversation::{Conversation, ConversationStatus, Outcome, OutcomeSource, Speaker, Turn, Usage};
use crate::domain::credit::{EntryUse, UseSource};
use crate::domain::dice::dice;
use crate::domain::experiment::Assignment;
use crate::domain::ids::{ConversationId, EntryId, ExperimentId, GapId, JobId, RecordId, RetrievalId, TenantId};
use crate::domain::knowledge::Evidence;
use crate::domain::language::Language;
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::store::gap_retrievals::GapLink;
use crate::store::jobs::NewJob;
use crate::store::outcomes::ToldOutcome;
use crate::store::retrievals::{Exposure, Retrieval};

/// Days that the rows reach back.
pub(super) const DAYS: i64 = 90;
pub(super) const DAY_MS: i64 = 86_400_000;
/// Conversations that are written in one transaction.
const BATCH: usize = 500;
/// Retrievals of a conversation that found something, entries that each of them shows, and one more for the first.
const RETRIEVALS: u64 = 3;
const SHOWN: u64 = 3;
/// Every so-manyth conversation asks once more, in vain.
const IN_VAIN: u64 = 3;
/// Exposures of one conversation.
const EXPOSURES: u64 = RETRIEVALS * SHOWN + 1;

pub(super) const CATEGORIES: [&str; 8] =
    ["sales", "support", "billing", "booking", "complaint", "information", "technical", "other"];
const LANGUAGES: [&str; 6] = ["en", "es", "hi", "ar", "ur", "ur-Latn"];
const CHANNELS: [&str; 3] = ["phone", "chat", "email"];
const OUTCOMES: [Outcome; 10] = [
    Outcome::Successful,
    Outcome::Successful,
    Outcome::Successful,
    Outcome::Successful,
    Outcome::Successful,
    Outcome::Unsuccessful,
    Outcome::Unsuccessful,
    Outcome::Partial,
    Outcome::Unknown,
    Outcome::Excluded,
];
const INTENTS: [&str; 10] = [
    "pricing",
    "booking",
    "refund",
    "delivery",
    "password",
    "upgrade",
    "cancel",
    "opening_hours",
    "complaint",
    "other",
];
const KINDS: [&str; 4] = ["analyze", "index_chunks", "distill", "credit"];
const WORDS: [&str; 40] = [
    "price", "booking", "refund", "invoice", "delivery", "password", "account", "upgrade", "cancel", "schedule",
    "office", "hours", "support", "ticket", "plan", "family", "phone", "number", "address", "payment", "card",
    "broken", "screen", "battery", "order", "status", "change", "date", "time", "agent", "person", "manager",
    "discount", "offer", "trial", "month", "year", "please", "today", "tomorrow",
];

/// What the rows share.
pub(super) struct World<'a> {
    pub(super) engine: &'a Engine,
    pub(super) tenant: TenantId,
    /// The moment at which they end.
    pub(super) now: Timestamp,
    pub(super) languages: Vec<Language>,
    pub(super) entries: Vec<EntryId>,
    pub(super) gaps: Vec<GapId>,
    experiment: ExperimentId,
    conversations: u64,
}

/// What is drawn, so that each has draws of its own.
#[derive(Clone, Copy)]
pub(super) enum Draw {
    Word,
    Category,
    Language,
    Channel,
    Agent,
    Outcome,
    Score,
    Length,
    Intent,
    Phrase,
    Entry,
    Latency,
    Rest,
}

/// One of these, drawn.
pub(super) fn pick<T>(of: &[T], draw: Draw, keys: [u64; 2]) -> &T {
    &of[number(draw, keys, of.len() as u64) as usize]
}

/// A number below `end`, drawn.
pub(super) fn number(draw: Draw, keys: [u64; 2], end: u64) -> u64 {
    (share(draw, keys) * end as f64) as u64
}

/// A number from 0 to 1, drawn.
pub(super) fn share(draw: Draw, [first, second]: [u64; 2]) -> f64 {
    dice([draw as u64, first, second])
}

/// So many words, drawn.
pub(super) fn words(count: u64, [first, second]: [u64; 2]) -> String {
    let drawn = (0..count).map(|word| *pick(&WORDS, Draw::Word, [first, second * 1_000 + word]));
    drawn.collect::<Vec<_>>().join(" ")
}

/// Writes the rows behind so many exposures.
///
/// # Errors
/// When the database fails.
pub async fn fill(engine: &Engine, exposures: u64, voice: Voice) -> Result<Known, Failure> {
    let languages = LANGUAGES.iter().map(|tag| Language::parse(tag)).collect::<Result<Vec<_>, _>>();
    let mut world = World {
        engine,
        tenant: TenantId::default_tenant(),
        now: engine.now(),
        languages: languages.map_err(Error::from)?,
        entries: Vec::new(),
        gaps: Vec::new(),
        experiment: ExperimentId(engine.new_uuid()),
        conversations: (exposures / EXPOSURES).max(1),
    };
    around::write_entries(&mut world, (exposures / 100).max(2)).await?;
    around::write_gaps(&mut world, (exposures / 500).clamp(1, 5_000)).await?;
    around::write_cases(&world, (exposures / 200).max(1)).await?;
    around::write_experiments(&world, world.experiment).await?;
    around::write_sessions(&world, (exposures / 1_000).clamp(1, 1_000)).await?;
    around::write_keys(&world).await?;

    let bar = voice.progress("{bar:40} {pos}/{len} conversations {elapsed}");
    bar.set_length(world.conversations);
    let all: Vec<u64> = (0..world.conversations).collect();
    for batch in all.chunks(BATCH) {
        world.write_conversations(batch).await?;
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok(Known { now: world.now, experiment: world.experiment, conversations: world.conversations })
}

impl World<'_> {
    /// When the item of this number among so many is from: they are evenly spread, and the last ones are of today.
    pub(super) fn moment(&self, number: u64, count: u64) -> Timestamp {
        let back = DAYS * DAY_MS * (count - number) as i64 / count as i64;
        self.now.plus_millis(-back)
    }

    pub(super) fn language(&self, keys: [u64; 2]) -> Language {
        pick(&self.languages, Draw::Language, keys).clone()
    }

    async fn write_conversations(&self, numbers: &[u64]) -> Result<(), Error> {
        let tenant = &self.tenant;
        let mut tx = self.engine.store.begin().await?;
        let (mut retrievals, mut assigned, mut evidence, mut links) = (vec![], vec![], vec![], vec![]);
        let mut uses: Vec<(String, Vec<RetrievalId>, Vec<EntryUse>)> = Vec::new();
        for number in numbers {
            let conversation = self.conversation(*number);
            let record = self.record(*number, &conversation);
            let received = conversation.ended_at;
            tx.insert_conversation(tenant, &conversation, received).await?;
            let status =
                if number.is_multiple_of(200) { ConversationStatus::Failed } else { ConversationStatus::Processed };
            let failure = Some("the embedding model did not answer");
            tx.set_conversation_status(tenant, conversation.id, status, failure, received).await?;
            tx.upsert_record(tenant, &record).await?;
            if number.is_multiple_of(10) {
                tx.tell_outcome(tenant, &told(&conversation, record.outcome)).await?;
            }
            let job = self.job(*number, received);
            tx.enqueue(tenant, &job, received).await?;
            tx.cancel_job(tenant, job.id, received).await?;

            let asked = self.retrievals(*number, &conversation);
            let own: Vec<RetrievalId> = asked.iter().map(|retrieval| retrieval.id).collect();
            let said: Vec<EntryUse> = asked.iter().filter_map(|retrieval| used(&conversation, retrieval)).collect();
            links.extend(asked.iter().filter(|asked| asked.abstained).map(|asked| self.link(*number, asked)));
            evidence.push(self.evidence(*number, &conversation, &record));
            // An experiment began after the first month.
            if number * 3 > self.conversations {
                assigned.push(self.assignment(*number, &conversation));
            }
            retrievals.extend(asked);
            uses.push((conversation.external_id, own, said));
        }
        tx.insert_retrievals(tenant, &retrievals).await?;
        for (external_id, own, said) in &uses {
            tx.settle_uses(tenant, external_id, own, said).await?;
        }
        tx.insert_assignments(tenant, &assigned).await?;
        tx.add_evidence(tenant, &evidence).await?;
        tx.link_gap_retrievals(tenant, &links).await?;
        tx.commit().await?;
        Ok(())
    }

    fn conversation(&self, number: u64) -> Conversation {
        let started_at = self.moment(number, self.conversations);
        let keys = [number, 0];
        let turns = (0..4 + number_of_turns(number)).map(|ordinal| Turn {
            ordinal: ordinal as usize,
            speaker: if ordinal.is_multiple_of(2) { Speaker::User } else { Speaker::Agent },
            text: words(12, [number, ordinal]),
            at: Some(started_at.plus_millis(ordinal as i64 * 5_000)),
            retrieval_id: None,
        });
        let tokens = number_below(number, 4_000);
        Conversation {
            id: ConversationId(self.engine.ids.uuid(started_at)),
            external_id: format!("call-{number}"),
            call_id: Some(format!("platform-{number}")),
            caller_hash: None,
            agent_id: format!("agent-{:02}", self::number(Draw::Agent, keys, 20)),
            channel: (*pick(&CHANNELS, Draw::Channel, keys)).to_owned(),
            language: Some(self.language(keys)),
            category: Some((*pick(&CATEGORIES, Draw::Category, keys)).to_owned()),
            started_at,
            ended_at: started_at.plus_millis(30_000 + number_below(number, 600_000)),
            outcome: number.is_multiple_of(2).then(|| *pick(&OUTCOMES, Draw::Outcome, keys)),
            satisfaction: number.is_multiple_of(3).then(|| 1 + number_below(number, 5)),
            usage: Some(Usage {
                prompt_tokens: 500 + tokens,
                completion_tokens: 100 + tokens / 8,
                cost_usd: tokens as f64 / 100_000.0,
            }),
            metadata: serde_json::json!({}),
            content_hash: format!("{number:032x}"),
            turns: turns.collect(),
        }
    }

    fn record(&self, number: u64, conversation: &Conversation) -> TrainingRecord {
        let keys = [number, 0];
        let reason = |name: &str, key: u64| (name.to_owned(), words(10, [number, 100 + key]));
        let score = share(Draw::Score, keys);
        TrainingRecord {
            id: RecordId::derive(conversation.id),
            conversation_id: conversation.id,
            call_id: conversation.call_id.clone(),
            agent_id: conversation.agent_id.clone(),
            summary: words(40, [number, 90]),
            key_phrases: (0..5).map(|phrase| phrase_of(self::number(Draw::Phrase, [number, phrase], 2_000))).collect(),
            user_intents: (0..2).map(|key| (*pick(&INTENTS, Draw::Intent, [number, key])).to_owned()).collect(),
            category: conversation.category.clone().unwrap_or_default(),
            outcome: *pick(&OUTCOMES, Draw::Outcome, keys),
            outcome_source: OutcomeSource::Rule,
            outcome_confidence: 0.8,
            success_score: score,
            quality: Quality {
                user_turns: conversation.turns.len().div_ceil(2),
                agent_turns: conversation.turns.len() / 2,
                talk_ratio: 0.5 + score / 4.0,
                resolution: score,
                repetition: 0.1,
                response_relevance: 0.4,
            },
            reasons: ["outcome", "category", "intents", "talk_ratio", "resolution", "repetition"]
                .into_iter()
                .zip(0..)
                .map(|(name, key)| reason(name, key))
                .collect(),
            learning: Vec::new(),
            language: self.language(keys),
            pipeline_version: 1,
            created_at: conversation.ended_at,
        }
    }

    /// What was asked during a conversation: some of it in vain.
    fn retrievals(&self, number: u64, conversation: &Conversation) -> Vec<Retrieval> {
        let in_vain = u64::from(number.is_multiple_of(IN_VAIN));
        let asked = (0..RETRIEVALS + in_vain).map(|turn| {
            let keys = [number, turn];
            let created_at = conversation.started_at.plus_millis(turn as i64 * 10_000);
            let abstained = turn == RETRIEVALS;
            let shown = if abstained { 0 } else { SHOWN + u64::from(turn == 0) };
            let similarity = share(Draw::Score, keys);
            let exposures = (0..shown).map(|place| Exposure {
                rank: place as usize + 1,
                entry_id: *pick(&self.entries, Draw::Entry, [number, turn * 10 + place]),
                exemplar_id: None,
                score: similarity,
                similarity,
            });
            Retrieval {
                id: RetrievalId(self.engine.ids.uuid(created_at)),
                conversation_ref: Some(conversation.external_id.clone()),
                turn: Some(turn as usize * 2),
                utterance: words(8, [number, 200 + turn]),
                language: conversation.language.clone(),
                model: "multilingual-e5-small".to_owned(),
                abstained,
                reason: abstained.then(|| "below_floor".to_owned()),
                top_similarity: Some(similarity),
                // Few take long.
                total_us: 2_000 + (-9_000.0 * (1.0 - share(Draw::Latency, keys)).ln()) as i64,
                created_at,
                exposures: exposures.collect(),
            }
        });
        asked.collect()
    }

    fn job(&self, number: u64, at: Timestamp) -> NewJob {
        NewJob {
            id: JobId(self.engine.ids.uuid(at)),
            kind: (*pick(&KINDS, Draw::Rest, [number, 0])).to_owned(),
            payload: serde_json::json!({}),
            dedupe_key: None,
            priority: 0,
            run_at: at,
            trace_id: None,
        }
    }

    fn link(&self, number: u64, asked: &Retrieval) -> GapLink {
        GapLink {
            retrieval_id: asked.id,
            gap_id: Some(*pick(&self.gaps, Draw::Rest, [number, 1])),
            conversation_ref: asked.conversation_ref.clone(),
            conversation_id: None,
            asked_at: asked.created_at,
        }
    }

    fn evidence(&self, number: u64, conversation: &Conversation, record: &TrainingRecord) -> Evidence {
        Evidence {
            entry_id: *pick(&self.entries, Draw::Entry, [number, 1_000]),
            conversation_id: conversation.id,
            question_turn: 0,
            answer_turn: 1,
            caller: conversation.external_id.clone(),
            success_score: record.success_score,
            outcome: record.outcome,
        }
    }

    fn assignment(&self, number: u64, conversation: &Conversation) -> Assignment {
        let arm = if number.is_multiple_of(10) { around::CONTROL } else { around::TREATED };
        Assignment {
            experiment_id: self.experiment,
            conversation_ref: conversation.external_id.clone(),
            arm: arm.to_owned(),
            assigned_at: conversation.started_at,
        }
    }
}

/// The first that a retrieval showed, as said.
fn used(conversation: &Conversation, retrieval: &Retrieval) -> Option<EntryUse> {
    let first = retrieval.exposures.first()?;
    Some(EntryUse {
        entry_id: first.entry_id,
        key: EntryUse::key_of_retrieval(retrieval.id),
        source: UseSource::Conversation,
        retrieval_id: Some(retrieval.id),
        conversation_ref: Some(conversation.external_id.clone()),
        success: None,
        used_at: retrieval.created_at,
    })
}

fn told(conversation: &Conversation, outcome: Outcome) -> ToldOutcome {
    ToldOutcome {
        conversation_ref: conversation.external_id.clone(),
        source: OutcomeSource::Caller,
        outcome,
        satisfaction: None,
        confidence: 1.0,
        told_at: conversation.ended_at,
    }
}

fn number_of_turns(number: u64) -> u64 {
    self::number(Draw::Length, [number, 0], 5)
}

fn number_below(key: u64, end: u64) -> i64 {
    self::number(Draw::Rest, [key, end], end) as i64
}

/// The key phrase of this number.
fn phrase_of(phrase: u64) -> String {
    format!("{} {phrase}", words(1, [phrase, 300]))
}

/// An id that follows from a number.
pub(super) fn numbered(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}
