//! Stage `credit`: what was shown during a conversation, what of it the agent said, and how that ended.
//!
//! Guarantees: may run again at any time and then says what the rows say now: when a conversation is replaced, when an
//! outcome becomes known later, when somebody corrects one. What a caller told of a use is never overwritten.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::analysis::TrainingRecord;
use crate::domain::conversation::{Burst, Conversation, Speaker};
use crate::domain::credit::{EntryUse, UseSource};
use crate::domain::ids::{EntryId, RetrievalId, TenantId};
use crate::domain::knowledge::Entry;
use crate::domain::language::Language;
use crate::domain::ranking::Calibration;
use crate::domain::redaction::redacted_bursts;
use crate::domain::text;
use crate::domain::vectors::dot;
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::engine::understanding::parts;
use crate::learning::Learner;
use crate::learning::analysis::outcome::judge_outcome;
use crate::learning::analysis::phrases::stop_words_of;
use crate::learning::distillation::subject::same_word;
use crate::learning::distillation::wording::numbers_conflict;
use crate::learning::pipeline::Stage;
use crate::store::conversations::StoredConversation;
use crate::store::jobs::Job;
use crate::store::outcomes::ToldOutcome;
use crate::store::retrievals::Retrieval;
use crate::store::tx::Tx;

/// From this overlap of words (0 to 1) on, a user's turn is the one that a retrieval was asked for.
const SAME_UTTERANCE: f64 = 0.5;
/// From this share of an entry's telling words (0 to 1) on, an agent's turn says it, however long the turn is.
const SAID_IN_WORDS: f64 = 0.75;
/// Scores (0 to 1) that differ by less are the same: what the dialogue says is computed anew each time.
const SAME_SCORE: f64 = 0.01;
/// An entry with fewer telling words than this is recognised by its meaning only.
const FEW_WORDS: usize = 3;

/// The entries that a retrieval showed, and the agent's turn that came after it.
struct Shown<'a> {
    entries: Vec<&'a Entry>,
    answer: Option<&'a Burst>,
}

/// How well an agent's turn says an entry.
struct Said {
    entry: EntryId,
    /// Which sentence of the turn says it best; 0 is the whole turn.
    part: usize,
    strength: f64,
}

/// What was used in a conversation.
struct Used {
    /// The retrievals that showed something.
    shown: Vec<RetrievalId>,
    /// What the agent's words say of that.
    said: Vec<EntryUse>,
}

/// How a conversation ended, as it was known at one moment.
pub(super) struct KnownEnd {
    /// What was told of it, the source that is believed most first.
    told: Vec<ToldOutcome>,
    record: Option<TrainingRecord>,
    /// The record as what was told makes it, where that is another.
    pub(super) rejudged: Option<TrainingRecord>,
}

impl KnownEnd {
    /// Whether it still is all that is known, in a transaction that keeps others from telling more.
    pub(super) async fn still_holds(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        stored: &StoredConversation,
    ) -> Result<bool, Error> {
        let told = tx.outcomes_of(tenant, &stored.conversation.external_id).await?;
        Ok(told == self.told && tx.record_of(tenant, stored.conversation.id).await? == self.record)
    }
}

impl Learner {
    /// Stage `credit`.
    pub(super) async fn credit(&self, job: &Job, stored: &StoredConversation) -> Result<(), Error> {
        let tenant = &job.tenant;
        loop {
            let retrievals = self.retrievals_of(tenant, stored).await?;
            let said = self.said_in(tenant, stored, &retrievals).await?;
            let shown = retrievals.iter().map(|retrieval| retrieval.id).collect();
            let known = self.known_end(tenant, stored).await?;
            let optimise = self.optimisation_is_due().await?;
            let mut tx = self.engine.store.begin().await?;
            tx.lock_distillation(tenant).await?;
            if known.still_holds(&mut tx, tenant, stored).await? {
                return self.commit_credit(tx, (job, stored), Used { shown, said }, (known, optimise)).await;
            }
            // Somebody told something meanwhile.
            tx.rollback().await?;
        }
    }

