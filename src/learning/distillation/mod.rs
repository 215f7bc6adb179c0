//! Distillation: from exchanges to entries, exemplars and evidence.
//!
//! Guarantees: one conversation at a time per tenant, and what earlier ones taught can be found before the next is
//! looked at, so that nothing is created twice; an exchange that was counted is not counted again; a failed conversation
//! creates nothing that is offered, but its answers count against the entries that give them.

pub mod intents;
mod lessons;
pub mod matching;
pub mod policy;
pub mod subject;
pub mod wording;

use std::collections::BTreeSet;

use crate::domain::analysis::TrainingRecord;
use crate::domain::classify::exchange::{Exchange, ReadTurn, need_strength};
use crate::domain::conversation::{Outcome, Speaker};
use crate::domain::ids::{CaseId, EntryId, ExemplarId, TenantId};
use crate::domain::knowledge::{Case, CaseKind, Curated, Entry, EntryStatus, Evidence, Exemplar};
use crate::domain::success::Posterior;
use crate::domain::text;
use crate::embedding::embedder::Role;
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::learning::analysis::MAX_INTENTS;
use crate::learning::distillation::intents::intent_of;
use crate::learning::distillation::lessons::KnownAs;
use crate::learning::distillation::matching::{Finding, Match};
use crate::learning::pipeline::Stage;
use crate::learning::{Learner, PIPELINE_VERSION};
use crate::store::conversations::StoredConversation;
use crate::store::entries::{EntrySource, Origin};
use crate::store::jobs::Job;
use crate::store::tx::Tx;

/// A finding that is written, with what is known about it.
struct Decided {
    finding: Finding,
    known: Match,
    /// What its need is about: a new entry takes it, and so may the record of the conversation.
    intent: Option<String>,
}

impl Learner {
    /// Stage `distill`.
    pub(super) async fn distill(&self, job: &Job, stored: &StoredConversation) -> Result<(), Error> {
        let tenant = &job.tenant;
        let conversation = &stored.conversation;
        // The lock in the database comes only with the transaction, after the matching, which calls the model.
        let _alone = self.distilling.hold(tenant).await;
        let Some(record) = self.engine.store.record_of(tenant, conversation.id).await? else {
            return Err(Error::Conflict(format!("conversation {} has not been analysed yet", conversation.id)));
        };
        let why = match record.outcome {
            _ if !self.settings.distillation => Some("nothing: learning.distillation is off".to_owned()),
            Outcome::Excluded | Outcome::Unknown => Some(format!("nothing: the outcome is {}", record.outcome)),
            _ => None,
        };
        // Analysis leaves that open: then what the conversation is evidence for is what it taught before.
        let is_anew = record.learning.is_empty();
        if let Some(why) = why {
            let mut tx = self.engine.store.begin().await?;
            if self.settings.distillation {
                tx.lock_distillation(tenant).await?;
                still_known(&mut tx, tenant, &record).await?;
            }
            let is_taken_back =
                is_anew && self.teach_nothing(&mut tx, tenant, conversation.id, self.engine.now()).await?;
            tx.set_learning(tenant, conversation.id, &[why]).await?;
            self.commit_stage(tx, job, stored, Some(Stage::Credit)).await?;
            if is_taken_back {
                self.engine.entries.forget_all();
            }
            return Ok(());
        }
        // What earlier conversations taught must be findable, or it would be learned twice.
        self.index_pending_exemplars(self.engine.generations.first(), tenant, None).await?;

        let turns = self.understand(conversation).await?;
        let findings = self.findings(&turns).await?;
        let seen: BTreeSet<usize> = if is_anew {
            BTreeSet::new()
        } else {
            let seen = self.engine.store.evidence_from(tenant, conversation.id).await?;
            seen.iter().map(|evidence| evidence.answer_turn).collect()
        };
        let mut notes = Vec::new();
        let mut decided: Vec<Decided> = Vec::new();
        for finding in findings {
            if seen.contains(&finding.answer_turn) {
                continue;
            }
            let mut known = self.match_finding(tenant, &finding, &record.language).await?;
            if known.same.is_none() {
                let earlier = decided.iter().map(|decided| &decided.finding);
                known.same_as_earlier = self.match_earlier(&finding, &record.language, earlier);
            }
            let is_new = known.same.is_none() && known.same_as_earlier.is_none();
            if let Some(mark) = policy::instruction_like(&finding.need).filter(|_| is_new) {
                // An entry is found by its need alone, and its need stands in prompts.
                let turn = finding.question_turn;
                notes.push(format!("nothing from turn {turn}: it holds '{mark}', a mark of prompts"));
                continue;
            }
            let intent = intent_of(self.engine.understanding(), &finding, &known, &record.language);
            decided.push(Decided { finding, known, intent });
        }

        let mut tx = self.engine.store.begin().await?;
        tx.lock_distillation(tenant).await?;
        still_known(&mut tx, tenant, &record).await?;
        let before = match is_anew {
            true => tx.entries_taught_by(tenant, conversation.id).await?,
            false => Vec::new(),
        };
        let named = |known: &Match| [known.same, known.near_duplicate, known.contradiction];
        let named = decided.iter().flat_map(|decided| named(&decided.known)).flatten();
        let changing: Vec<EntryId> = before.iter().copied().chain(named).collect();
        tx.hold_entries(tenant, &changing).await?;
        let now = self.engine.now();
        let mut taught = self.begin_anew(&mut tx, tenant, (conversation.id, before), now).await?;
        let (mut touched, mut also) = (Vec::new(), Vec::new());
        for decided in &decided {
            let known = &decided.known;
            let same = known.same.or_else(|| known.same_as_earlier.map(|at| touched[at]));
            let (known_as, others) = taught.know(decided.finding.answer_turn, same);
            let placed = (decided, known_as, others.as_slice());
            let id = self.record_finding(&mut tx, job, stored, &record, placed, &mut notes).await?;
            touched.push(id);
            also.extend(others);
        }
        touched.extend(also);
        self.end_anew(&mut tx, tenant, (&taught, &touched), now).await?;
        self.recompute_posteriors(&mut tx, tenant, &touched, now).await?;
        if notes.is_empty() && seen.is_empty() {
            notes.push("nothing: no exchange held a reusable answer".to_owned());
        }
        if let Some(record) = with_discovered_intents(&record, &decided) {
            tx.set_intents(tenant, &record).await?;
        }
        if !notes.is_empty() {
            tx.set_learning(tenant, conversation.id, &notes).await?;
        }
        self.commit_stage(tx, job, stored, Some(Stage::Credit)).await?;
        match taught.entries.is_empty() {
            true => self.engine.entries.forget(tenant, touched),
            // Exemplars may be gone, too.
            false => self.engine.entries.forget_all(),
        }
        Ok(())
    }

