//! What is asked: every list, analytics and summary, as it is and with its filters.

use std::fmt;

use crate::domain::clock::Timestamp;
use crate::domain::ids::ExperimentId;

const DAY_MS: i64 = 86_400_000;

/// A `GET` below the prefix.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path.
    pub path: String,
    /// What stands behind it.
    pub query: Vec<(&'static str, String)>,
}

/// Parameters of one request.
type Query<'a> = &'a [(&'static str, &'a str)];

/// What is known of the rows that were written.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The moment at which they end.
    pub now: Timestamp,
    /// The experiment that has conversations.
    pub experiment: ExperimentId,
    /// How many conversations there are.
    pub conversations: u64,
}

impl Request {
    /// A request with this query.
    pub fn new(path: &str, query: &[(&'static str, String)]) -> Self {
        Self { path: path.to_owned(), query: query.to_vec() }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for (number, (name, value)) in self.query.iter().enumerate() {
            // A cursor says nothing to a reader.
            let value = if *name == "cursor" { "…" } else { value };
            write!(f, "{}{name}={value}", if number == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// Every request that is measured.
pub fn requests(known: &Known) -> Vec<Request> {
    let day = |before: i64| known.now.plus_millis(-before * DAY_MS).to_string();
    let (from, to, yesterday) = (day(40), day(30), day(1));
    let span = [("from", from.as_str()), ("to", to.as_str())];
    let deep = (known.conversations / 10 * 9).to_string();
    let experiment = known.experiment.to_string();
    let results = format!("/experiments/{experiment}/results/");

    let lists: &[(&str, &[Query<'_>])] = &[
        (
            "/training/training-data/",
            &[
                &[],
                &[("category", "sales")],
                &[("outcome", "partial")],
                &[("language", "ur-Latn")],
                &[("agent_id", "agent-07")],
                &[("agent_id", "nobody")],
                &[("ordering", "-success_score")],
                &[("min_score", "0.5"), ("max_score", "0.501")],
                &span,
                &[("category", "sales"), ("outcome", "partial"), ("language", "es"), ("agent_id", "agent-07")],
                &[("offset", &deep)],
            ],
        ),
        (
            "/training/training-data/analytics/",
            &[
                &[],
                &[("period", "monthly")],
                &[("category", "sales")],
                &[("agent_id", "agent-07")],
                &[("outcome", "successful"), ("channel", "chat")],
                &span,
            ],
        ),
        (
            "/training/knowledge-base/",
            &[
                &[],
                &[("knowledge_type", "faq")],
                &[("category", "sales")],
                &[("language", "hi")],
                &[("status", "live")],
                &[("intent", "pricing")],
                &[("search", "refund invoice")],
                &[("search", "zebra")],
                &[("ordering", "-success_rate")],
                &[("ordering", "updated_at")],
            ],
        ),
        ("/training/training-sessions/", &[&[], &[("status", "completed")], &[("status", "failed")]]),
        (
            "/training/performance-metrics/",
            &[
                &[],
                &[("period", "weekly")],
                &[("period", "monthly")],
                &[("limit", "100")],
                &[("category", "sales")],
                &[("period", "weekly"), ("agent_id", "agent-07")],
                &[("period", "monthly"), ("language", "es"), ("channel", "phone")],
                &[("experiment", &experiment), ("arm", "none"), ("from", &yesterday)],
            ],
        ),
        (
            "/training/performance-metrics/summary/",
            &[&[], &[("period", "weekly")], &[("period", "monthly")], &[("period", "monthly"), ("channel", "chat")]],
        ),
        (
            "/conversations/",
            &[
                &[],
                &[("status", "processed")],
                &[("status", "failed")],
                &[("outcome", "partial")],
                &[("category", "sales")],
                &[("language", "ur")],
                &[("agent_id", "agent-07")],
                &[("channel", "chat")],
                &[("ordering", "started_at")],
                &span,
                &[("offset", &deep)],
            ],
        ),
        ("/gaps/", &[&[], &[("status", "open")], &[("ordering", "-volume")], &[("search", "refund")]]),
        ("/cases/", &[&[], &[("kind", "suspect")], &[("state", "open")]]),
        ("/jobs/", &[&[], &[("state", "dead")], &[("state", "cancelled")], &[("kind", "distill")], &span]),
        ("/jobs/summary/", &[&[]]),
        ("/experiments/", &[&[], &[("status", "running")]]),
        (&results, &[&[]]),
        ("/keys/", &[&[], &[("scope", "agent")]]),
    ];
    let one = |path: &str, query: &[(&'static str, &str)]| Request {
        path: path.to_owned(),
        query: query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    };
    lists.iter().flat_map(|(path, queries)| queries.iter().map(|query| one(path, query)).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_as_it_is_written() {
        let cursor = ("cursor", "17.00ab.20".to_owned());
        assert_eq!(Request::new("/jobs/", &[]).to_string(), "/jobs/");
        assert_eq!(Request::new("/jobs/", &[("kind", "x".to_owned()), cursor]).to_string(), "/jobs/?kind=x&cursor=…");
    }
}