    /// Counts what a conversation used and how it ended, and ends the stage, in a transaction that holds the tenant's lock.
    async fn commit_credit(
        &self,
        mut tx: Tx,
        (job, stored): (&Job, &StoredConversation),
        Used { shown, said }: Used,
        (known, optimise): (KnownEnd, bool),
    ) -> Result<(), Error> {
        let (tenant, conversation) = (&job.tenant, &stored.conversation);
        // It may have been told while the conversation was just coming.
        self.keep_rating(&mut tx, tenant, (conversation, &known.told)).await?;
        let name = &conversation.external_id;
        let mut touched: BTreeSet<EntryId> = tx.entries_used_in(tenant, name).await?.into_iter().collect();
        tx.settle_uses(tenant, name, &shown, &said).await?;
        // With those that a caller told before the conversation was there.
        touched.extend(tx.entries_used_in(tenant, name).await?);
        if let Some(record) = &known.rejudged {
            tx.upsert_record(tenant, record).await?;
            let mut evidence = tx.evidence_from(tenant, conversation.id).await?;
            for item in &mut evidence {
                (item.outcome, item.success_score) = (record.outcome, record.success_score);
            }
            touched.extend(evidence.iter().map(|item| item.entry_id));
            tx.hold_entries(tenant, &touched.iter().copied().collect::<Vec<_>>()).await?;
            tx.add_evidence(tenant, &evidence).await?;
        }
        let touched: Vec<EntryId> = touched.into_iter().collect();
        self.recompute_posteriors(&mut tx, tenant, &touched, self.engine.now()).await?;
        if known.rejudged.is_some() {
            // What nobody could judge before was not learned from.
            self.commit_stage(tx, job, stored, Some(Stage::Distill)).await?;
        } else if self.is_unindexed(&mut tx, tenant, conversation.id).await? {
            // Whether an entry is live, and the outcome that stands on its chunks, the index holds.
            self.commit_stage(tx, job, stored, Some(Stage::IndexExemplars)).await?;
        } else {
            self.commit_processed(tx, job, stored, optimise).await?;
        }
        self.engine.entries.forget(tenant, touched);
        Ok(())
    }

    /// How a conversation ended, as far as it is known now.
    pub(super) async fn known_end(&self, tenant: &TenantId, stored: &StoredConversation) -> Result<KnownEnd, Error> {
        let store = &self.engine.store;
        let told = store.outcomes_of(tenant, &stored.conversation.external_id).await?;
        let record = store.record_of(tenant, stored.conversation.id).await?;
        let rejudged = self.rejudged(&stored.conversation, (record.as_ref(), &told)).await?;
        Ok(KnownEnd { told, record, rejudged })
    }

    /// The record of a conversation as what was told about it later makes it; `None` when that changes nothing.
    async fn rejudged(
        &self,
        conversation: &Conversation,
        (record, told): (Option<&TrainingRecord>, &[ToldOutcome]),
    ) -> Result<Option<TrainingRecord>, Error> {
        // Where nothing was told, analysis has judged from all that there is.
        let Some(mut record) = record.filter(|_| !told.is_empty()).cloned() else { return Ok(None) };
        let turns = self.understand(conversation).await?;
        let understanding = self.engine.understanding();
        let judged = judge_outcome(conversation, told, understanding.verdict(&turns, &understanding.answered(&turns)));
        let moved = (record.success_score - judged.success_score).abs();
        if record.outcome == judged.outcome && record.outcome_source == judged.source && moved < SAME_SCORE {
            return Ok(None);
        }
        record.outcome = judged.outcome;
        record.outcome_source = judged.source;
        record.outcome_confidence = judged.confidence;
        record.success_score = judged.success_score;
        record.reasons.insert("outcome".to_owned(), judged.reason);
        Ok(Some(record))
    }

    /// The retrievals of a conversation: those that named it, and those that stand beside its turns.
    async fn retrievals_of(&self, tenant: &TenantId, stored: &StoredConversation) -> Result<Vec<Retrieval>, Error> {
        let (store, conversation) = (&self.engine.store, &stored.conversation);
        let id = conversation.id.to_string();
        let mut retrievals = store.retrievals_of(tenant, &[&conversation.external_id, &id]).await?;
        let beside: Vec<RetrievalId> = conversation.turns.iter().filter_map(|turn| turn.retrieval_id).collect();
        for retrieval in store.retrievals(tenant, &beside).await? {
            if !retrievals.iter().any(|known| known.id == retrieval.id) {
                retrievals.push(retrieval);
            }
        }
        Ok(retrievals)
    }

