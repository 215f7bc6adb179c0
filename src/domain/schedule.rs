//! Schedules: what is done again and again, and when it is next due in a time zone.
//!
//! A pattern means the wall clock of its zone. When clocks go forward over the one time of day that it names, it is due at
//! the first moment behind the gap; when they go back, at the first of the two. A pattern of several times of day (a `*`,
//! a list, a range or a step among its minutes or hours) is due whenever the clock shows one of them, so not in a gap, and
//! in both passes of an hour that comes twice.

use std::fmt;

use chrono::{DateTime, TimeZone};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};

use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::error::FieldError;
use crate::domain::ids::{SessionId, TenantId};

/// The most characters of a pattern.
const MAX_CHARS: usize = 200;
/// The year 4000: nothing is planned behind it.
const LATEST_MS: i64 = 64_060_588_800_000;
/// The fields, each with what may stand in it.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of the week", "0 (Sunday) to 6, or SUN to SAT"),
];
/// What a pattern looks like.
const SHAPE: &str = "must be five fields, minute hour day-of-month month day-of-week, such as '0 3 * * *' for every night \
    at three or '*/15 8-18 * * MON-FRI'";

word_enum!(
    /// What is due at a tick. All but the last three are kinds of jobs.
    Work {
        /// Metrics of open days, weeks and months.
        RollUpMetrics = "roll_up_metrics",
        /// Entries that say nearly the same become cases.
        MergeEntries = "merge_entries",
        /// What is kept no longer goes.
        Prune = "prune",
        /// Utterances that found nothing useful are clustered.
        FindGaps = "find_gaps",
        /// Exposures whose conversation never came are given up.
        ExpireExposures = "expire_exposures",
        /// Graphs over what every search scans, if that is too much.
        OptimizeIndex = "optimize_index",
        /// A session that learns anew from what an earlier pipeline read.
        Relearn = "relearn",
        /// A session that computes the success of every entry anew.
        RefreshMetrics = "refresh_metrics",
        /// A session that somebody put on a schedule.
        Session = "session",
    }
);

/// When something is due: a pattern of five fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    pattern: croner::Cron,
}

impl Cron {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, and what it should look like.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let wrong = |why: String| FieldError::new("cron", format!("{SHAPE}; {why}"));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() || text.chars().count() > MAX_CHARS || !text.is_ascii() {
            return Err(wrong(format!("it has 1 to {MAX_CHARS} ASCII characters")));
        }
        let fields: Vec<&str> = text.split(' ').collect();
        if fields.len() != FIELDS.len() {
            return Err(wrong(format!("this one has {}", fields.len())));
        }
        if let Some(why) = fields.iter().enumerate().find_map(|(at, field)| wrong_field(at, field)) {
            return Err(wrong(why));
        }
        // Each field can be read, and what they mean together is looked at below.
        let pattern = parser().parse(&text).map_err(|_| wrong("these fields do not go together".to_owned()))?;
        let cron = Self { text, pattern };
        if cron.next_after(Timestamp::from_millis(0), Tz::UTC).is_none() {
            return Err(wrong("no day of any year is meant by this one".to_owned()));
        }
        Ok(cron)
    }

    /// The pattern as it was given, without needless white space.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first tick behind a moment; `None` when there is none any more.
    pub fn next_after(&self, moment: Timestamp, zone: Tz) -> Option<Timestamp> {
        let tick = self.pattern.find_next_occurrence(&local(moment, zone)?, false).ok()?;
        Some(Timestamp::from_millis(tick.timestamp_millis())).filter(|tick| *tick > moment)
    }

    /// The first tick at a moment or behind it.
    pub fn first_from(&self, moment: Timestamp, zone: Tz) -> Option<Timestamp> {
        self.next_after(moment.plus_millis(-1), zone)
    }

    /// The last tick at a moment or before it.
    pub fn latest(&self, moment: Timestamp, zone: Tz) -> Option<Timestamp> {
        let tick = self.pattern.find_previous_occurrence(&local(moment, zone)?, true).ok()?;
        Some(Timestamp::from_millis(tick.timestamp_millis())).filter(|tick| *tick <= moment)
    }
}

fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build()
}

/// What is wrong with the field at this place, if anything.
fn wrong_field(at: usize, field: &str) -> Option<String> {
    let mut alone = ["*"; FIELDS.len()];
    alone[at] = field;
    let is_whole = field.split(',').all(|part| !part.is_empty()) && !field.contains('@');
    if is_whole && parser().parse(&alone.join(" ")).is_ok() {
        return None;
    }
    let (name, values) = FIELDS[at];
    Some(format!(
        "the {name} '{field}' cannot be read; it is {values}, a range of those (8-18), a list (8,18), a step (*/2), or * for \
         every one"
    ))
}

/// A moment on the wall clock of a zone, without its part of a second; `None` for one at which nothing is planned.
fn local(moment: Timestamp, zone: Tz) -> Option<DateTime<Tz>> {
    let planned = (0..LATEST_MS).contains(&moment.as_millis()).then_some(moment)?;
    zone.timestamp_opt(planned.as_millis().div_euclid(1_000), 0).single()
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Something that is done again and again for a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Whose.
    pub tenant: TenantId,
    /// What it is called; one of a tenant has this name.
    pub name: String,
    /// What is due.
    pub work: Work,
    /// The session that every tick copies, when it is [`Work::Session`].
    pub session: Option<SessionId>,
    /// When.
    pub cron: Cron,
    /// On whose clock.
    pub zone: Tz,
    /// The next tick; `None` while it is paused.
    pub next_run: Option<Timestamp>,
    /// The tick that was done last.
    pub last_run: Option<Timestamp>,
}

