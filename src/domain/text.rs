//! Small rules about text: one normal form for comparison, words, and the marks around what Turnwise itself injects.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Opens the block that Turnwise renders for prompts; see [`strip_injected`].
pub const INJECTED_OPEN: &str = "<turnwise_reference>";
/// Closes the block that Turnwise renders for prompts.
pub const INJECTED_CLOSE: &str = "</turnwise_reference>";

/// The form in which two texts are compared: NFKC, lower case, white space collapsed, no punctuation at the ends.
pub fn normalise(text: &str) -> String {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).filter(|c| !is_invisible(*c)).collect();
    let collapsed = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    collapsed.trim_matches(|c: char| !c.is_alphanumeric() && !is_symbol_word(c)).to_owned()
}

/// White space collapsed and control characters removed, everything else as it was.
pub fn tidy(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of a text by Unicode's rules (UAX #29), in lower case.
pub fn words(text: &str) -> Vec<String> {
    text.unicode_words().map(str::to_lowercase).collect()
}

/// How many words a text has (UAX #29).
pub fn word_count(text: &str) -> usize {
    text.unicode_words().count()
}

/// The distinct words of a text, in lower case.
pub fn word_set(text: &str) -> BTreeSet<String> {
    words(text).into_iter().collect()
}

/// Jaccard overlap of the words of two texts, 0 to 1.
pub fn overlap(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    let all = a.union(b).count();
    if all == 0 { 0.0 } else { a.intersection(b).count() as f64 / all as f64 }
}

/// The sentences of a text by Unicode's rules (UAX #29), trimmed, without empty ones.
pub fn sentences(text: &str) -> Vec<&str> {
    // UAX #29 ends no sentence at the Devanagari danda and the Urdu full stop in every version of the tables.
    text.split_inclusive(['।', '۔'])
        .flat_map(|part| part.unicode_sentences())
        .map(str::trim)
        .filter(|sentence| !sentence.is_empty())
        .collect()
}

/// Whether a sentence ends as a question in any script that Turnwise meets.
pub fn ends_as_question(text: &str) -> bool {
    text.trim_end().trim_end_matches(['"', '\'', ')', '”', '’']).ends_with(['?', '؟', '？'])
}

/// Cuts at a character boundary so that at most `max` characters stay; an ellipsis shows that something is missing.
pub fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(max.saturating_sub(1)).collect();
    if let Some(space) = kept.rfind(' ').filter(|at| *at * 2 > kept.len()) {
        kept.truncate(space);
    }
    kept.push('…');
    kept
}

/// Removes every block that Turnwise itself once put into a prompt, so that it never learns its own echo.
/// An opening mark without its end takes the rest of the text with it.
pub fn strip_injected(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(INJECTED_OPEN) {
        kept.push_str(&rest[..start]);
        let after = &rest[start + INJECTED_OPEN.len()..];
        rest = after.find(INJECTED_CLOSE).map_or("", |end| &after[end + INJECTED_CLOSE.len()..]);
    }
    kept.push_str(rest);
    kept
}

/// Zero-width and directional marks, which people never see and keyboards insert.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

/// Symbols that carry meaning at the end of a text and are kept: vowel signs, currency, percent, marks of slots, emoji.
fn is_symbol_word(c: char) -> bool {
    matches!(c, '$' | '€' | '£' | '¥' | '₹' | '₨' | '%' | '{' | '}' | '+' | '#')
        || unicode_normalization::char::is_combining_mark(c)
        || ('\u{1f300}'..='\u{1faff}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sounds_alike_is_one_text() {
        assert_eq!(normalise("  What does\tit COST?! "), normalise("what does it cost"));
        assert_eq!(normalise("ﬁne\u{200b}"), "fine");
        assert_ne!(normalise("29 $"), normalise("29 €"));
        assert_eq!(normalise("यह कितने का है?"), "यह कितने का है");
    }

    #[test]
    fn injected_text_is_removed_even_when_it_is_cut() {
        let block = format!("{INJECTED_OPEN}\n- price: 29\n{INJECTED_CLOSE}");
        assert_eq!(strip_injected(&format!("before {block}after {block}")), "before after ");
        assert_eq!(strip_injected(&format!("before {INJECTED_OPEN} no end")), "before ");
        assert_eq!(strip_injected("nothing here"), "nothing here");
    }

    #[test]
    fn questions_are_seen_in_every_script() {
        for question in ["How much?", "كم السعر؟", "¿Cuánto cuesta?", "کتنے کا ہے؟ "] {
            assert!(ends_as_question(question), "{question}");
        }
        assert!(!ends_as_question("It is 29 dollars."));
    }

    #[test]
    fn sentences_end_at_danda_and_urdu_full_stop() {
        assert_eq!(sentences("यह 29 डॉलर है। ठीक है।").len(), 2);
        assert_eq!(sentences("یہ 29 ڈالر ہے۔ ٹھیک ہے۔").len(), 2);
        assert_eq!(sentences("It is 29. Anything else?").len(), 2);
    }

    #[test]
    fn shortening_keeps_whole_words() {
        assert_eq!(shorten("one two three four", 11), "one two…");
        assert_eq!(shorten("one", 11), "one");
        assert_eq!(shorten("یہ بہت لمبا جملہ ہے", 8), "یہ بہت…");
    }
}
