//! `turnwise jobs`, by this process and by a server.

use serde_json::json;
use turnwise::domain::clock::Timestamp;
use turnwise::domain::ids::{JobId, TenantId};
use turnwise::store::Store;
use turnwise::store::jobs::{KindLimit, NewJob};
use turnwise::store::settings::StoreSettings;
use uuid::Uuid;

use super::process::Installation;

const KIND: &str = "analyze";

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Jobs that were tried once and given up.
async fn bury(installation: &Installation, numbers: &[u128]) {
    let url = format!("sqlite:{}", installation.data_dir().join("turnwise.db").display());
    let store = Store::open(&StoreSettings::new(url)).await.expect("the database is whole");
    let (tenant, now) = (TenantId::default_tenant(), Timestamp::from_millis(1_756_800_000_000));
    let mut tx = store.begin().await.expect("writable");
    for number in numbers {
        let job = NewJob {
            id: JobId(id(*number)),
            kind: KIND.to_owned(),
            payload: json!({}),
            dedupe_key: None,
            priority: 0,
            run_at: now,
            trace_id: None,
        };
        assert!(tx.enqueue(&tenant, &job, now).await.expect("writable"));
    }
    tx.commit().await.expect("writable");
    let kinds = [KindLimit { kind: KIND, limit: 10 }];
    let claimed = store.claim("a test", &kinds, now, 1_000, 10).await.expect("writable");
    assert_eq!(claimed.len(), numbers.len());
    let mut tx = store.begin().await.expect("writable");
    for job in &claimed {
        assert!(tx.bury_job(job, now, "the model is broken").await.expect("writable"));
    }
    tx.commit().await.expect("writable");
    store.close().await;
}

#[tokio::test]
async fn the_queue_is_shown_and_what_is_dead_runs_again_with_and_without_a_server() {
    let installation = Installation::new().begun();
    assert_eq!(installation.run(&["jobs"]).code(0).stdout, "There is no such job.\n");
    bury(&installation, &[1, 2]).await;

    let listed = installation.run(&["jobs", "--state", "dead", "--limit", "1"]).code(0);
    for part in ["last error", "attempts", KIND, "dead", " d ", "the model is broken"] {
        assert!(listed.stdout.contains(part), "{part} is missing: {listed:#?}");
    }
    assert!(listed.stderr.contains("1 of 2; --limit"), "{listed:#?}");
    let other = installation.run(&["jobs", "--kind", "distill", "--json"]).code(0).json();
    assert_eq!((&other["count"], &other["jobs"]), (&json!(0), &json!([])));
    let summary = installation.run(&["jobs", "summary"]).code(0);
    assert!(summary.stdout.contains("Given up: 2") && summary.stdout.contains(&id(2).to_string()), "{summary:#?}");
    let summary = installation.run(&["jobs", "summary", "--json"]).code(0).json();
    let dead = &summary["counts"][0];
    assert_eq!((&dead["kind"], &dead["state"], &dead["count"]), (&json!(KIND), &json!("dead"), &json!(2)));
    assert!(dead["oldest_s"].as_f64().is_some_and(|age| age > 86_400.0), "{summary:#}");
    assert_eq!(summary["last_failures"][0]["last_error"], "the model is broken");

    let one = id(1).to_string();
    let queued = installation.run(&["jobs", "retry", &one]).code(0);
    assert!(queued.stdout.contains("is queued") && queued.stderr.contains("turnwise serve"), "{queued:#?}");
    let again = installation.run(&["jobs", "retry", &one]).code(1);
    assert!(again.stderr.contains("only a job that is dead or cancelled"), "{again:#?}");
    let cancelled = installation.run(&["jobs", "cancel", &one, "--json"]).code(0).json();
    assert_eq!(cancelled["state"], "cancelled");
    let unknown = installation.run(&["jobs", "cancel", &id(9).to_string()]).code(1);
    assert!(unknown.stderr.contains("there is no job") && unknown.stderr.contains("`turnwise jobs`"), "{unknown:#?}");

    let server = installation.serve();
    let all = installation.run(&["jobs", "retry", "--all-dead", "--kind", KIND, "--json"]).code(0).json();
    assert_eq!(all, json!({"queued": [id(2).to_string()], "refused": []}));
    let listed = installation.run(&["jobs", "--state", "cancelled", "--json"]).code(0).json();
    assert_eq!((&listed["count"], &listed["jobs"][0]["id"]), (&json!(1), &json!(one)));
    let unknown = installation.run(&["jobs", "retry", &id(9).to_string()]).code(1);
    assert!(unknown.stderr.contains("there is no job"), "{unknown:#?}");
    drop(server);
}

#[test]
fn wrong_usage_of_jobs_is_told_before_anything_is_made() {
    let installation = Installation::bare();
    for (words, part) in [
        (vec!["jobs", "--state", "dead", "summary"], "for the list"),
        (vec!["jobs", "--state", "asleep"], "must be one of queued"),
        (vec!["jobs", "--limit", "0"], "1..=1000"),
        (vec!["jobs", "retry"], "<ID>"),
        (vec!["jobs", "retry", "x"], "'[ID]'"),
        (vec!["jobs", "cancel", "nope"], "must be the id of a job, as `turnwise jobs` shows it"),
        (vec!["jobs", "retry", "--all-dead", "--kind", "nope"], "kinds are analyze, index_chunks"),
        (vec!["jobs", "retry", "--kind", KIND], "--all-dead"),
    ] {
        let ended = installation.run(&words).code(2);
        assert!(ended.stderr.contains(part), "{words:?}: {ended:#?}");
    }
    assert!(!installation.data_dir().exists(), "nothing was made");
}
