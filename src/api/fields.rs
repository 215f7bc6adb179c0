//! Reading values field by field, so that every wrong one is told at once.

use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::api::error::ApiError;
use crate::domain::clock::Timestamp;
use crate::domain::error::FieldError;
use crate::domain::language::Language;

/// The most characters of a name: a category, an agent, an id of the caller's.
const MAX_NAME_CHARS: usize = 200;

/// The wrong fields so far.
#[derive(Default)]
pub(super) struct FieldChecks(Vec<FieldError>);

impl FieldChecks {
    /// Takes what could be read, and notes what could not.
    pub(super) fn keep<T>(&mut self, read: Result<T, FieldError>) -> Option<T> {
        read.map_err(|error| self.0.push(error)).ok()
    }

    /// Notes a wrong field.
    pub(super) fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError::new(field, message));
    }

    /// A word of an enum, told under the name of this field.
    pub(super) fn word<T: FromStr<Err = FieldError>>(&mut self, field: &str, given: Option<&str>) -> Option<T> {
        self.read(field, given, |text| text.parse::<T>().map_err(|error| error.message))
    }

    /// A language tag.
    pub(super) fn language(&mut self, field: &str, given: Option<&str>) -> Option<Language> {
        self.read(field, given, |text| Language::parse(text).map_err(|error| error.message))
    }

    /// A name: 1 to 200 characters, none of them a control character, without white space around it.
    pub(super) fn name(&mut self, field: &str, given: Option<&str>) -> Option<String> {
        self.read(field, given, |text| {
            let name = text.trim();
            let fits = (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
            let wrong = || format!("must be 1 to {MAX_NAME_CHARS} characters without control characters");
            fits.then(|| name.to_owned()).ok_or_else(wrong)
        })
    }

    /// A moment in RFC 3339. A plus sign that was sent as it is arrives as a space; no time holds one.
    pub(super) fn time(&mut self, field: &str, given: Option<&str>) -> Option<Timestamp> {
        self.read(field, given, |text| {
            let wrong = || "must be a time such as 2026-09-01T10:00:00Z (RFC 3339)".to_owned();
            Timestamp::parse(&text.trim().replace(' ', "+")).ok_or_else(wrong)
        })
    }

    /// A whole number in a range.
    pub(super) fn whole(&mut self, field: &str, given: Option<i64>, range: RangeInclusive<i64>) -> Option<i64> {
        let number = given?;
        if !range.contains(&number) {
            self.refuse(field, format!("must be {} to {}", range.start(), range.end()));
            return None;
        }
        Some(number)
    }

    /// A whole number in a range, as text.
    pub(super) fn whole_text(&mut self, field: &str, given: Option<&str>, range: RangeInclusive<i64>) -> Option<i64> {
        self.read(field, given, |text| {
            let number = text.trim().parse::<i64>().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
        })
    }

    /// A share from 0 to 1, as text.
    pub(super) fn share(&mut self, field: &str, given: Option<&str>) -> Option<f64> {
        self.read(field, given, |text| {
            let number = text.trim().parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
            number.ok_or_else(|| "must be a number from 0 to 1".to_owned())
        })
    }

    /// Two ends of a range, with their names, that must not have changed places: nothing would lie between them.
    pub(super) fn ordered<T: PartialOrd>(&mut self, low: (&str, Option<T>), high: (&str, Option<T>)) {
        if let (Some(least), Some(most)) = (low.1, high.1)
            && least > most
        {
            self.refuse(low.0, format!("must be at most '{}'", high.0));
            self.refuse(high.0, format!("must be at least '{}'", low.0));
        }
    }

    /// `true` or `false`, as text.
    pub(super) fn flag(&mut self, field: &str, given: Option<&str>) -> Option<bool> {
        self.read(field, given, |text| match text.trim() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        })
    }

    /// Ends the reading.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(ApiError::fields(self.0)) }
    }

    fn read<T>(&mut self, field: &str, given: Option<&str>, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let read = read(given?).map_err(|message| FieldError::new(field, message));
        self.keep(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::Outcome;

    #[test]
    fn every_wrong_field_is_told_under_its_own_name() {
        let mut checks = FieldChecks::default();
        assert_eq!(checks.word::<Outcome>("result", Some("partial")), Some(Outcome::Partial));
        assert_eq!(checks.word::<Outcome>("result", Some("good")), None);
        assert_eq!(checks.share("min_score", Some("NaN")), None);
        assert_eq!(checks.name("category", Some(" sales ")), Some("sales".to_owned()));
        assert_eq!(checks.name("category", Some("a\u{7}b")), None);
        assert_eq!(checks.whole("limit", None, 1..=3), None);
        let error = checks.finish().expect_err("three fields are wrong");
        let fields: Vec<&str> = error.fields.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["result", "min_score", "category"]);
    }

    #[test]
    fn a_range_that_is_turned_around_is_told_at_both_ends() {
        let mut checks = FieldChecks::default();
        checks.ordered(("from", Some(1)), ("to", Some(1)));
        checks.ordered(("from", Some(2)), ("to", None));
        checks.ordered(("min_score", Some(0.9)), ("max_score", Some(0.1)));
        let error = checks.finish().expect_err("the last one is wrong");
        assert_eq!(error.message, "min_score: must be at most 'max_score'; max_score: must be at least 'min_score'");
    }

    #[test]
    fn a_plus_sign_that_became_a_space_is_read() {
        let mut checks = FieldChecks::default();
        let moment = checks.time("from", Some("2026-09-01T12:00:00 02:00"));
        assert_eq!(moment, Timestamp::parse("2026-09-01T10:00:00Z"));
        assert!(checks.finish().is_ok());
    }
}
