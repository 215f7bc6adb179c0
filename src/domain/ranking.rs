//! From exemplars that were found to entries in the order in which they are offered.
//!
//! Guarantees: similarity comes first; success re-orders only entries whose scores lie within one band, so that a popular
//! but less relevant entry can never win over a relevant one. Under the floor nothing is offered at all.
//!
//! Within a band a new entry gets its chance by Thompson sampling: each entry's success is drawn from its posterior, so it is
//! offered as often as it is likely to be the best. (Chapelle, Li: *An Empirical Evaluation of Thompson Sampling*, NIPS 2011.)
//!
//! Meaning and words are fused by a convex combination of normalised scores, which keeps the cosine that ranking and
//! abstention need (Bruch, Gai, Ingber: *An Analysis of Fusion Functions for Hybrid Retrieval*, TOIS 2023).

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::conversation::word_enum;
use crate::domain::dice::dice;
use crate::domain::ids::{EntryId, ExemplarId, RetrievalId};
use crate::domain::success::Posterior;

/// One table a model of the manifest.
static EMBEDDED: LazyLock<BTreeMap<String, Calibration>> =
    LazyLock::new(|| toml::from_str(include_str!("calibration.toml")).expect("the embedded table is well-formed"));

/// What the cosines of one embedding model mean; measured by `turnwise eval`, not guessed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Cosine of two texts that have nothing to do with each other.
    pub low: f64,
    /// Cosine of two texts that say the same in other words.
    pub same: f64,
    /// Best cosine under which nothing is offered, when it is open whether the utterance is a matter of a business.
    pub floor: f64,
    /// How much lower that floor is for each natural log-unit by which the utterance rather is one.
    pub scope_weight: f64,
    /// The lowest floor: a matter of a business may still be none that is known.
    pub least_floor: f64,
    /// Best cosine from which an utterance is clear without its context.
    pub clear: f64,
}

impl Calibration {
    /// The calibration of a model of the manifest.
    ///
    /// Another model has none yet; it gets that of plain cosines, which offers too much rather than nothing.
    pub fn of_model(name: &str) -> Self {
        EMBEDDED.get(name).copied().unwrap_or(Self {
            low: 0.0,
            same: 0.8,
            floor: 0.3,
            scope_weight: 0.0,
            least_floor: 0.3,
            clear: 0.7,
        })
    }

    /// The floor for an utterance: `floor`, or what takes its place, shifted by the natural log-odds that the utterance is a
    /// matter of a business at all. What sounds like small talk must be nearer to something known.
    pub fn floor_for(&self, floor: f64, scope: f32) -> f64 {
        (floor - self.scope_weight * f64::from(scope)).max(self.least_floor.min(floor))
    }

    /// A cosine as a number from 0 (unrelated) to 1 (equal).
    pub fn normalise(&self, cosine: f64) -> f64 {
        ((cosine - self.low) / (1.0 - self.low).max(f64::EPSILON)).clamp(0.0, 1.0)
    }

    /// How far two texts say the same: 0 unrelated, 1 the same in other words, more when the wording agrees too.
    pub fn sameness(&self, cosine: f64) -> f64 {
        (cosine - self.low) / (self.same - self.low).max(f64::EPSILON)
    }
}

word_enum!(
    /// By what entries within a band are ordered.
    SuccessOrder {
        /// A draw from the posterior of each: what is not known well is tried.
        Thompson = "thompson",
        /// The lower end of the credible interval: what is not known well waits.
        LowerBound = "lower_bound",
        /// The mean of the posterior.
        Mean = "mean",
        /// Similarity alone: success counts nothing, which is what others are compared with.
        Similarity = "similarity",
    }
);

impl SuccessOrder {
    /// What an entry with this posterior is worth in the order, 0 to 1; `chance` (0 to 1, evenly spread) decides a draw.
    pub fn worth(self, posterior: &Posterior, chance: f64) -> f64 {
        match self {
            Self::Thompson => posterior.quantile(chance),
            Self::LowerBound => posterior.rate().low,
            Self::Mean => posterior.mean(),
            Self::Similarity => 0.0,
        }
    }
}

