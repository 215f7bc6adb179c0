//! What can be written behind `turnwise`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli::bench::BenchCommand;
use crate::cli::convert::{ConvertArgs, convert_help};
use crate::cli::demo::DemoArgs;
use crate::cli::eval::EvalCommand;
use crate::cli::import::file::ImportArgs;
use crate::cli::jobs::JobsArgs;
use crate::cli::keys::KeysCommand;
use crate::cli::option_values::word;
use crate::cli::report::ReportArgs;
use crate::cli::simulate::SimulateArgs;
use crate::domain::conversation::Outcome;
use crate::domain::draft::parse_speaker;
use crate::domain::knowledge::KnowledgeType;
use crate::domain::language::Language;
use crate::domain::query::ContextTurn;

/// The knowledge engine that AI phone and chat agents ask on every turn.
#[derive(Debug, Parser)]
#[command(name = "turnwise", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// Those of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// Which command.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
While a server holds the data directory, the other commands talk to it over HTTP, with the key in
TURNWISE_CLIENT_KEY or else the one in DIR/cli.key; without a server they do the work themselves.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 some of the input was rejected.";

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Configuration file, instead of turnwise.toml in the working directory
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override a setting; may be repeated (`turnwise config print` lists them)
    #[arg(long = "set", global = true, value_name = "SECTION.KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Data directory (setting data.dir)
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Talk to the server at this address, with the key in TURNWISE_CLIENT_KEY
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// JSON on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress and no remarks; results and errors only
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server: the HTTP API, and the worker that learns
    Serve(ServeArgs),
    /// Learn from files of finished conversations
    Ingest(IngestArgs),
    /// Take over an existing FAQ, or what the old Django system knew
    Import(ImportArgs),
    /// Turn files of other programs into conversations for `ingest`
    #[command(after_help = convert_help())]
    Convert(ConvertArgs),
    /// Ask what is known that helps with an utterance, as an agent does on every turn
    Retrieve(RetrieveArgs),
    /// Search by meaning in what was learned, or in the conversations
    Search(SearchArgs),
    /// Write a page about a day, a week or a month, with plots: what happened, what helped, what to do next
    Report(ReportArgs),
    /// Show the queue and what failed in it, run jobs again, stop them
    Jobs(JobsArgs),
    /// Make, list and revoke API keys
    Keys {
        /// What is done.
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Make the whole vector index anew from the database
    Reindex,
    /// Check models, data directory, database and index, and say what to do
    Doctor,
    /// Learn from the demo conversations and answer live utterances
    Demo(DemoArgs),
    /// Measure the speed of a real server
    Bench {
        /// What is measured.
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Simulate agents and users on a real server: does what is learned from success lead to more of it?
    Simulate(SimulateArgs),
    /// Measure learning and retrieval on labelled data
    Eval {
        /// What is measured.
        #[command(subcommand)]
        command: EvalCommand,
    },
    /// Show the configuration
    Config {
        /// What about it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

/// Commands about the configuration.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print what is in effect, with where each value came from; secrets are hidden
    Print,
}

/// Options of `serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Address and port to listen on (setting server.listen); port 0 lets the system choose
    #[arg(long, value_name = "ADDR", value_parser = parse_listen)]
    pub listen: Option<SocketAddr>,
}

/// Options of `ingest`.
#[derive(Clone, Debug, Args)]
pub struct IngestArgs {
    /// JSON Lines or JSON, plain or gzipped; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Conversations that are known with other content are replaced, and learned from anew
    #[arg(long)]
    pub replace: bool,
    /// Do not wait until they have been learned from; the server, or the next `ingest`, does that
    #[arg(long)]
    pub no_wait: bool,
}

/// Options of `retrieve`.
#[derive(Clone, Debug, Args)]
pub struct RetrieveArgs {
    /// What the user said
    pub text: String,
    /// An earlier turn, as `agent: We have two plans`; the speaker is user, agent, system or tool; may be repeated,
    /// oldest first
    #[arg(long, value_name = "SPEAKER: TEXT", value_parser = parse_context)]
    pub context: Vec<ContextTurn>,
    /// Only this kind: faq, response_pattern or objection_handling
    #[arg(long = "type", value_name = "KIND", value_parser = KnowledgeType::parse_lenient)]
    pub knowledge_type: Option<KnowledgeType>,
    /// Only this category
    #[arg(long)]
    pub category: Option<String>,
    /// Only this language, as a BCP 47 tag
    #[arg(long, value_parser = Language::parse)]
    pub language: Option<Language>,
    /// How many entries at most, 1 to 50
    #[arg(long, default_value_t = 3)]
    pub limit: i64,
    /// Also show scores, the nearest learned utterances and where the time went
    #[arg(long)]
    pub explain: bool,
}

/// Where `search` looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SearchIn {
    /// In what was learned.
    Knowledge,
    /// In what was said.
    Conversations,
}

