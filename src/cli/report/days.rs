//! The days of a period, as people name them.

use chrono::{DateTime, Datelike, Days, FixedOffset, Months, NaiveDate, NaiveTime, TimeZone};

use crate::domain::clock::Timestamp;
use crate::domain::period::PeriodKind;

/// Which period is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// That in which this day lies, in the time zone of the metrics.
    Day(NaiveDate),
    /// That in which the time before this moment lies.
    Moment(Timestamp),
}

impl Anchor {
    /// Reads a day or a moment.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Self::Day);
        day.or_else(|| Timestamp::parse(text).map(Self::Moment))
            .ok_or_else(|| "must be a day such as 2026-09-06, or a moment such as 2026-09-07T00:00:00Z".to_owned())
    }
}

/// The beginning of a period as it is answered; its date is the local one.
pub fn parse_start(label: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(label).ok()
}

/// Noon of a day at an offset, as RFC 3339: a moment that lies in the day whatever clocks do at night.
pub fn noon(day: NaiveDate, offset: FixedOffset) -> String {
    let noon = day.and_time(NaiveTime::MIN) + chrono::TimeDelta::hours(12);
    // An offset that does not change has each local time once.
    offset.from_local_datetime(&noon).earliest().map(|noon| noon.to_rfc3339()).unwrap_or_default()
}

/// The first day of the period behind the one that begins on `start`.
pub fn next(kind: PeriodKind, start: NaiveDate) -> NaiveDate {
    let next = match kind {
        PeriodKind::Daily => start.checked_add_days(Days::new(1)),
        PeriodKind::Weekly => start.checked_add_days(Days::new(7)),
        PeriodKind::Monthly => start.checked_add_months(Months::new(1)),
    };
    next.unwrap_or(start)
}

/// The first day of the period that lies so many before the one that begins on `start`.
pub fn before(kind: PeriodKind, start: NaiveDate, periods: u32) -> NaiveDate {
    let before = match kind {
        PeriodKind::Daily => start.checked_sub_days(Days::new(u64::from(periods))),
        PeriodKind::Weekly => start.checked_sub_days(Days::new(7 * u64::from(periods))),
        PeriodKind::Monthly => start.checked_sub_months(Months::new(periods)),
    };
    before.unwrap_or(start)
}

/// A period in full: `week 36 of 2026, 31 August to 6 September`.
pub fn name(kind: PeriodKind, start: NaiveDate) -> String {
    match kind {
        PeriodKind::Daily => start.format("%-d %B %Y").to_string(),
        PeriodKind::Weekly => {
            let (week, last) = (start.iso_week(), start.checked_add_days(Days::new(6)).unwrap_or(start));
            format!("week {} of {}, {} to {}", week.week(), week.year(), start.format("%-d %B"), last.format("%-d %B"))
        }
        PeriodKind::Monthly => start.format("%B %Y").to_string(),
    }
}

/// A period in a few characters, for axes and columns.
pub fn short(kind: PeriodKind, start: NaiveDate) -> String {
    match kind {
        PeriodKind::Daily | PeriodKind::Weekly => start.format("%-d %b").to_string(),
        PeriodKind::Monthly => start.format("%b %y").to_string(),
    }
}

/// What a period of this kind is called, and what its beginning on an axis means.
pub fn words(kind: PeriodKind) -> (&'static str, &'static str) {
    match kind {
        PeriodKind::Daily => ("day", "day"),
        PeriodKind::Weekly => ("week", "week that begins on"),
        PeriodKind::Monthly => ("month", "month"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn periods_have_names() {
        assert_eq!(name(PeriodKind::Weekly, day("2026-08-31")), "week 36 of 2026, 31 August to 6 September");
        assert_eq!(name(PeriodKind::Weekly, day("2026-12-28")), "week 53 of 2026, 28 December to 3 January");
        assert_eq!(name(PeriodKind::Monthly, day("2026-09-01")), "September 2026");
        assert_eq!(name(PeriodKind::Daily, day("2026-09-01")), "1 September 2026");
        assert_eq!(short(PeriodKind::Weekly, day("2026-08-31")), "31 Aug");
        assert_eq!(short(PeriodKind::Monthly, day("2026-09-01")), "Sep 26");
    }

    #[test]
    fn periods_follow_each_other() {
        for (kind, start, following) in [
            (PeriodKind::Daily, "2028-02-28", "2028-02-29"),
            (PeriodKind::Weekly, "2026-12-28", "2027-01-04"),
            (PeriodKind::Monthly, "2026-12-01", "2027-01-01"),
        ] {
            assert_eq!(next(kind, day(start)), day(following), "{kind}");
            assert_eq!(before(kind, day(following), 1), day(start), "{kind}");
        }
        assert_eq!(before(PeriodKind::Monthly, day("2026-09-01"), 11), day("2025-10-01"));
    }

    #[test]
    fn an_anchor_is_a_day_or_a_moment() {
        assert_eq!(Anchor::parse("2026-09-06"), Ok(Anchor::Day(day("2026-09-06"))));
        assert!(matches!(Anchor::parse("2026-09-07T00:00:00+02:00"), Ok(Anchor::Moment(_))));
        assert!(Anchor::parse("last week").expect_err("no time").contains("2026-09-06"));
        let east = FixedOffset::east_opt(13 * 3_600).expect("an offset");
        assert_eq!(noon(day("2026-09-06"), east), "2026-09-06T12:00:00+13:00");
    }
}
