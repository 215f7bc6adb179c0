//! A whole Turnwise for tests: built as `serve` builds it, on a data directory of its own, answering on a port that the
//! system chose. The model is loaded once per process and the classifiers are fitted once per checkout. The clock stands
//! still, and jobs run when a test says so.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use reqwest::{Client, Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use turnwise::api::keys::{FirstKey, ensure_admin_key};
use turnwise::api::{Api, ApiSettings, PREFIX, Services};
use turnwise::app::{App, Parts};
use turnwise::config::Config;
use turnwise::config::sources::ConfigSources;
use turnwise::domain::clock::{ManualClock, Timestamp};
use turnwise::domain::ids::CountingIds;
use turnwise::embedding::embedders::Embedders;

/// The key of the configuration of a test.
pub const ADMIN_KEY: &str = "an-admin-key-of-a-test-0123456789";
/// The key that the CLI would have.
pub const CLI_KEY: &str = "a-cli-key-of-a-test-0123456789abcdef";
/// The largest body that a test may send.
pub const MAX_BODY_BYTES: usize = 262_144;

/// A running Turnwise.
pub struct TestApp {
    /// The services.
    pub app: App,
    /// The HTTP face.
    pub api: Api,
    /// Moves only when a test moves it.
    pub clock: Arc<ManualClock>,
    /// Where it answers.
    pub url: String,
    /// Ends the server.
    pub stop: CancellationToken,
    client: Client,
    served: JoinHandle<std::io::Result<()>>,
    _directory: TempDir,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body.
    pub text: String,
}

impl TestApp {
    /// A Turnwise with the settings of a test.
    pub async fn spawn() -> Self {
        Self::spawn_with(&[]).await
    }

    /// A Turnwise with these settings (`section.key=value`) over those of a test.
    pub async fn spawn_with(overrides: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = config(directory.path().to_path_buf(), overrides);
        let clock = Arc::new(ManualClock::at(Timestamp::parse("2026-09-02T08:00:00Z").expect("a time")));
        let ids = Arc::new(CountingIds::default());
        let stop = CancellationToken::new();
        let api = Api::new(api_settings(&config), clock.clone(), ids.clone(), stop.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let served = tokio::spawn(turnwise::api::serve(api.clone(), listener));

        let parts = Parts { clock: clock.clone(), ids, embedders: Some(embedders().await) };
        let app = build(config, parts).await;
        let first = ensure_admin_key(&app.engine, Some(&SecretString::from(ADMIN_KEY))).await.expect("a key");
        assert!(matches!(first, FirstKey::Configured), "{first:?}");
        api.open(services(&app));
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { app, api, clock, url, stop, client, served, _directory: directory }
    }

    /// All routes, without a socket between.
    pub fn router(&self) -> Router {
        turnwise::api::router(self.api.clone())
    }

    /// A request without a key; the path begins at the root.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// Asks for a path below the prefix.
    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, &format!("{PREFIX}{path}")).bearer_auth(ADMIN_KEY)).await
    }

    /// Sends JSON to a path below the prefix.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, &format!("{PREFIX}{path}")).bearer_auth(ADMIN_KEY).json(body)).await
    }

    /// Sends bytes as JSON to a path below the prefix.
    pub async fn post_bytes(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = self.request(Method::POST, &format!("{PREFIX}{path}")).bearer_auth(ADMIN_KEY);
        answer(request.header("content-type", "application/json").body(body.into())).await
    }

    /// Changes what is at a path below the prefix.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::PATCH, &format!("{PREFIX}{path}")).bearer_auth(ADMIN_KEY).json(body)).await
    }

    /// Deletes what is at a path below the prefix.
    pub async fn delete(&self, path: &str) -> Answer {
        answer(self.request(Method::DELETE, &format!("{PREFIX}{path}")).bearer_auth(ADMIN_KEY)).await
    }

    /// Asks for a path at the root.
    pub async fn get_root(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path).bearer_auth(ADMIN_KEY)).await
    }

    /// Runs every queued job and what follows from it.
    pub async fn drain_jobs(&self) {
        self.app.run_jobs().await.expect("the queue can be read");
    }

    /// Hands in conversations and learns from them.
    pub async fn learn(&self, conversations: impl IntoIterator<Item = Value>) {
        for conversation in conversations {
            let answer = self.post("/conversations/", &conversation).await;
            assert_eq!(answer.status, 202, "{}", answer.text);
        }
        self.drain_jobs().await;
    }

    /// Ends the server and closes everything.
    pub async fn close(self) {
        self.stop.cancel();
        self.served.await.expect("the server does not panic").expect("the listener does not fail");
        self.app.close(None).await;
    }
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} is not JSON: {:?}", self.status, self.text))
    }

    /// The code of a failure, whose shape is checked.
    #[track_caller]
    pub fn code(&self) -> String {
        let body = self.json();
        for name in body.as_object().expect("an object").keys() {
            let known = ["code", "message", "field", "fields", "retry_after", "request_id"];
            assert!(known.contains(&name.as_str()), "{name} in {body}");
        }
        assert!(!body["message"].as_str().expect("a message").is_empty(), "{body}");
        assert_eq!(body["request_id"], self.header("x-request-id"), "{body}");
        assert_eq!(self.header("content-type"), "application/json");
        let retry_after = body["retry_after"].as_u64().map(|seconds| seconds.to_string());
        assert_eq!(retry_after.unwrap_or_default(), self.header("retry-after"), "{body}");
        body["code"].as_str().expect("a code").to_owned()
    }

    /// A header, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text"))
    }
}

