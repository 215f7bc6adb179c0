//! Real shards in temporary directories, with vectors from a seeded generator.

mod behaviour;
mod kill;
mod measure;
mod recall;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use super::error::IndexError;
use super::point::{Filter, Hit, Payload, Point, Search};
use super::settings::IndexSettings;
use super::{Collection, VectorIndex, remove_generations};
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

/// Number `n`: every 99th is of the small tenant, every fifth is quarantined.
fn exemplar(number: usize, vector: Arc<[f32]>) -> Point {
    let owner = if number.is_multiple_of(99) { "small" } else { "large" };
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

fn found(hits: &[Hit]) -> Vec<Uuid> {
    hits.iter().map(|hit| hit.id).collect()
}
