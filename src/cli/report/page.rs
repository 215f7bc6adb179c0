//! The page of a report, in Markdown.

use crate::cli::jobs::age;
use crate::cli::report::advice::{advice, entry_link, link};
use crate::cli::report::days;
use crate::cli::report::facts::{Analysis, Counted, EntryLine, Facts, Metric, Period};
use crate::cli::report::words::{UNKNOWN, cell, change, count, dollars, number, percent, table};
use crate::domain::conversation::Outcome;
use crate::store::jobs::JobState;

/// Intents and categories that are named, each.
const NAMED_TERMS: usize = 8;

/// The page; `plots` are titles and file names, in their order.
pub fn page(facts: &Facts, plots: &[(&str, &str)]) -> String {
    let mut page = heading(facts);
    let empty = facts.periods.iter().all(|period| period.metric.is_empty());
    if empty {
        page.push_str(
            "\nNothing is known of this period and those before it: no conversation, no retrieval and no entry. There \
             is nothing to plot.\n",
        );
    } else {
        page.push_str(&happened(facts));
        page.push_str(&endings(facts));
        page.push_str(&over_time(facts, plots));
        page.push_str(&subjects(facts));
        page.push_str(&entries(facts));
    }
    page.push_str(&open(facts));
    page.push_str(&next_steps(facts));
    page
}

fn heading(facts: &Facts) -> String {
    let (word, _) = days::words(facts.kind);
    let mut text = format!("# Turnwise: {}\n", days::name(facts.kind, facts.start));
    if !facts.is_over {
        text.push_str(&format!("\n*This {word} is not over: the numbers are those of the part that has passed.*\n"));
    }
    if !facts.filters.is_empty() {
        let named: Vec<String> = facts
            .filters
            .iter()
            .map(|(name, value)| format!("{} = {}", name.replace('_', " "), cell(value, 60)))
            .collect();
        text.push_str(&format!("\n*Only what is of {}. What is open below is of everything.*\n", named.join(", ")));
        if facts.filters.iter().any(|(name, _)| matches!(*name, "agent_id" | "channel")) {
            text.push_str("*Entries belong to no agent and no channel: those named below are of all of them.*\n");
        }
    }
    text
}

/// The period and the one before, as far as there are any.
fn both(facts: &Facts) -> (Option<&Period>, Option<&Period>) {
    let mut newest_first = facts.periods.iter().rev();
    (newest_first.next(), newest_first.next())
}

fn happened(facts: &Facts) -> String {
    let (now, then) = both(facts);
    let empty = Metric::default();
    let (this, before) = (now.map_or(&empty, |one| &one.metric), then.map_or(&empty, |one| &one.metric));
    let rate = |name: &str, of: fn(&Metric) -> Option<f64>| {
        let (now, then) = (of(this), of(before));
        vec![name.to_owned(), percent(now), percent(then), change(now, then, 100.0, 1, " points")]
    };
    let number_row = |name: &str, of: fn(&Metric) -> Option<f64>, decimals: usize, unit: &str| {
        let (now, then) = (of(this), of(before));
        let changed = change(now, then, 1.0, decimals, unit);
        vec![name.to_owned(), number(now, decimals, unit), number(then, decimals, unit), changed]
    };
    let counted = |name: &str, of: fn(&Metric) -> i64| {
        let (now, then) = (of(this), of(before));
        vec![name.to_owned(), count(now), count(then), change(Some(now as f64), Some(then as f64), 1.0, 0, "")]
    };
    let money = |name: &str, of: fn(&Metric) -> Option<f64>| {
        let (now, then) = (of(this), of(before));
        let sign = if now < then { "-" } else { "+" };
        let changed = now.zip(then).map(|(now, then)| (now - then).abs());
        let changed = match changed {
            Some(changed) if changed < 0.000_05 => "=".to_owned(),
            Some(changed) => format!("{sign}{}", dollars(Some(changed))),
            None => UNKNOWN.to_owned(),
        };
        vec![name.to_owned(), dollars(now), dollars(then), changed]
    };
    let mut success = rate("Success rate", |metric| metric.success_rate);
    success[1].push_str(&successes(now));
    success[2].push_str(&successes(then));
    let rows = [
        counted("Conversations", |metric| metric.conversations),
        success,
        number_row("Satisfaction that was given (1 to 5)", |metric| metric.average_satisfaction, 2, ""),
        number_row(
            "Satisfaction estimated where nobody gave any (1 to 5)",
            |metric| metric.estimated_satisfaction,
            2,
            "",
        ),
        money("Cost of a success", |metric| metric.cost_per_success_usd),
        money("Cost in all", |metric| Some(metric.cost_usd)),
        number_row("Turns of a conversation", |metric| metric.average_turns, 1, ""),
        number_row("Length of a conversation", |metric| metric.average_duration_s, 0, " s"),
        counted("Retrievals", |metric| metric.retrievals),
        rate("… that offered something", |metric| metric.hit_rate),
        rate("… that offered nothing", |metric| metric.abstention_rate),
        rate("Shown and then said", |metric| metric.use_rate),
        number_row("Half of the retrievals within (p50)", |metric| metric.retrieval_p50_ms, 1, " ms"),
        number_row("99 of 100 within (p99)", |metric| metric.retrieval_p99_ms, 1, " ms"),
        counted("Entries known at the end", |metric| metric.knowledge_entries),
        counted("New entries", |metric| metric.new_entries),
    ];
    let (word, _) = days::words(facts.kind);
    let header = ["", &format!("this {word}"), &format!("the {word} before"), "change"];
    format!(
        "\n## What happened\n\n{}\nExcluded conversations (voicemail, never connected) are in no rate and no average.\n",
        table(&header, &rows)
    )
}

