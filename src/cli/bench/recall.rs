//! `turnwise bench recall`.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use crate::cli::bench::BenchArgs;
use crate::cli::bench::turns::{Filled, conversations, fill, turns_of};
use crate::cli::failure::{Exit, Failure};
use crate::cli::learned::open_in;
use crate::cli::print::Voice;
use crate::config::Config;
use crate::domain::ids::TenantId;
use crate::domain::knowledge::EntryStatus;
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::engine::generations::Generation;
use crate::index::point::{Filter, Search};

/// How deep is compared.
const DEPTH: usize = 10;
/// Scores this close are equal: the engine scores by other instructions with the graph than without.
const EQUAL: f32 = 1e-6;
/// Every so-manyth point is deleted and written again.
const DELETED: usize = 10;
/// Ids that are read in one go.
const PAGE: usize = 10_000;
/// What the index must find of what exact search finds.
const REQUIRED: f64 = 0.98;

/// Runs the benchmark: real turns are asked of the graph and of exact search, in an index as it was reopened, after
/// points were deleted, and after they were written again.
///
/// # Errors
/// When the data is missing, or a part fails; [`Exit::Rejected`] when the graph finds too little.
pub async fn run(args: &BenchArgs, config: &Config, voice: Voice) -> Result<Exit, Failure> {
    let Filled { dir, exemplars, .. } = fill(args, config, voice).await?;
    let dev = conversations(&args.data, "dev")?;
    let utterances: Vec<&str> = turns_of(&dev, "user").take(args.samples).collect();

    let app = open_in(config, dir.path(), None).await?;
    let generation = app.engine.generations.first();
    let queries = generation.embed_meaning(Lane::Batch, &utterances, None).await.map_err(Error::from)?;
    let reopened = recall(generation, &queries).await?;

    let ids = all_ids(generation).await?;
    let gone: Vec<Uuid> = ids.iter().copied().step_by(DELETED).collect();
    generation.exemplars.delete(gone.clone()).await.map_err(Error::from)?;
    let deleted = recall(generation, &queries).await?;
    let restored = app.learner.reconcile().await?.restored;
    generation.exemplars.optimize().await.map_err(Error::from)?;
    let indexed_again = recall(generation, &queries).await?;
    let stats = generation.exemplars.stats().await.map_err(Error::from)?;
    app.close(None).await;

    voice.say_json(&json!({
        "exemplars": exemplars, "queries": queries.len(), "in_graphs": exemplars.saturating_sub(stats.unindexed),
        "recall_at_10_reopened": reopened, "recall_at_10_deleted": deleted, "deleted": gone.len(),
        "written_again": restored, "recall_at_10_indexed_again": indexed_again,
    }))?;
    let enough = [reopened, deleted, indexed_again].iter().all(|recall| *recall >= REQUIRED);
    Ok(if enough { Exit::Done } else { Exit::Rejected })
}

/// Share of the exact nearest that the graph finds too; an equal score counts as found.
async fn recall(generation: &Generation, queries: &[Arc<[f32]>]) -> Result<f64, Failure> {
    let tenant = TenantId::default_tenant();
    let filter = Filter { statuses: vec![EntryStatus::Live], ..Filter::default() };
    let search = Search { filter, limit: DEPTH, deadline: None };
    let (mut found, mut wanted) = (0, 0);
    for query in queries {
        let index = &generation.exemplars;
        let exact = index.search_exact(&tenant, Arc::clone(query), &search).await.map_err(Error::from)?;
        let quick = index.search_dense(&tenant, Arc::clone(query), &search).await.map_err(Error::from)?;
        let last = exact.last().map_or(f32::MAX, |hit| hit.score);
        wanted += exact.len();
        found += quick.iter().filter(|hit| hit.score >= last - EQUAL).count().min(exact.len());
    }
    Ok(found as f64 / wanted.max(1) as f64)
}

async fn all_ids(generation: &Generation) -> Result<Vec<Uuid>, Failure> {
    let mut ids: Vec<Uuid> = Vec::new();
    loop {
        let page = generation.exemplars.ids_page(ids.last().copied(), PAGE).await.map_err(Error::from)?;
        if page.is_empty() {
            return Ok(ids);
        }
        ids.extend(page.iter().map(|point| point.id));
    }
}
