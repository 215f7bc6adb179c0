//! Whether what a conversation shows is known already: by meaning of the need and of the answer, and by what they name.

use std::sync::Arc;

use crate::domain::classify::acts::AgentAct;
use crate::domain::conversation::Speaker;
use crate::domain::ids::{EntryId, ExemplarId, TenantId};
use crate::domain::knowledge::{Entry, EntryStatus, KnowledgeType};
use crate::domain::language::Language;
use crate::domain::ranking::Calibration;
use crate::domain::vectors::dot;
use crate::embedding::embedder::Role;
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::index::point::{Filter, Search};
use crate::learning::Learner;
use crate::learning::analysis::phrases::stop_words_of;
use crate::learning::distillation::intents::is_discovered;
use crate::learning::distillation::subject::Subject;
use crate::learning::distillation::wording::numbers_conflict;

/// Exemplars that are looked at around a need, and around an answer's own need.
const NEIGHBOURS: usize = 40;
/// How much alike answers must be, relative to the setting, when the question is only of the same subject.
pub(in crate::learning) const STRICT: f64 = 1.2;
/// How much alike answers must be, relative to the setting, to be about the same thing at all.
const RELATED: f64 = 0.75;
/// How much likelier one answer must turn a question down than the other, for one to say yes and the other no.
const OPPOSITE: f32 = 0.5;

/// An exchange that holds knowledge, with its vectors (query prefix).
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which knowledge it is.
    pub kind: KnowledgeType,
    /// The need, redacted; the exemplar.
    pub need: String,
    /// The answer, redacted.
    pub answer: String,
    /// Embedding of the need.
    pub need_vector: Arc<[f32]>,
    /// Embedding of the answer.
    pub answer_vector: Arc<[f32]>,
    /// Ordinal of the user turn.
    pub question_turn: usize,
    /// Ordinal of the agent turn.
    pub answer_turn: usize,
}

/// What is known about a finding.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// The entry that says the same to the same need.
    pub same: Option<EntryId>,
    /// Else the earlier finding of this conversation that says the same, by position: both make one entry.
    pub same_as_earlier: Option<usize>,
    /// An entry that says nearly the same to another need.
    pub near_duplicate: Option<EntryId>,
    /// An entry that answers the same question differently.
    pub contradiction: Option<EntryId>,
    /// The discovered intent of the entry with the nearest need, when that asks the same.
    pub discovered_intent: Option<String>,
}