    /// The uses that the agent's words show.
    async fn said_in(
        &self,
        tenant: &TenantId,
        stored: &StoredConversation,
        retrievals: &[Retrieval],
    ) -> Result<Vec<EntryUse>, Error> {
        if retrievals.is_empty() {
            // As most conversations are that were handed in afterwards: nothing has to be read for them.
            return Ok(Vec::new());
        }
        let mut ids: Vec<EntryId> = retrievals.iter().flat_map(|r| &r.exposures).map(|e| e.entry_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let entries: BTreeMap<EntryId, Entry> =
            self.engine.store.entries(tenant, &ids).await?.into_iter().map(|entry| (entry.id, entry)).collect();
        let bursts = redacted_bursts(&stored.conversation.turns);
        let mut uses = Vec::new();
        for retrieval in retrievals {
            let shown = Shown {
                entries: retrieval.exposures.iter().filter_map(|shown| entries.get(&shown.entry_id)).collect(),
                answer: answer_to(retrieval, stored, &bursts),
            };
            for entry in self.entries_said(&shown).await? {
                uses.push(EntryUse {
                    entry_id: entry,
                    key: EntryUse::key_of_retrieval(retrieval.id),
                    source: UseSource::Conversation,
                    retrieval_id: Some(retrieval.id),
                    conversation_ref: Some(stored.conversation.external_id.clone()),
                    success: None,
                    used_at: retrieval.created_at,
                });
            }
        }
        Ok(uses)
    }

    /// Which of the entries that were shown the agent's turn says. A sentence says one of them: rivals that answer the same
    /// question resemble each other, and only the nearest was used.
    async fn entries_said(&self, shown: &Shown<'_>) -> Result<Vec<EntryId>, Error> {
        let Some(answer) = shown.answer.filter(|_| !shown.entries.is_empty()) else { return Ok(Vec::new()) };
        let generation = self.engine.generations.first();
        let calibration = Calibration::of_model(&generation.embedder.spec().name);
        let parts = parts(&answer.text);
        let contents = shown.entries.iter().map(|entry| entry.content.as_str());
        let texts: Vec<&str> = parts.iter().map(String::as_str).chain(contents).collect();
        let vectors = generation.embed_meaning(Lane::Batch, &texts, None).await?;
        let (of_parts, of_contents) = vectors.split_at(parts.len());

        let mut said: Vec<Said> = Vec::new();
        for (entry, content) in shown.entries.iter().zip(of_contents) {
            if numbers_conflict(&entry.content, &answer.text) {
                continue;
            }
            let meant = of_parts.iter().map(|part| calibration.sameness(f64::from(dot(part, content)))).enumerate();
            let Some((part, meant)) = meant.max_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
            let in_words = words_said(&entry.content, &answer.text, &entry.language);
            if meant >= self.settings.used_answer || in_words >= SAID_IN_WORDS {
                said.push(Said { entry: entry.id, part, strength: meant + in_words });
            }
        }
        said.sort_by(|a, b| b.strength.total_cmp(&a.strength));
        let mut taken = BTreeSet::new();
        said.retain(|said| taken.insert(said.part));
        Ok(said.into_iter().map(|said| said.entry).collect())
    }
}

/// The agent's turn that answers what a retrieval was asked for: the one that names it, else the one after the user's turn
/// that says the same, the nearest to the place that the agent told among several.
fn answer_to<'a>(retrieval: &Retrieval, stored: &StoredConversation, bursts: &'a [Burst]) -> Option<&'a Burst> {
    let after = |at: usize| bursts[at..].iter().find(|burst| burst.speaker == Speaker::Agent);
    let named = stored.conversation.turns.iter().find(|turn| turn.retrieval_id == Some(retrieval.id));
    if let Some(turn) = named {
        let at = bursts.iter().position(|burst| burst.last >= turn.ordinal)?;
        return after(at);
    }
    let asked = text::word_set(&retrieval.utterance);
    let distance = |burst: &Burst| retrieval.turn.map_or(0, |turn| burst.last.abs_diff(turn));
    let same =
        bursts.iter().enumerate().filter(|(_, burst)| burst.speaker == Speaker::User).filter_map(|(at, burst)| {
            let overlap = text::overlap(&asked, &text::word_set(&burst.text));
            (overlap >= SAME_UTTERANCE).then_some((at, overlap, distance(burst)))
        });
    let best = same.max_by(|a, b| a.1.total_cmp(&b.1).then(b.2.cmp(&a.2)).then(b.0.cmp(&a.0)))?;
    after(best.0)
}

