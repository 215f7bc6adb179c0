//! A real shard in a temporary directory.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use super::point::{Filter, Hit, Payload, Point, Search};
use super::settings::IndexSettings;
use super::{Collection, IndexError, VectorIndex};
use crate::domain::clock::Timestamp;
use crate::domain::conversation::Outcome;
use crate::domain::ids::TenantId;
use crate::domain::knowledge::{EntryStatus, KnowledgeType};
use crate::domain::language::Language;

const DIMENSION: usize = 384;

/// Vectors as real ones lie: round some centres, many near each other.
struct Clusters {
    random: StdRng,
    centres: Vec<Vec<f32>>,
}

impl Clusters {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let centres = (0..500).map(|_| noise(&mut random, 1.0)).collect();
        Self { random, centres }
    }

    fn vector(&mut self) -> Arc<[f32]> {
        let centre = self.random.random_range(0..self.centres.len());
        let noise = noise(&mut self.random, 0.7);
        self.centres[centre].iter().zip(noise).map(|(x, y)| x + y).collect()
    }

    fn vectors(&mut self, count: usize) -> Vec<Arc<[f32]>> {
        (0..count).map(|_| self.vector()).collect()
    }
}

fn noise(random: &mut StdRng, width: f32) -> Vec<f32> {
    (0..DIMENSION).map(|_| random.random_range(-width..width)).collect()
}

fn id(number: usize) -> Uuid {
    // Spread out, as hashes are.
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &number.to_be_bytes())
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("a valid tenant")
}

fn language(tag: &str) -> Language {
    Language::parse(tag).expect("a valid tag")
}

/// Number `n`: every hundredth is of the small tenant, every fifth is quarantined.
fn exemplar(number: usize, vector: Arc<[f32]>) -> Point {
    let owner = if number.is_multiple_of(100) { "small" } else { "large" };
    let status = if number.is_multiple_of(5) { EntryStatus::Quarantined } else { EntryStatus::Live };
    Point {
        id: id(number),
        vector,
        text: format!("utterance number {number}"),
        payload: Payload::exemplar(
            tenant(owner),
            id(number / 3),
            language("en"),
            "support".to_owned(),
            status,
            KnowledgeType::Faq,
        ),
    }
}

fn live() -> Filter {
    Filter { statuses: vec![EntryStatus::Live], ..Filter::default() }
}

fn top(limit: usize, filter: Filter) -> Search {
    Search { filter, limit, deadline: None }
}

async fn open(dir: &Path) -> VectorIndex {
    open_with(dir, &IndexSettings::default()).await
}

async fn open_with(dir: &Path, settings: &IndexSettings) -> VectorIndex {
    VectorIndex::open(dir, Collection::Exemplars, DIMENSION, settings).await.expect("the index opens")
}

async fn fill(index: &VectorIndex, numbers: std::ops::Range<usize>, clusters: &mut Clusters) {
    let points: Vec<Point> = numbers.map(|number| exemplar(number, clusters.vector())).collect();
    for batch in points.chunks(256) {
        index.upsert(batch.to_vec()).await.expect("written");
    }
}

/// Share of the exact ten nearest that the graph finds too; an equal score counts as found.
async fn recall(index: &VectorIndex, queries: &[Arc<[f32]>], tenant: &TenantId, filter: &Filter) -> f64 {
    let (mut found, mut wanted) = (0, 0);
    for query in queries {
        let search = top(10, filter.clone());
        let exact = index.search_exact(tenant, Arc::clone(query), &search).await.expect("exact");
        let quick = index.search_dense(tenant, Arc::clone(query), &search).await.expect("dense");
        let last = exact.last().map_or(f32::MAX, |hit| hit.score);
        wanted += exact.len();
        found += quick.iter().filter(|hit| hit.score >= last - 1e-6).count().min(exact.len());
    }
    found as f64 / wanted as f64
}

