//! The `turnwise` program: the one place that knows every face, and gives the command line the HTTP face to start.

use std::process::ExitCode;
use std::time::Duration;

use secrecy::SecretString;
use turnwise::api::keys::{FirstKey, ensure_admin_key};
use turnwise::api::{Api, ApiSettings, Services, serve};
use turnwise::app::App;
use turnwise::cli::serve::{Http, HttpParts, OpenHttp};
use turnwise::engine::error::Error;

/// Gives memory back to the system. With the C library's allocator a server that has learned from 5 000 conversations
/// holds a fifth more than with this one (docs/benchmarks.md); its decay is set in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    turnwise::cli::main(start_http)
}

fn start_http(parts: HttpParts) -> Http {
    let HttpParts { config, listener, cli_key, is_for_others, clock, ids, stop } = parts;
    let settings = ApiSettings {
        max_body_bytes: config.server.max_body_bytes,
        max_in_flight: config.server.max_in_flight,
        requests_per_minute_per_key: config.server.requests_per_minute_per_key,
        request_timeout: Duration::from_millis(config.server.request_timeout_ms),
        shutdown_grace: Duration::from_millis(config.server.shutdown_grace_ms),
        allow_loopback: config.auth.allow_loopback,
        cli_key: Some(cli_key),
    };
    let api = Api::new(settings, clock, ids, stop);
    let opened = api.clone();
    let open: OpenHttp = Box::new(move |app| Box::pin(open_http(opened, app, is_for_others)));
    Http { open, served: Box::pin(serve(api, listener)) }
}

async fn open_http(api: Api, app: &App, is_for_others: bool) -> Result<Option<SecretString>, Error> {
    let first = if is_for_others {
        ensure_admin_key(&app.engine, app.config.auth.bootstrap_key.as_ref()).await?
    } else {
        FirstKey::Kept
    };
    let engine = app.engine.clone();
    let (learner, retriever, analytics) = (app.learner.clone(), app.retriever.clone(), app.analytics.clone());
    api.open(Services { engine, learner, retriever, analytics });
    Ok(match first {
        FirstKey::Made(key) => Some(key),
        FirstKey::Configured | FirstKey::Kept => None,
    })
}
