//! Who does the work of a command: a running server, or this process.
//!
//! Guarantees: a data directory is worked in by one process; a command that finds a server there asks it instead.

use std::time::Duration;

use crate::app::create_data_dir;
use crate::cli::answers::{Retrieved, SearchedConversation, SearchedEntry, Standing, Taken};
use crate::cli::cli_key::read_cli_key;
use crate::cli::client::{Client, client_key};
use crate::cli::failure::Failure;
use crate::cli::local::Local;
use crate::cli::lock::{DataDirLock, Holder, Lock};
use crate::config::Config;
use crate::domain::conversation::Outcome;
use crate::domain::draft::ConversationDraft;
use crate::domain::import::{ImportBatch, ImportReport};
use crate::domain::knowledge::KnowledgeType;
use crate::domain::language::Language;
use crate::domain::query::{ContextTurn, Limit, QueryText};
use crate::learning::accept::Replace;

/// A server to ask, or everything in this process.
pub enum Backend {
    /// Over HTTP.
    Http(Client),
    /// Here.
    Local(Box<Local>),
}

/// Who works in a data directory.
pub enum Worker {
    /// A server, which can be asked.
    Server(Client),
    /// This process, from now on.
    Own(DataDirLock),
}

/// Why a conversation was not taken.
#[derive(Debug)]
pub enum NotTaken {
    /// It cannot be taken as it is, for this reason; the next one may be fine.
    Rejected(String),
    /// Too much at once; the same may be taken after this time.
    Busy(Duration),
    /// Nothing can be taken any more.
    Failed(Failure),
}

/// A question of `retrieve`.
#[derive(Clone, Debug)]
pub struct Question {
    /// What the user said.
    pub utterance: QueryText,
    /// Earlier turns.
    pub context: Vec<ContextTurn>,
    /// Only this kind.
    pub knowledge_type: Option<KnowledgeType>,
    /// Only this category.
    pub category: Option<String>,
    /// Only this language.
    pub language: Option<Language>,
    /// How many entries at most.
    pub limit: Limit,
}

/// A question of `search`.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What to look for.
    pub text: QueryText,
    /// Only this category.
    pub category: Option<String>,
    /// Only this language.
    pub language: Option<Language>,
    /// Only this outcome; for conversations.
    pub outcome: Option<Outcome>,
    /// How many at most.
    pub limit: Limit,
}

impl Backend {
    /// The server at `url`, else the one that holds the data directory, else this process, which then holds it for
    /// `command`.
    ///
    /// # Errors
    /// When the data directory is in use by something that cannot be asked, or something cannot be opened.
    pub async fn open(config: Config, url: Option<&str>, command: &str) -> Result<Self, Failure> {
        match worker(&config, url, command)? {
            Worker::Server(client) => Ok(Self::Http(client)),
            Worker::Own(lock) => Ok(Self::Local(Box::new(Local::open(config, lock).await?))),
        }
    }