/// The counts behind a rate, where they say the same: conversations that are not analysed yet are in the rate alone.
fn successes(period: Option<&Period>) -> String {
    let Some(Period { metric, analysis: Some(analysis), .. }) = period else { return String::new() };
    let (successful, judged) = (analysis.ended(Outcome::Successful), analysis.judged());
    let is_same = metric.success_rate.is_some_and(|rate| (rate * judged as f64 - successful as f64).abs() < 1e-6);
    if is_same && judged > 0 { format!(" ({} of {})", count(successful), count(judged)) } else { String::new() }
}

fn endings(facts: &Facts) -> String {
    let (now, then) = both(facts);
    let empty = Analysis::default();
    let [this, before] = [now, then].map(|period| period.and_then(|one| one.analysis.as_ref()).unwrap_or(&empty));
    if this.total() == 0 && before.total() == 0 {
        return "\n## How conversations ended\n\nNo conversation of these two was analysed.\n".to_owned();
    }
    let share = |analysis: &Analysis, outcome: Outcome| {
        let (some, all) = (analysis.ended(outcome), analysis.total());
        let share = percent((all > 0).then(|| some as f64 / all as f64));
        format!("{} ({share})", count(some))
    };
    let order = [Outcome::Successful, Outcome::Partial, Outcome::Unsuccessful, Outcome::Unknown, Outcome::Excluded];
    let rows = order.map(|outcome| vec![outcome.to_string(), share(this, outcome), share(before, outcome)]);
    let (word, _) = days::words(facts.kind);
    let header = ["analysed conversations", &format!("this {word}"), &format!("the {word} before")];
    format!("\n## How conversations ended\n\n{}", table(&header, &rows))
}

fn over_time(facts: &Facts, plots: &[(&str, &str)]) -> String {
    let (word, _) = days::words(facts.kind);
    // There are always two, and the first of them may be one of which nothing is known.
    let empty = facts.periods.iter().take_while(|period| period.metric.is_empty()).count();
    let known = &facts.periods[empty..];
    let these = match known.len() {
        1 => format!("The first {word}"),
        several => format!("The last {several} {word}s"),
    };
    let mut text = format!("\n## Over time\n\n{these} in which anything is known.\n");
    if plots.is_empty() {
        text.push_str("\nThere is nothing to plot yet.\n");
    }
    for (title, file) in plots {
        text.push_str(&format!("\n![{title}]({file})\n"));
    }
    let row = |period: &Period| {
        let metric = &period.metric;
        vec![
            days::short(facts.kind, period.start),
            count(metric.conversations),
            percent(metric.success_rate),
            count(metric.knowledge_entries),
            count(metric.new_entries),
            count(metric.retrievals),
            percent(metric.hit_rate),
            percent(metric.use_rate),
            number(metric.retrieval_p50_ms, 1, " ms"),
            number(metric.retrieval_p99_ms, 1, " ms"),
        ]
    };
    let header = [word, "conversations", "success", "entries", "new", "retrievals", "offered", "used", "p50", "p99"];
    let rows: Vec<Vec<String>> = known.iter().map(row).collect();
    text.push_str(&format!("\n{}", table(&header, &rows)));
    text
}

