//! The graph finds what exact search finds.

use super::*;

/// What the issue asks for.
const WANTED: f64 = 0.98;

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_finds_what_exact_search_finds() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut clusters = Clusters::new(11);
    let queries = clusters.vectors(100);
    let index = open(dir.path()).await;
    fill(&index, 0..10_000, &mut clusters).await;
    assert!(index.needs_optimize().await.expect("stats"));
    check(&index, &queries, 10_000, "optimised").await;

    index.close().await.expect("closed");
    let index = open(dir.path()).await;
    check(&index, &queries, 10_000, "reopened").await;

    for numbers in (0..10_000).step_by(10).collect::<Vec<_>>().chunks(100) {
        index.delete(numbers.iter().copied().map(id).collect()).await.expect("deleted");
    }
    check(&index, &queries, 9_000, "a tenth deleted").await;

    fill(&index, 0..2_000, &mut clusters).await;
    check(&index, &queries, 9_200, "some written again").await;
    index.close().await.expect("closed");
}

/// Optimises, and asserts that the graph is used and finds enough, for a large and a small tenant.
async fn check(index: &VectorIndex, queries: &[Arc<[f32]>], points: usize, state: &str) {
    index.optimize().await.expect("optimised");
    assert!(!index.needs_optimize().await.expect("stats"), "{state}");
    let stats = index.stats().await.expect("stats");
    let bound = IndexSettings::default().max_unindexed_points;
    assert_eq!(index.count().await.expect("counted"), points, "{state}");
    assert!(stats.indexed >= points - bound && stats.unindexed <= bound, "{state}: {stats:?}");

    for (name, filter) in [("large", live()), ("large", Filter::default()), ("small", live())] {
        let recall = recall(index, queries, &tenant(name), &filter).await;
        assert!(recall >= WANTED, "{state}, tenant {name}, {filter:?}: {recall}");
    }
}