/// A number from 0 to 1, evenly spread over retrievals and over entries, and the same for the same two: an answer can be
/// explained afterwards.
pub fn chance(retrieval: RetrievalId, entry: EntryId) -> f64 {
    let both = retrieval.0.as_u128() ^ entry.0.as_u128().rotate_left(64);
    dice([(both >> 64) as u64, both as u64])
}

/// How fusion and ranking weigh things.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankingRules {
    /// Share of the words in the fused score, 0 to 1; the rest is meaning.
    pub lexical_weight: f64,
    /// Added to the score of an entry in the language of the question: among answers that fit equally, the one that can
    /// be said as it stands.
    pub language_bonus: f64,
    /// Scores within this distance of the best of them are a band, in which success decides.
    pub band: f64,
}

/// An exemplar that a search found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExemplarHit {
    /// The exemplar.
    pub exemplar: ExemplarId,
    /// The entry that it belongs to.
    pub entry: EntryId,
    /// Cosine, or BM25 score.
    pub score: f64,
}

/// An entry that may be offered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The entry.
    pub entry: EntryId,
    /// Its exemplar nearest to the utterance.
    pub matched: ExemplarId,
    /// Cosine of that exemplar.
    pub similarity: f64,
    /// Fused score, 0 to 1.
    pub score: f64,
}

/// Joins what the utterance alone found with what it found together with its context: the mean of both cosines.
/// What only one search found gets the lowest cosine of the other, which is the most that it can have there.
pub fn blend(alone: &[ExemplarHit], in_context: &[ExemplarHit]) -> Vec<ExemplarHit> {
    let worst = |hits: &[ExemplarHit]| hits.iter().map(|hit| hit.score).fold(f64::INFINITY, f64::min);
    let (worst_alone, worst_in_context) = (worst(alone), worst(in_context));
    if alone.is_empty() || in_context.is_empty() {
        return [alone, in_context].concat();
    }
    let other: HashMap<ExemplarId, f64> = in_context.iter().map(|hit| (hit.exemplar, hit.score)).collect();
    let seen: HashMap<ExemplarId, f64> = alone.iter().map(|hit| (hit.exemplar, hit.score)).collect();
    let with_mean = |hit: &ExemplarHit, second: f64| ExemplarHit { score: (hit.score + second) / 2.0, ..*hit };
    let both = alone.iter().map(|hit| with_mean(hit, other.get(&hit.exemplar).copied().unwrap_or(worst_in_context)));
    let rest = in_context.iter().filter(|hit| !seen.contains_key(&hit.exemplar));
    let mut blended: Vec<ExemplarHit> = both.chain(rest.map(|hit| with_mean(hit, worst_alone))).collect();
    sort_hits(&mut blended);
    blended
}

/// Fuses what meaning and what words found, and groups exemplars to entries: an entry is as near as its nearest exemplar.
/// The best score comes first; equal scores are ordered by id, so that the same question has the same answer.
pub fn fuse(
    dense: &[ExemplarHit],
    lexical: &[ExemplarHit],
    calibration: &Calibration,
    rules: &RankingRules,
) -> Vec<Candidate> {
    let best_words = lexical.iter().map(|hit| hit.score).fold(0.0, f64::max);
    let words: HashMap<ExemplarId, f64> =
        lexical.iter().map(|hit| (hit.exemplar, if best_words > 0.0 { hit.score / best_words } else { 0.0 })).collect();
    // An exemplar that only the words found has at most the lowest cosine that the dense search answered.
    let worst_cosine = dense.iter().map(|hit| hit.score).fold(f64::INFINITY, f64::min);
    let unseen_cosine = if worst_cosine.is_finite() { worst_cosine.min(calibration.floor) } else { calibration.low };
    let cosines: HashMap<ExemplarId, f64> = dense.iter().map(|hit| (hit.exemplar, hit.score)).collect();

    let mut best: HashMap<EntryId, Candidate> = HashMap::new();
    for hit in dense.iter().chain(lexical.iter().filter(|hit| !cosines.contains_key(&hit.exemplar))) {
        let similarity = cosines.get(&hit.exemplar).copied().unwrap_or(unseen_cosine);
        let meaning = calibration.normalise(similarity);
        let word = words.get(&hit.exemplar).copied().unwrap_or(0.0);
        let score = (1.0 - rules.lexical_weight) * meaning + rules.lexical_weight * word;
        let candidate = Candidate { entry: hit.entry, matched: hit.exemplar, similarity, score };
        let better = best.get(&hit.entry).is_none_or(|known| order(&candidate, known).is_lt());
        if better {
            best.insert(hit.entry, candidate);
        }
    }
    let mut candidates: Vec<Candidate> = best.into_values().collect();
    candidates.sort_by(order);
    candidates
}