    /// The exchanges of a conversation that hold knowledge, with what is kept of them.
    ///
    /// # Errors
    /// When the model fails.
    pub async fn findings(&self, turns: &[ReadTurn]) -> Result<Vec<Finding>, Error> {
        let found = self.engine.understanding().exchanges(turns, self.settings.min_move_probability as f32);
        let mut findings = Vec::with_capacity(found.len());
        for exchange in found {
            if !wording::is_sayable(&turns[exchange.answer].burst.text) {
                continue;
            }
            findings.push(self.finding(turns, &exchange).await?);
        }
        Ok(findings)
    }

    async fn finding(&self, turns: &[ReadTurn], exchange: &Exchange) -> Result<Finding, Error> {
        let embedder = &self.engine.generations.first().embedder;
        let (need_turn, answer_turn) = (&turns[exchange.need], &turns[exchange.answer]);
        let sentences = text::sentences(&need_turn.burst.text);
        let embedded = embedder.embed(Lane::Batch, Role::Query, &sentences, None).await?;
        let strength = |sentence: &str| {
            let at = sentences.iter().position(|s| *s == sentence);
            at.map_or(0.0, |at| {
                need_strength(&self.engine.understanding().acts(Speaker::User, sentence, &embedded[at].vector))
            })
        };
        let need = wording::need_wording(&need_turn.burst.text, strength);
        let need_vector = embedder.embed_one(Lane::Batch, Role::Query, &need, None).await?.vector;
        Ok(Finding {
            kind: exchange.kind,
            need,
            answer: answer_turn.burst.text.clone(),
            need_vector,
            answer_vector: std::sync::Arc::clone(&answer_turn.vector),
            question_turn: need_turn.burst.last,
            answer_turn: answer_turn.burst.first,
        })
    }

