//! Logs to standard error and metrics for `/metrics`.
//!
//! Guarantees: starting either of them again in one process changes nothing, so every test may; a filter that cannot be
//! read is refused when the configuration is read, not when the first line is logged; nothing listens on a port. What
//! is logged is up to the caller: never the text of a turn, never a key.

use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Deserialize;
use thiserror::Error;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Upper bounds of the buckets of each metric whose name ends in `_seconds`: 0.2 ms to 30 s, fine where a retrieval is.
const SECONDS: [f64; 17] =
    [0.000_2, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0, 3.0, 10.0, 30.0];

/// How often measured durations are moved into their buckets when nobody reads `/metrics`; they would pile up.
const UPKEEP: Duration = Duration::from_secs(5);

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// The `[log]` section of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// For people or for machines.
    pub format: LogFormat,
    /// Which lines are written.
    pub filter: LogFilter,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line for people; coloured on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which lines are written: levels by module, as `info,turnwise::jobs=debug`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LogFilter(String);

/// A log filter that cannot be read.
#[derive(Debug, Error)]
#[error("must be levels by module such as 'info,turnwise::jobs=debug': {0}")]
pub struct LogFilterError(#[from] tracing_subscriber::filter::ParseError);

impl TryFrom<String> for LogFilter {
    type Error = LogFilterError;

    fn try_from(text: String) -> Result<Self, LogFilterError> {
        EnvFilter::builder().parse(&text)?;
        Ok(Self(text))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Sends logs to standard error from now on. Does nothing where a process already logs.
pub fn start_logs(settings: &LogSettings) {
    // It fails only when there is a subscriber already, which is what is wanted.
    let _ = log_subscriber(settings, io::stderr).try_init();
}

/// Logs as `settings` want them, to any writer: what [`start_logs`] installs, and what a test reads.
pub fn log_subscriber<W>(settings: &LogSettings, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match settings.format {
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    tracing_subscriber::registry().with(EnvFilter::new(&settings.filter.0)).with(lines)
}

/// Collects what the `metrics` macros report from now on. Does nothing the second time.
pub fn start_metrics() {
    handle();
}

/// Everything collected so far, in Prometheus' text format.
pub fn render_metrics() -> String {
    handle().render()
}

fn handle() -> &'static PrometheusHandle {
    METRICS.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .expect("the list of buckets is not empty")
            .build_recorder();
        let handle = recorder.handle();
        // It fails only when somebody else collects in this process; theirs is then the one that is read.
        let _ = metrics::set_global_recorder(recorder);
        keep_up(handle.clone());
        handle
    })
}

fn keep_up(handle: PrometheusHandle) {
    let upkeep = thread::Builder::new().name("metrics-upkeep".to_owned()).spawn(move || {
        loop {
            thread::sleep(UPKEEP);
            handle.run_upkeep();
        }
    });
    if let Err(error) = upkeep {
        tracing::warn!(%error, "No thread for the upkeep of metrics; reading /metrics does it instead");
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

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

    fn settings(format: LogFormat, filter: &str) -> LogSettings {
        LogSettings { format, filter: LogFilter::try_from(filter.to_owned()).expect("the filter is valid") }
    }

    fn logged(settings: &LogSettings) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(log_subscriber(settings, move || writer.clone()), || {
            let _request = tracing::info_span!("request", request.id = "r-1").entered();
            tracing::info!(search.duration_us = 420, "Answered");
            tracing::debug!("Not of interest");
        });
        let bytes = lines.0.lock().expect("no writer panics").clone();
        String::from_utf8(bytes).expect("logs are UTF-8")
    }

    #[test]
    fn a_json_line_carries_its_fields_and_its_span() {
        let text = logged(&settings(LogFormat::Json, "info"));
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(line["message"], "Answered");
        assert_eq!(line["search.duration_us"], 420);
        assert_eq!(line["span"]["request.id"], "r-1");
    }

    #[test]
    fn a_filter_names_levels_by_module() {
        assert!(logged(&settings(LogFormat::Text, "turnwise=debug")).contains("Not of interest"));
        assert_eq!(logged(&settings(LogFormat::Text, "off")), "");
        assert!(LogFilter::try_from("turnwise=loudly".to_owned()).is_err());
    }

    #[test]
    fn starting_twice_is_harmless_and_durations_become_buckets() {
        let quiet = settings(LogFormat::Text, "off");
        start_logs(&quiet);
        start_logs(&quiet);
        start_metrics();
        start_metrics();

        metrics::histogram!("telemetry_test_seconds").record(0.004);
        let text = render_metrics();
        assert!(text.contains("telemetry_test_seconds_bucket{le=\"0.005\"} 1"), "{text}");
    }
}
