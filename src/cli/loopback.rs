//! The HTTP face of this process on the loopback address, for this process alone.
//!
//! Guarantees: the same routes as those of a server; nobody else is let in, and no admin key is made; it ends when it is
//! closed or dropped.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::app::App;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::serve::{HttpParts, StartHttp};
use crate::engine::secrets::random_key;

/// A server of this process, on a port that the system chose.
pub struct Loopback {
    stop: DropGuard,
    served: JoinHandle<io::Result<()>>,
    grace: Duration,
}

impl Loopback {
    /// Lets this application be asked by the client that is returned with it.
    ///
    /// # Errors
    /// When the loopback address cannot be listened on.
    pub async fn open(app: &App, start_http: StartHttp) -> Result<(Client, Self), Failure> {
        let unheard = |error: io::Error| Failure::io("this machine's loopback address cannot be listened on", &error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unheard)?;
        let address = listener.local_addr().map_err(unheard)?;
        let mut config = app.config.clone();
        // Nobody was asked whether others on this machine may come in meanwhile.
        config.auth.allow_loopback = false;
        let key = SecretString::from(random_key());
        let stop = CancellationToken::new();
        let http = start_http(HttpParts {
            config,
            listener,
            cli_key: key.clone(),
            is_for_others: false,
            clock: Arc::clone(&app.engine.clock),
            ids: Arc::clone(&app.engine.ids),
            stop: stop.clone(),
        });
        let stop = stop.drop_guard();
        let served = tokio::spawn(http.served);
        (http.open)(app).await?;
        let client = Client::new(&format!("http://{address}"), Some(key))?;
        let grace = Duration::from_millis(app.config.server.shutdown_grace_ms) + Duration::from_secs(1);
        Ok((client, Self { stop, served, grace }))
    }

    /// Lets requests end. The client must be gone by now: its connections would be waited for.
    pub async fn close(self) {
        let Self { stop, served, grace } = self;
        drop(stop);
        // Every answer has come by now; how the listener ended tells nothing any more.
        let _ = tokio::time::timeout(grace, served).await;
    }
}