/// Adds the bonus to candidates whose entry `speaks` the language of the question, and orders them anew.
pub fn prefer_language<T>(candidates: &mut [(Candidate, T)], speaks: impl Fn(&T) -> bool, rules: &RankingRules) {
    for (candidate, item) in candidates.iter_mut() {
        if speaks(item) {
            candidate.score = (candidate.score + rules.language_bonus).min(1.0);
        }
    }
    candidates.sort_by(|a, b| order(&a.0, &b.0));
}

/// Re-orders candidates (best score first) by what each is `worth` within bands: from each band's best score down to `band`
/// under it.
pub fn rank_by_success<T>(
    candidates: Vec<(Candidate, T)>,
    worth: impl Fn(&T) -> f64,
    rules: &RankingRules,
) -> Vec<(Candidate, T)> {
    let mut ranked: Vec<(Candidate, T)> = Vec::with_capacity(candidates.len());
    let mut band: Vec<(Candidate, T)> = Vec::new();
    let mut leader = f64::INFINITY;
    for candidate in candidates {
        if !band.is_empty() && leader - candidate.0.score > rules.band {
            flush_band(&mut band, &mut ranked, &worth);
        }
        if band.is_empty() {
            leader = candidate.0.score;
        }
        band.push(candidate);
    }
    flush_band(&mut band, &mut ranked, &worth);
    ranked
}

fn flush_band<T>(band: &mut Vec<(Candidate, T)>, ranked: &mut Vec<(Candidate, T)>, worth: &impl Fn(&T) -> f64) {
    let mut rated: Vec<(f64, (Candidate, T))> = band.drain(..).map(|item| (worth(&item.1), item)).collect();
    // Stable: entries that are worth the same keep the order of their scores.
    rated.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.extend(rated.into_iter().map(|(_, item)| item));
}

fn order(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score).then(b.similarity.total_cmp(&a.similarity)).then(a.entry.cmp(&b.entry))
}

fn sort_hits(hits: &mut [ExemplarHit]) {
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.exemplar.cmp(&b.exemplar)));
}

