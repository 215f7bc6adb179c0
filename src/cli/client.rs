//! A running server, asked over HTTP.
//!
//! Guarantees: a key is sent to no other address than the one it belongs to; a message of the server is told as it is.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::cli::answers::{Change, Retrieved, SearchedConversation, SearchedEntry, Standing, Taken};
use crate::cli::backend::{NotTaken, Question, Wanted};
use crate::cli::failure::Failure;
use crate::cli::local::PATIENCE;
use crate::domain::conversation::ConversationStatus;
use crate::domain::draft::ConversationDraft;
use crate::domain::error::FieldError;
use crate::domain::import::{ImportBatch, ImportReport, ImportResult, ImportStatus};
use crate::engine::error::chain;
use crate::learning::accept::Replace;

/// The variable that holds the key for a server.
pub const CLIENT_KEY: &str = "TURNWISE_CLIENT_KEY";
/// What begins the paths of the API.
pub const PREFIX: &str = "/api/v1/ai";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait when the server says that it is busy and not for how long, and the longest wait at a time.
const DEFAULT_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a busy server is asked again.
const BUSY_TRIES: u32 = 5;

/// A server and the key for it.
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: Option<SecretString>,
}

/// Why a server did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, in the server's words, and what to do where that is plain.
    pub message: String,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.message)
    }
}