/// Options of `search`.
#[derive(Clone, Debug, Args)]
pub struct SearchArgs {
    /// What to look for
    pub text: String,
    /// Where to look
    #[arg(long = "in", value_enum, default_value_t = SearchIn::Knowledge)]
    pub place: SearchIn,
    /// Only this category
    #[arg(long)]
    pub category: Option<String>,
    /// Only this language, as a BCP 47 tag
    #[arg(long, value_parser = Language::parse)]
    pub language: Option<Language>,
    /// Only conversations that ended so
    #[arg(long, value_parser = word::<Outcome>)]
    pub outcome: Option<Outcome>,
    /// How many at most, 1 to 50
    #[arg(long, default_value_t = 10)]
    pub limit: i64,
}

impl GlobalArgs {
    /// All overrides of settings; an option of its own wins over `--set`.
    pub fn overrides(&self) -> Vec<String> {
        let dir = self.data_dir.as_ref().map(|dir| format!("data.dir={}", dir.display()));
        self.overrides.iter().cloned().chain(dir).collect()
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

/// Reads `speaker: text`.
fn parse_context(text: &str) -> Result<ContextTurn, String> {
    let Some((word, said)) = text.split_once(':') else {
        return Err("must be a speaker and what was said, as `agent: We have two plans`".to_owned());
    };
    let speaker = parse_speaker("context", word).map_err(|wrong| format!("the speaker {}", wrong.message))?;
    if said.trim().is_empty() {
        return Err("must hold a text".to_owned());
    }
    Ok(ContextTurn { speaker, text: said.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::domain::conversation::Speaker;

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_options_stand_anywhere_and_the_dedicated_one_wins() {
        let words = ["turnwise", "--set", "data.dir=a", "ingest", "-", "--data-dir", "b", "--json"];
        let arguments = Arguments::try_parse_from(words).expect("valid");
        assert!(arguments.global.json);
        assert_eq!(arguments.global.overrides(), ["data.dir=a", "data.dir=b"]);
        for wrong in [vec!["turnwise", "ingest"], vec!["turnwise"], vec!["turnwise", "retrieve", "x", "--type", "y"]] {
            assert_eq!(Arguments::try_parse_from(wrong).expect_err("not valid").exit_code(), 2);
        }
    }

    #[test]
    fn context_names_its_speaker() {
        let turn = |text| parse_context(text).expect("a turn");
        assert_eq!(turn("bot: At 10:30?"), ContextTurn { speaker: Speaker::Agent, text: "At 10:30?".to_owned() });
        for (wrong, part) in [("user: ", "a text"), ("nope", "as `agent: "), ("martian: x", "must be user, agent, ")] {
            let told = parse_context(wrong).expect_err("not a turn");
            assert!(told.contains(part), "{wrong}: {told}");
        }
    }

    #[test]
    fn an_address_is_an_ip_and_a_port() {
        assert_eq!(parse_listen("[::1]:0").map(|address| address.port()), Ok(0));
        for wrong in ["8080", "localhost:8080", "foo"] {
            assert!(parse_listen(wrong).expect_err("no address").contains("127.0.0.1:8080"), "{wrong}");
        }
    }

    #[test]
    fn the_help_of_convert_names_the_columns() {
        let help = Arguments::try_parse_from(["turnwise", "convert", "--help"]).expect_err("help").to_string();
        for column in ["conversation_id", "speaker", "satisfaction", "session_id"] {
            assert!(help.contains(column), "{column} is missing in {help}");
        }
    }
}
