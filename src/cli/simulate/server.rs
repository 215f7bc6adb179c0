//! A server of this process: real HTTP routes, with models that were loaded once for all runs.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::cli_key::CliKey;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::learned::open_in;
use crate::cli::serve::{HttpParts, StartHttp};
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
    stop: CancellationToken,
    _cli_key: CliKey,
    _dir: TempDir,
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
        let cli_key = CliKey::make(dir.path())?;
        let stop = CancellationToken::new();
        let url = listen(shared, &app, &cli_key, &stop).await?;
        let worker = app.start_worker().await?;
        let client = Client::new(&url, Some(cli_key.secret().clone()))?;
        Ok(Self { client, app, worker, stop, _cli_key: cli_key, _dir: dir })
    }

    /// Ends it.
    pub async fn stop(self) {
        self.stop.cancel();
        self.app.close(Some(self.worker)).await;
    }
}

/// Serves on a port that the system chooses; its address.
async fn listen(shared: &Shared, app: &App, key: &CliKey, stop: &CancellationToken) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::io("a loopback port cannot be listened on", &error);
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let http = (shared.start_http)(HttpParts {
        config: app.config.clone(),
        listener,
        cli_key: key.secret().clone(),
        clock: Arc::clone(&app.engine.clock),
        ids: Arc::clone(&app.engine.ids),
        is_for_others: false,
        stop: stop.clone(),
    });
    (http.open)(app).await?;
    // It ends with the process, or when it is told to stop.
    tokio::spawn(http.served);
    Ok(format!("http://{address}"))
}

/// Loads the models of a configuration.
///
/// # Errors
/// When one cannot be loaded.
pub async fn load(config: Config, start_http: StartHttp) -> Result<Shared, Failure> {
    let embedders = crate::app::open_embedders(&config).await?;
    Ok(Shared { config, embedders, start_http })
}