/// The share of the telling words of an entry that stand in a text, 0 to 1; 0 when it has too few of them.
fn words_said(content: &str, said: &str, language: &Language) -> f64 {
    let stop_words = stop_words_of(language);
    let telling: Vec<String> = text::word_set(content).into_iter().filter(|word| !stop_words.contains(word)).collect();
    if telling.len() < FEW_WORDS {
        return 0.0;
    }
    let said = text::word_set(said);
    let found = telling.iter().filter(|word| said.iter().any(|other| same_word(word, other))).count();
    found as f64 / telling.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::conversation::{Conversation, ConversationStatus, Turn};
    use crate::domain::ids::ConversationId;
    use uuid::Uuid;

    fn retrieval(utterance: &str, turn: Option<usize>) -> Retrieval {
        Retrieval {
            id: RetrievalId(Uuid::from_u128(7)),
            conversation_ref: Some("call-1".to_owned()),
            turn,
            utterance: utterance.to_owned(),
            language: None,
            model: "m".to_owned(),
            abstained: false,
            reason: None,
            top_similarity: None,
            total_us: 1,
            created_at: Timestamp::from_millis(0),
            exposures: Vec::new(),
        }
    }

    fn stored(said: &[(Speaker, &str, bool)]) -> StoredConversation {
        let turns = said.iter().enumerate().map(|(ordinal, (speaker, text, named))| Turn {
            ordinal,
            speaker: *speaker,
            text: (*text).to_owned(),
            at: None,
            retrieval_id: named.then_some(RetrievalId(Uuid::from_u128(7))),
        });
        let conversation = Conversation {
            id: ConversationId(Uuid::nil()),
            external_id: "call-1".to_owned(),
            call_id: None,
            caller_hash: None,
            agent_id: "a".to_owned(),
            channel: "phone".to_owned(),
            language: None,
            category: None,
            started_at: Timestamp::from_millis(0),
            ended_at: Timestamp::from_millis(0),
            outcome: None,
            satisfaction: None,
            usage: None,
            metadata: serde_json::Value::Null,
            content_hash: String::new(),
            turns: turns.collect(),
        };
        StoredConversation {
            conversation,
            version: 1,
            status: ConversationStatus::Processing,
            failure: None,
            received_at: Timestamp::from_millis(0),
            processed_at: None,
        }
    }

    #[test]
    fn the_turn_that_names_a_retrieval_is_its_answer_else_the_one_after_its_question() {
        use Speaker::{Agent, User};
        let plain = stored(&[
            (User, "what does the big plan cost", false),
            (Agent, "It is 79.", false),
            (User, "and what does the small plan cost", false),
            (Agent, "It is 29.", false),
        ]);
        let bursts = redacted_bursts(&plain.conversation.turns);
        let answer = |asked: &str, turn| answer_to(&retrieval(asked, turn), &plain, &bursts).map(|b| b.text.clone());
        assert_eq!(answer("what does the big plan cost", None).as_deref(), Some("It is 79."));
        assert_eq!(answer("And what does the small plan cost?", None).as_deref(), Some("It is 29."));
        assert_eq!(answer("what does the plan cost", Some(2)).as_deref(), Some("It is 79."), "words before places");
        assert_eq!(answer("is there parking", Some(2)), None);

        let named =
            stored(&[(User, "hello there", false), (Agent, "Hi.", false), (User, "ok", false), (Agent, "So.", true)]);
        let bursts = redacted_bursts(&named.conversation.turns);
        let answer = answer_to(&retrieval("hello there", None), &named, &bursts);
        assert_eq!(answer.map(|burst| burst.text.as_str()), Some("So."));
    }

    #[test]
    fn an_entry_is_recognised_by_its_words_in_a_long_turn() {
        let english = Language::parse("en").expect("a tag");
        let content = "Starter costs 29 dollars a month and Team 79.";
        let long = "Let me see, so for you that would be Starter, which costs 29 dollars every month, or Team at 79.";
        assert!(words_said(content, long, &english) >= SAID_IN_WORDS);
        assert!(words_said(content, "We open at nine.", &english) < 0.2);
        assert!(words_said("Yes, we do.", "Yes, we do.", &english) < f64::EPSILON, "too few words to tell");
    }
}
