//! `turnwise bench retrieve`.

use std::time::Instant;

use serde_json::json;

use crate::cli::backend::Question;
use crate::cli::bench::server::Server;
use crate::cli::bench::turns::{Filled, conversations, fill, turns_of};
use crate::cli::bench::{BenchArgs, quantile};
use crate::cli::failure::{Exit, Failure};
use crate::cli::print::Voice;
use crate::config::Config;
use crate::domain::query::{Limit, QueryText};
use crate::embedding::bare::BareModel;
use crate::embedding::manifest::Manifest;
use crate::engine::error::Error;

/// Runs the benchmark: the same utterances over HTTP and by the bare model in turns, so that both see the same machine.
///
/// # Errors
/// When the data is missing, or a part fails.
pub async fn run(args: &BenchArgs, config: &Config, voice: Voice) -> Result<Exit, Failure> {
    let Filled { dir, exemplars, built_in } = fill(args, config, voice).await?;
    let dev = conversations(&args.data, "dev")?;
    let utterances: Vec<&str> = turns_of(&dev, "user").take(args.samples + 1).collect();
    let model = config.embedding.models.first().map_or("", String::as_str);
    let spec = Manifest::embedded().model(model).ok_or_else(|| Failure::new(format!("no model {model:?}")))?;
    let mut bare = BareModel::open(&config.embedding, spec).map_err(Error::from)?;

    let began = Instant::now();
    let server = Server::start(config, dir.path())?;
    let question = |utterance: &str| -> Result<Question, Failure> {
        Ok(Question {
            utterance: QueryText::parse("utterance", utterance).map_err(Error::from)?,
            context: Vec::new(),
            knowledge_type: None,
            category: None,
            language: None,
            limit: Limit::default(),
        })
    };
    // The first utterance warms connections and sessions, and is not counted.
    let (first, measured) = utterances.split_first().ok_or_else(|| Failure::new("the data holds no user turns"))?;
    server.client.retrieve(&question(first)?).await?;
    let first_answer_s = began.elapsed().as_secs_f64();
    bare.time_query(first).map_err(Error::from)?;

    let (mut over_http, mut inference) = (Vec::new(), Vec::new());
    for utterance in measured {
        let asked = question(utterance)?;
        let began = Instant::now();
        server.client.retrieve(&asked).await?;
        over_http.push(began.elapsed().as_secs_f64() * 1_000.0);
        inference.push(bare.time_query(utterance).map_err(Error::from)?.as_secs_f64() * 1_000.0);
    }
    over_http.sort_by(f64::total_cmp);
    inference.sort_by(f64::total_cmp);
    let report = json!({
        "model": model, "exemplars": exemplars, "built_s": built_in.as_secs_f64(),
        "http_p50_ms": quantile(&over_http, 0.5), "http_p99_ms": quantile(&over_http, 0.99),
        "bare_p50_ms": quantile(&inference, 0.5), "bare_p99_ms": quantile(&inference, 0.99),
        "ratio_p50": quantile(&over_http, 0.5) / quantile(&inference, 0.5),
        "resident_mib": server.resident_mib(), "listening_after_s": server.started_in.as_secs_f64(),
        "first_answer_after_s": first_answer_s,
    });
    voice.say_json(&report)?;
    Ok(Exit::Done)
}
