//! Hot path 1: what do we already know that helps with what the user just said?
//!
//! Guarantees: no SQL when the entries are in memory; nothing is offered under the calibrated floor; a part that is late
//! or fails is named in `degraded` and the rest answers; exposures are recorded after the answer and never delay it.

pub mod answer;
pub mod exposures;
pub mod prompt;
pub mod search;
pub mod settings;
mod variant;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::domain::classify::text_classifier::TextFeatures;
use crate::domain::ids::{EntryId, RetrievalId, TenantId};
use crate::domain::knowledge::{Entry, EntryStatus};
use crate::domain::language::Language;
use crate::domain::query::{Exposure, OfferedEntry, RetrievalQuery, Timings};
use crate::domain::ranking::{
    Calibration, Candidate, ExemplarHit, RankingRules, SuccessOrder, blend, chance, exemplar_hit, fuse,
    prefer_language, rank_by_success,
};
use crate::domain::text;
use crate::embedding::embedder::Role;
use crate::embedding::error::EmbeddingError;
use crate::embedding::lane::Lane;
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::engine::experiments::Membership;
use crate::index::error::IndexError;
use crate::index::point::{Filter, Hit, Search};
use crate::retrieval::answer::{Abstention, Degradation, Intent, RetrievalAnswer};
use crate::retrieval::exposures::ExposureSink;
use crate::retrieval::settings::RetrievalSettings;
use crate::retrieval::variant::Variant;

/// Entries that are hydrated for every one that is wanted: some turn out to be of another status or kind.
const HYDRATE_FACTOR: usize = 4;

/// Answers agents on every turn.
pub struct Retriever {
    engine: Arc<Engine>,
    settings: RetrievalSettings,
    in_flight: Arc<Semaphore>,
    exposures: ExposureSink,
}

/// What meaning and words found, and what was learned on the way.
#[derive(Default)]
struct Found {
    dense: Vec<ExemplarHit>,
    lexical: Vec<ExemplarHit>,
    vector: Option<Arc<[f32]>>,
    degraded: Vec<Degradation>,
    embed: Duration,
    search: Duration,
}

impl Retriever {
    /// A retriever that hands exposures to `exposures`.
    pub fn new(engine: Arc<Engine>, settings: RetrievalSettings, exposures: ExposureSink) -> Self {
        let in_flight = Arc::new(Semaphore::new(settings.max_in_flight));
        Self { engine, settings, in_flight, exposures }
    }

    /// Answers one question.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many are in flight. Nothing else fails as a whole: what is missing is named in
    /// `degraded`.
    pub async fn retrieve(&self, tenant: &TenantId, query: RetrievalQuery) -> Result<RetrievalAnswer, Error> {
        let started = Instant::now();
        let _permit = self.in_flight.try_acquire().map_err(|_| Error::Overloaded)?;
        let deadline = query.deadline.unwrap_or(started + Duration::from_millis(self.settings.deadline_ms));
        let id = RetrievalId(self.engine.new_uuid());
        let member = self.membership(tenant, &query, deadline).await;
        if member.as_ref().is_some_and(Membership::is_holdout) {
            let answer = held_out(id, started);
            self.conclude(tenant, (&query, member.as_ref()), &answer);
            return Ok(answer);
        }
        let variant = Variant::of(&self.settings, member.as_ref());

        let mut found = self.find(tenant, &query, deadline).await;
        let ranking = Instant::now();
        let calibration = self.calibration();
        let mut candidates = fuse(&found.dense, &found.lexical, &calibration, &variant.rules);
        candidates.retain(|candidate| !variant.hidden.contains(&candidate.entry));
        let top_similarity =
            candidates.iter().map(|c| c.similarity).reduce(f64::max).filter(|_| !found.dense.is_empty());
        let utterance = found.vector.as_deref().map(|vector| TextFeatures::of(query.utterance.as_str(), vector));
        let floor = self.floor(&calibration, variant.floor, utterance.as_ref());
        let abstention = abstention(&found, top_similarity, floor);
        let results = match abstention {
            Some(_) => Vec::new(),
            None => self.offer(tenant, (id, &query), (candidates, floor), &variant, &mut found).await,
        };
        let abstention = abstention.or_else(|| results.is_empty().then_some(Abstention::NothingFits));
        let prompt_block = query.render_tokens.and_then(|tokens| {
            let embedder = &self.engine.generations.first().embedder;
            prompt::render(&results, tokens, |text| embedder.count_tokens(text).unwrap_or(usize::MAX))
        });
        let rank = ranking.elapsed();

        let answer = RetrievalAnswer {
            retrieval_id: id,
            intent: utterance.as_ref().and_then(|utterance| self.intent(utterance)),
            results,
            prompt_block,
            abstained: abstention.is_some(),
            reason: abstention,
            degraded: found.degraded,
            timings: Timings {
                embed: micros(found.embed),
                search: micros(found.search),
                rank: micros(rank),
                total: micros(started.elapsed()),
            },
            top_similarity,
        };
        self.conclude(tenant, (&query, member.as_ref()), &answer);
        Ok(answer)
    }

