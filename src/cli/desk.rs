//! The API as operator commands ask it: that of the server which runs, or the same one, opened by this process on the
//! loopback address for as long as the command takes.
//!
//! Guarantees: what a command reads and does is the same in both cases, because it is the same routes; where this process
//! answers itself, nobody else is let in, and no admin key is made.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::backend::Backend;
use crate::cli::client::{Client, Refusal};
use crate::cli::failure::Failure;
use crate::cli::local::Local;
use crate::cli::loopback::Loopback;
use crate::cli::serve::StartHttp;

/// Items of a page; the most that the API gives.
const PAGE: usize = 100;

/// A server to ask.
pub struct Desk {
    client: Client,
    own: Option<Own>,
}

/// The server of this process.
struct Own {
    local: Box<Local>,
    loopback: Loopback,
}

/// Items of a list.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The first of them.
    pub items: Vec<T>,
    /// How many there are.
    pub count: i64,
    /// Whether there are more than `count`.
    pub is_lower_bound: bool,
}

#[derive(Deserialize)]
struct ListPage<T> {
    count: i64,
    #[serde(default)]
    count_is_lower_bound: bool,
    next: Option<String>,
    results: Vec<T>,
}

impl Desk {
    /// Asks this backend; where that is this process, `start_http` makes it answer itself.
    ///
    /// # Errors
    /// When the loopback address cannot be listened on.
    pub async fn open(backend: Backend, start_http: StartHttp) -> Result<Self, Failure> {
        let local = match backend {
            Backend::Http(client) => return Ok(Self::at(client)),
            Backend::Local(local) => local,
        };
        let (client, loopback) = Loopback::open(local.app(), start_http).await?;
        Ok(Self { client, own: Some(Own { local, loopback }) })
    }

    /// Asks a server.
    pub fn at(client: Client) -> Self {
        Self { client, own: None }
    }

    /// Whether it is this process that answers, so that no worker runs what is queued.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// What a path below the prefix answers.
    ///
    /// # Errors
    /// When the server does not answer, refuses, or answers something else.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Failure> {
        read(self.ask(Method::GET, path, query, None).await??)
    }

    /// What a request is answered with, or why it is refused; `Value::Null` where nothing comes back.
    ///
    /// # Errors
    /// When the server does not answer, or answers no JSON.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Result<Value, Refusal>, Failure> {
        self.client.call(method, path, query, body).await
    }

    /// The first `most` items of a list, at least one.
    ///
    /// # Errors
    /// As [`Desk::get`].
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        most: usize,
    ) -> Result<Listed<T>, Failure> {
        let mut listed = Listed { items: Vec::new(), count: 0, is_lower_bound: false };
        let mut cursor: Option<String> = None;
        loop {
            let room = most.saturating_sub(listed.items.len()).clamp(1, PAGE);
            let mut asked = query.to_vec();
            asked.push(("limit", room.to_string()));
            asked.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page: ListPage<T> = self.get(path, &asked).await?;
            (listed.count, listed.is_lower_bound) = (page.count, page.count_is_lower_bound);
            listed.items.extend(page.results);
            cursor = page.next.as_deref().and_then(cursor_of);
            if cursor.is_none() || listed.items.len() >= most {
                return Ok(listed);
            }
        }
    }

    /// Lets requests end, and frees the data directory if this process held it.
    pub async fn close(self) {
        let Self { client, own } = self;
        // Its connections would be waited for.
        drop(client);
        let Some(Own { local, loopback }) = own else { return };
        loopback.close().await;
        local.close().await;
    }
}

/// Reads an answer.
///
/// # Errors
/// When it is something else.
pub fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer)
        .map_err(|error| Failure::new(format!("the server answers something unexpected: {error}")))
}

/// The cursor in the address of a next page.
pub fn cursor_of(next: &str) -> Option<String> {
    let next = reqwest::Url::parse(next).ok()?;
    next.query_pairs().find(|(name, _)| name == "cursor").map(|(_, cursor)| cursor.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_page_is_known_by_its_cursor() {
        let next = "http://127.0.0.1:1/api/v1/ai/jobs/?state=dead&cursor=17.00ab.20&limit=5";
        assert_eq!(cursor_of(next).as_deref(), Some("17.00ab.20"));
        assert_eq!(cursor_of("http://127.0.0.1:1/api/v1/ai/jobs/?offset=20"), None);
    }
}
