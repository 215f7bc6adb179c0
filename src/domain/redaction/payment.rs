//! Card numbers (Luhn) and bank accounts (IBAN), whoever says them.

use std::sync::LazyLock;

use iban::{Iban, ParseIbanError};

use crate::domain::redaction::asks::Asked;
use crate::domain::redaction::numbers::{self, Run};
use crate::domain::redaction::phrases::Phrases;
use crate::domain::redaction::tokens::{Token, TokenKind};
use crate::domain::redaction::{Found, Slot, near};

/// The fewest and most digits of a payment card.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// The fewest and most characters of an IBAN.
const IBAN_CHARS: std::ops::RangeInclusive<usize> = 15..=34;

/// The fewest digits of an IBAN.
const IBAN_DIGITS: usize = 10;

/// Cards with a valid check digit; from a user who was asked for a card or names one, also those misheard, and the
/// security code.
pub(super) fn cards(tokens: &[Token], runs: &[Run], user: bool, asked: Asked) -> Vec<Found> {
    let is_card = |run: &&Run| {
        let length = run.digits.len();
        if CARD_DIGITS.contains(&length) && is_card_number(&run.digits) {
            return true;
        }
        let named = || asked.card || near(&CARD, tokens, run.first, 6).is_some();
        let coded = || asked.card || near(&CODE, tokens, run.first, 5).is_some();
        user && (CARD_DIGITS.contains(&length) && named() || matches!(length, 3 | 4) && coded())
    };
    runs.iter()
        .filter(is_card)
        .map(|run| Found { slot: Slot::Card, first: run.first, end: run.end, value: run.digits.clone() })
        .collect()
}

/// Whether the digits begin as those of a card network and end in the right check digit.
fn is_card_number(digits: &str) -> bool {
    matches!(digits.as_bytes()[0], b'2'..=b'6') && luhn::valid(digits)
}

/// Bank accounts with a valid checksum; from a user who was asked for one or names one, also those misheard.
pub(super) fn ibans(tokens: &[Token], user: bool, asked: Asked) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for first in 0..tokens.len() {
        if found.last().is_some_and(|last| last.end > first) {
            continue;
        }
        let lenient = user && (asked.iban || near(&IBAN, tokens, first, 4).is_some());
        if let Some((end, value)) = iban_at(tokens, first, lenient) {
            found.push(Found { slot: Slot::Iban, first, end, value });
        }
    }
    found
}

/// The longest IBAN that begins at this token.
fn iban_at(tokens: &[Token], first: usize, lenient: bool) -> Option<(usize, String)> {
    let mut value = String::new();
    let mut best = None;
    let mut at = first;
    while at < tokens.len() && value.len() <= *IBAN_CHARS.end() {
        let (end, piece) = iban_piece(tokens, at)?;
        value.push_str(&piece);
        at = end;
        if !begins_as_iban(&value) {
            break;
        }
        if IBAN_CHARS.contains(&value.len()) && (is_iban(&value) || lenient && is_numbered(&value)) {
            best = Some((at, value.clone()));
        }
        let goes_on = tokens.get(at).is_some_and(|next| next.is_sign("-") || is_piece(tokens, at));
        if !goes_on {
            break;
        }
    }
    best
}

/// Whether the checksum is right, and the form is that of its country where the crate knows it; Pakistan's it does not.
fn is_iban(value: &str) -> bool {
    is_numbered(value) && matches!(value.parse::<Iban>(), Ok(_) | Err(ParseIbanError::UnknownCountry(_)))
}

/// Whether there are enough digits for an account; short words after "in 24 …" have none.
fn is_numbered(value: &str) -> bool {
    value.bytes().filter(u8::is_ascii_digit).count() >= IBAN_DIGITS
}

/// Country letters, then two check digits, as far as there is text.
fn begins_as_iban(value: &str) -> bool {
    value.bytes().enumerate().all(|(place, byte)| match place {
        0 | 1 => byte.is_ascii_uppercase(),
        2 | 3 => byte.is_ascii_digit(),
        _ => byte.is_ascii_alphanumeric(),
    })
}

/// Letters or digits of an IBAN at this token in upper case, nothing for a dash, and the token after.
fn iban_piece(tokens: &[Token], at: usize) -> Option<(usize, String)> {
    let token = tokens.get(at)?;
    if token.is_sign("-") {
        return Some((at + 1, String::new()));
    }
    let run = numbers::runs(&tokens[at..(at + 3).min(tokens.len())]).into_iter().find(|run| run.first == 0);
    if let Some(run) = run.filter(|_| token.is_word()) {
        return Some((at + run.end, run.digits));
    }
    is_piece(tokens, at).then(|| (at + 1, token.folded.to_ascii_uppercase()))
}

/// Whether the token can be a part of an IBAN: digits, number words, or a few letters.
fn is_piece(tokens: &[Token], at: usize) -> bool {
    let token = &tokens[at];
    match token.kind {
        TokenKind::Number => true,
        TokenKind::Word => numbers::is_numeric(tokens, at) || token.folded.len() <= 6 && token.folded.is_ascii(),
        TokenKind::Sign | TokenKind::Slot => false,
    }
}

static CARD: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new("card\nvisa\nmastercard\ndebit\ncredit card\ntarjeta\nبطاقة\nبطاقتي\nالبطاقة\nकार्ड\nکارڈ")
});

static CODE: LazyLock<Phrases> =
    LazyLock::new(|| Phrases::new("cvv\ncvc\nsecurity code\ncódigo de seguridad\nرمز الأمان\nसीवीवी\nسی وی وی"));

static IBAN: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new("iban\nbank account\naccount (number|no)\nآيبان\nايبان\nالآيبان\nآئی بین\nआईबीएएन\nआईबैन")
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::redaction::tokens::tokenise;

    fn found(text: &str, user: bool) -> Vec<String> {
        let tokens = tokenise(text);
        let runs = numbers::runs(&tokens);
        let mut found = cards(&tokens, &runs, user, Asked::default());
        found.extend(ibans(&tokens, user, Asked::default()));
        found.into_iter().map(|found| found.value).collect()
    }

    #[test]
    fn valid_cards_and_accounts_are_found_whoever_says_them() {
        assert_eq!(found("4111 1111 1111 1111", false), ["4111111111111111"]);
        assert_eq!(found("पता ४१११-११११-११११-११११", false), ["4111111111111111"]);
        assert_eq!(found("send it to PK36 SCBL 0000 0011 2345 6702 now", false), ["PK36SCBL0000001123456702"]);
        assert_eq!(found("es91 2100 0418 4502 0005 1332", false), ["ES9121000418450200051332"]);
    }

    #[test]
    fn what_only_looks_alike_is_kept() {
        assert_eq!(found("tracking number 4111 1111 1111 1112", true), Vec::<String>::new());
        assert_eq!(found("it is 36 degrees in room 12 today", true), Vec::<String>::new());
    }

    #[test]
    fn a_misheard_card_that_is_named_is_found_in_the_user_s_words() {
        assert_eq!(found("my card is 4111 1111 1111 1112", true), ["4111111111111112"]);
        assert_eq!(found("my card is 4111 1111 1111 1112", false), Vec::<String>::new());
    }
}
