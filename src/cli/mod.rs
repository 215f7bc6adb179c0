//! The command line: what `turnwise` does when it is started.
//!
//! Guarantees: one clear message on standard error when something fails, and an exit code that says what kind of end it
//! was (see [`args`]); results on standard output only; what a command does is the same whether a running server does
//! it or this process.

pub mod answers;
pub mod args;
pub mod ask;
pub mod backend;
pub mod bench;
pub mod cli_key;
pub mod client;
pub mod conversations_file;
pub mod convert;
pub mod demo;
pub mod desk;
pub mod doctor;
pub mod eval;
pub mod failure;
pub mod import;
pub mod ingest;
pub mod input;
pub mod jobs;
pub mod json_items;
pub mod key_desk;
pub mod keys;
pub mod learned;
pub mod local;
pub mod lock;
pub mod loopback;
pub mod option_values;
pub mod print;
pub mod reindex;
pub mod report;
pub mod serve;
pub mod simulate;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::args::{Arguments, Command, ConfigCommand, GlobalArgs};
use crate::cli::backend::{Backend, check_begun};
use crate::cli::convert::{ConvertArgs, convert_file};
use crate::cli::desk::Desk;
use crate::cli::failure::{Exit, Failure};
use crate::cli::key_desk::KeyDesk;
use crate::cli::print::{Voice, warn};
use crate::cli::serve::StartHttp;
use crate::config::Config;
use crate::config::problem::ConfigError;
use crate::config::sources::ConfigSources;
use crate::telemetry::{LogFilter, start_logs, start_metrics};

/// Runs the command that the process was started with; `start_http` is the HTTP face for `serve`.
pub fn main(start_http: StartHttp) -> ExitCode {
    // Ends the process itself for --help, --version and wrong usage.
    let arguments = Arguments::parse();
    match run(arguments, start_http) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !matches!(failure, Failure::OutputClosed) {
                warn(&format!("turnwise: {failure}"));
            }
            failure.code()
        }
    }
}

fn run(arguments: Arguments, start_http: StartHttp) -> Result<Exit, Failure> {
    let Arguments { global, command } = arguments;
    let voice = Voice { json: global.json, quiet: global.quiet };
    match command {
        Command::Convert(args) => convert(&args, voice),
        Command::Config { command: ConfigCommand::Print } => print_config(&load(&global, None)?, voice),
        Command::Doctor => wait_for(doctor::run(load(&global, None), voice)),
        Command::Serve(args) => {
            refuse_url(&global, "serve")?;
            let config = load(&global, args.listen.map(|address| format!("server.listen={address}")))?;
            start_logs(&config.log);
            start_metrics();
            wait_for(serve::run(config, start_http, voice))
        }
        Command::Reindex => {
            refuse_url(&global, "reindex")?;
            wait_for(reindex::run(quietly(load(&global, None)?, voice), voice))
        }
        Command::Ingest(args) => {
            let config = quietly(load(&global, None)?, voice);
            ingest::check_files(&args)?;
            wait_for(async {
                let backend = open(config, &global, "ingest", voice).await?;
                ingest::run(&args, backend, voice).await
            })
        }
        Command::Import(args) => {
            let config = quietly(load(&global, None)?, voice);
            import::check(&args)?;
            wait_for(async {
                let backend = open(config, &global, "import", voice).await?;
                import::run(&args, backend, voice).await
            })
        }
        Command::Retrieve(args) => {
            let config = quietly(load(&global, None)?, voice);
            let question = ask::question(&args)?;
            check_begun(&config, global.url.as_deref())?;
            wait_for(async {
                let backend = open(config, &global, "retrieve", voice).await?;
                let ended = ask::retrieve(question, args.explain, &backend, voice).await;
                backend.close().await;
                ended
            })
        }
        Command::Report(args) => {
            let config = quietly(load(&global, None)?, voice);
            check_begun(&config, global.url.as_deref())?;
            wait_for(async {
                let desk = open_desk(config, &global, "report", start_http, voice).await?;
                let ended = report::run(&args, global.url.as_deref(), &desk, voice).await;
                desk.close().await;
                ended
            })
        }
        Command::Jobs(args) => {
            jobs::check(&args)?;
            let config = quietly(load(&global, None)?, voice);
            check_begun(&config, global.url.as_deref())?;
            wait_for(async {
                let desk = open_desk(config, &global, "jobs", start_http, voice).await?;
                let ended = jobs::run(&args, &desk, voice).await;
                desk.close().await;
                ended
            })
        }
        Command::Keys { command } => {
            let config = quietly(load(&global, None)?, voice);
            if !command.makes_one() {
                check_begun(&config, global.url.as_deref())?;
            }
            wait_for(async {
                let desk = KeyDesk::open(&config, global.url.as_deref()).await?;
                let ended = keys::run(&command, &desk, voice).await;
                desk.close().await;
                ended
            })
        }
        Command::Demo(args) => wait_for(demo::run(&args, quietly(load(&global, None)?, voice), voice)),
        Command::Bench { command } => {
            wait_for(bench::run(&command, quietly(load(&global, None)?, voice), start_http, voice))
        }
        Command::Simulate(args) => {
            wait_for(simulate::run(&args, quietly(load(&global, None)?, voice), start_http, voice))
        }
        Command::Eval { command } => wait_for(eval::run(&command, quietly(load(&global, None)?, voice), voice)),
        Command::Search(args) => {
            let config = quietly(load(&global, None)?, voice);
            let wanted = ask::wanted(&args)?;
            check_begun(&config, global.url.as_deref())?;
            wait_for(async {
                let backend = open(config, &global, "search", voice).await?;
                let ended = ask::search(wanted, args.place, &backend, voice).await;
                backend.close().await;
                ended
            })
        }
    }
}