/// What a server answers when something is wrong.
#[derive(Debug, Deserialize)]
struct Problem {
    code: String,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Conversation {
    id: String,
    status: ConversationStatus,
    #[serde(default)]
    failure: Option<String>,
    /// Above 1 when it was replaced; not in every answer.
    #[serde(default)]
    version: i64,
}

/// What became of an import.
#[derive(Debug, Deserialize)]
struct ImportAnswer {
    entries: Vec<ImportAnswerItem>,
    records: Vec<ImportAnswerItem>,
}

#[derive(Debug, Deserialize)]
struct ImportAnswerItem {
    status: ImportStatus,
    id: Option<Uuid>,
    #[serde(default)]
    errors: Vec<WrongField>,
}

#[derive(Debug, Deserialize)]
struct WrongField {
    field: String,
    message: String,
}

impl From<ImportAnswerItem> for ImportResult {
    fn from(item: ImportAnswerItem) -> Self {
        let errors = item.errors.into_iter().map(|wrong| FieldError::new(wrong.field, wrong.message)).collect();
        Self { status: item.status, id: item.id, errors }
    }
}

#[derive(Debug, Deserialize)]
struct List<T> {
    results: Vec<T>,
}

impl Client {
    /// A server at an `http://` address.
    ///
    /// # Errors
    /// When the address is something else.
    pub fn new(url: &str, key: Option<SecretString>) -> Result<Self, Failure> {
        let url = url.trim_end_matches('/');
        let parsed = reqwest::Url::parse(url).ok().filter(|url| url.scheme() == "http" && url.has_host());
        let Some(parsed) = parsed else {
            return Err(Failure::Usage(format!(
                "--url must be an address such as http://127.0.0.1:8080, not {url} (for https, put a proxy or a tunnel \
                 on this machine)"
            )));
        };
        let mut http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT);
        // A proxy could not reach this machine's own address.
        if is_loopback(&parsed) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| Failure::new(chain(&error)))?;
        Ok(Self { http, url: url.to_owned(), key })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// See [`crate::cli::backend::Backend::hand_in`].
    ///
    /// # Errors
    /// See [`NotTaken`].
    pub async fn hand_in(&self, draft: &ConversationDraft, replace: Replace) -> Result<Taken, NotTaken> {
        let mut request = self.request(Method::POST, "/conversations/").json(draft);
        if replace == Replace::Yes {
            request = request.query(&[("replace", "true")]);
        }
        let response = self.send(request).await.map_err(NotTaken::Failed)?;
        let status = response.status();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            return Err(NotTaken::Busy(retry_after(&response)));
        }
        if is_about_the_body(status) {
            let (_, message) = problem(response).await;
            return Err(NotTaken::Rejected(message.replace("?replace=true", "--replace")));
        }
        let taken: Conversation = self.read(response).await.map_err(NotTaken::Failed)?;
        let change = match (status, replace) {
            (StatusCode::OK, _) => Change::None,
            (_, Replace::No) => Change::Created,
            (_, Replace::Yes) => self.change(&taken.id).await.map_err(NotTaken::Failed)?,
        };
        Ok(Taken { id: taken.id, change, status: taken.status })
    }

    /// Whether a conversation that was taken is new: the answer to handing it in does not tell.
    async fn change(&self, id: &str) -> Result<Change, Failure> {
        let response = self.send(self.request(Method::GET, &format!("/conversations/{id}/"))).await?;
        let conversation: Conversation = self.read(response).await?;
        Ok(if conversation.version > 1 { Change::Replaced } else { Change::Created })
    }

    /// See [`crate::cli::backend::Backend::standing`].
    ///
    /// # Errors
    /// When the server does not say.
    pub async fn standing(&self, id: &str) -> Result<Standing, Failure> {
        let response = self.send(self.request(Method::GET, &format!("/conversations/{id}/"))).await?;
        match response.status() {
            StatusCode::NOT_FOUND => return Ok(Standing::Gone),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                tokio::time::sleep(retry_after(&response)).await;
                return Ok(Standing::Unfinished);
            }
            _ => {}
        }
        let conversation: Conversation = self.read(response).await?;
        Ok(Standing::of(conversation.status, conversation.failure))
    }

    /// See [`crate::cli::backend::Backend::retrieve`].
    ///
    /// # Errors
    /// When the server refuses or fails.
    pub async fn retrieve(&self, question: &Question) -> Result<Retrieved, Failure> {
        let context: Vec<_> = question
            .context
            .iter()
            .map(|turn| serde_json::json!({"speaker": turn.speaker, "text": turn.text}))
            .collect();
        let mut body = serde_json::json!({
            "utterance": question.utterance.as_str(),
            "context": context,
            "limit": question.limit.get(),
            "deadline_ms": PATIENCE.as_millis() as u64,
        });
        for (name, value) in [
            ("knowledge_type", question.knowledge_type.map(|kind| kind.to_string())),
            ("category", question.category.clone()),
            ("language", question.language.as_ref().map(ToString::to_string)),
        ] {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        let response = self.send(self.request(Method::POST, "/retrieve/").json(&body)).await?;
        self.read(response).await
    }

    /// See [`crate::cli::backend::Backend::search_knowledge`].
    ///
    /// # Errors
    /// When the server refuses or fails.
    pub async fn search_knowledge(&self, wanted: &Wanted) -> Result<Vec<SearchedEntry>, Failure> {
        self.search("/training/knowledge-base/search_by_intent/", wanted).await
    }

    /// See [`crate::cli::backend::Backend::search_conversations`].
    ///
    /// # Errors
    /// When the server refuses or fails.
    pub async fn search_conversations(&self, wanted: &Wanted) -> Result<Vec<SearchedConversation>, Failure> {
        self.search("/conversations/search/", wanted).await
    }

    /// See [`crate::cli::backend::Backend::import`].
    ///
    /// # Errors
    /// When the server refuses or fails.
    pub async fn import(&self, batch: &ImportBatch, dry_run: bool) -> Result<ImportReport, Failure> {
        let mut body = serde_json::to_value(batch).map_err(|error| Failure::new(format!("not JSON: {error}")))?;
        body["dry_run"] = dry_run.into();
        let answer = self.call(Method::POST, "/training/import/", &[], Some(&body)).await??;
        let answer: ImportAnswer = serde_json::from_value(answer)
            .map_err(|error| Failure::new(format!("{} answers something unexpected: {error}", self.url)))?;
        let results = |given: Vec<ImportAnswerItem>| given.into_iter().map(ImportResult::from).collect();
        Ok(ImportReport { entries: results(answer.entries), records: results(answer.records) })
    }

    /// Whether the server says that it is ready; the reason if not.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ready(&self) -> Result<Result<(), String>, Failure> {
        let response = self.send(self.http.get(format!("{}/health/ready", self.url))).await?;
        if response.status().is_success() {
            return Ok(Ok(()));
        }
        let status = response.status();
        Ok(Err(format!("{status}: {}", response.text().await.unwrap_or_default())))
    }

    async fn search<T: DeserializeOwned>(&self, path: &str, wanted: &Wanted) -> Result<Vec<T>, Failure> {
        let filters = [
            ("category", wanted.category.clone()),
            ("language", wanted.language.as_ref().map(ToString::to_string)),
            ("outcome", wanted.outcome.map(|outcome| outcome.to_string())),
        ];
        let mut query = vec![("q", wanted.text.as_str().to_owned()), ("limit", wanted.limit.get().to_string())];
        query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let response = self.send(self.request(Method::GET, path).query(&query)).await?;
        let list: List<T> = self.read(response).await?;
        Ok(list.results)
    }

    /// Sends JSON to a path below the prefix and reads what comes back.
    ///
    /// # Errors
    /// When the server does not answer, or refuses.
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> Result<serde_json::Value, Failure> {
        let response = self.send(self.request(Method::POST, path).json(body)).await?;
        self.read(response).await
    }

    /// Reads what stands at a path below the prefix.
    ///
    /// # Errors
    /// When the server does not answer, or refuses.
    pub async fn get(&self, path: &str) -> Result<serde_json::Value, Failure> {
        let response = self.send(self.request(Method::GET, path)).await?;
        self.read(response).await
    }

    /// What a request is answered with, or why it is refused; `Value::Null` where nothing comes back. A server that is busy
    /// is asked again when it says so, a few times.
    ///
    /// # Errors
    /// When the server does not answer, or answers no JSON.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&serde_json::Value>,
    ) -> Result<Result<serde_json::Value, Refusal>, Failure> {
        let mut left = BUSY_TRIES;
        loop {
            let mut request = self.request(method.clone(), path).query(query);
            if let Some(body) = body {
                request = request.json(body);
            }
            let response = self.send(request).await?;
            let status = response.status();
            if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) && left > 0 {
                left -= 1;
                tokio::time::sleep(retry_after(&response)).await;
                continue;
            }
            if status == StatusCode::NO_CONTENT {
                return Ok(Ok(serde_json::Value::Null));
            }
            if status.is_success() {
                return self.read(response).await.map(Ok);
            }
            let (_, message) = problem(response).await;
            return Ok(Err(Refusal { status: status.as_u16(), message: format!("{message}{}", self.hint(status)) }));
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{PREFIX}{path}", self.url));
        match &self.key {
            Some(key) => request.header(AUTHORIZATION, format!("Bearer {}", key.expose_secret())),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        request
            .send()
            .await
            .map_err(|error| Failure::new(format!("{} does not answer: {}", self.url, chain(&error.without_url()))))
    }

    /// The body of a good answer, or what the server says is wrong.
    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let status = response.status();
        if status.is_success() {
            return response.json().await.map_err(|error| {
                Failure::new(format!("{} answers something unexpected: {}", self.url, chain(&error.without_url())))
            });
        }
        let (code, message) = problem(response).await;
        Err(Failure::new(format!("{} refuses ({code}): {message}{}", self.url, self.hint(status))))
    }

    /// What to do about a refusal that is about the key.
    fn hint(&self, status: StatusCode) -> String {
        match (status, &self.key) {
            (StatusCode::UNAUTHORIZED, None) => format!("; put its key into {CLIENT_KEY}"),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(_)) => {
                format!("; is the key in {CLIENT_KEY} the right one? (cli.key works on a loopback address only)")
            }
            _ => String::new(),
        }
    }
}

