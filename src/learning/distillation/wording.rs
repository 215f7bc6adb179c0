//! What of an exchange is kept: the words of the need, a title, the answer.

use std::collections::BTreeSet;

use crate::domain::text;

/// A need with no more words than this is kept whole.
const SHORT_NEED: usize = 14;
/// The most characters of a title.
const MAX_TITLE: usize = 90;
/// The most characters of an exemplar; a model reads no more of an utterance anyway.
const MAX_EXEMPLAR: usize = 600;

/// The part of a user's turn that carries the need: all of a short one, else its sentences whose `strength` is at least
/// half of the strongest.
pub fn need_wording(turn: &str, strength: impl Fn(&str) -> f32) -> String {
    let sentences = text::sentences(turn);
    if text::word_count(turn) <= SHORT_NEED || sentences.len() < 2 {
        return text::shorten(turn, MAX_EXEMPLAR);
    }
    let strengths: Vec<f32> = sentences.iter().map(|sentence| strength(sentence)).collect();
    let strongest = strengths.iter().copied().fold(0.0, f32::max);
    let kept: Vec<&str> = sentences
        .iter()
        .zip(&strengths)
        .filter(|(_, strength)| **strength >= strongest / 2.0)
        .map(|(sentence, _)| *sentence)
        .collect();
    text::shorten(&kept.join(" "), MAX_EXEMPLAR)
}

/// A heading: the need's first telling sentence, shortened, starting with a capital.
pub fn title(need: &str) -> String {
    let sentence = text::sentences(need).into_iter().max_by_key(|s| text::word_count(s).min(12)).unwrap_or(need);
    let short = text::shorten(sentence, MAX_TITLE);
    let mut chars = short.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The numbers of a text, digits of every script as ASCII: what two answers must share to say the same.
pub fn numbers(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut current = String::new();
    for c in text.chars().chain(std::iter::once(' ')) {
        match digit(c) {
            Some(digit) => current.push(digit),
            None if !current.is_empty() => _ = found.insert(std::mem::take(&mut current)),
            None => {}
        }
    }
    found
}

/// Whether two answers name numbers and none of them is the same: two prices, two dates, two names of rooms.
pub fn numbers_conflict(a: &str, b: &str) -> bool {
    let (a, b) = (numbers(a), numbers(b));
    !a.is_empty() && !b.is_empty() && a.is_disjoint(&b)
}

fn digit(c: char) -> Option<char> {
    let value = match c {
        '0'..='9' => u32::from(c) - u32::from('0'),
        '٠'..='٩' => u32::from(c) - u32::from('٠'),
        '۰'..='۹' => u32::from(c) - u32::from('۰'),
        '०'..='९' => u32::from(c) - u32::from('०'),
        _ => return None,
    };
    char::from_digit(value, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sentences_that_carry_the_need_are_kept() {
        let turn = "Well hello there, what a day it has been with all this rain. How much is the big plan? I ask because of my boss.";
        let kept = need_wording(turn, |sentence| if sentence.contains("How much") { 0.9 } else { 0.1 });
        assert_eq!(kept, "How much is the big plan?");
        assert_eq!(need_wording("how much is it", |_| 0.0), "how much is it");
    }

    #[test]
    fn numbers_tell_prices_apart_in_every_script() {
        assert!(numbers_conflict("It is 29 dollars.", "It is 39 dollars."));
        assert!(!numbers_conflict("It is 29 dollars.", "वह २९ डॉलर का है"));
        assert!(!numbers_conflict("It is free.", "It is 29 dollars."));
        assert!(!numbers_conflict("29 or 79", "79 for teams"));
    }

    #[test]
    fn a_title_is_short_and_capitalised() {
        assert_eq!(title("how much is it? ok"), "How much is it?");
        assert!(title(&"very ".repeat(60)).chars().count() <= MAX_TITLE);
    }
}