impl Schedule {
    /// The name of the schedule of a session.
    pub fn name_of_session(id: SessionId) -> String {
        format!("session/{id}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn cron(text: &str) -> Cron {
        Cron::parse(text).expect("a pattern")
    }

    /// The ticks from a moment on.
    fn ticks(pattern: &str, zone: Tz, from: &str, count: usize) -> Vec<String> {
        let cron = cron(pattern);
        let next = |moment: &Timestamp| cron.next_after(*moment, zone);
        std::iter::successors(next(&at(from)), next).take(count).map(|tick| tick.to_string()).collect()
    }

    #[test]
    fn a_tick_is_behind_the_moment_and_the_first_one_may_be_at_it() {
        let nightly = cron("  0   3 * * * ");
        assert_eq!((nightly.as_str(), nightly.to_string()), ("0 3 * * *", "0 3 * * *".to_owned()));
        let three = at("2026-09-02T03:00:00Z");
        assert_eq!(nightly.next_after(three, Tz::UTC), Some(at("2026-09-03T03:00:00Z")));
        assert_eq!(nightly.next_after(three.plus_millis(-1), Tz::UTC), Some(three));
        assert_eq!(nightly.next_after(three.plus_millis(500), Tz::UTC), Some(at("2026-09-03T03:00:00Z")));
        assert_eq!(nightly.first_from(three, Tz::UTC), Some(three));
        assert_eq!(nightly.latest(three, Tz::UTC), Some(three));
        assert_eq!(nightly.latest(three.plus_millis(-1), Tz::UTC), Some(at("2026-09-01T03:00:00Z")));
        assert_eq!(nightly.latest(three.plus_millis(999), Tz::UTC), Some(three));
        assert_eq!(nightly.next_after(Timestamp::from_millis(i64::MAX), Tz::UTC), None);
    }

    #[test]
    fn a_tick_is_on_the_clock_of_its_zone() {
        let (berlin, karachi) = (Tz::Europe__Berlin, Tz::Asia__Karachi);
        assert_eq!(ticks("0 3 * * *", berlin, "2026-09-02T08:00:00Z", 1), ["2026-09-03T01:00:00Z"]);
        assert_eq!(ticks("0 3 * * *", karachi, "2026-09-02T08:00:00Z", 1), ["2026-09-02T22:00:00Z"]);
        // Every week on Sunday, over the change of clocks.
        let weekly = ticks("0 4 * * SUN", berlin, "2026-10-19T00:00:00Z", 2);
        assert_eq!(weekly, ["2026-10-25T03:00:00Z", "2026-11-01T03:00:00Z"]);
        let weekly = ticks("0 4 * * 0", berlin, "2026-03-16T00:00:00Z", 2);
        assert_eq!(weekly, ["2026-03-22T03:00:00Z", "2026-03-29T02:00:00Z"]);
    }

    #[test]
    fn a_time_that_is_jumped_over_is_due_once_behind_the_gap_and_one_that_comes_twice_once() {
        let berlin = Tz::Europe__Berlin;
        let spring = ticks("30 2 * * *", berlin, "2026-03-28T00:00:00Z", 3);
        assert_eq!(spring, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        let autumn = ticks("30 2 * * *", berlin, "2026-10-24T00:00:00Z", 3);
        assert_eq!(autumn, ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        // What is due in every hour is due in the hour that comes twice as well, and never stands still.
        let hourly = ticks("0 * * * *", berlin, "2026-10-24T23:30:00Z", 4);
        let utc = ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"];
        assert_eq!(hourly, utc);
        let hourly = ticks("0 * * * *", berlin, "2026-03-28T23:30:00Z", 3);
        assert_eq!(hourly, ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]);
    }

    #[test]
    fn every_tick_is_the_latest_of_its_own_moment() {
        let zones = [Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::Asia__Kathmandu];
        for zone in zones {
            for pattern in ["* * * * *", "*/7 * * * *", "15 * * * *", "0 3 * * *", "30 2 * * SUN", "0 0 1 * *"] {
                let cron = cron(pattern);
                let mut tick = at("2026-01-01T00:00:00Z");
                for _ in 0..200 {
                    let next = cron.next_after(tick, zone).expect("there is always another one");
                    assert!(next > tick, "{pattern} {zone} {tick}");
                    assert_eq!(next.as_millis() % 60_000, 0, "{pattern} {zone} {next}");
                    assert_eq!(cron.latest(next, zone), Some(next), "{pattern} {zone}");
                    // Far steps find the changes of clocks of a year.
                    tick = next.plus_millis(41 * 3_600_000);
                }
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_told_with_what_one_looks_like() {
        let long = "1,".repeat(200);
        let wrong =
            ["", "x", "* * * *", "60 * * * *", "0 0 * * * *", "0 0 * * * * 2027", "0 0 30 2 *", "0 3 * * ü", &long];
        for text in wrong {
            let error = Cron::parse(text).expect_err(text);
            assert!(error.field == "cron" && error.message.contains("'0 3 * * *'"), "{text}: {error}");
        }
        for (text, part) in [
            ("@daily", "this one has 1"),
            ("1,,2 * * * *", "the minute '1,,2'"),
            ("1, * * * *", "the minute '1,'"),
            ("0 25 * * *", "the hour '25' cannot be read; it is 0 to 23"),
            ("0 3 * 13 *", "the month '13'"),
            ("0 3 * * FOO", "the day of the week 'FOO'"),
        ] {
            let error = Cron::parse(text).expect_err(text);
            assert!(error.message.contains(part), "{text}: {error}");
        }
        for text in ["*/15 8-18 * * MON-FRI", "0 0 L * *", "5,35 * * * *"] {
            assert!(Cron::parse(text).is_ok(), "{text}");
        }
    }
}
