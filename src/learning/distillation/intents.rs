//! Intents that nobody listed, discovered in what users say.
//!
//! A need that sounds like no known intent joins the discovered intent of the nearest earlier need that asks the same, or
//! founds one, named after its own most telling words: clusters that grow with every conversation and are never
//! reshuffled under an installation's statistics. (Leader clustering: Hartigan, *Clustering Algorithms*, 1975, chapter 3.)

use crate::domain::classify::text_classifier::TextFeatures;
use crate::domain::language::Language;
use crate::engine::understanding::Understanding;
use crate::learning::analysis::MIN_INTENT_CONFIDENCE;
use crate::learning::analysis::phrases::main_phrase;
use crate::learning::distillation::matching::{Finding, Match};

/// Begins the name of every discovered intent, so that it never meets one that is listed.
const DISCOVERED: &str = "discovered:";

/// Whether an intent was discovered rather than listed.
pub fn is_discovered(intent: &str) -> bool {
    intent.starts_with(DISCOVERED)
}

/// The intent of a need: a listed one that it sounds like, else a discovered one; `None` when it has no telling word.
pub fn intent_of(
    understanding: &Understanding,
    finding: &Finding,
    known: &Match,
    language: &Language,
) -> Option<String> {
    let listed = understanding.intents(&TextFeatures::of(&finding.need, &finding.need_vector)).into_iter().next();
    if let Some(listed) = listed.filter(|intent| intent.confidence >= MIN_INTENT_CONFIDENCE) {
        return Some(listed.name);
    }
    known.discovered_intent.clone().or_else(|| founded_by(&finding.need, language))
}

/// The discovered intent that a need founds when there is none to join; `None` when it has no telling word.
pub fn founded_by(need: &str, language: &Language) -> Option<String> {
    Some(format!("{DISCOVERED}{}", main_phrase(need, language)?.replace(' ', "_")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discovered_intent_is_named_after_what_was_said() {
        let english = Language::parse("en").expect("a tag");
        let named = main_phrase("So can I bring my guide dog on board?", &english);
        assert_eq!(named.as_deref(), Some("guide dog"));
        assert_eq!(main_phrase("is it?", &english), None);
        assert!(is_discovered("discovered:guide_dog") && !is_discovered("pricing"));
    }
}
