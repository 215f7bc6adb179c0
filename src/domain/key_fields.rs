//! What a person gives of an API key, checked field by field.

use crate::domain::clock::Timestamp;
use crate::domain::error::FieldError;

/// The most characters of a name.
const MAX_NAME_CHARS: usize = 200;

/// The name without white space around it: 1 to 200 characters, none of them a control character.
///
/// # Errors
/// When it is another.
pub fn name(given: &str) -> Result<String, FieldError> {
    let name = given.trim();
    if !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        let message = format!("must be 1 to {MAX_NAME_CHARS} characters without control characters");
        return Err(FieldError::new("name", message));
    }
    Ok(name.to_owned())
}

/// From when on the key is refused; `None` is never.
///
/// # Errors
/// When that is not later than `now`.
pub fn expires_at(given: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>, FieldError> {
    if given.is_some_and(|end| end <= now) {
        return Err(FieldError::new("expires_at", "must lie in the future"));
    }
    Ok(given)
}
