//! Postal addresses of the user, introduced as such or recognised by a number and a word of streets or dwellings.

use crate::domain::redaction::address_parts::{is_comma, is_count, is_place, is_talk, stops, tail_piece};
use crate::domain::redaction::address_words::{
    ADDRESS_IS, BREAKS, COUNTS, DWELLINGS, ITS_ADDRESS, LEAD_INS, LETTERS, LIVES_AFTER, LIVES_AT, NOT_STREETS, SIDES,
    STREETS, STREETS_FIRST, SUBJECTS, TAILS, TITLE_STREETS, YOUR, YOUR_PLACE, YOURS,
};
use crate::domain::redaction::asks::{Asked, BUSINESS_NUMBERS};
use crate::domain::redaction::numbers;
use crate::domain::redaction::tokens::{Token, ends_sentence};
use crate::domain::redaction::vocabulary;
use crate::domain::redaction::{Found, Slot, near};

/// The most tokens of an address.
const MAX_TOKENS: usize = 24;
/// The most words between the number of a house and the word for its street.
const MAX_STREET_WORDS: usize = 4;

/// Addresses in what a user says.
pub(super) fn of_user(tokens: &[Token], asked: Asked) -> Vec<Found> {
    let mut found = Vec::new();
    for (_, end) in ADDRESS_IS.find(tokens) {
        found.extend(extent(tokens, end).filter(|span| has_number(tokens, *span) || has_place(tokens, *span)));
    }
    for (_, end) in ITS_ADDRESS.find(tokens) {
        let talk = |first: usize| vocabulary::is_common(&tokens[first]) || vocabulary::is_never_name(&tokens[first]);
        found.extend(extent(tokens, end).filter(|span| has_number(tokens, *span) && !talk(span.0)));
    }
    for (_, end) in LIVES_AT.find(tokens) {
        found.extend(extent(tokens, end).filter(|span| has_number(tokens, *span) && has_place(tokens, *span)));
    }
    for (first, _) in LIVES_AFTER.find(tokens) {
        found.extend(extent_before(tokens, first).filter(|span| has_number(tokens, *span)));
    }
    if asked.address {
        let numbered = |span: &(usize, usize)| {
            has_number(tokens, *span) && (has_place(tokens, *span) || begins_house(tokens, *span))
        };
        found.extend(extent(tokens, 0).filter(numbered));
    }
    found.extend((0..tokens.len()).filter_map(|at| street_at(tokens, at)));
    let business = |first: usize| {
        [&YOURS, &YOUR_PLACE].iter().any(|phrases| near(phrases, tokens, first, 4).is_some())
            || near(&YOUR, tokens, first, 2) == Some(first)
    };
    found.retain(|span| !business(span.0));
    found.into_iter().map(|span| to_found(tokens, span)).collect()
}

/// The user's address in what an agent says: "I have your address as …".
pub(super) fn of_agent(tokens: &[Token]) -> Vec<Found> {
    let spans = YOURS.find(tokens).into_iter().filter_map(|(_, end)| extent(tokens, end));
    spans.filter(|span| has_number(tokens, *span)).map(|span| to_found(tokens, span)).collect()
}

/// Places where an address, or a part with its number, is said again.
pub(super) fn repeated(tokens: &[Token], known: &[String]) -> Vec<Found> {
    let mut found = Vec::new();
    if known.is_empty() {
        return found;
    }
    let said: Vec<String> = (0..tokens.len()).map(|at| spelling(tokens, at)).collect();
    for address in known {
        let words: Vec<&str> = address.split(' ').collect();
        let mut at = 0;
        while at < tokens.len() {
            let end = longest_part(&said, at, &words);
            let parts: Vec<&str> = said[at..end].iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
            let numbered = parts.iter().any(|part| part.bytes().all(|b| b.is_ascii_digit()));
            if numbered && parts.len() >= 2 || parts.len() >= 3 && parts.len() == words.len() {
                found.push(Found { slot: Slot::Address, first: at, end, value: address.clone() });
                at = end;
            } else {
                at += 1;
            }
        }
    }
    found
}

