//! Days, weeks and months of a time zone.
//!
//! Periods of one kind are numbered without gaps, so that a range of them is a range of numbers. Weeks are ISO weeks: they
//! begin on Monday. A day is as long as its zone makes it: 23 hours when clocks go forward, none at all when a zone
//! changes sides of the date line.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::ids::TenantId;

/// The years 1 to 9999: what lies outside counts as lying at the end.
const EARLIEST_MS: i64 = -62_135_596_800_000;
const LATEST_MS: i64 = 253_402_300_799_999;
/// Steps in which the first moment of a day is looked for when clocks jump over midnight, in minutes.
const JUMP_MINUTES: i64 = 15;

word_enum!(
    /// How long a period is.
    PeriodKind {
        /// A day.
        Daily = "daily",
        /// An ISO week, Monday to Sunday.
        Weekly = "weekly",
        /// A month.
        Monthly = "monthly",
    }
);

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first moment.
    pub start: Timestamp,
    /// The first moment behind it.
    pub end: Timestamp,
}

/// The time zones of tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZones {
    usual: Tz,
    own: BTreeMap<TenantId, Tz>,
}

impl TimeZones {
    /// The usual zone, and those of the tenants that have one of their own.
    pub fn new(usual: Tz, own: BTreeMap<TenantId, Tz>) -> Self {
        Self { usual, own }
    }

    /// The zone in which a tenant's days begin.
    pub fn of(&self, tenant: &TenantId) -> Tz {
        self.own.get(tenant).copied().unwrap_or(self.usual)
    }
}

/// The periods of a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    time_zone: Tz,
}

impl Calendar {
    /// The calendar of this zone.
    pub fn new(time_zone: Tz) -> Self {
        Self { time_zone }
    }

    /// The number of the period in which a moment lies.
    pub fn number_at(&self, kind: PeriodKind, moment: Timestamp) -> i64 {
        let date = self.local(moment).date_naive();
        let days = i64::from(date.num_days_from_ce());
        match kind {
            PeriodKind::Daily => days,
            // Day 1 of the common era was a Monday.
            PeriodKind::Weekly => (days - 1).div_euclid(7),
            PeriodKind::Monthly => i64::from(date.year()) * 12 + i64::from(date.month0()),
        }
    }

    /// From the first moment of a period to the first moment of the next one.
    pub fn span(&self, kind: PeriodKind, number: i64) -> Span {
        let start = self.start_of(first_day(kind, number));
        Span { start, end: self.start_of(first_day(kind, number + 1)) }
    }

    /// The days that lie in a span or reach into it, the earliest first; one that a zone leaves out is none.
    pub fn days(&self, span: Span) -> Vec<Span> {
        // One more at either end: a time of day that comes twice may be told of the day before.
        let first = self.number_at(PeriodKind::Daily, span.start) - 1;
        let last = self.number_at(PeriodKind::Daily, span.end.plus_millis(-1)) + 1;
        let mut days = Vec::new();
        let mut start = self.start_of(first_day(PeriodKind::Daily, first));
        for number in first..=last {
            let day = Span { start, end: self.start_of(first_day(PeriodKind::Daily, number + 1)) };
            if day.start < day.end && day.start < span.end && span.start < day.end {
                days.push(day);
            }
            start = day.end;
        }
        days
    }

