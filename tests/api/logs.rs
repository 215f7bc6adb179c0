//! No text of a turn and no key stands in the log, whatever level it has.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::json;
use turnwise::api::PREFIX;
use turnwise::telemetry::{LogFilter, LogFormat, LogSettings, log_subscriber};

use crate::api::fixtures::{call, price_call};
use crate::support::app::{ADMIN_KEY, CLI_KEY, TestApp, answer};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_text_and_no_key_is_logged() {
    let lines = Lines::default();
    let writer = lines.clone();
    let filter = LogFilter::try_from("trace".to_owned()).expect("a filter");
    let settings = LogSettings { format: LogFormat::Json, filter };
    // While there is one subscriber only, tracing asks the thread that comes by a span first whether anybody wants it,
    // and that thread may belong to another test, which wants nothing. So there are two.
    let _other = tracing::Dispatch::new(log_subscriber(&settings, io::sink));
    // For this thread: the server, its requests and its jobs all run on it.
    let _logging = tracing::subscriber::set_default(log_subscriber(&settings, move || writer.clone()));

    let app = TestApp::spawn().await;
    app.learn([price_call("100")]).await;
    let secretive =
        call("xyzzy-id", &[("user", "my plugh is broken"), ("agent", "then reset the plugh"), ("user", "thanks")]);
    app.learn([secretive]).await;
    assert_eq!(app.post("/conversations/", &price_call("100")).await.status, 200);
    let question = json!({"utterance": "is the frobozz included in the premium membership", "conversation_id": "xyzzy-id",
        "context": [{"speaker": "user", "text": "I asked about the grue"}], "render": {"max_tokens": 100}});
    assert_eq!(app.post("/retrieve/", &question).await.status, 200);
    app.get("/conversations/search/?q=frobozz+membership").await;
    app.get("/training/knowledge-base/?search=frobozz").await;
    app.get("/training/knowledge-base/search_by_intent/?q=frobozz").await;
    app.get("/conversations/frobozz/").await;
    app.get("/frobozz/").await;
    app.post("/retrieve/", &json!({"utterance": 7, "frobozz": "grue"})).await;
    app.post_bytes("/conversations/", "{\"turns\": \"frobozz").await;
    app.post("/conversations/", &json!({"turns": [{"speaker": "grue", "text": "frobozz"}], "language": "frobozz"}))
        .await;
    let wrong = app.request(Method::GET, &format!("{PREFIX}/conversations/")).bearer_auth("wrong-key-zorkmid");
    assert_eq!(answer(wrong).await.status, 401);
    let cli = app.request(Method::GET, "/metrics").bearer_auth(CLI_KEY);
    assert_eq!(answer(cli).await.status, 200);
    assert_eq!(app.delete("/conversations/xyzzy-id").await.status, 204);
    app.drain_jobs().await;
    app.app.flush_exposures().await;
    app.close().await;

    let log = String::from_utf8(lines.0.lock().expect("no writer panics").clone()).expect("logs are UTF-8");
    for expected in ["\"http.route\":\"/api/v1/ai/retrieve/\"", "\"http.status\":422"] {
        let sample: Vec<&str> = log.lines().filter(|line| line.contains("turnwise::api")).take(3).collect();
        assert!(log.contains(expected), "the log was not captured: {expected} in {sample:?}");
    }
    let key_hash = turnwise::secrets::hash_key(ADMIN_KEY);
    let secrets = [
        ADMIN_KEY,
        CLI_KEY,
        &key_hash,
        "zorkmid",
        "frobozz",
        "grue",
        "plugh",
        "premium membership",
        "49 dollars",
        "+1555",
        "sauna",
    ];
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret:?} is in the log");
    }
}
