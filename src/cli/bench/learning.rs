//! `turnwise bench learn`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::cli::answers::Standing;
use crate::cli::backend::NotTaken;
use crate::cli::bench::server::Server;
use crate::cli::bench::turns::{Filled, conversations, fill};
use crate::cli::bench::{BenchArgs, quantile};
use crate::cli::failure::{Exit, Failure};
use crate::cli::print::Voice;
use crate::config::Config;
use crate::domain::draft::ConversationDraft;
use crate::learning::accept::Replace;

/// How soon a new conversation must be retrievable in 95 cases of 100, in seconds.
const REQUIRED_S: f64 = 3.0;
/// How often a conversation is asked after.
const POLL: Duration = Duration::from_millis(10);
/// When a conversation is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the benchmark: new conversations one after the other, each timed until what was learned from it can be found,
/// which is when its status becomes `processed`; then as many at once, for the throughput.
///
/// # Errors
/// When the data is missing, a part fails, or a conversation is not learned from in two minutes.
pub async fn run(args: &BenchArgs, config: &Config, voice: Voice) -> Result<Exit, Failure> {
    let Filled { dir, exemplars, .. } = fill(args, config, voice).await?;
    let dev = conversations(&args.data, "dev")?;
    let mut drafts = dev.into_iter().filter(|draft| draft.outcome.as_deref() == Some("successful"));
    let server = Server::start(config, dir.path())?;

    let mut waits = Vec::with_capacity(args.samples);
    for draft in drafts.by_ref().take(args.samples) {
        let began = Instant::now();
        let id = hand_in(&server, &draft).await?;
        wait_until_processed(&server, &id).await?;
        waits.push(began.elapsed().as_secs_f64());
    }
    waits.sort_by(f64::total_cmp);

    let began = Instant::now();
    let mut last = Vec::new();
    for draft in drafts.by_ref().take(args.samples) {
        last.push(hand_in(&server, &draft).await?);
    }
    for id in &last {
        wait_until_processed(&server, id).await?;
    }
    let per_second = last.len() as f64 / began.elapsed().as_secs_f64();
    let p95 = quantile(&waits, 0.95);
    voice.say_json(&json!({
        "exemplars": exemplars, "conversations": waits.len(), "retrievable_p50_s": quantile(&waits, 0.5),
        "retrievable_p95_s": p95, "retrievable_max_s": quantile(&waits, 1.0),
        "conversations_per_second": per_second, "resident_mib": server.resident_mib(),
    }))?;
    Ok(if p95 <= REQUIRED_S { Exit::Done } else { Exit::Rejected })
}

async fn hand_in(server: &Server, draft: &ConversationDraft) -> Result<String, Failure> {
    loop {
        match server.client.hand_in(draft, Replace::No).await {
            Ok(taken) => return Ok(taken.id),
            Err(NotTaken::Busy(pause)) => tokio::time::sleep(pause).await,
            Err(NotTaken::Rejected(reason)) => return Err(Failure::new(reason)),
            Err(NotTaken::Failed(failure)) => return Err(failure),
        }
    }
}

async fn wait_until_processed(server: &Server, id: &str) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        match server.client.standing(id).await? {
            Standing::Learned => return Ok(()),
            Standing::Failed(reason) => return Err(Failure::new(format!("conversation {id} failed: {reason}"))),
            Standing::Gone => return Err(Failure::new(format!("conversation {id} was erased meanwhile"))),
            Standing::Unfinished if Instant::now() > until => {
                return Err(Failure::new(format!("conversation {id} takes too long")));
            }
            Standing::Unfinished => tokio::time::sleep(POLL).await,
        }
    }
}