async fn ids(index: &VectorIndex) -> HashSet<Uuid> {
    let mut ids = HashSet::new();
    let mut after = None;
    loop {
        let page = index.ids_page(after, 777).await.expect("a page");
        let Some(last) = page.last() else { return ids };
        after = Some(last.id);
        ids.extend(page.iter().map(|point| point.id));
    }
}

fn owners(hits: &[Hit]) -> Vec<Uuid> {
    hits.iter().map(|hit| hit.id).collect()
}

#[tokio::test]
#[ignore = "a measurement: cargo test --lib index::tests::measure -- --ignored --nocapture"]
async fn measure() {
    let count: usize = std::env::var("POINTS").map_or(10_000, |text| text.parse().expect("a number"));
    let mut settings = IndexSettings::default();
    if let Ok(text) = std::env::var("SETTINGS") {
        settings = serde_json::from_str(&text).expect("settings");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let mut clusters = Clusters::new(7);
    let queries = clusters.vectors(200);
    let index = Arc::new(open_with(dir.path(), &settings).await);
    let (mut at, step) = (0, settings.max_unindexed_points);
    while at < count {
        let start = Instant::now();
        fill(&index, at..(at + step).min(count), &mut clusters).await;
        let filled = start.elapsed();
        at += step;
        let task = tokio::spawn({
            let index = Arc::clone(&index);
            async move { index.optimize().await }
        });
        let mut slowest = std::time::Duration::ZERO;
        let mut slow_search = std::time::Duration::ZERO;
        let mut n = 0;
        while !task.is_finished() {
            let start = Instant::now();
            index.upsert(vec![exemplar(1_000_000 + n % 100, clusters.vector())]).await.expect("written");
            slowest = slowest.max(start.elapsed());
            let start = Instant::now();
            index.search_dense(&tenant("large"), Arc::clone(&queries[n % 200]), &top(10, live())).await.expect("found");
            slow_search = slow_search.max(start.elapsed());
            n += 1;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let report = task.await.expect("joined").expect("optimised");
        println!(
            "{at}: fill {filled:?} optimise {report:?} slowest upsert {slowest:?} search {slow_search:?} ({n}) {:?}",
            index.stats().await.expect("stats")
        );
    }
    let mut times = Vec::new();
    for n in 0..200 {
        let start = Instant::now();
        index.upsert(vec![exemplar(2_000_000 + n, clusters.vector())]).await.expect("written");
        times.push(start.elapsed());
    }
    times.sort();
    println!("upsert+flush p50 {:?} p99 {:?}", times[100], times[197]);
    for (name, tenant, filter) in [
        ("large live", tenant("large"), live()),
        ("small", tenant("small"), Filter::default()),
        ("large all", tenant("large"), Filter::default()),
    ] {
        let mut times = Vec::new();
        for _ in 0..3 {
            for query in &queries {
                let start = Instant::now();
                index.search_dense(&tenant, Arc::clone(query), &top(10, filter.clone())).await.expect("found");
                times.push(start.elapsed());
            }
        }
        times.sort();
        println!(
            "{name}: search p50 {:?} p99 {:?} recall {}",
            times[300],
            times[594],
            recall(&index, &queries, &tenant, &filter).await
        );
    }
    let mut times = Vec::new();
    for n in 0..200 {
        let start = Instant::now();
        index
            .search_lexical(&tenant("large"), &format!("the utterance {n} number"), &language("en"), &top(10, live()))
            .await
            .expect("found");
        times.push(start.elapsed());
    }
    times.sort();
    println!("lexical p50 {:?} p99 {:?}", times[100], times[197]);
    index.close().await.expect("closed");
    let start = Instant::now();
    let index = open_with(dir.path(), &settings).await;
    println!("reopen {:?} {:?}", start.elapsed(), index.stats().await.expect("stats"));
    let start = Instant::now();
    println!("ids {} in {:?}", ids(&index).await.len(), start.elapsed());
}
