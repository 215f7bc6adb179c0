//! The parts that go on with an address once its street or dwelling is found, and what ends one.

use crate::domain::redaction::address_words::{
    BREAKS, COUNTS, DWELLINGS, FLOOR_ORDINALS, FLOORS, LETTERS, QUARTERS, SIDES, STREETS, STREETS_FIRST, TAILS, TOWNS,
};
use crate::domain::redaction::numbers;
use crate::domain::redaction::tokens::{Token, TokenKind, ends_sentence};
use crate::domain::redaction::vocabulary;

/// A further piece of an address and the token after it: a flat or block with its number or letter, a floor, a named
/// quarter, a town, a postcode.
pub(super) fn tail_piece(tokens: &[Token], at: usize) -> Option<usize> {
    let comma = usize::from(tokens.get(at).is_some_and(|token| is_comma(token) || token.is_sign("-")));
    let here = at + comma;
    let token = tokens.get(here).filter(|_| !stops(tokens, here))?;
    if comma == 0 && (token.glued && token.is_letter() || is_unit_letter(tokens, here)) {
        return Some(here + 1);
    }
    if let Some(end) = floor(tokens, here, comma > 0).or_else(|| unit(tokens, here)) {
        return Some(end);
    }
    let code = token.is_number() && !numbers::is_measured(tokens, here) && token.folded.len() <= 6;
    // A state or a postcode: "CO 80203", "LS9 8AG".
    let coded = token.upper && (token.glued || tokens.get(here + 1).is_some_and(Token::is_number));
    let written = token.title && token.is_word() && !vocabulary::is_never_name(token);
    if code || coded || is_place(token) {
        return Some(here + 1);
    }
    quarter(tokens, here).or_else(|| town(tokens, here, comma > 0)).or(written.then_some(here + 1))
}

/// "block 3", "flat number", "sector f", "الطابق الثاني".
pub(super) fn unit(tokens: &[Token], at: usize) -> Option<usize> {
    let next = tokens.get(at + 1)?;
    if !announces_unit(&tokens[at]) {
        return None;
    }
    let numbered = numbers::is_numeric(tokens, at + 1) && !numbers::is_measured(tokens, at + 1);
    if numbered || is_unit_letter(tokens, at + 1) || FLOOR_ORDINALS.contains(&next.folded) {
        return Some(at + 2);
    }
    (is_place(next) || is_count(next)).then_some(at + 1)
}

/// "second floor", "4th floor", and the floors and sides of Spanish houses after a comma or a number.
fn floor(tokens: &[Token], at: usize, comma: bool) -> Option<usize> {
    let token = tokens.get(at)?;
    let suffixed = token.is_number() && tokens.get(at + 1).is_some_and(|next| next.glued && next.is_word());
    let ordinal = at + 1 + usize::from(suffixed);
    let counted = suffixed || FLOOR_ORDINALS.contains(&token.folded);
    if counted && tokens.get(ordinal).is_some_and(|word| FLOORS.contains(&word.folded)) {
        return Some(ordinal + 1);
    }
    let before = at.checked_sub(1).map(|before| &tokens[before])?;
    ((comma || ends_count(before)) && SIDES.contains(&token.folded)).then_some(at + 1)
}

/// Whether a single letter, or its name, is that of a flat or block: "4 B", "block c", "ब्लॉक सी".
fn is_unit_letter(tokens: &[Token], at: usize) -> bool {
    let (Some(token), Some(before)) = (tokens.get(at), at.checked_sub(1).map(|before| &tokens[before])) else {
        return false;
    };
    let announced = announces_unit(before);
    let word = matches!(token.folded.as_str(), "i" | "y" | "o" | "e");
    let letter = token.is_letter() && !vocabulary::is_caseless(token) && !word;
    letter && (announced || ends_count(before) && token.title) || announced && LETTERS.contains(&token.folded)
}

/// One or two words of its own before the word for a quarter: "Garden Town", "al noor plaza".
fn quarter(tokens: &[Token], at: usize) -> Option<usize> {
    let named = |token: &Token| token.is_word() && !vocabulary::is_common(token) && !vocabulary::is_never_name(token);
    (1..=2).map(|words| at + words).find_map(|place| {
        let quarter = tokens.get(place).filter(|word| {
            STREETS.contains(&word.folded) || QUARTERS.contains(&word.folded) || DWELLINGS.contains(&word.folded)
        });
        let named = tokens[at..place.min(tokens.len())].iter().all(named);
        (quarter.is_some() && named).then(|| unit(tokens, place).unwrap_or(place + 1))
    })
}

/// A town that is known, or a word or two of its own that stand between commas where a script has no capitals.
pub(super) fn town(tokens: &[Token], at: usize, comma: bool) -> Option<usize> {
    if let Some(length) = TOWNS.at(tokens, at) {
        return Some(at + length);
    }
    let own = |token: &Token| {
        token.is_word() && vocabulary::is_caseless(token) && !is_talk(token) && !vocabulary::is_never_name(token)
    };
    let closed = |end: usize| {
        tokens.get(end).is_none_or(|next| !next.is_word() || TAILS.contains(&next.folded))
            || BREAKS.at(tokens, end).is_some()
    };
    let ends = (at + 1..=at + 2).take_while(|end| tokens.get(end - 1).is_some_and(own));
    ends.filter(|_| comma).find(|end| closed(*end))
}

/// Whether a word without capitals is none of an address: a common one, also with the Arabic article, or one that
/// Arabic joins with "and".
pub(super) fn is_talk(token: &Token) -> bool {
    let bare = token.folded.strip_prefix("ال").unwrap_or(&token.folded);
    vocabulary::is_common(token) || vocabulary::is_common_word(bare) || token.folded.starts_with('و')
}

/// Whether the floor, side or letter of a flat may come next: "4", "2º", "izquierda".
fn ends_count(token: &Token) -> bool {
    token.is_number() || is_ordinal_mark(token) || SIDES.contains(&token.folded)
}

/// The sign of an ordinal: "4º", "2ª".
fn is_ordinal_mark(token: &Token) -> bool {
    token.glued && matches!(token.folded.as_str(), "o" | "a" | "°")
}

fn announces_unit(token: &Token) -> bool {
    let names = [&*DWELLINGS, &*COUNTS, &*FLOORS];
    is_place(token) || names.iter().any(|words| words.contains(&token.folded))
}

/// Whether the address is over at this token.
pub(super) fn stops(tokens: &[Token], at: usize) -> bool {
    let token = &tokens[at];
    ends_sentence(tokens, at)
        || token.kind == TokenKind::Slot
        || token.is_sign("@")
        || BREAKS.at(tokens, at).is_some()
        || token.is_number() && numbers::is_measured(tokens, at)
}

pub(super) fn is_comma(token: &Token) -> bool {
    token.is_sign(",") || token.is_sign("،")
}

/// A number, or a word that announces one.
pub(super) fn is_count(token: &Token) -> bool {
    token.is_number() || COUNTS.contains(&token.folded)
}

/// Whether a word names a kind of street, block or quarter.
pub(super) fn is_place(token: &Token) -> bool {
    STREETS.contains(&token.folded) || STREETS_FIRST.contains(&token.folded) || QUARTERS.contains(&token.folded)
}
