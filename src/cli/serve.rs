//! `turnwise serve`: the HTTP face and the worker over one data directory.
//!
//! Guarantees: the data directory is locked before anything in it is touched; `listening on URL` is printed when every
//! request is answered, and nothing else ever goes to standard output; at SIGTERM and SIGINT requests and jobs in work
//! end within the grace time, and what does not is given back to the queue.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::{App, Parts};
use crate::cli::backend::{held_message, take};
use crate::cli::cli_key::CliKey;
use crate::cli::failure::{Exit, Failure};
use crate::cli::lock::Lock;
use crate::cli::print::{Voice, warn};
use crate::config::Config;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::ids::{IdSource, RandomIds};
use crate::engine::error::Error;

/// Starts the HTTP face. `main` hands it in, because a face knows no other face.
pub type StartHttp = fn(HttpParts) -> Http;

/// What the HTTP face needs to listen.
pub struct HttpParts {
    /// Limits, and who needs no key.
    pub config: Config,
    /// Where to answer.
    pub listener: TcpListener,
    /// The admin key of this start, for callers on this machine.
    pub cli_key: SecretString,
    /// Whether others than this process will ask, so that there must be an admin key.
    pub is_for_others: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Cancelled when it should end.
    pub stop: CancellationToken,
}

/// Gives the HTTP face what it answers with and, when it is for others, sees to it that there is an admin key: one that
/// was made just now is returned, and nobody can read it again.
pub type OpenHttp = Box<dyn for<'a> FnOnce(&'a App) -> BoxFuture<'a, Result<Option<SecretString>, Error>> + Send>;

/// The HTTP face, which answers that it is starting until it is opened.
pub struct Http {
    /// Opens it.
    pub open: OpenHttp,
    /// Runs until it is stopped, and then as long as requests in work take, at most the grace time.
    pub served: BoxFuture<'static, io::Result<()>>,
}

/// Runs the command.
///
/// # Errors
/// When another process works in the data directory, or something cannot be opened.
pub async fn run(config: Config, start_http: StartHttp, voice: Voice) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let mut lock = match take(&config, "serve")? {
        Lock::Taken(lock) => lock,
        Lock::Held(holder) => return Err(Failure::new(held_message(&config, holder.as_ref()))),
    };
    let listen = config.server.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failure::io(format!("{listen} cannot be listened on (server.listen)"), &error))?;
    let cli_key = CliKey::make(&config.data.dir)?;
    let parts = Parts { clock: Arc::new(SystemClock), ids: Arc::new(RandomIds), embedders: None };
    let address = listener.local_addr().map_err(|error| Failure::io(format!("{listen} has no address"), &error))?;
    let stop = CancellationToken::new();
    let http = start_http(HttpParts {
        config: config.clone(),
        listener,
        cli_key: cli_key.secret().clone(),
        is_for_others: true,
        clock: Arc::clone(&parts.clock),
        ids: Arc::clone(&parts.ids),
        stop: stop.clone(),
    });
    let mut served = tokio::spawn(http.served);

    // A signal while everything is being opened: nothing has begun that must end in order.
    let app = tokio::select! {
        app = App::build(config, parts) => app?,
        () = signals.received() => return Ok(Exit::Done),
    };
    if let Some(key) = (http.open)(&app).await? {
        // On standard error, so that a script that reads the address does not log the key.
        warn("This is the admin key. It is stored hashed and shown only now:");
        warn(&format!("  {}", key.expose_secret()));
        warn("Send it as 'Authorization: Bearer KEY'. Commands of this user on this machine need none.");
    }
    let worker = app.start_worker().await?;
    lock.announce(&url(reachable(address))).map_err(|error| Failure::io("the lock file cannot be written", &error))?;
    match voice.say(&format!("listening on {}", url(address))) {
        // A server goes on when nobody reads its output.
        Ok(()) | Err(Failure::OutputClosed) => {}
        Err(failure) => warn(&failure.to_string()),
    }

    let ended = tokio::select! {
        ended = &mut served => Some(ended),
        () = signals.received() => None,
    };
    tracing::info!("Stopping: requests and jobs in work may end, nothing new is begun");
    stop.cancel();
    // Jobs and requests end side by side.
    app.stop_token().cancel();
    let ended = match ended {
        Some(ended) => ended,
        None => {
            let grace = Duration::from_millis(app.config.server.shutdown_grace_ms) + Duration::from_secs(1);
            tokio::time::timeout(grace, served).await.unwrap_or(Ok(Ok(())))
        }
    };
    app.close(Some(worker)).await;
    drop(cli_key);
    drop(lock);
    match ended {
        Ok(Ok(())) => Ok(Exit::Done),
        Ok(Err(error)) => Err(Failure::io("the listener failed", &error)),
        Err(error) => Err(Failure::new(format!("the HTTP face ended: {error}"))),
    }
}

/// What asks a process to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::io("signals cannot be received", &error));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Where this machine reaches a server that listens on every address: the loopback address, where `cli.key` works.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cli_reaches_a_server_on_every_address_over_loopback() {
        let reach = |text: &str| url(reachable(text.parse().expect("an address")));
        assert_eq!(reach("0.0.0.0:80"), "http://127.0.0.1:80");
        assert_eq!(reach("[::]:80"), "http://[::1]:80");
        assert_eq!(reach("10.1.2.3:80"), "http://10.1.2.3:80");
    }
}