/// The token after the longest run of the address's words, in its order, that begins at `at`; signs do not count.
fn longest_part(said: &[String], at: usize, words: &[&str]) -> usize {
    let mut best = at;
    for start in 0..words.len() {
        let (mut word, mut next, mut end) = (start, at, at);
        while word < words.len() && next < said.len() {
            if said[next].is_empty() && next > at {
                next += 1;
            } else if said[next] == words[word] {
                (word, next) = (word + 1, next + 1);
                end = next;
            } else {
                break;
            }
        }
        best = best.max(end);
    }
    best
}

fn to_found(tokens: &[Token], (first, end): (usize, usize)) -> Found {
    let words: Vec<String> = (first..end).map(|at| spelling(tokens, at)).filter(|word| !word.is_empty()).collect();
    Found { slot: Slot::Address, first, end, value: words.join(" ") }
}

/// The token as it is compared: number words as digits, nothing for signs.
fn spelling(tokens: &[Token], at: usize) -> String {
    let token = &tokens[at];
    if !token.is_word() {
        return if token.is_number() { token.folded.clone() } else { String::new() };
    }
    match numbers::values(&tokens[at..=at]).first().filter(|_| numbers::month(token).is_none()) {
        Some(value) => value.to_string(),
        None => token.folded.clone(),
    }
}

/// What follows an introduction, up to the end of the clause.
fn extent(tokens: &[Token], from: usize) -> Option<(usize, usize)> {
    let mut first = from;
    while tokens.get(first).is_some_and(|token| LEAD_INS.contains(&token.folded)) {
        first += 1;
    }
    let mut end = first;
    while end < tokens.len() && end - first < MAX_TOKENS && !stops(tokens, end) && !turns_away(tokens, first, end) {
        end += 1;
    }
    trimmed(tokens, first, end)
}

/// Whether a comma ends the address because what follows is no part of one.
fn turns_away(tokens: &[Token], first: usize, at: usize) -> bool {
    let Some(next) = tokens.get(at + 1).filter(|next| is_comma(&tokens[at]) && next.is_word()) else {
        return false;
    };
    // "…, الوزن 5 kg": a quantity is none of an address.
    let clause = (at + 1..tokens.len().min(at + MAX_TOKENS))
        .take_while(|place| !ends_sentence(tokens, *place) && !is_comma(&tokens[*place]));
    if clause.into_iter().any(|place| tokens[place].is_number() && numbers::is_measured(tokens, place))
        || BUSINESS_NUMBERS.at(tokens, at + 1).is_some()
    {
        return true;
    }
    let unit = COUNTS.contains(&next.folded) || SIDES.contains(&next.folded);
    if numbers::is_numeric(tokens, at + 1) || has_place(tokens, (at + 1, at + 2)) || unit {
        return false;
    }
    let written = tokens[first..at].iter().any(|token| token.title && !vocabulary::is_caseless(token));
    match vocabulary::is_caseless(next) {
        true => is_talk(next),
        false => vocabulary::is_never_name(next) || !next.title && (written || vocabulary::is_common(next)),
    }
}

/// What stands before "में रहता हूँ" and the like, back to the beginning of the clause.
fn extent_before(tokens: &[Token], end: usize) -> Option<(usize, usize)> {
    let mut first = end;
    while first > 0
        && end - first < MAX_TOKENS
        && !stops(tokens, first - 1)
        && !SUBJECTS.contains(&tokens[first - 1].folded)
    {
        first -= 1;
    }
    trimmed(tokens, first, end)
}

/// The span without commas and verbs at its ends.
fn trimmed(tokens: &[Token], mut first: usize, mut end: usize) -> Option<(usize, usize)> {
    let loose = |token: &Token| !token.is_word() && !token.is_number() || TAILS.contains(&token.folded);
    while first < end && loose(&tokens[end - 1]) {
        end -= 1;
    }
    while first < end && !tokens[first].is_word() && !tokens[first].is_number() {
        first += 1;
    }
    (first < end).then_some((first, end))
}

/// A street or dwelling with its number that needs no introduction, with flat, town and postcode around it.
fn street_at(tokens: &[Token], at: usize) -> Option<(usize, usize)> {
    let end = numbered_street(tokens, at).or_else(|| named_street(tokens, at)).or_else(|| dwelling(tokens, at))?;
    let mut end = end;
    while let Some(next) = tail_piece(tokens, end).filter(|next| next - at <= MAX_TOKENS) {
        end = next;
    }
    Some((at, end))
}

