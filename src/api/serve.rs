//! The server itself: connections, over HTTP/1.1.
//!
//! Guarantees: a connection on which no whole head of a request arrives within the time that a request may take is
//! closed, also one that waits for its next request.

use axum::Extension;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use tower::Layer;

use crate::api::{Api, router};

pub(super) async fn serve(api: Api, mut listener: TcpListener) -> std::io::Result<()> {
    let settings = &api.0.settings;
    let (stop, grace) = (api.0.stop.clone(), settings.shutdown_grace);
    // axum's own server sets no timer, without which hyper waits for a head for ever.
    let mut http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(settings.request_timeout);
    let routes = router(api);
    let connections = TaskTracker::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = stop.cancelled() => break,
        };
        // Answers are small and somebody waits for them: none is held back to fill a packet.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "A connection keeps Nagle's algorithm");
        }
        let service = TowerToHyperService::new(Extension(ConnectInfo(peer)).layer(routes.clone()));
        let (http, stop) = (http.clone(), stop.clone());
        connections.spawn(async move {
            let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
            let ended = tokio::select! {
                // What has arrived before the stop is read first: it is answered.
                biased;
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "A connection broke off");
            }
        });
    }

    drop(listener);
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        () = tokio::time::sleep(grace) => {
            tracing::warn!("Requests were still in work at the end of server.shutdown_grace_ms and are cut off");
        }
    }
    Ok(())
}
