//! Facts for the tests of the page and the plots.

use std::collections::BTreeMap;

use crate::cli::jobs::{QueueCount, QueueSummary};
use crate::cli::report::facts::{Analysis, Case, Counted, Entries, EntryLine, Facts, Gap, Metric, Open, Period};
use crate::domain::conversation::Outcome;
use crate::domain::knowledge::{EntryStatus, KnowledgeType};
use crate::domain::period::PeriodKind;
use crate::domain::success::SuccessRate;
use crate::store::jobs::JobState;

/// An installation in which nothing has happened.
pub fn no_facts() -> Facts {
    let week = |start: &str| Period { start: start.parse().expect("a day"), ..Period::default() };
    Facts {
        kind: PeriodKind::Weekly,
        start: "2026-08-31".parse().expect("a day"),
        is_over: true,
        filters: Vec::new(),
        periods: vec![week("2026-08-24"), week("2026-08-31")],
        entries: Entries::default(),
        open: Open::default(),
        link_base: String::new(),
    }
}

/// Two weeks in which something happened.
pub fn facts() -> Facts {
    let mut facts = no_facts();
    facts.periods[0].metric = metric(40, 20.0 / 36.0, 30);
    facts.periods[0].analysis = Some(analysis([20, 10, 6, 2, 2]));
    facts.periods[1].metric = Metric {
        average_satisfaction: Some(4.25),
        retrieval_p99_ms: Some(12.5),
        cost_per_success_usd: Some(0.0312),
        new_entries: 1,
        ..metric(52, 32.0 / 48.0, 31)
    };
    facts.periods[1].analysis = Some(analysis([32, 8, 8, 3, 1]));
    facts.entries = Entries {
        looked_at: 31,
        are_more: false,
        best: vec![entry("best", "Where to | park", (0.9, 0.8, 0.97), 60)],
        failing: vec![entry("poor", "Old prices", (0.2, 0.1, 0.3), 41)],
        new: vec![entry("new", "Dogs are welcome", (0.6, 0.2, 0.9), 0)],
    };
    let case = Case { id: "case-1".to_owned(), kind: "near_duplicate".to_owned(), detail: "the same twice".to_owned() };
    let gap = Gap {
        id: "gap-1".to_owned(),
        title: "Can I pay by cheque?".to_owned(),
        volume: 17,
        score: 9.5,
        language: "en".to_owned(),
        draft: None,
    };
    let count = |state, count, oldest_s| QueueCount { kind: "distill".to_owned(), state, count, oldest_s };
    facts.open = Open {
        cases: Some((3, vec![case])),
        gaps: Some((1, vec![gap])),
        jobs: Some(QueueSummary {
            counts: vec![count(JobState::Dead, 2, 90_000.0), count(JobState::Queued, 4, 7_300.0)],
            oldest_queued_s: Some(7_300.0),
            expired_exposures: 0,
        }),
    };
    facts
}

fn metric(conversations: i64, success_rate: f64, knowledge_entries: i64) -> Metric {
    Metric {
        conversations,
        success_rate: Some(success_rate),
        average_turns: Some(6.0),
        average_duration_s: Some(120.0),
        estimated_satisfaction: Some(3.5),
        cost_usd: 1.0,
        retrievals: 3 * conversations,
        hit_rate: Some(0.75),
        abstention_rate: Some(0.25),
        use_rate: Some(0.5),
        retrieval_p50_ms: Some(3.25),
        retrieval_p99_ms: Some(10.0),
        knowledge_entries,
        ..Metric::default()
    }
}

fn analysis([successful, partial, unsuccessful, unknown, excluded]: [i64; 5]) -> Analysis {
    let outcomes = BTreeMap::from([
        (Outcome::Successful, successful),
        (Outcome::Partial, partial),
        (Outcome::Unsuccessful, unsuccessful),
        (Outcome::Unknown, unknown),
        (Outcome::Excluded, excluded),
    ]);
    let counted = |name: &str, count| Counted { name: name.to_owned(), count };
    Analysis {
        outcomes,
        categories: vec![counted("sales", successful), counted("support", unsuccessful)],
        user_intents: vec![counted("pricing", successful)],
    }
}

fn entry(id: &str, title: &str, (rate, low, high): (f64, f64, f64), uses: i64) -> EntryLine {
    EntryLine {
        id: id.to_owned(),
        knowledge_type: KnowledgeType::Faq,
        category: "sales".to_owned(),
        title: title.to_owned(),
        status: EntryStatus::Live,
        success: SuccessRate { rate, low, high, uses },
        language: "en".to_owned(),
        evidence_count: 2,
        created_at: "2026-09-01T10:00:00Z".to_owned(),
    }
}
