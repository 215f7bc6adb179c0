//! Values of options that are one of a few words, or an id; what is wrong is told in words of the command line.

use std::str::FromStr;

use uuid::Uuid;

use crate::domain::error::FieldError;

/// Reads one of the words of a type. The message stands behind the name of the option, so it does not name the type.
///
/// # Errors
/// Which words there are.
pub fn word<T: FromStr<Err = FieldError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: FieldError| error.message)
}

/// Reads the id of a job.
///
/// # Errors
/// Where such an id is shown.
pub fn job_id(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| "must be the id of a job, as `turnwise jobs` shows it".to_owned())
}

/// Reads the id of a key.
///
/// # Errors
/// Where such an id is shown.
pub fn key_id(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| "must be the id of a key, as `turnwise keys list` shows it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::period::PeriodKind;

    #[test]
    fn what_is_wrong_is_told_without_our_names_of_it() {
        assert_eq!(word::<PeriodKind>("weekly"), Ok(PeriodKind::Weekly));
        assert_eq!(word::<PeriodKind>("yearly"), Err("must be one of daily, weekly, monthly".to_owned()));
        assert!(job_id("nope").is_err_and(|told| told.contains("`turnwise jobs`")));
        assert!(key_id("nope").is_err_and(|told| told.contains("`turnwise keys list`")));
    }
}