    /// Where the conversation is in an experiment. One that cannot be told before the deadline is in none.
    async fn membership(&self, tenant: &TenantId, query: &RetrievalQuery, deadline: Instant) -> Option<Membership> {
        let reading = self.engine.experiments.membership(&self.engine.store, tenant, query);
        tokio::time::timeout_at(deadline.into(), reading).await.ok()?.ok()?
    }

    /// What follows from an answer: it is measured, and recorded when it is shown.
    fn conclude(&self, tenant: &TenantId, asked: (&RetrievalQuery, Option<&Membership>), answer: &RetrievalAnswer) {
        self.observe(answer);
        if asked.0.exposure == Exposure::Recorded {
            self.exposures.record(tenant, asked, answer, self.engine.now(), self.model());
        }
    }

    /// Waits until what was shown so far is recorded: whoever erases must find it.
    pub async fn flush_exposures(&self) {
        self.exposures.flush().await;
    }

    /// Embeds and searches, with what the deadline allows.
    async fn find(&self, tenant: &TenantId, query: &RetrievalQuery, deadline: Instant) -> Found {
        let mut found = Found::default();
        let utterance = text::strip_injected(query.utterance.as_str());
        let search = Search {
            filter: Filter {
                statuses: vec![EntryStatus::Live],
                knowledge_type: query.knowledge_type,
                category: query.category.clone(),
                languages: query.language.iter().flat_map(readable).collect(),
                ..Filter::default()
            },
            limit: self.settings.candidates,
            deadline: Some(deadline),
        };
        let generation = self.engine.generations.first();
        let language = query.language.clone().unwrap_or_else(Language::undetermined);
        let words = async {
            let started = Instant::now();
            let lexical = generation.exemplars.search_lexical(tenant, &utterance, &language, &search);
            (tokio::time::timeout_at(deadline.into(), lexical).await, started.elapsed())
        };
        let meaning = async {
            let started = Instant::now();
            let embedding = generation.embedder.embed_one(Lane::Live, Role::Query, &utterance, Some(deadline));
            let embedded = tokio::time::timeout_at(deadline.into(), embedding).await;
            let embed = started.elapsed();
            let vector = match embedded {
                Ok(Ok(embedded)) => embedded.vector,
                Ok(Err(error)) => return (Err(degraded_embedding(&error)), embed, Duration::ZERO),
                Err(_) => return (Err(Degradation::EmbeddingLate), embed, Duration::ZERO),
            };
            let started = Instant::now();
            let dense = generation.exemplars.search_dense(tenant, generation.meaning(&vector), &search);
            let hits = tokio::time::timeout_at(deadline.into(), dense).await;
            (Ok((vector, hits)), embed, started.elapsed())
        };
        let ((lexical, lexical_took), (dense, embed, dense_took)) = tokio::join!(words, meaning);
        found.embed = embed;
        found.search = dense_took.max(lexical_took.saturating_sub(embed));
        match lexical {
            Ok(Ok(hits)) => found.lexical = to_exemplar_hits(&hits),
            Ok(Err(error)) => found.degraded.push(degraded_search(&error, Degradation::LexicalFailed)),
            Err(_) => found.degraded.push(Degradation::LexicalLate),
        }
        match dense {
            Ok((vector, hits)) => {
                found.vector = Some(vector);
                match hits {
                    Ok(Ok(hits)) => found.dense = to_exemplar_hits(&hits),
                    Ok(Err(error)) => found.degraded.push(degraded_search(&error, Degradation::DenseFailed)),
                    Err(_) => found.degraded.push(Degradation::DenseLate),
                }
            }
            Err(reason) => found.degraded.push(reason),
        }
        self.add_context(tenant, query, &utterance, &search, deadline, &mut found).await;
        found
    }