    /// Lets learning begin, where it does not go on by itself.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn start_learning(&mut self) -> Result<(), Failure> {
        match self {
            Self::Http(_) => Ok(()),
            Self::Local(local) => local.start_learning().await,
        }
    }

    /// Hands in a conversation.
    ///
    /// # Errors
    /// See [`NotTaken`].
    pub async fn hand_in(&self, draft: ConversationDraft, replace: Replace) -> Result<Taken, NotTaken> {
        match self {
            Self::Http(client) => client.hand_in(&draft, replace).await,
            Self::Local(local) => local.hand_in(draft, replace).await,
        }
    }

    /// How far the learning from a conversation is.
    ///
    /// # Errors
    /// When it cannot be found out, or nobody learns any more.
    pub async fn standing(&self, id: &str) -> Result<Standing, Failure> {
        match self {
            Self::Http(client) => client.standing(id).await,
            Self::Local(local) => local.standing(id).await,
        }
    }

    /// What is known that helps with an utterance.
    ///
    /// # Errors
    /// When the server or a part of this process fails.
    pub async fn retrieve(&self, question: Question) -> Result<Retrieved, Failure> {
        match self {
            Self::Http(client) => client.retrieve(&question).await,
            Self::Local(local) => local.retrieve(question).await,
        }
    }

    /// Entries by meaning.
    ///
    /// # Errors
    /// When the server or a part of this process fails.
    pub async fn search_knowledge(&self, wanted: &Wanted) -> Result<Vec<SearchedEntry>, Failure> {
        match self {
            Self::Http(client) => client.search_knowledge(wanted).await,
            Self::Local(local) => local.search_knowledge(wanted).await,
        }
    }

    /// Conversations by meaning.
    ///
    /// # Errors
    /// When the server or a part of this process fails.
    pub async fn search_conversations(&self, wanted: &Wanted) -> Result<Vec<SearchedConversation>, Failure> {
        match self {
            Self::Http(client) => client.search_conversations(wanted).await,
            Self::Local(local) => local.search_conversations(wanted).await,
        }
    }

    /// Takes over entries and training records of another system; with `dry_run` only says what would become of them.
    ///
    /// # Errors
    /// When the server or a part of this process fails.
    pub async fn import(&self, batch: ImportBatch, dry_run: bool) -> Result<ImportReport, Failure> {
        match self {
            Self::Http(client) => client.import(&batch, dry_run).await,
            Self::Local(local) => local.import(batch, dry_run).await,
        }
    }

    /// Does what is queued, if it is this process that works.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn settle(&self) -> Result<(), Failure> {
        match self {
            Self::Http(_) => Ok(()),
            Self::Local(local) => local.settle().await,
        }
    }

    /// Ends the work of this process, if it is this process that works.
    pub async fn close(self) {
        if let Self::Local(local) = self {
            local.close().await;
        }
    }
}

/// The server at `url`, else the one that holds the data directory, else this process, which then holds it for `command`.
///
/// # Errors
/// When the data directory cannot be made or locked, or is in use by something that cannot be asked.
pub fn worker(config: &Config, url: Option<&str>, command: &str) -> Result<Worker, Failure> {
    if let Some(url) = url {
        return Ok(Worker::Server(Client::new(url, client_key()?)?));
    }
    match take(config, command)? {
        Lock::Taken(lock) => Ok(Worker::Own(lock)),
        Lock::Held(Some(Holder { url: Some(url), .. })) => {
            let key = client_key()?.or_else(|| read_cli_key(&config.data.dir));
            Ok(Worker::Server(Client::new(&url, key)?))
        }
        Lock::Held(holder) => Err(Failure::new(held_message(config, holder.as_ref()))),
    }
}

/// Refuses a data directory that is not there, for commands that make nothing: they would find nothing, in a directory of
/// their own making.
///
/// # Errors
/// When it is not there, and this process would work in it.
pub fn check_begun(config: &Config, url: Option<&str>) -> Result<(), Failure> {
    let dir = &config.data.dir;
    // With PostgreSQL, what is known is elsewhere, and what is missing here is made again from it.
    if url.is_some() || dir.exists() || !config.store.url.starts_with("sqlite:") {
        return Ok(());
    }
    Err(Failure::new(format!(
        "there is nothing at {} yet; give the --data-dir of your installation, or begin one with `turnwise serve` or \
         `turnwise ingest FILE`",
        dir.display()
    )))
}

/// Tries to take the data directory, making it when it is missing.
///
/// # Errors
/// When it cannot be made, written or locked.
pub fn take(config: &Config, command: &str) -> Result<Lock, Failure> {
    let dir = &config.data.dir;
    create_data_dir(dir)?;
    DataDirLock::take(dir, command).map_err(|error| Failure::io(format!("{} cannot be locked", dir.display()), &error))
}

/// Why a data directory cannot be used now.
pub fn held_message(config: &Config, holder: Option<&Holder>) -> String {
    let dir = config.data.dir.display();
    match holder {
        Some(holder @ Holder { url: None, .. }) if holder.command == "serve" => {
            format!("{dir} is in use by {holder}, which is still starting; try again in a moment")
        }
        Some(holder) => format!("{dir} is in use by {holder}; stop it first, or use another --data-dir"),
        None => format!("{dir} is in use by another process; stop it first, or use another --data-dir"),
    }
}