fn load(global: &GlobalArgs, more: Option<String>) -> Result<Config, ConfigError> {
    let sources = ConfigSources::of_process();
    let sources = match &global.config {
        Some(file) => sources.with_file(file),
        None => sources,
    };
    let config = Config::load(&sources.with_overrides(global.overrides()).with_overrides(more))?;
    if !global.quiet {
        // The logs start later, with what is in the configuration.
        config.warnings().iter().for_each(|warning| warn(&format!("turnwise: {warning}")));
    }
    Ok(config)
}

/// Logs of a command that talks to a person: only what it does not tell by itself, unless somebody chose a filter.
fn quietly(mut config: Config, voice: Voice) -> Config {
    const DEFAULT: &str = "info,qdrant_edge=error";
    // Qdrant Edge warns at every start that nobody chose its feature flags; there is nothing to do about it.
    let filter = if voice.quiet { "error" } else { "warn,qdrant_edge=error,sqlx=error" };
    if config.log.filter.to_string() == DEFAULT
        && let Ok(filter) = LogFilter::try_from(filter.to_owned())
    {
        config.log.filter = filter;
    }
    start_logs(&config.log);
    config
}

/// Opens who does the work. In this process that takes seconds, and the first time longer, so it is shown.
async fn open(config: Config, global: &GlobalArgs, command: &str, voice: Voice) -> Result<Backend, Failure> {
    let bar = voice.progress("{spinner} opening models, database and index {elapsed}");
    let backend = Backend::open(config, global.url.as_deref(), command).await;
    bar.finish_and_clear();
    backend
}

/// The API to ask: that of the server which runs, or this process with its own.
async fn open_desk(
    config: Config,
    global: &GlobalArgs,
    command: &str,
    start_http: StartHttp,
    voice: Voice,
) -> Result<Desk, Failure> {
    Desk::open(open(config, global, command, voice).await?, start_http).await
}

fn refuse_url(global: &GlobalArgs, command: &str) -> Result<(), Failure> {
    match &global.url {
        Some(_) => Err(Failure::Usage(format!("{command} works in a data directory; --url has no meaning here"))),
        None => Ok(()),
    }
}

/// Runs a command on all cores, and does not wait for threads that still read when it is done.
fn wait_for(command: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("threads cannot be started", &error))?;
    let ended = runtime.block_on(command);
    runtime.shutdown_background();
    ended
}

fn convert(args: &ConvertArgs, voice: Voice) -> Result<Exit, Failure> {
    let name = args.file.display().to_string();
    let report = convert_file(args, &mut |rejected| warn(&format!("{name}: {rejected}")))?;
    voice.remark(&format!(
        "{} conversations with {} turns written, {} rejected",
        report.conversations, report.turns, report.rejected
    ));
    Ok(if report.rejected > 0 { Exit::Rejected } else { Exit::Done })
}

fn print_config(config: &Config, voice: Voice) -> Result<Exit, Failure> {
    if voice.json {
        let table: toml::Table =
            toml::from_str(config.print()).map_err(|error| Failure::new(format!("not TOML: {error}")))?;
        voice.say_json(&table)?;
    } else {
        voice.say(config.print().trim_end())?;
    }
    Ok(Exit::Done)
}