    /// Writes one finding: into the entry as which it is known, or as a new one; its evidence counts for the others, too.
    async fn record_finding(
        &self,
        tx: &mut Tx,
        job: &Job,
        stored: &StoredConversation,
        record: &TrainingRecord,
        (decided, known_as, others): (&Decided, KnownAs, &[EntryId]),
        notes: &mut Vec<String>,
    ) -> Result<EntryId, Error> {
        let (tenant, now, conversation) = (&job.tenant, self.engine.now(), &stored.conversation);
        let finding = &decided.finding;
        let entry_id = match known_as {
            KnownAs::Said(id) => {
                notes.push(format!("evidence for {} {id}", finding.kind));
                id
            }
            KnownAs::Made(entry) => {
                self.make_again(tx, tenant, &entry, self.new_entry(record, decided)).await?;
                self.note_cases(tx, job, &entry, &decided.known).await?;
                notes.push(format!("again {} {}", finding.kind, entry.id));
                entry.id
            }
            KnownAs::New => {
                let entry = self.new_entry(record, decided);
                let source = EntrySource { origin: Origin::Learned, pipeline_version: PIPELINE_VERSION };
                tx.insert_entry(tenant, &entry, source).await?;
                self.note_cases(tx, job, &entry, &decided.known).await?;
                notes.push(format!("new {} {}", finding.kind, entry.id));
                entry.id
            }
        };
        let kept = tx.exemplars_of(tenant, &[entry_id]).await?.len();
        // A phrase that a person took away must not come back with the next call.
        let known = tx.entries(tenant, &[entry_id]).await?;
        let is_fixed = known.iter().any(|entry| entry.curated.phrases);
        if kept < self.settings.max_exemplars && !is_fixed && policy::instruction_like(&finding.need).is_none() {
            let exemplar = Exemplar {
                id: ExemplarId::derive(entry_id, &text::normalise(&finding.need)),
                entry_id,
                text: finding.need.clone(),
                language: record.language.without_region(),
                conversation_id: Some(conversation.id),
                turn: Some(finding.question_turn),
                created_at: now,
            };
            tx.add_exemplars(tenant, &[exemplar]).await?;
        }
        let evidence = std::iter::once(&entry_id).chain(others).map(|entry_id| Evidence {
            entry_id: *entry_id,
            conversation_id: conversation.id,
            question_turn: finding.question_turn,
            answer_turn: finding.answer_turn,
            caller: conversation.caller_hash.clone().unwrap_or_else(|| conversation.id.to_string()),
            success_score: record.success_score,
            outcome: record.outcome,
        });
        tx.add_evidence(tenant, &evidence.collect::<Vec<_>>()).await?;
        Ok(entry_id)
    }

    fn new_entry(&self, record: &TrainingRecord, decided: &Decided) -> Entry {
        let (finding, now) = (&decided.finding, self.engine.now());
        Entry {
            id: EntryId(self.engine.new_uuid()),
            knowledge_type: finding.kind,
            category: record.category.clone(),
            intent: decided.intent.clone(),
            title: wording::title(&finding.need),
            content: finding.answer.clone(),
            language: record.language.without_region(),
            // The policy decides in the same transaction, when the evidence is there.
            status: EntryStatus::Candidate,
            status_reason: None,
            posterior: Posterior::from_evidence(&[]),
            prior_rate: None,
            curated: Curated::default(),
            evidence_count: 0,
            created_at: now,
            updated_at: now,
        }
    }

    async fn note_cases(&self, tx: &mut Tx, job: &Job, entry: &Entry, known: &Match) -> Result<(), Error> {
        let cases = [
            (CaseKind::Contradiction, known.contradiction, "both answer the same question, with other numbers"),
            (CaseKind::NearDuplicate, known.near_duplicate, "both say nearly the same, to different needs"),
        ];
        for (kind, other, detail) in cases {
            // An entry that is made again was known when its exchange was looked at.
            let Some(other) = other.filter(|other| *other != entry.id) else { continue };
            let case = Case {
                id: CaseId::derive(kind.as_str(), entry.id, Some(other)),
                kind,
                entry_id: entry.id,
                other_id: Some(other),
                detail: detail.to_owned(),
                created_at: self.engine.now(),
            };
            tx.insert_case(&job.tenant, &case).await?;
        }
        Ok(())
    }
}

/// The record with the discovered intents of its needs, when analysis recognised none in it.
fn with_discovered_intents(record: &TrainingRecord, decided: &[Decided]) -> Option<TrainingRecord> {
    if !record.user_intents.is_empty() {
        return None;
    }
    let mut discovered: Vec<String> = decided.iter().filter_map(|decided| decided.intent.clone()).collect();
    discovered.dedup();
    discovered.truncate(MAX_INTENTS);
    if discovered.is_empty() {
        return None;
    }
    let mut record = record.clone();
    let reason = format!("no listed intent; needs that were answered: {}", discovered.join(", "));
    record.reasons.insert("user_intents".to_owned(), reason);
    record.user_intents = discovered;
    Some(record)
}

/// Fails, so that it is tried again, where somebody told meanwhile how the conversation ended: what follows from that was left
/// to this job.
async fn still_known(tx: &mut Tx, tenant: &TenantId, record: &TrainingRecord) -> Result<(), Error> {
    match tx.record_of(tenant, record.conversation_id).await?.as_ref() == Some(record) {
        true => Ok(()),
        false => {
            let id = record.conversation_id;
            Err(Error::Conflict(format!("what is known of conversation {id} has just changed")))
        }
    }
}
