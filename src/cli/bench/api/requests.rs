//! What is asked: every list, analytics and summary, as it is and with its filters.

use std::fmt;

use crate::domain::clock::Timestamp;
use crate::domain::ids::ExperimentId;

const DAY_MS: i64 = 86_400_000;
/// Words that are together in few of the entries, whose texts are drawn from as many words as are in one of them.
const RARE_IN_ENTRIES: &str =
    "price booking refund invoice delivery password account upgrade cancel schedule office hours support ticket plan";
/// A word that is nowhere.
const NOWHERE: &str = "zebra";

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
    let month = day(30);
    let span = [("from", from.as_str()), ("to", to.as_str())];
    let deep = (known.conversations / 10 * 9).to_string();
    // Of a hundred thousand, one conversation has this name and ten have a longer one.
    let few_calls = format!("call-{}", known.conversations / 100);
    let experiment = known.experiment.to_string();
    let results = format!("/experiments/{experiment}/results/");

    // A search is asked for what many have, few and none: nothing is in an index for it, and who finds little reads all.
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
                &[("search", "refund")],
                &[("search", &few_calls)],
                &[("search", NOWHERE)],
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
                &[("search", RARE_IN_ENTRIES)],
                &[("search", NOWHERE)],
                &[("ordering", "-success_rate")],
                &[("ordering", "updated_at")],
            ],
        ),
        (
            "/training/training-sessions/",
            &[
                &[],
                &[("status", "completed")],
                &[("status", "failed")],
                &[("search", "session")],
                &[("search", "session 77")],
                &[("search", NOWHERE)],
            ],
        ),
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
                &[("experiment", &experiment), ("arm", "none"), ("from", &month), ("limit", "30")],
                &[("experiment", &experiment), ("arm", "knowledge"), ("from", &month), ("limit", "30")],
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
                &[("search", "call")],
                &[("search", &few_calls)],
                &[("search", NOWHERE)],
                &span,
                &[("offset", &deep)],
            ],
        ),
        (
            "/gaps/",
            &[
                &[],
                &[("status", "open")],
                &[("ordering", "-volume")],
                &[("search", "refund")],
                &[("search", "refund invoice delivery")],
                &[("search", NOWHERE)],
            ],
        ),
        (
            "/cases/",
            &[
                &[],
                &[("kind", "suspect")],
                &[("state", "open")],
                &[("search", "refund")],
                &[("search", "refund invoice delivery password")],
                &[("search", NOWHERE)],
            ],
        ),
        (
            "/jobs/",
            &[
                &[],
                &[("state", "dead")],
                &[("state", "cancelled")],
                &[("kind", "distill")],
                &[("search", "credit")],
                // A quarter of them has each word that any has: few are those of one day.
                &[("search", "credit"), ("from", &yesterday)],
                &[("search", NOWHERE)],
                &span,
            ],
        ),
        ("/jobs/summary/", &[&[]]),
        (
            "/experiments/",
            &[
                &[],
                &[("status", "running")],
                &[("search", "knowledge")],
                &[("search", "knowledge 17")],
                &[("search", NOWHERE)],
            ],
        ),
        (&results, &[&[]]),
        (
            "/keys/",
            &[&[], &[("scope", "agent")], &[("search", "key")], &[("search", "key 77")], &[("search", NOWHERE)]],
        ),
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
    fn every_list_that_is_searched_is_searched_for_what_nobody_has() {
        let known = Known {
            now: Timestamp::from_millis(100 * DAY_MS),
            experiment: ExperimentId(uuid::Uuid::from_u128(1)),
            conversations: 100_000,
        };
        let all = requests(&known);
        let searched = |word: &str| {
            let holds =
                |request: &&Request| request.query.iter().any(|(name, value)| *name == "search" && value == word);
            all.iter().filter(holds).map(|request| request.path.as_str()).collect::<Vec<_>>()
        };
        let expected = [
            "/training/training-data/",
            "/training/knowledge-base/",
            "/training/training-sessions/",
            "/conversations/",
            "/gaps/",
            "/cases/",
            "/jobs/",
            "/experiments/",
            "/keys/",
        ];
        assert_eq!(searched(NOWHERE), expected);
        assert_eq!(searched("call-1000"), ["/training/training-data/", "/conversations/"]);
    }

    #[test]
    fn a_request_is_told_as_it_is_written() {
        let cursor = ("cursor", "17.00ab.20".to_owned());
        assert_eq!(Request::new("/jobs/", &[]).to_string(), "/jobs/");
        assert_eq!(Request::new("/jobs/", &[("kind", "x".to_owned()), cursor]).to_string(), "/jobs/?kind=x&cursor=…");
    }
}