/// Sends a request.
pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.expect("a text") }
}

/// The services of an application, as the HTTP face takes them.
pub fn services(app: &App) -> Services {
    let (learner, retriever, analytics) = (app.learner.clone(), app.retriever.clone(), app.analytics.clone());
    Services { engine: app.engine.clone(), learner, retriever, analytics }
}

/// The settings of the HTTP face in a configuration.
pub fn api_settings(config: &Config) -> ApiSettings {
    ApiSettings {
        max_body_bytes: config.server.max_body_bytes,
        max_in_flight: config.server.max_in_flight,
        requests_per_minute_per_key: config.server.requests_per_minute_per_key,
        request_timeout: Duration::from_millis(config.server.request_timeout_ms),
        shutdown_grace: Duration::from_millis(config.server.shutdown_grace_ms),
        allow_loopback: config.auth.allow_loopback,
        cli_key: Some(CLI_KEY.into()),
    }
}

/// The configuration of a test.
pub fn config(data_dir: PathBuf, overrides: &[&str]) -> Config {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    let understanding = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("understanding");
    let own = [
        format!("data.dir={}", data_dir.display()),
        format!("embedding.models_dir={}", models.display()),
        format!("learning.cache_dir={}", understanding.display()),
        format!("server.max_body_bytes={MAX_BODY_BYTES}"),
        // Other tests load the machine; a test that wants less time says so.
        "retrieval.deadline_ms=60000".to_owned(),
    ];
    let overrides = own.into_iter().chain(overrides.iter().map(|text| (*text).to_owned()));
    Config::load(&ConfigSources::default().with_overrides(overrides)).expect("the configuration is valid")
}

/// One at a time: the first one fits the classifiers, and the others read what it wrote.
async fn build(config: Config, parts: Parts) -> App {
    static TURN: Mutex<()> = Mutex::const_new(());
    let _turn = TURN.lock().await;
    App::build(config, parts).await.expect("the application opens")
}

/// The model, loaded once per process.
pub async fn embedders() -> Embedders {
    static SHARED: OnceLock<Embedders> = OnceLock::new();
    let open = || {
        let settings = config(PathBuf::from("unused"), &[]).embedding;
        Embedders::open(&settings).unwrap_or_else(|error| panic!("these tests need the models: {error}"))
    };
    let shared = tokio::task::spawn_blocking(move || SHARED.get_or_init(open).clone());
    shared.await.expect("the model opens")
}

/// Reads a secret that was made.
pub fn exposed(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}