    /// Searches again with the turns before, when the utterance alone is not clear.
    async fn add_context(
        &self,
        tenant: &TenantId,
        query: &RetrievalQuery,
        utterance: &str,
        search: &Search,
        deadline: Instant,
        found: &mut Found,
    ) {
        let best = found.dense.first().map_or(0.0, |hit| hit.score);
        if query.context.is_empty() || best >= self.calibration().clear {
            return;
        }
        let joined = search::in_context(utterance, &query.context, self.settings.context_turns);
        let generation = self.engine.generations.first();
        let started = Instant::now();
        let embedded = generation.embedder.embed_one(Lane::Live, Role::Query, &joined, Some(deadline)).await;
        found.embed += started.elapsed();
        let Ok(embedded) = embedded else {
            found.degraded.push(Degradation::ContextSkipped);
            return;
        };
        let started = Instant::now();
        let hits = generation.exemplars.search_dense(tenant, generation.meaning(&embedded.vector), search).await;
        found.search += started.elapsed();
        match hits {
            Ok(hits) => found.dense = blend(&found.dense, &to_exemplar_hits(&hits)),
            Err(_) => found.degraded.push(Degradation::ContextSkipped),
        }
    }

    /// Hydrates candidates from memory, checks that they are still what the index says, and ranks them.
    async fn offer(
        &self,
        tenant: &TenantId,
        (id, query): (RetrievalId, &RetrievalQuery),
        (candidates, floor): (Vec<Candidate>, f64),
        variant: &Variant,
        found: &mut Found,
    ) -> Vec<OfferedEntry> {
        let rules = variant.rules;
        let words_only = found.degraded.iter().any(|reason| reason.is_without_meaning());
        let wanted: Vec<Candidate> = candidates
            .into_iter()
            .filter(|candidate| words_only || candidate.similarity >= floor)
            .take(query.limit.get() * HYDRATE_FACTOR)
            .collect();
        let ids: Vec<EntryId> = wanted.iter().map(|candidate| candidate.entry).collect();
        let Ok(entries) = self.engine.entries.entries(&self.engine.store, tenant, &ids).await else {
            found.degraded.push(Degradation::EntriesUnavailable);
            return Vec::new();
        };
        let mut hydrated: Vec<(Candidate, Arc<Entry>)> = wanted
            .into_iter()
            .filter_map(|candidate| Some((candidate, Arc::clone(entries.get(&candidate.entry)?))))
            .filter(|(_, entry)| fits(entry, query))
            .collect();
        let sounds_like =
            found.vector.as_deref().and_then(|vector| self.engine.understanding().languages().language_of(vector));
        if let Some(language) = query.language.as_ref().or(sounds_like) {
            let language = language.without_region();
            prefer_language(&mut hydrated, |entry| entry.language.without_region() == language, &rules);
        }
        // What nobody learns from is not tried out: a person gets what is known to be best.
        let order = match query.exposure {
            Exposure::Recorded => variant.success_order,
            Exposure::Unrecorded => SuccessOrder::Mean,
        };
        let ranked = rank_by_success(hydrated, |entry| order.worth(&entry.posterior, chance(id, entry.id)), &rules);
        let shown: Vec<(Candidate, Arc<Entry>)> = ranked.into_iter().take(query.limit.get()).collect();
        let exemplars: Vec<_> = shown.iter().map(|(candidate, _)| candidate.matched).collect();
        let texts = self.engine.entries.exemplar_texts(&self.engine.store, tenant, &exemplars).await;
        let texts = texts.unwrap_or_else(|_| {
            found.degraded.push(Degradation::EntriesUnavailable);
            std::collections::HashMap::new()
        });
        shown
            .into_iter()
            .map(|(candidate, entry)| OfferedEntry {
                knowledge_id: entry.id,
                knowledge_type: entry.knowledge_type,
                category: entry.category.clone(),
                title: entry.title.clone(),
                content: entry.content.clone(),
                score: candidate.score,
                similarity: candidate.similarity,
                matched_exemplar: candidate.matched,
                matched_utterance: texts.get(&candidate.matched).map(|text| text.to_string()).unwrap_or_default(),
                success: entry.success(),
            })
            .collect()
    }

    fn intent(&self, utterance: &TextFeatures) -> Option<Intent> {
        let best = self.engine.understanding().intents(utterance).into_iter().next()?;
        let certain = f64::from(best.confidence) >= self.settings.min_intent_confidence;
        certain.then(|| Intent { name: best.name, confidence: f64::from(best.confidence) })
    }

    /// Best cosine under which nothing is offered to this utterance, by the floor that is set or else the model's; `None` is an
    /// utterance that could not be embedded in time.
    fn floor(&self, calibration: &Calibration, set: Option<f64>, utterance: Option<&TextFeatures>) -> f64 {
        let floor = set.unwrap_or(calibration.floor);
        let scope = |utterance| self.engine.understanding().scope(utterance);
        utterance.map_or(floor, |utterance| calibration.floor_for(floor, scope(utterance)))
    }