fn subjects(facts: &Facts) -> String {
    let (now, then) = both(facts);
    let Some(this) = now.and_then(|period| period.analysis.as_ref()) else { return String::new() };
    let before = then.and_then(|period| period.analysis.as_ref());
    let (word, _) = days::words(facts.kind);
    let section = |name: &str, of: fn(&Analysis) -> &[Counted]| {
        let earlier = |term: &str| before.and_then(|one| of(one).iter().find(|counted| counted.name == term));
        let row = |counted: &Counted| {
            let earlier = earlier(&counted.name).map_or_else(|| UNKNOWN.to_owned(), |one| count(one.count));
            vec![cell(&counted.name, 60), count(counted.count), earlier]
        };
        let rows: Vec<Vec<String>> = of(this).iter().take(NAMED_TERMS).map(row).collect();
        if rows.is_empty() {
            return format!("\nNo {name} was told.\n");
        }
        let header = [name, &format!("this {word}"), &format!("the {word} before")];
        format!("\n{}", table(&header, &rows))
    };
    let intents = section("intent", |analysis| &analysis.user_intents);
    let categories = section("category", |analysis| &analysis.categories);
    format!("\n## What it was about\n{intents}{categories}")
}

fn entries(facts: &Facts) -> String {
    let entries = &facts.entries;
    let mut text = String::from(
        "\n## Entries\n\nSuccess is the mean of what is known, with the bounds between which it lies with 90 %; uses are \
         all there ever were. Both lists are in order of the nearer bound, so that one lucky use is no proof.\n",
    );
    if entries.are_more {
        text.push_str(&format!("Of more entries than these, the {} newest were looked at.\n", entries.looked_at));
    }
    let row = |entry: &EntryLine| {
        let success = &entry.success;
        vec![
            entry_link(facts, entry),
            entry.knowledge_type.to_string(),
            cell(&entry.category, 40),
            cell(&entry.language, 20),
            entry.status.to_string(),
            percent(Some(success.rate)),
            format!("{:.0} to {:.0} %", success.low * 100.0, success.high * 100.0),
            count(success.uses),
            count(entry.evidence_count),
        ]
    };
    let header = ["entry", "kind", "category", "language", "status", "success", "between", "uses", "evidence"];
    let lists = [
        ("Best", &entries.best, "No entry that was used has led to success more often than not."),
        ("Most failing", &entries.failing, "No entry that was used has failed more often than it helped."),
        ("New", &entries.new, "None was made in this period."),
    ];
    for (name, list, nothing) in lists {
        let rows: Vec<Vec<String>> = list.iter().map(row).collect();
        let told = if rows.is_empty() { format!("{nothing}\n") } else { table(&header, &rows) };
        text.push_str(&format!("\n### {name}\n\n{told}"));
    }
    text
}

fn open(facts: &Facts) -> String {
    let mut text = String::from("\n## Open now\n");
    match &facts.open.gaps {
        None => text.push_str("\nGaps: this key may not see them, or the server does not know them.\n"),
        Some((_, gaps)) if gaps.is_empty() => text.push_str("\nNo gap is open.\n"),
        Some((all, gaps)) => {
            let rows = gaps.iter().enumerate().map(|(at, gap)| {
                let language = cell(&gap.language, 20);
                let (title, rank) = (link(facts, "/gaps/", &gap.id, &cell(&gap.title, 60)), (at + 1).to_string());
                vec![rank, title, language, count(gap.volume), format!("{:.2}", gap.score)]
            });
            let told =
                table(&["rank", "asked and not answered", "language", "times", "score"], &rows.collect::<Vec<_>>());
            text.push_str(&format!("\n{} gaps, the worst first:\n\n{told}", count(*all)));
        }
    }
    match &facts.open.cases {
        None => text.push_str("\nCases: this key may not see them.\n"),
        Some((0, _)) => text.push_str("\nNo case is open.\n"),
        Some((all, cases)) => {
            let rows = cases.iter().map(|case| {
                let kind = cell(&case.kind.replace('_', " "), 40);
                vec![link(facts, "/cases/", &case.id, &kind), cell(&case.detail, 160)]
            });
            let told = table(&["case", "why"], &rows.collect::<Vec<_>>());
            text.push_str(&format!("\n{} cases, the last noticed first:\n\n{told}", count(*all)));
        }
    }
    match &facts.open.jobs {
        None => text.push_str("\nThe queue: this key may not see it.\n"),
        Some(jobs) => {
            let of = |state: JobState| count(jobs.of_state(state));
            let oldest = jobs.oldest_queued_s.map(|oldest| format!(", the oldest for {}", age(oldest)));
            text.push_str(&format!(
                "\nThe queue: {} queued{}, {} running, {} given up.\n",
                of(JobState::Queued),
                oldest.unwrap_or_default(),
                of(JobState::Running),
                of(JobState::Dead)
            ));
        }
    }
    text
}

