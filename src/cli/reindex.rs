//! `turnwise reindex`: every vector anew from the database.

use crate::cli::backend::{held_message, take};
use crate::cli::failure::{Exit, Failure};
use crate::cli::local::Local;
use crate::cli::lock::Lock;
use crate::cli::print::Voice;
use crate::config::Config;

/// Runs the command. It needs the data directory for itself: while every vector is made anew, a server would answer
/// from half an index.
///
/// # Errors
/// When somebody else works in the data directory, or a part fails. It can be run again and goes on where it stopped.
pub async fn run(config: Config, voice: Voice) -> Result<Exit, Failure> {
    let lock = match take(&config, "reindex")? {
        Lock::Taken(lock) => lock,
        Lock::Held(holder) => {
            return Err(Failure::new(format!(
                "{} (reindex needs the data directory for itself, and a server mends its index at every start)",
                held_message(&config, holder.as_ref())
            )));
        }
    };
    let local = Local::open(config, lock).await?;
    let bar = voice.progress("{spinner} {pos} points written {elapsed}");
    let started = std::time::Instant::now();
    let written = local.app().learner.reindex(|written| bar.set_position(written as u64)).await;
    bar.finish_and_clear();
    local.close().await;

    let written = written?;
    let seconds = started.elapsed().as_secs_f64();
    if voice.json {
        voice.say_json(&serde_json::json!({"points": written, "seconds": seconds}))?;
    } else if !voice.quiet {
        voice.say(&format!("{written} points written in {seconds:.1} s"))?;
    }
    Ok(Exit::Done)
}