    fn rules(&self) -> RankingRules {
        Variant::of(&self.settings, None).rules
    }

    fn calibration(&self) -> Calibration {
        Calibration::of_model(self.model())
    }

    fn model(&self) -> &str {
        &self.engine.generations.first().embedder.spec().name
    }

    fn observe(&self, answer: &RetrievalAnswer) {
        let stages = [
            ("embed", answer.timings.embed),
            ("search", answer.timings.search),
            ("rank", answer.timings.rank),
            ("total", answer.timings.total),
        ];
        for (stage, micros) in stages {
            metrics::histogram!("turnwise_retrieval_seconds", "stage" => stage).record(micros as f64 / 1e6);
        }
        let outcome = if answer.abstained { "abstained" } else { "offered" };
        metrics::counter!("turnwise_retrievals_total", "outcome" => outcome).increment(1);
    }
}

/// The answer to a conversation that is in a hold-out.
fn held_out(id: RetrievalId, started: Instant) -> RetrievalAnswer {
    RetrievalAnswer {
        retrieval_id: id,
        intent: None,
        results: Vec::new(),
        prompt_block: None,
        abstained: true,
        reason: Some(Abstention::Holdout),
        degraded: Vec::new(),
        timings: Timings { total: micros(started.elapsed()), ..Timings::default() },
        top_similarity: None,
    }
}

/// Why nothing is offered, if so.
fn abstention(found: &Found, top: Option<f64>, floor: f64) -> Option<Abstention> {
    if found.dense.is_empty() && found.lexical.is_empty() {
        let failed = found.degraded.iter().any(|reason| *reason != Degradation::ContextSkipped);
        return Some(if failed { Abstention::SearchUnavailable } else { Abstention::NothingFits });
    }
    match top {
        Some(similarity) if similarity < floor => Some(Abstention::BelowFloor),
        _ => None,
    }
}

/// Whether an entry is still what the index said when it was found.
fn fits(entry: &Entry, query: &RetrievalQuery) -> bool {
    entry.status == EntryStatus::Live
        && query.knowledge_type.is_none_or(|kind| kind == entry.knowledge_type)
        && query.category.as_ref().is_none_or(|category| *category == entry.category)
        && query.language.as_ref().is_none_or(|asked| readable(asked).contains(&entry.language.without_region()))
}

/// A language and the other scripts in which it is written: who asks for `ur` or `ur-PK` also reads `ur-Latn`.
fn with_scripts(language: &Language) -> Vec<Language> {
    let language = language.without_region();
    let latin = (language.as_str() == language.primary()).then(|| Language::parse(&format!("{language}-Latn")));
    std::iter::once(language).chain(latin.and_then(Result::ok)).collect()
}

/// The languages of entries that help who asks in this one. An entry whose language nobody knows may be in any.
fn readable(language: &Language) -> Vec<Language> {
    let mut all = with_scripts(language);
    all.push(Language::undetermined());
    all
}

fn to_exemplar_hits(hits: &[Hit]) -> Vec<ExemplarHit> {
    hits.iter().map(|hit| exemplar_hit(hit.id, hit.owner, hit.score)).collect()
}

fn degraded_embedding(error: &EmbeddingError) -> Degradation {
    match error {
        EmbeddingError::DeadlineExceeded | EmbeddingError::Overloaded { .. } => Degradation::EmbeddingLate,
        _ => Degradation::EmbeddingFailed,
    }
}

fn degraded_search(error: &IndexError, failed: Degradation) -> Degradation {
    match (error, failed) {
        (IndexError::Late | IndexError::Overloaded, Degradation::LexicalFailed) => Degradation::LexicalLate,
        (IndexError::Late | IndexError::Overloaded, _) => Degradation::DenseLate,
        (_, failed) => failed,
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedding_that_was_not_ready_in_time_is_late_and_not_failed() {
        assert_eq!(degraded_embedding(&EmbeddingError::DeadlineExceeded), Degradation::EmbeddingLate);
        let broken = EmbeddingError::EmptyText { position: 0 };
        assert_eq!(degraded_embedding(&broken), Degradation::EmbeddingFailed);
    }

    #[test]
    fn a_region_does_not_count_and_an_unknown_language_is_for_all() {
        for (asked, found) in [("en-US", "en en-Latn und"), ("ur-PK", "ur ur-Latn und"), ("ur-Latn-PK", "ur-Latn und")]
        {
            let languages = readable(&Language::parse(asked).expect("a valid tag"));
            assert_eq!(languages.iter().map(Language::as_str).collect::<Vec<_>>().join(" "), found);
        }
    }
}
