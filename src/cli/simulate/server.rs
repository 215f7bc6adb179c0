//! A server of this process: real HTTP routes, with models that were loaded once for all runs.

use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::learned::open_in;
use crate::cli::loopback::Loopback;
use crate::cli::serve::StartHttp;
use crate::config::Config;
use crate::domain::ranking::SuccessOrder;
use crate::embedding::embedders::Embedders;

/// Tokens of a chunk: few, so that what agents and users say again and again is embedded once.
const CHUNK_TOKENS: usize = 16;

/// What all servers of a simulation share.
pub struct Shared {
    /// The configuration.
    pub config: Config,
    /// The models, loaded.
    pub embedders: Embedders,
    /// Starts the HTTP face.
    pub start_http: StartHttp,
}

/// A running server with a data directory of its own.
pub struct Server {
    /// To ask it.
    pub client: Client,
    app: App,
    worker: JoinHandle<()>,
    loopback: Loopback,
    dir: TempDir,
}

impl Server {
    /// Starts one that learns nothing but what leads to success, and orders entries that fit equally in this way.
    ///
    /// # Errors
    /// When the directory cannot be made or something cannot be opened.
    pub async fn start(shared: &Shared, order: SuccessOrder) -> Result<Self, Failure> {
        let dir = tempfile::tempdir().map_err(|error| Failure::io("a temporary directory cannot be made", &error))?;
        let mut config = shared.config.clone();
        config.learning.distillation = false;
        config.learning.chunk_tokens = CHUNK_TOKENS;
        config.retrieval.success_order = order;
        let app = open_in(&config, dir.path(), Some(shared.embedders.clone())).await?;
        let (client, loopback) = Loopback::open(&app, shared.start_http).await?;
        let worker = app.start_worker().await?;
        Ok(Self { client, app, worker, loopback, dir })
    }

    /// Ends it.
    pub async fn stop(self) {
        let Self { client, app, worker, loopback, dir } = self;
        // Its connections would be waited for.
        drop(client);
        loopback.close().await;
        app.close(Some(worker)).await;
        drop(dir);
    }
}

/// Loads the models of a configuration.
///
/// # Errors
/// When one cannot be loaded.
pub async fn load(config: Config, start_http: StartHttp) -> Result<Shared, Failure> {
    let embedders = crate::app::open_embedders(&config).await?;
    Ok(Shared { config, embedders, start_http })
}