fn next_steps(facts: &Facts) -> String {
    let advice = advice(facts);
    let mut text = String::from("\n## What to do next\n\n");
    if advice.is_empty() {
        text.push_str("Nothing is urgent.\n");
    }
    for (at, one) in advice.iter().enumerate() {
        text.push_str(&format!("{}. {one}\n", at + 1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::fixtures::{facts, no_facts};

    #[track_caller]
    fn check(page: &str, parts: &[&str]) {
        for part in parts {
            assert!(page.contains(part), "{part:?} is missing in\n{page}");
        }
    }

    #[test]
    fn the_page_tells_what_happened_against_the_period_before() {
        let plots = [("Success rate by week", "turnwise-weekly-2026-08-31-success.svg")];
        let page = page(&facts(), &plots);
        check(
            &page,
            &[
                "# Turnwise: week 36 of 2026, 31 August to 6 September\n",
                "|  | this week | the week before | change |\n|---|---|---|---|\n",
                "| Conversations | 52 | 40 | +12 |\n",
                "| Success rate | 66.7 % (32 of 48) | 55.6 % (20 of 36) | +11.1 points |\n",
                "| Satisfaction that was given (1 to 5) | 4.25 | – | – |\n",
                "| Satisfaction estimated where nobody gave any (1 to 5) | 3.50 | 3.50 | = |\n",
                "| Cost of a success | $0.0312 | – | – |\n",
                "| 99 of 100 within (p99) | 12.5 ms | 10.0 ms | +2.5 ms |\n",
                "| New entries | 1 | 0 | +1 |\n",
                "| successful | 32 (61.5 %) | 20 (50.0 %) |\n",
                "![Success rate by week](turnwise-weekly-2026-08-31-success.svg)\n",
                "| 24 Aug | 40 | 55.6 % | 30 |",
                "| pricing | 32 | 20 |\n",
                "| support | 8 | 6 |\n",
                "[Where to \\| park](/api/v1/ai/training/knowledge-base/best/)",
                "| 20.0 % | 10 to 30 % | 41 | 2 |\n",
                "### New\n\n",
                "| 1 | [Can I pay by cheque?](/api/v1/ai/gaps/gap-1/) | en | 17 | 9.50 |\n",
                "3 cases, the last noticed first",
                "The queue: 4 queued, the oldest for 2 h, 0 running, 2 given up.",
                "## What to do next\n\n1. ",
            ],
        );
        assert!(!page.contains("not over") && !page.contains("Only what"), "{page}");
        assert_eq!(page, super::page(&facts(), &plots), "the same facts, the same page");
    }

    #[test]
    fn a_period_that_goes_on_and_a_part_of_everything_are_told_as_such() {
        let mut part = facts();
        part.is_over = false;
        part.filters = vec![("agent_id", "anna".to_owned()), ("language", "de".to_owned())];
        check(
            &page(&part, &[]),
            &["This week is not over", "agent id = anna, language = de", "no agent and no channel"],
        );
    }

    #[test]
    fn a_week_of_which_nothing_is_known_is_not_counted_among_those_before() {
        let mut young = facts();
        young.periods[0] = Period { start: young.periods[0].start, ..Period::default() };
        let told = page(&young, &[]);
        check(&told, &["The first week in which anything is known.\n"]);
        assert!(!told.contains("| 24 Aug |"), "{told}");
        check(&page(&facts(), &[]), &["The last 2 weeks in which anything is known.\n"]);
    }

    #[test]
    fn an_empty_installation_gets_a_page_that_says_so() {
        let page = page(&no_facts(), &[]);
        check(&page, &["nothing to plot", "may not see", "turnwise ingest"]);
        assert!(!page.contains("0.0 %") && !page.contains("!["), "{page}");
    }

    #[test]
    fn counts_that_are_not_those_of_the_rate_are_left_out() {
        let mut late = facts();
        late.periods[1].metric.success_rate = Some(0.5);
        check(&page(&late, &[]), &["| Success rate | 50.0 % | 55.6 % (20 of 36) |"]);
    }
}
