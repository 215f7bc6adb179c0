//! What of an exchange is kept: the words of the need, a title, the answer.

use std::collections::BTreeSet;

use crate::domain::text;

/// A need with no more words than this is kept whole.
const SHORT_NEED: usize = 14;
/// The most characters of a title.
const MAX_TITLE: usize = 90;
/// The most characters of an exemplar; a model reads no more of an utterance anyway.
const MAX_EXEMPLAR: usize = 600;
/// The most characters of an answer: an agent must be able to say it, and a monologue answers no one need.
const MAX_ANSWER: usize = 1_500;

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

/// Whether an answer is short enough to be said.
pub fn is_sayable(answer: &str) -> bool {
    answer.chars().count() <= MAX_ANSWER
}

/// The numbers of a text, digits of every script as ASCII; a price, a time and a date are one number each.
pub fn numbers(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut current = String::new();
    let mut mark: Option<char> = None;
    for c in text.chars().chain(std::iter::once(' ')) {
        match (digit(c), separator(c)) {
            (Some(digit), _) => {
                current.extend(mark.take());
                current.push(digit);
            }
            (None, Some(separator)) if !current.is_empty() && mark.is_none() => mark = Some(separator),
            _ => {
                mark = None;
                if !current.is_empty() {
                    found.insert(value(&std::mem::take(&mut current)));
                }
            }
        }
    }
    found
}

/// Whether each of two answers names a number that the other lacks: two prices, two dates, two names of rooms. An answer
/// that only says less does not contradict.
pub fn numbers_conflict(a: &str, b: &str) -> bool {
    let (a, b) = (numbers(a), numbers(b));
    !a.is_subset(&b) && !b.is_subset(&a)
}

/// What joins the digits of one number, as ASCII.
fn separator(c: char) -> Option<char> {
    match c {
        '.' | '٫' => Some('.'),
        ',' | '٬' => Some(','),
        ':' => Some(':'),
        _ => None,
    }
}

/// One spelling of a number: `1,200`, `1.200` and `1200` are one, so are `29`, `29.00` and `29,00`, and `9:00` and `09`.
fn value(number: &str) -> String {
    let mut value = number.to_owned();
    for mark in ['.', ','] {
        let Some((_, after)) = value.rsplit_once(mark) else { continue };
        let thousands = after.chars().take_while(char::is_ascii_digit).count() == 3;
        value = value.replace(mark, if thousands { "" } else { "." });
    }
    let whole = [".00", ".0", ":00"].iter().find_map(|nothing| value.strip_suffix(nothing)).unwrap_or(&value);
    let significant = whole.trim_start_matches('0');
    if significant.is_empty() { "0".to_owned() } else { significant.to_owned() }
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
    fn a_price_or_a_time_is_one_number() {
        for (one, other) in [
            ("It is $29.99.", "It is $39.99."),
            ("We open at 10:30.", "We open at 11:30."),
            ("1,200 rupees", "1,500 rupees"),
            ("٢٩٫٩٩ درهم", "٣٩٫٩٩ درهم"),
            ("١٬٢٠٠", "1,500"),
            ("29 dollars for 12 months", "39 dollars for 12 months"),
        ] {
            assert!(numbers_conflict(one, other), "{one} / {other}");
        }
        for (one, other) in [
            ("It is 29.99.", "It is 29,99, all included."),
            ("٢٩٫٩٩ درهم", "29.99"),
            ("1,200.50", "1.200,50"),
            ("1,20,000 rupees", "120000"),
            ("$29.00", "29 dollars"),
            ("from 09:00", "from 9 on"),
            ("0:00", "0"),
            ("29 dollars", "29 dollars for 12 months"),
        ] {
            assert!(!numbers_conflict(one, other), "{one} / {other}");
        }
    }

    #[test]
    fn a_monologue_is_no_answer() {
        assert!(is_sayable(&"ہ".repeat(MAX_ANSWER)));
        assert!(!is_sayable(&"a".repeat(MAX_ANSWER + 1)));
    }

    #[test]
    fn a_title_is_short_and_capitalised() {
        assert_eq!(title("how much is it? ok"), "How much is it?");
        assert!(title(&"very ".repeat(60)).chars().count() <= MAX_TITLE);
    }
}
