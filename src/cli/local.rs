//! Commands that work in this process, because no server holds the data directory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::app::{App, Parts};
use crate::cli::answers::{Change, Retrieved, SearchedConversation, SearchedEntry, Standing, Taken};
use crate::cli::backend::{NotTaken, Question, Wanted};
use crate::cli::failure::Failure;
use crate::cli::lock::DataDirLock;
use crate::config::Config;
use crate::curation::Curator;
use crate::domain::draft::ConversationDraft;
use crate::domain::entry_version::Editor;
use crate::domain::error::ErrorClass;
use crate::domain::ids::{ConversationId, TenantId};
use crate::domain::import::{ImportBatch, ImportReport};
use crate::domain::query::{Exposure, RetrievalQuery};
use crate::learning::accept::{Accepted, Replace};
use crate::retrieval::search::{ConversationSearch, KnowledgeSearch};

/// How long a question of a person may take. Nobody is on the phone, and the first one finds nothing warm.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How soon a conversation that was too much at once is handed in again.
const PAUSE: Duration = Duration::from_millis(250);

/// Everything, in this process, which holds the data directory.
pub struct Local {
    app: App,
    tenant: TenantId,
    worker: Option<JoinHandle<()>>,
    /// Held until everything is closed.
    _lock: DataDirLock,
}

impl Local {
    /// Opens everything in a data directory that is locked.
    ///
    /// # Errors
    /// What is missing or cannot be opened.
    pub async fn open(config: Config, lock: DataDirLock) -> Result<Self, Failure> {
        let app = App::build(config, Parts::default()).await?;
        Ok(Self::of(app, lock))
    }

    /// As [`Local::open`], with an index in which nothing is: see [`App::build_with_empty_shards`].
    ///
    /// # Errors
    /// What is missing or cannot be opened.
    pub async fn open_with_empty_shards(config: Config, lock: DataDirLock) -> Result<Self, Failure> {
        let app = App::build_with_empty_shards(config, Parts::default()).await?;
        Ok(Self::of(app, lock))
    }

    fn of(app: App, lock: DataDirLock) -> Self {
        Self { app, tenant: TenantId::default_tenant(), worker: None, _lock: lock }
    }

    /// Everything.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Starts the worker.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn start_learning(&mut self) -> Result<(), Failure> {
        self.worker = Some(self.app.start_worker().await?);
        Ok(())
    }

    /// See [`crate::cli::backend::Backend::hand_in`].
    ///
    /// # Errors
    /// See [`NotTaken`].
    pub async fn hand_in(&self, draft: ConversationDraft, replace: Replace) -> Result<Taken, NotTaken> {
        let accepted = self.app.learner.accept(&self.tenant, draft, replace, None).await;
        let accepted = accepted.map_err(|error| match error.class() {
            ErrorClass::Caller | ErrorClass::Conflict => {
                NotTaken::Rejected(error.to_string().replace("?replace=true", "--replace"))
            }
            ErrorClass::Overloaded | ErrorClass::Transient => NotTaken::Busy(PAUSE),
            ErrorClass::NotFound | ErrorClass::Permanent => NotTaken::Failed(error.into()),
        })?;
        let change = match accepted {
            Accepted::Created(_) => Change::Created,
            Accepted::Replaced(_) => Change::Replaced,
            Accepted::Unchanged(..) => Change::None,
        };
        Ok(Taken { id: accepted.id().to_string(), change, status: accepted.status() })
    }

    /// See [`crate::cli::backend::Backend::standing`].
    ///
    /// # Errors
    /// When the database is away, or the worker has ended.
    pub async fn standing(&self, id: &str) -> Result<Standing, Failure> {
        if self.worker.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(Failure::new("the worker has ended before everything was learned from; run it again"));
        }
        let id: ConversationId =
            id.parse().map_err(|_| Failure::new(format!("{id} is not the id of a conversation")))?;
        let stored = self.app.engine.store.conversation(&self.tenant, id).await?;
        Ok(stored.map_or(Standing::Gone, |stored| Standing::of(stored.status, stored.failure)))
    }

    /// See [`crate::cli::backend::Backend::retrieve`]. It is nobody's turn, so no exposure is recorded.
    ///
    /// # Errors
    /// When a part fails.
    pub async fn retrieve(&self, question: Question) -> Result<Retrieved, Failure> {
        let query = RetrievalQuery {
            utterance: question.utterance,
            conversation_ref: None,
            turn: None,
            context: question.context,
            knowledge_type: question.knowledge_type,
            category: question.category,
            language: question.language,
            limit: question.limit,
            deadline: Some(Instant::now() + PATIENCE),
            render_tokens: None,
            exposure: Exposure::Unrecorded,
        };
        Ok(self.app.retriever.retrieve(&self.tenant, query).await?.into())
    }

    /// See [`crate::cli::backend::Backend::search_knowledge`].
    ///
    /// # Errors
    /// When a part fails.
    pub async fn search_knowledge(&self, wanted: &Wanted) -> Result<Vec<SearchedEntry>, Failure> {
        let search = KnowledgeSearch {
            category: wanted.category.clone(),
            language: wanted.language.clone(),
            limit: wanted.limit.get(),
            ..KnowledgeSearch::default()
        };
        let found = self.app.retriever.search_knowledge(&self.tenant, &wanted.text, &search).await?;
        Ok(found.into_iter().map(SearchedEntry::from).collect())
    }

    /// See [`crate::cli::backend::Backend::search_conversations`].
    ///
    /// # Errors
    /// When a part fails.
    pub async fn search_conversations(&self, wanted: &Wanted) -> Result<Vec<SearchedConversation>, Failure> {
        let search = ConversationSearch {
            category: wanted.category.clone(),
            language: wanted.language.clone(),
            outcome: wanted.outcome,
            limit: wanted.limit.get(),
            ..ConversationSearch::default()
        };
        let found = self.app.retriever.search_conversations(&self.tenant, &wanted.text, &search).await?;
        let ids: Vec<ConversationId> = found.iter().map(|found| found.stored.conversation.id).collect();
        let records = self.app.engine.store.records_of(&self.tenant, &ids).await?;
        let record = |id| records.iter().find(|record| record.conversation_id == id);
        let found = found.into_iter().map(|found| {
            let record = record(found.stored.conversation.id);
            SearchedConversation::new(found, record)
        });
        Ok(found.collect())
    }

    /// See [`crate::cli::backend::Backend::import`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn import(&self, batch: ImportBatch, dry_run: bool) -> Result<ImportReport, Failure> {
        let curator = Curator::new(Arc::clone(&self.app.engine));
        let editor = Editor { key: None, name: Some("turnwise import".to_owned()) };
        Ok(curator.import(&self.tenant, batch, dry_run, &editor).await?)
    }

    /// See [`crate::cli::backend::Backend::settle`].
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn settle(&self) -> Result<(), Failure> {
        self.app.run_jobs().await?;
        Ok(())
    }

    /// Lets running jobs end, writes what is in memory, and frees the data directory.
    pub async fn close(self) {
        self.app.close(self.worker).await;
    }
}
