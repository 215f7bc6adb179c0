//! The server itself.

use std::net::SocketAddr;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::api::{Api, router};

pub(super) async fn serve(api: Api, listener: TcpListener) -> std::io::Result<()> {
    let (stop, grace) = (api.0.stop.clone(), api.0.settings.shutdown_grace);
    // Answers are small and somebody waits for them: none is held back to fill a packet.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "A connection keeps Nagle's algorithm");
        }
    });
    let service = router(api).into_make_service_with_connect_info::<SocketAddr>();
    let stopped = stop.clone();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move { stopped.cancelled().await });
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        served = serving => served,
        () = overdue => {
            tracing::warn!("Requests were still in work at the end of server.shutdown_grace_ms and are cut off");
            Ok(())
        }
    }
}
