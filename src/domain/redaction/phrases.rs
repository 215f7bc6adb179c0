//! Sets of phrases that are looked up word by word, whatever their accents, case and punctuation marks between words.

use std::collections::{HashMap, HashSet};

use crate::domain::redaction::tokens::{Token, fold, tokenise};

/// A set of phrases.
pub(super) struct Phrases(HashMap<String, Vec<Vec<String>>>);

impl Phrases {
    /// The phrases that these patterns stand for: `(a|b|)` is a choice, and patterns are separated by line breaks.
    pub(super) fn new(patterns: &str) -> Self {
        let mut by_first: HashMap<String, Vec<Vec<String>>> = HashMap::new();
        for phrase in patterns.lines().filter(|line| !line.trim().is_empty()).flat_map(expand) {
            let words: Vec<String> = tokenise(&phrase).into_iter().map(|token| token.folded).collect();
            if let Some(first) = words.first() {
                by_first.entry(first.clone()).or_default().push(words);
            }
        }
        Self(by_first)
    }

    /// Number of tokens of the longest phrase that begins at `at`; Arabic joins "and", "with" and "for" to the word.
    pub(super) fn at(&self, tokens: &[Token], at: usize) -> Option<usize> {
        let first = tokens.get(at)?.folded.as_str();
        let bare = first.strip_prefix(['و', 'ف', 'ب', 'ل']).unwrap_or(first);
        let fits = |words: &&Vec<String>| {
            let rest = tokens.get(at + 1..at + words.len());
            rest.is_some_and(|rest| words[1..].iter().zip(rest).all(|(word, token)| *word == token.folded))
        };
        let phrases = self.0.get(first).or_else(|| self.0.get(bare))?;
        phrases.iter().filter(fits).map(Vec::len).max()
    }

    /// First token and the token after the last of every phrase found, in order.
    pub(super) fn find(&self, tokens: &[Token]) -> Vec<(usize, usize)> {
        (0..tokens.len()).filter_map(|at| self.at(tokens, at).map(|length| (at, at + length))).collect()
    }

    /// Whether any of them stands in the tokens.
    pub(super) fn any(&self, tokens: &[Token]) -> bool {
        (0..tokens.len()).any(|at| self.at(tokens, at).is_some())
    }
}

/// A set of folded words, given as text with white space between them.
pub(super) fn word_set(words: &str) -> HashSet<String> {
    words.split_whitespace().map(fold).collect()
}

/// Every phrase that a pattern stands for.
fn expand(pattern: &str) -> Vec<String> {
    let Some((before, rest)) = pattern.split_once('(') else {
        return vec![pattern.to_owned()];
    };
    let Some((choices, after)) = rest.split_once(')') else {
        return vec![pattern.to_owned()];
    };
    choices.split('|').flat_map(|choice| expand(&format!("{before}{choice}{after}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_phrase_of_a_pattern_is_found() {
        let phrases = Phrases::new("my (full|) name is\nmy name");
        let tokens = tokenise("so My name is");
        assert_eq!(phrases.find(&tokens), [(1, 4)]);
        assert!(phrases.any(&tokenise("my full name is")));
        assert!(!phrases.any(&tokenise("my full")));
    }
}
