//! Not a test: prints how fast and how good the index is.
//!
//! `POINTS=50000 cargo test --lib index::tests::measure -- --ignored --nocapture`

use std::time::{Duration, Instant};

use super::*;

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
        let mut slowest = Duration::ZERO;
        let mut slow_search = Duration::ZERO;
        let mut n = 0;
        while !task.is_finished() {
            let start = Instant::now();
            index.upsert(vec![exemplar(1_000_000 + n % 100, clusters.vector())]).await.expect("written");
            slowest = slowest.max(start.elapsed());
            let start = Instant::now();
            index.search_dense(&tenant("large"), Arc::clone(&queries[n % 200]), &top(10, live())).await.expect("found");
            slow_search = slow_search.max(start.elapsed());
            n += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
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