impl Learner {
    /// The finding among `earlier` ones of the same conversation that says the same as this one.
    pub(super) fn match_earlier<'a>(
        &self,
        finding: &Finding,
        language: &Language,
        earlier: impl Iterator<Item = &'a Finding>,
    ) -> Option<usize> {
        let generation = self.engine.generations.first();
        let stop_words = stop_words_of(language);
        let subject = Subject::of(&finding.need, &finding.answer, stop_words);
        let calibration = Calibration::of_model(&generation.embedder.spec().name);
        let given = generation.meaning(&finding.answer_vector);
        earlier.enumerate().find_map(|(at, other)| {
            let answered = f64::from(dot(&given, &generation.meaning(&other.answer_vector)));
            let agrees = finding.kind == other.kind
                && calibration.sameness(answered) >= self.settings.same_answer * STRICT
                && !self.answers_conflict(
                    finding.kind,
                    (&finding.answer, &finding.answer_vector),
                    (&other.answer, &other.answer_vector),
                )
                && !subject.is_another(&Subject::of(&other.need, &other.answer, stop_words));
            agrees.then_some(at)
        })
    }

    /// Whether two answers, each with its embedding, cannot both be true of one thing.
    pub(in crate::learning) fn answers_conflict(
        &self,
        kind: KnowledgeType,
        a: (&str, &[f32]),
        b: (&str, &[f32]),
    ) -> bool {
        let declines = |(text, vector): (&str, &[f32])| {
            self.engine.understanding().acts(Speaker::Agent, text, vector).agent(AgentAct::Unable)
        };
        // Only facts are true or not; how a situation is handled may say no in one sentence and help in the next.
        let opposite = kind == KnowledgeType::Faq && (declines(a) - declines(b)).abs() > OPPOSITE;
        opposite || numbers_conflict(a.0, b.0)
    }

    /// Looks for what is known already about a finding, among entries of its language: an entry must be sayable as it
    /// stands, so the same fact in two languages is two entries. Entries of every status count: what a curator retired
    /// must not come back as a new entry.
    pub(super) async fn match_finding(
        &self,
        tenant: &TenantId,
        finding: &Finding,
        language: &Language,
    ) -> Result<Match, Error> {
        let generation = self.engine.generations.first();
        let calibration = Calibration::of_model(&generation.embedder.spec().name);
        let filter =
            Filter { knowledge_type: Some(finding.kind), languages: vec![language.clone()], ..Filter::default() };
        let search = Search { filter, limit: NEIGHBOURS, deadline: None };
        let hits = generation.exemplars.search_dense(tenant, generation.meaning(&finding.need_vector), &search).await?;
        let mut nearest: Vec<(EntryId, ExemplarId, f64)> = Vec::new();
        for hit in hits {
            let entry = EntryId(hit.owner);
            if !nearest.iter().any(|(known, ..)| *known == entry) {
                nearest.push((entry, ExemplarId(hit.id), f64::from(hit.score)));
            }
        }
        if nearest.is_empty() {
            return Ok(Match::default());
        }
        let (ids, exemplars): (Vec<EntryId>, Vec<ExemplarId>) = nearest.iter().map(|(id, at, _)| (*id, *at)).unzip();
        let entries = self.engine.entries.entries(&self.engine.store, tenant, &ids).await?;
        let needs = self.engine.entries.exemplar_texts(&self.engine.store, tenant, &exemplars).await?;
        let known: Vec<(Arc<Entry>, ExemplarId, f64)> = nearest
            .iter()
            .filter_map(|(id, exemplar, cosine)| Some((Arc::clone(entries.get(id)?), *exemplar, *cosine)))
            .collect();
        let contents: Vec<&str> = known.iter().map(|(entry, ..)| entry.content.as_str()).collect();
        let answers = generation.embedder.embed(Lane::Batch, Role::Query, &contents, None).await?;
        let given = generation.meaning(&finding.answer_vector);
        let stop_words = stop_words_of(language);
        let subject = Subject::of(&finding.need, &finding.answer, stop_words);

        let mut found = Match::default();
        // Evidence goes to a retired entry only when no other says the same: it may have been retired as a copy of that.
        let mut best = (false, 0.0);
        for ((entry, exemplar, need_cosine), answer) in known.iter().zip(&answers) {
            let need = needs.get(exemplar).map_or(entry.title.as_str(), |text| text);
            if subject.is_another(&Subject::of(need, &entry.content, stop_words)) {
                continue;
            }
            let question = calibration.sameness(*need_cosine);
            let answered = calibration.sameness(f64::from(dot(&given, &generation.meaning(&answer.vector))));
            let (same_question, same_answer) = (self.settings.same_question, self.settings.same_answer);
            // Answers about something else cannot contradict each other.
            let conflict = answered >= same_answer * RELATED
                && self.answers_conflict(
                    finding.kind,
                    (&finding.answer, &finding.answer_vector),
                    (&entry.content, &answer.vector),
                );
            let agrees = !conflict
                && ((question >= same_question && answered >= same_answer)
                    || (question >= same_question / STRICT && answered >= same_answer * STRICT));
            if question >= same_question && found.discovered_intent.is_none() {
                found.discovered_intent = entry.intent.clone().filter(|intent| is_discovered(intent));
            }
            let in_use = entry.status != EntryStatus::Retired;
            if agrees && (in_use, question + answered) > best {
                best = (in_use, question + answered);
                found.same = Some(entry.id);
            }
            if !in_use {
                // There is nothing to decide between a new entry and one that was given up.
                continue;
            }
            let asks_the_same = question >= same_question * STRICT && answered >= same_answer * RELATED;
            if asks_the_same && conflict && entry.knowledge_type == KnowledgeType::Faq {
                found.contradiction.get_or_insert(entry.id);
            } else if !agrees && !conflict && answered >= same_answer * STRICT {
                found.near_duplicate.get_or_insert(entry.id);
            }
        }
        Ok(found)
    }
}
