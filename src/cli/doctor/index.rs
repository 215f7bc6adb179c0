//! Whether the vector index holds what the database says.

use crate::app::open_generations;
use crate::cli::doctor::Finding;
use crate::cli::failure::Failure;
use crate::config::Config;
use crate::domain::clock::{Clock, SystemClock};
use crate::embedding::embedders::Embedders;
use crate::engine::error::{Error, chain};
use crate::engine::generations::Generation;
use crate::index::Collection;
use crate::store;
use crate::store::Store;

const REMEDY: &str = "nothing, if it is about to start: every start mends the index; or run `turnwise reindex`";

pub(super) async fn examine(config: &Config, store: &Store, embedders: &Embedders) -> Vec<Finding> {
    let now = SystemClock.now();
    let generations = match open_generations(config, embedders, store, now).await {
        Ok(generations) => generations,
        Err(Error::Configuration { key, message }) => {
            return vec![Finding::wrong("configuration", format!("{key}: {message}"), format!("correct {key}"))];
        }
        Err(Error::Invalid(fields)) => {
            return vec![Finding::wrong("configuration", chain(&Error::Invalid(fields)), "correct the file")];
        }
        Err(error) => return vec![Finding::wrong("index", chain(&error), "run `turnwise reindex`")],
    };
    let mut findings = Vec::new();
    for generation in generations.iter() {
        for collection in Collection::ALL {
            findings.push(match compare(store, generation, collection).await {
                Ok(finding) => finding,
                Err(failure) => Finding::wrong("index", failure.to_string(), "run `turnwise reindex`"),
            });
        }
    }
    generations.close().await;
    findings
}

/// Compares the number of points in the database, marked as indexed, and in the index.
async fn compare(store: &Store, generation: &Generation, collection: Collection) -> Result<Finding, Failure> {
    let stored = match collection {
        Collection::Exemplars => store::marks::Collection::Exemplars,
        Collection::Chunks => store::marks::Collection::Chunks,
    };
    let (mut points, mut marked) = (0, 0);
    for tenant in store.tenants().await? {
        let progress = store.index_progress(&tenant, &generation.name, stored).await?;
        points += progress.points;
        marked += progress.marked;
    }
    let stats = generation.shard(collection).stats().await.map_err(|error| Failure::new(chain(&error)))?;
    let found = format!(
        "{} of {}: {points} in the database, {marked} of them indexed, {} in the index",
        collection.as_str(),
        generation.name,
        stats.points
    );
    let in_line = points == marked && stats.points == points;
    Ok(if in_line { Finding::ok("index", found) } else { Finding::warning("index", found, REMEDY) })
}
