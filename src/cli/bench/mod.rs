//! `turnwise bench`: speed of a real server on an index of real dialogue turns. The numbers stand in
//! `docs/benchmarks.md`, with the command that makes them.

pub mod api;
pub mod learning;
pub mod recall;
pub mod retrieval;
pub mod server;
pub mod turns;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::bench::api::ApiArgs;
use crate::cli::failure::{Exit, Failure};
use crate::cli::print::Voice;
use crate::cli::serve::StartHttp;
use crate::config::Config;

/// What is measured.
#[derive(Clone, Debug, Subcommand)]
pub enum BenchCommand {
    /// `POST /retrieve/` beside bare inference of the same utterances, memory and start-up
    Retrieve(BenchArgs),
    /// How long after it was posted a new conversation can be retrieved from, and conversations learned per second
    Learn(BenchArgs),
    /// How much of what exact search finds the index finds, on real turns, also after reopening, deleting and writing anew
    Recall(BenchArgs),
    /// Lists, analytics and summaries of the API, over many exposures
    Api(ApiArgs),
}

/// Options of the benchmarks on real turns.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// Folder with train.jsonl.gz and dev.jsonl.gz (Schema-Guided Dialogue; docs/benchmarks.md says where it comes from)
    #[arg(long, value_name = "DIR", default_value = "../shared/data/sgd")]
    pub data: PathBuf,
    /// Exemplars in the index: real user turns, then agent turns
    #[arg(long, default_value_t = 10_000)]
    pub exemplars: usize,
    /// Requests, or conversations, that are measured
    #[arg(long, default_value_t = 200)]
    pub samples: usize,
}

/// Runs the benchmark in a temporary data directory.
///
/// # Errors
/// When the data is missing, or a part fails.
pub async fn run(command: &BenchCommand, config: Config, start_http: StartHttp, voice: Voice) -> Result<Exit, Failure> {
    match command {
        BenchCommand::Retrieve(args) => retrieval::run(args, &config, voice).await,
        BenchCommand::Learn(args) => learning::run(args, &config, voice).await,
        BenchCommand::Recall(args) => recall::run(args, &config, voice).await,
        BenchCommand::Api(args) => api::run(args, &config, start_http, voice).await,
    }
}

/// The value at a share (0 to 1) of sorted values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((quantile(&values, 0.5) - 50.0).abs() < f64::EPSILON);
        assert!((quantile(&values, 0.99) - 99.0).abs() < f64::EPSILON);
        assert!((quantile(&values[..1], 0.99) - 1.0).abs() < f64::EPSILON);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