    /// A moment as RFC 3339 with the offset of the zone, so that its date is the local one: `2026-09-01T00:00:00+02:00`.
    pub fn label(&self, moment: Timestamp) -> String {
        self.local(moment).to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    fn local(&self, moment: Timestamp) -> DateTime<Tz> {
        let millis = moment.as_millis().clamp(EARLIEST_MS, LATEST_MS);
        let utc: DateTime<Utc> = DateTime::from_timestamp_millis(millis).unwrap_or_default();
        utc.with_timezone(&self.time_zone)
    }

    /// Midnight; where clocks jump over it, the first moment behind the jump.
    fn start_of(&self, date: NaiveDate) -> Timestamp {
        let midnight = date.and_time(NaiveTime::MIN);
        let steps = 0..=(48 * 60 / JUMP_MINUTES);
        let first = steps
            .filter_map(|step| midnight.checked_add_signed(TimeDelta::minutes(step * JUMP_MINUTES)))
            .find_map(|local| self.time_zone.from_local_datetime(&local).earliest());
        Timestamp::from_millis(first.map_or_else(|| midnight.and_utc().timestamp_millis(), |at| at.timestamp_millis()))
    }
}

/// The first day of a period. Numbers come from moments that were brought within the years 1 to 9999; one day more on
/// either side is still a date.
fn first_day(kind: PeriodKind, number: i64) -> NaiveDate {
    let day = |number: i64| i32::try_from(number).ok().and_then(NaiveDate::from_num_days_from_ce_opt);
    let date = match kind {
        PeriodKind::Daily => day(number),
        PeriodKind::Weekly => day(number * 7 + 1),
        PeriodKind::Monthly => {
            let year = i32::try_from(number.div_euclid(12)).ok();
            let month = u32::try_from(number.rem_euclid(12)).ok();
            year.zip(month).and_then(|(year, month0)| NaiveDate::from_ymd_opt(year, month0 + 1, 1))
        }
    };
    date.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    /// The period in which a moment lies, as labels.
    #[track_caller]
    fn check(zone: Tz, kind: PeriodKind, moment: &str, start: &str, end: &str) {
        let calendar = Calendar::new(zone);
        let number = calendar.number_at(kind, at(moment));
        let span = calendar.span(kind, number);
        assert_eq!((calendar.label(span.start), calendar.label(span.end)), (start.to_owned(), end.to_owned()));
        assert_eq!(calendar.number_at(kind, span.start), number, "{kind} {moment}");
        assert_eq!(calendar.number_at(kind, span.end.plus_millis(-1)), number, "{kind} {moment}");
        assert_eq!(calendar.number_at(kind, span.end), number + 1, "{kind} {moment}");
    }

    #[test]
    fn weeks_begin_on_monday_and_run_over_the_end_of_a_year() {
        let week = |moment, start, end| check(Tz::UTC, PeriodKind::Weekly, moment, start, end);
        // 2026-W53 is the last week of its ISO year and holds the first three days of 2027.
        week("2027-01-03T23:59:59Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z");
        week("2026-12-28T00:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z");
        week("2027-01-04T00:00:00Z", "2027-01-04T00:00:00Z", "2027-01-11T00:00:00Z");
        week("1969-12-31T23:00:00Z", "1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z");
    }

    #[test]
    fn months_are_as_long_as_they_are() {
        let month = |moment, start, end| check(Tz::UTC, PeriodKind::Monthly, moment, start, end);
        month("2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
        month("2026-12-31T23:59:59.999Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
        month("2026-04-30T23:00:00Z", "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z");
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let berlin = |kind, moment, start, end| check(Tz::Europe__Berlin, kind, moment, start, end);
        let (daily, monthly) = (PeriodKind::Daily, PeriodKind::Monthly);
        berlin(daily, "2026-08-31T22:30:00Z", "2026-09-01T00:00:00+02:00", "2026-09-02T00:00:00+02:00");
        // Clocks go forward, and back.
        berlin(daily, "2026-03-29T12:00:00Z", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00");
        berlin(daily, "2026-10-25T12:00:00Z", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00");
        berlin(monthly, "2026-10-25T12:00:00Z", "2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00");
        let karachi = Tz::Asia__Karachi;
        check(karachi, daily, "2026-09-01T19:30:00Z", "2026-09-02T00:00:00+05:00", "2026-09-03T00:00:00+05:00");

        let length = |moment: &str| {
            let calendar = Calendar::new(Tz::Europe__Berlin);
            let span = calendar.span(PeriodKind::Daily, calendar.number_at(PeriodKind::Daily, at(moment)));
            (span.end.as_millis() - span.start.as_millis()) / HOUR_MS
        };
        assert_eq!((length("2026-03-29T12:00:00Z"), length("2026-10-25T12:00:00Z")), (23, 25));
    }

    #[test]
    fn a_day_whose_midnight_is_jumped_over_begins_behind_the_jump() {
        let (cairo, daily) = (Tz::Africa__Cairo, PeriodKind::Daily);
        check(cairo, daily, "2024-04-26T12:00:00Z", "2024-04-26T01:00:00+03:00", "2024-04-27T00:00:00+03:00");
        // Samoa had no 30 December 2011.
        let calendar = Calendar::new(Tz::Pacific__Apia);
        let before = calendar.number_at(daily, at("2011-12-30T09:00:00Z"));
        let missing = calendar.span(daily, before + 1);
        assert_eq!(missing.start, missing.end);
        assert_eq!(calendar.span(daily, before).end, calendar.span(daily, before + 2).start);
    }

    #[test]
    fn a_span_has_the_days_that_reach_into_it() {
        let calendar = Calendar::new(Tz::Europe__Berlin);
        let month =
            calendar.span(PeriodKind::Monthly, calendar.number_at(PeriodKind::Monthly, at("2026-10-05T00:00:00Z")));
        let days = calendar.days(month);
        assert_eq!((days.len(), days[0].start, days[30].end), (31, month.start, month.end));
        assert!(days.windows(2).all(|pair| pair[0].end == pair[1].start));
        let hour = |text| Span { start: at(text), end: at(text).plus_millis(HOUR_MS) };
        assert_eq!(calendar.days(hour("2026-10-05T12:00:00Z")), [days[4]]);
        let kolkata = Calendar::new(Tz::Asia__Kolkata);
        assert_eq!(kolkata.days(hour("2026-10-05T18:00:00Z")).len(), 2, "its midnight is half past the hour");
        assert!(calendar.days(Span { start: month.end, end: month.end }).is_empty());
        // Samoa had no 30 December 2011.
        let apia = Calendar::new(Tz::Pacific__Apia);
        assert_eq!(apia.days(Span { start: at("2011-12-29T12:00:00Z"), end: at("2011-12-31T12:00:00Z") }).len(), 3);
    }

    #[test]
    fn a_tenant_has_the_usual_zone_or_one_of_its_own() {
        let acme = TenantId::parse("acme").expect("a name");
        let zones = TimeZones::new(Tz::Europe__Berlin, BTreeMap::from([(acme.clone(), Tz::Asia__Karachi)]));
        assert_eq!(zones.of(&acme), Tz::Asia__Karachi);
        assert_eq!(zones.of(&TenantId::default_tenant()), Tz::Europe__Berlin);
    }

    #[test]
    fn no_moment_is_too_far_away() {
        let calendar = Calendar::new(Tz::Europe__Berlin);
        for kind in PeriodKind::ALL {
            for moment in [i64::MIN, EARLIEST_MS, 0, LATEST_MS, i64::MAX] {
                let number = calendar.number_at(*kind, Timestamp::from_millis(moment));
                let span = calendar.span(*kind, number);
                assert!(span.start < span.end, "{kind} {moment}");
            }
        }
    }
}
