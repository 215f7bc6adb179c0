//! The language of a text: a short BCP 47 tag such as `en`, `hi` or `ur-Latn`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::error::FieldError;

/// A BCP 47 language tag: a language of two or three letters, then parts such as a script or a region.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Language(String);

impl Language {
    /// The tag for a language that nobody named and nothing revealed.
    pub fn undetermined() -> Self {
        Self("und".to_owned())
    }

    /// Takes a tag in any case (`UR-latn` becomes `ur-Latn`).
    ///
    /// # Errors
    /// When it is not of the shape above.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let wrong = || FieldError::new("language", "must be a BCP 47 tag such as 'en', 'ur-Latn' or 'pt-BR'");
        let mut parts = text.split(['-', '_']);
        let primary = parts.next().unwrap_or_default();
        if !(2..=3).contains(&primary.len()) || !primary.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(wrong());
        }
        let mut tag = primary.to_ascii_lowercase();
        for part in parts {
            if !(2..=8).contains(&part.len()) || !part.bytes().all(|b| b.is_ascii_alphanumeric()) || tag.len() > 24 {
                return Err(wrong());
            }
            tag.push('-');
            match part.len() {
                2 => tag.push_str(&part.to_ascii_uppercase()),
                4 => {
                    tag.push_str(&part[..1].to_ascii_uppercase());
                    tag.push_str(&part[1..].to_ascii_lowercase());
                }
                _ => tag.push_str(&part.to_ascii_lowercase()),
            }
        }
        Ok(Self(tag))
    }

    /// The whole tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language without script and region: `ur` of `ur-Latn`.
    pub fn primary(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }

    /// The language with its script alone, as people read it: `pt` of `pt-BR`, `zh-Hant` of `zh-Hant-TW`.
    pub fn without_region(&self) -> Self {
        let is_script = |part: &&str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_alphabetic());
        match self.0.split('-').skip(1).find(is_script) {
            Some(script) => Self(format!("{}-{script}", self.primary())),
            None => Self(self.primary().to_owned()),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(error.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_brought_to_one_spelling() {
        for (given, kept) in [("EN", "en"), ("ur_latn", "ur-Latn"), ("pt-br", "pt-BR")] {
            assert_eq!(Language::parse(given).expect("a valid tag").as_str(), kept);
        }
        for bad in ["", "e", "english", "en-", "en-x", "12", "en-é"] {
            assert!(Language::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_region_is_left_out_and_a_script_stays() {
        let plain = [
            ("en", "en"),
            ("pt-BR", "pt"),
            ("es-419", "es"),
            ("ur-Latn", "ur-Latn"),
            ("zh-Hant-TW", "zh-Hant"),
            ("de-1996", "de"),
            ("und", "und"),
        ];
        for (given, kept) in plain {
            assert_eq!(Language::parse(given).expect("a valid tag").without_region().as_str(), kept);
        }
    }
}