/// An exemplar hit of plain ids, as the index knows them.
pub fn exemplar_hit(exemplar: Uuid, entry: Uuid, score: f32) -> ExemplarHit {
    ExemplarHit { exemplar: ExemplarId(exemplar), entry: EntryId(entry), score: f64::from(score) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALIBRATION: Calibration =
        Calibration { low: 0.0, same: 0.9, floor: 0.3, scope_weight: 0.05, least_floor: 0.25, clear: 0.8 };
    const RULES: RankingRules = RankingRules { lexical_weight: 0.2, language_bonus: 0.05, band: 0.05 };

    fn hit(exemplar: u128, entry: u128, score: f32) -> ExemplarHit {
        exemplar_hit(Uuid::from_u128(exemplar), Uuid::from_u128(entry), score)
    }

    fn entries(candidates: &[Candidate]) -> Vec<u128> {
        candidates.iter().map(|candidate| candidate.entry.0.as_u128()).collect()
    }

    #[test]
    fn an_entry_is_as_near_as_its_nearest_exemplar() {
        let dense = [hit(1, 10, 0.9), hit(2, 20, 0.8), hit(3, 10, 0.7)];
        let candidates = fuse(&dense, &[], &CALIBRATION, &RULES);
        assert_eq!(entries(&candidates), [10, 20]);
        assert_eq!(candidates[0].matched.0.as_u128(), 1);
        assert!((candidates[0].similarity - 0.9).abs() < 1e-6);
    }

    #[test]
    fn words_decide_between_equal_meanings_and_find_what_meaning_missed() {
        let dense = [hit(1, 10, 0.8), hit(2, 20, 0.8)];
        let lexical = [hit(2, 20, 7.0), hit(3, 30, 6.0)];
        let candidates = fuse(&dense, &lexical, &CALIBRATION, &RULES);
        assert_eq!(entries(&candidates), [20, 10, 30]);
        assert!(candidates[2].similarity <= CALIBRATION.floor, "an unseen cosine is never thought to be high");
    }

    #[test]
    fn small_talk_must_be_nearer_and_nothing_may_be_far() {
        let floor = |scope: f32| CALIBRATION.floor_for(CALIBRATION.floor, scope);
        assert!((floor(0.0) - 0.3).abs() < 1e-9 && (floor(-2.0) - 0.4).abs() < 1e-9);
        assert!((floor(4.0) - CALIBRATION.least_floor).abs() < 1e-9);
        assert!(CALIBRATION.floor_for(-1.0, 4.0) <= -1.0, "who wants everything gets everything");
    }

    #[test]
    fn success_decides_within_a_band_and_never_across() {
        let candidate = |entry: u128, score: f64| Candidate {
            entry: EntryId(Uuid::from_u128(entry)),
            matched: ExemplarId(Uuid::from_u128(entry)),
            similarity: score,
            score,
        };
        let good = Posterior::from_evidence(&[1.0; 4]);
        let mixed = Posterior::from_evidence(&[1.0, 1.0, 0.0, 0.0]);
        let ranked = rank_by_success(
            vec![(candidate(1, 0.90), mixed), (candidate(2, 0.88), good), (candidate(3, 0.80), good)],
            |posterior| posterior.mean(),
            &RULES,
        );
        let order: Vec<u128> = ranked.iter().map(|(candidate, _)| candidate.entry.0.as_u128()).collect();
        assert_eq!(order, [2, 1, 3]);
    }

    #[test]
    fn a_new_entry_gets_its_chance_and_a_bad_one_hardly_any() {
        let proven = Posterior::from_counts(90.0, 10.0, 98);
        let new = Posterior::from_evidence(&[1.0]);
        let bad = Posterior::from_counts(10.0, 90.0, 98);
        let wins = |one: &Posterior, other: &Posterior| {
            let retrievals = (0..2_000).map(|n| RetrievalId(Uuid::from_u128(n << 70)));
            let (a, b) = (EntryId(Uuid::from_u128(1)), EntryId(Uuid::from_u128(2)));
            let draw = |retrieval, entry, posterior| SuccessOrder::Thompson.worth(posterior, chance(retrieval, entry));
            retrievals.filter(|id| draw(*id, a, one) > draw(*id, b, other)).count()
        };
        let tried = wins(&new, &proven);
        assert!((200..1_000).contains(&tried), "{tried} of 2000");
        assert!(wins(&bad, &proven) < 5);
        assert!((900..1_100).contains(&wins(&new, &new)));
        assert!(SuccessOrder::LowerBound.worth(&new, 0.9) < SuccessOrder::LowerBound.worth(&proven, 0.1));
    }

    #[test]
    fn context_lifts_what_both_found() {
        let alone = [hit(1, 10, 0.80), hit(2, 20, 0.79)];
        let in_context = [hit(2, 20, 0.95), hit(3, 30, 0.70)];
        let blended = blend(&alone, &in_context);
        assert_eq!(blended[0].exemplar.0.as_u128(), 2);
        assert_eq!(blended.len(), 3);
        assert_eq!(blend(&alone, &[]), alone);
    }
}
