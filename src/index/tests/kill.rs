//! What was acknowledged survives `kill -9`, also in the middle of an optimisation.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

const DIR: &str = "TURNWISE_TEST_INDEX_DIR";

/// Points that are there, and flushed, before the optimisation begins.
const BEFORE: usize = 6_000;

/// Not a test: the process that `a_kill_loses_nothing_that_was_acknowledged` kills. Says what was acknowledged.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test below"]
async fn writes_until_killed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let mut clusters = Clusters::new(5);
    let index = Arc::new(open(Path::new(&dir)).await);
    fill(&index, 0..BEFORE, &mut clusters).await;
    println!("begin");
    let optimising = Arc::clone(&index);
    let optimised = tokio::spawn(async move { optimising.optimize().await });
    for number in 0.. {
        index.upsert(vec![exemplar(BEFORE + number, clusters.vector())]).await.expect("written");
        println!("wrote {}", BEFORE + number);
        index.delete(vec![id(number)]).await.expect("deleted");
        println!("deleted {number}");
        // Written and deleted again, and an old one replaced by one of another tenant.
        index.upsert(vec![exemplar(1_000_000, clusters.vector())]).await.expect("written");
        index.delete(vec![id(1_000_000)]).await.expect("deleted");
        let mut moved = exemplar(BEFORE - 1 - number, clusters.vector());
        moved.payload.tenant = tenant("moved");
        index.upsert(vec![moved]).await.expect("written");
        println!("moved {}", BEFORE - 1 - number);
        if optimised.is_finished() {
            println!("optimised");
        }
    }
}

fn start(dir: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "index::tests::kill::writes_until_killed", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut child = start(dir.path());
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let (mut wrote, mut deleted, mut moved) = (Vec::new(), Vec::new(), Vec::new());
    for line in output.lines().map_while(Result::ok) {
        match line.split_once(' ').and_then(|(word, number)| Some((word, number.parse::<usize>().ok()?))) {
            Some(("wrote", number)) => wrote.push(number),
            Some(("deleted", number)) => deleted.push(number),
            Some(("moved", number)) => moved.push(number),
            _ => assert!(!line.contains("optimised"), "the kill came too late; write more before it"),
        }
        if moved.len() == 40 {
            // What it still says until its end was acknowledged too.
            child.kill().expect("killed");
        }
    }
    child.wait().expect("gone");
    assert!(moved.len() >= 40, "the child ended by itself");

    let index = open(dir.path()).await;
    check(&index, &wrote, &deleted, &moved).await;
    index.optimize().await.expect("optimised");
    check(&index, &wrote, &deleted, &moved).await;
    index.close().await.expect("closed");
    check(&open(dir.path()).await, &wrote, &deleted, &moved).await;
}

async fn check(index: &VectorIndex, wrote: &[usize], deleted: &[usize], moved: &[usize]) {
    let there = ids(index).await;
    for number in 0..BEFORE {
        // The one after the last acknowledged may have happened too.
        let maybe = number == deleted.len();
        assert!(maybe || there.contains(&id(number)) != deleted.contains(&number), "{number}");
    }
    for number in wrote {
        assert!(there.contains(&id(*number)), "{number} was acknowledged");
    }
    assert_eq!(index.count().await.expect("counted"), there.len(), "a point is there twice");

    let everything = top(there.len(), Filter::default());
    let vector = Clusters::new(5).vector();
    let found: HashSet<Uuid> =
        found(&index.search_exact(&tenant("moved"), vector, &everything).await.expect("found")).into_iter().collect();
    let moved: HashSet<Uuid> = moved.iter().map(|number| id(*number)).collect();
    assert!(moved.is_subset(&found), "a point was not moved");
    for name in ["large", "small"] {
        let vector = Clusters::new(5).vector();
        let hits = index.search_exact(&tenant(name), vector, &everything).await.expect("found");
        assert!(hits.iter().all(|hit| !moved.contains(&hit.id)), "an old copy was found");
        assert!(hits.iter().all(|hit| there.contains(&hit.id)), "a deleted point was found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_a_killed_optimisation_left_are_merged() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut clusters = Clusters::new(9);
    let index = open(dir.path()).await;
    fill(&index, 0..300, &mut clusters).await;
    index.close().await.expect("closed");

    // As after a kill between the new segment and the end of the old one: the segment twice, and the mark in the log.
    let segments = dir.path().join("segments");
    let first = std::fs::read_dir(&segments).expect("segments").next().expect("one").expect("readable").path();
    copy(&first, &segments.join(Uuid::from_u128(42).to_string()));
    let index = open(dir.path()).await;
    assert_eq!(index.count().await.expect("counted"), 600, "two copies, and nobody knows");
    index.close().await.expect("closed");
    crate::index::redo::RedoLog::begin(dir.path(), false).and_then(|mut log| log.append_optimising()).expect("marked");
    let index = open(dir.path()).await;
    assert_eq!(index.count().await.expect("counted"), 300);
    assert_eq!(ids(&index).await.len(), 300);
    index.delete((0..300).map(id).collect()).await.expect("deleted");
    assert_eq!(index.count().await.expect("counted"), 0);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("made");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        match entry.file_type().expect("known").is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied")),
        }
    }
}
