//! Benchmarks of the rules on the hot path, without IO: what ranking costs beside the model and the index.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use turnwise::domain::ranking::{Calibration, ExemplarHit, RankingRules, exemplar_hit, fuse, rank_by_success};
use turnwise::domain::redaction::Redactor;
use turnwise::domain::success::Posterior;
use uuid::Uuid;

/// Hits of one search, as many as retrieval asks for.
fn hits(offset: u128) -> Vec<ExemplarHit> {
    (0..64_u128)
        .map(|i| exemplar_hit(Uuid::from_u128(i + offset), Uuid::from_u128((i + offset) / 3), 0.9 - i as f32 * 0.005))
        .collect()
}

fn ranking(criterion: &mut Criterion) {
    let calibration = Calibration::of_model("multilingual-e5-small");
    let rules = RankingRules { lexical_weight: 0.1, language_bonus: 0.1, band: 0.02 };
    let (dense, lexical) = (hits(0), hits(32));
    criterion.bench_function("fuse 64 + 64 hits", |bencher| {
        bencher.iter(|| fuse(black_box(&dense), black_box(&lexical), &calibration, &rules));
    });
    let candidates: Vec<_> = fuse(&dense, &lexical, &calibration, &rules)
        .into_iter()
        .map(|candidate| (candidate, Posterior::from_evidence(&[0.9, 0.4])))
        .collect();
    criterion.bench_function("rank by success", |bencher| {
        bencher.iter(|| rank_by_success(black_box(candidates.clone()), |posterior| posterior.mean(), &rules));
    });
}

fn redaction(criterion: &mut Criterion) {
    let utterance = "hi my name is sara and my number is five five five oh one double two, can you call me back?";
    criterion.bench_function("redact an utterance", |bencher| {
        bencher.iter(|| Redactor::redact_utterance(black_box(utterance)));
    });
}

criterion_group!(benches, ranking, redaction);
criterion_main!(benches);
