//! What to do next, told from the facts, the most useful first.

use crate::cli::client::PREFIX;
use crate::cli::jobs::age;
use crate::cli::report::facts::{EntryLine, Facts};
use crate::cli::report::words::{cell, count, percent};
use crate::store::jobs::JobState;

/// Entries, gaps and cases that are advised about, each.
const ADVISED: usize = 3;
/// A queue whose oldest job waits for longer is behind, in seconds.
const BEHIND_S: f64 = 3_600.0;
/// Below this share of retrievals that offer something, knowledge is missing.
const FEW_HITS: f64 = 0.5;
/// Below this share of used answers, what is offered does not reach users.
const FEW_USES: f64 = 0.2;

/// A link to something of the API by its id.
pub fn link(facts: &Facts, path: &str, id: &str, text: &str) -> String {
    format!("[{text}]({}{PREFIX}{path}{id}/)", facts.link_base)
}

/// A link to an entry, by its title.
pub fn entry_link(facts: &Facts, entry: &EntryLine) -> String {
    link(facts, "/training/knowledge-base/", &entry.id, &cell(&entry.title, 60))
}

/// How often something happened.
fn times(count_of_them: i64) -> String {
    if count_of_them == 1 { "once".to_owned() } else { format!("{} times", count(count_of_them)) }
}

/// One sentence for each thing to do.
pub fn advice(facts: &Facts) -> Vec<String> {
    let mut advice = Vec::new();
    let metric = facts.periods.last().map(|period| &period.metric);
    if metric.is_none_or(|metric| metric.conversations == 0) {
        advice.push(
            "Hand in finished conversations: `POST /conversations/`, or `turnwise ingest FILE`. Everything here is \
             learned and counted from them."
                .to_owned(),
        );
    }
    if let Some(jobs) = &facts.open.jobs {
        let dead = jobs.of_state(JobState::Dead);
        if dead > 0 {
            advice.push(format!(
                "{} given up: `turnwise jobs summary` says why; when the cause is mended, `turnwise jobs \
                 retry --all-dead` runs {} again.",
                if dead == 1 { "1 job was".to_owned() } else { format!("{} jobs were", count(dead)) },
                if dead == 1 { "it" } else { "them" }
            ));
        }
        if let Some(oldest) = jobs.oldest_queued_s.filter(|oldest| *oldest > BEHIND_S) {
            advice
                .push(format!("The oldest queued job waits for {}: see that a server runs and keeps up.", age(oldest)));
        }
    }
    // Below a half even at the upper end of the interval: that is no bad luck.
    let hopeless = facts.entries.failing.iter().filter(|entry| entry.success.high < 0.5);
    advice.extend(hopeless.take(ADVISED).map(|entry| {
        let (uses, rate) = (entry.success.uses, percent(Some(entry.success.rate)));
        format!("Rewrite or retire {}: {rate} success over {uses} uses.", entry_link(facts, entry))
    }));
    advice.extend(facts.open.gaps.iter().flat_map(|(_, gaps)| gaps).take(ADVISED).map(|gap| {
        let link = link(facts, "/gaps/", &gap.id, &cell(&gap.title, 60));
        let how = if gap.draft.is_some() { "accept its draft" } else { "write an answer and accept it" };
        format!("Answer {link}, which was asked {} in vain: {how}, or dismiss it.", times(gap.volume))
    }));
    advice.extend(facts.open.cases.iter().flat_map(|(_, cases)| cases).take(ADVISED).map(|case| {
        let link = link(facts, "/cases/", &case.id, &cell(&case.kind.replace('_', " "), 40));
        format!("Decide the case {link}: {}", cell(&case.detail, 160))
    }));
    if metric.and_then(|metric| metric.hit_rate).is_some_and(|rate| rate < FEW_HITS) {
        advice.push(
            "More than half of the retrievals offered nothing: look at the gaps, and hand in conversations that went \
             well."
                .to_owned(),
        );
    }
    if metric.and_then(|metric| metric.use_rate).is_some_and(|rate| rate < FEW_USES) {
        advice.push(
            "Little of what was shown was said: see that agents get the answers into their prompt (`render` in \
             `/retrieve/`)."
                .to_owned(),
        );
    }
    if metric.is_some_and(|metric| metric.conversations > 0 && metric.success_rate.is_none()) {
        advice.push("No conversation has a known outcome: tell it with `POST /outcomes/`.".to_owned());
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::fixtures::{facts, no_facts};

    #[test]
    fn advice_names_what_it_is_about() {
        let told = advice(&facts());
        let parts = [
            "turnwise jobs retry --all-dead",
            "waits for 2 h",
            "[Old prices](/api/v1/ai/training/knowledge-base/poor/): 20.0 % success over 41 uses",
            "[Can I pay by cheque?](/api/v1/ai/gaps/gap-1/), which was asked 17 times",
            "[near duplicate](/api/v1/ai/cases/case-1/): the same twice",
        ];
        assert_eq!(told.len(), parts.len(), "{told:#?}");
        for (told, part) in told.iter().zip(parts) {
            assert!(told.contains(part), "{part} is missing in {told}");
        }
        let mut elsewhere = facts();
        elsewhere.link_base = "http://10.0.0.1:8080".to_owned();
        assert!(advice(&elsewhere)[3].contains("(http://10.0.0.1:8080/api/v1/ai/gaps/gap-1/)"));
    }

    #[test]
    fn what_happened_once_is_told_so() {
        assert_eq!([times(1), times(2)], ["once", "2 times"]);
    }

    #[test]
    fn an_empty_installation_is_told_how_to_begin() {
        let told = advice(&no_facts());
        assert!(told.len() == 1 && told[0].contains("turnwise ingest"), "{told:?}");
    }
}