/// "12 Harbour Street", "221b baker street".
fn numbered_street(tokens: &[Token], at: usize) -> Option<usize> {
    let token = tokens.get(at)?;
    let numbered = token.is_number() && token.folded.len() <= 5 && !numbers::is_measured(tokens, at)
        || token.is_word() && numbers::is_numeric(tokens, at);
    if !numbered {
        return None;
    }
    let ordinal = |place: usize| {
        tokens.get(place).is_some_and(|word| matches!(word.folded.as_str(), "th" | "st" | "nd" | "rd") && word.glued)
    };
    if ordinal(at + 1) {
        return None;
    }
    for end in at + 2..=(at + 2 + MAX_STREET_WORDS).min(tokens.len()) {
        let last = &tokens[end - 1];
        let street =
            STREETS.contains(&last.folded) && !last.glued || TITLE_STREETS.contains(&last.folded) && last.title;
        let named = tokens[at + 1..end - 1]
            .iter()
            .any(|word| word.is_word() && word.folded.chars().count() > 1 || word.is_number());
        if street && named {
            return Some(end);
        }
        let inner = &tokens[end - 1];
        if !(inner.is_word() || inner.is_number()) || NOT_STREETS.contains(&inner.folded) {
            return None;
        }
    }
    None
}

/// "calle Mayor 12", "شارع التحلية 5".
fn named_street(tokens: &[Token], at: usize) -> Option<usize> {
    if !STREETS_FIRST.contains(&tokens.get(at)?.folded) {
        return None;
    }
    (at + 1..(at + 3 + MAX_STREET_WORDS).min(tokens.len()))
        .take_while(|place| !ends_sentence(tokens, *place) && BREAKS.at(tokens, *place).is_none())
        .take_while(|place| {
            !is_comma(&tokens[*place])
                || tokens.get(place + 1).is_some_and(|next| is_count(next) || DWELLINGS.contains(&next.folded))
        })
        .find(|place| {
            let token = &tokens[*place];
            token.is_number() && token.folded.len() <= 4 && !numbers::is_measured(tokens, *place)
                || token.is_word() && *place > at + 1 && numbers::is_numeric(tokens, *place)
        })
        .map(|place| place + 1)
}

/// "house number 12 street 5", "مکان نمبر 12".
fn dwelling(tokens: &[Token], at: usize) -> Option<usize> {
    let mut place = at + usize::from(DWELLINGS.contains(&tokens.get(at)?.folded));
    if place == at {
        return None;
    }
    let counted = tokens.get(place).is_some_and(|token| COUNTS.contains(&token.folded));
    place += usize::from(counted);
    place += usize::from(tokens.get(place).is_some_and(|token| token.is_sign(".") || token.is_sign("#")));
    let numbered = tokens.get(place).is_some_and(|token| !token.is_number() || !numbers::is_measured(tokens, place))
        && numbers::is_numeric(tokens, place);
    let beside = tokens[place.min(tokens.len())..].iter().skip(1).take(6).any(is_place);
    (numbered && (counted || beside)).then_some(place + 1)
}

fn has_number(tokens: &[Token], (first, end): (usize, usize)) -> bool {
    (first..end).any(|at| numbers::is_numeric(tokens, at))
}

/// Whether a number and a word begin the span, and no date stands in it: "12 Elm, Leeds".
fn begins_house(tokens: &[Token], (first, end): (usize, usize)) -> bool {
    let dated = |token: &Token| {
        numbers::month(token).is_some() || token.glued && matches!(token.folded.as_str(), "th" | "st" | "nd" | "rd")
    };
    let lettered = tokens[first].is_letter() || LETTERS.contains(&tokens[first].folded);
    let dashed = tokens.get(first + 1).is_some_and(|token| token.is_sign("-"));
    let numbered = if lettered { first + 1 + usize::from(dashed) } else { first };
    numbers::is_numeric(tokens, numbered)
        && tokens[first + 1..end].iter().any(|token| token.is_word() && !token.is_letter())
        && !tokens[first..end].iter().any(dated)
}

fn has_place(tokens: &[Token], (first, end): (usize, usize)) -> bool {
    tokens[first..end].iter().any(|token| is_place(token) || DWELLINGS.contains(&token.folded))
}
