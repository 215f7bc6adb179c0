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
/// When there is no installation, somebody else works in it, or a part fails. What one that was interrupted has not made
/// is made by the next start, or by running it again.
pub async fn run(config: Config, voice: Voice) -> Result<Exit, Failure> {
    // Before anything is made: a mistyped directory has nothing to be indexed, and an empty index is no success.
    let database = config.store.sqlite_file();
    if !config.data.dir.exists() || database.is_some_and(|file| !file.exists()) {
        let missing = database.filter(|_| config.data.dir.exists()).unwrap_or(&config.data.dir);
        return Err(Failure::new(format!(
            "there is no installation here: {} does not exist (--data-dir or data.dir says where it is)",
            missing.display()
        )));
    }
    let lock = match take(&config, "reindex")? {
        Lock::Taken(lock) => lock,
        Lock::Held(holder) => {
            return Err(Failure::new(format!(
                "{} (reindex needs the data directory for itself, and a server mends its index at every start)",
                held_message(&config, holder.as_ref())
            )));
        }
    };
    // Without looking into the old index: it may be what is broken.
    let local = Local::open_with_empty_shards(config, lock).await?;
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