/// The key in the environment, if there is one.
///
/// # Errors
/// When it cannot be a key.
pub fn client_key() -> Result<Option<SecretString>, Failure> {
    let Some(key) = std::env::var_os(CLIENT_KEY).filter(|key| !key.is_empty()) else { return Ok(None) };
    match key.into_string() {
        Ok(key) if key.trim().bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(key.trim().to_owned().into())),
        _ => Err(Failure::Usage(format!("{CLIENT_KEY} must be visible ASCII characters"))),
    }
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a refusal is about what was sent, and not about who sent it.
fn is_about_the_body(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::CONFLICT
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY
    )
}

fn retry_after(response: &Response) -> Duration {
    let given = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    given.map_or(DEFAULT_PAUSE, Duration::from_secs).min(LONGEST_PAUSE)
}

/// Code and message of a refusal; what is not in the one error shape is told by its status.
async fn problem(response: Response) -> (String, String) {
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    match serde_json::from_str::<Problem>(&text) {
        Ok(problem) => (problem.code, problem.message),
        Err(_) => (status.as_u16().to_string(), status.canonical_reason().unwrap_or("unknown").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_taken() {
        for url in ["http://127.0.0.1:8080", "http://turnwise.internal/", "http://[::1]:1"] {
            assert!(Client::new(url, None).is_ok(), "{url}");
        }
        for url in ["https://127.0.0.1", "127.0.0.1:8080", "", "ftp://x"] {
            assert!(matches!(Client::new(url, None), Err(Failure::Usage(_))), "{url}");
        }
    }

    #[test]
    fn this_machine_is_reached_without_a_proxy() {
        let loopback = |url| is_loopback(&reqwest::Url::parse(url).expect("an address"));
        assert!(loopback("http://127.0.0.1:1") && loopback("http://[::1]:1") && loopback("http://localhost"));
        assert!(!loopback("http://10.0.0.1") && !loopback("http://example.com"));
    }
}
