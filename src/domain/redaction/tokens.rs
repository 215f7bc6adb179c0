//! A turn cut into words, numbers and signs, each with its place in the text and one folded spelling.
//!
//! Guarantees: `start` and `end` are character boundaries of the text. Spellings of one word that people and speech
//! recognisers mix (accents, Arabic and Urdu letters, digits of four scripts) fold to one.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What a token is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Letters with their marks; an apostrophe inside belongs to it.
    Word,
    /// Decimal digits of any script; folded to ASCII.
    Number,
    /// One other visible character, or a line break.
    Sign,
    /// A typed slot such as `{phone}`, which nothing looks into or across.
    Slot,
}

/// A piece of the text.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// First byte in the text.
    pub(super) start: usize,
    /// The byte after the last.
    pub(super) end: usize,
    /// What it is.
    pub(super) kind: TokenKind,
    /// Lower case without accents; see [`fold`].
    pub(super) folded: String,
    /// Whether it is written as names are: one upper-case letter, then lower-case ones.
    pub(super) title: bool,
    /// Whether it is written in two or more capitals and nothing else.
    pub(super) upper: bool,
    /// Whether nothing stands between it and the token before.
    pub(super) glued: bool,
}

impl Token {
    /// Whether it is this sign.
    pub(super) fn is_sign(&self, sign: &str) -> bool {
        self.kind == TokenKind::Sign && self.folded == sign
    }

    /// Whether it is a word.
    pub(super) fn is_word(&self) -> bool {
        self.kind == TokenKind::Word
    }

    /// Whether it is a number in digits.
    pub(super) fn is_number(&self) -> bool {
        self.kind == TokenKind::Number
    }

    /// Whether it is a single letter, as in a spelled word.
    pub(super) fn is_letter(&self) -> bool {
        self.is_word() && self.folded.chars().count() == 1
    }
}

/// Cuts a text into its tokens, in order.
pub(super) fn tokenise(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = 0;
    while let Some(first) = text[rest..].chars().next() {
        if first.is_whitespace() && first != '\n' || is_invisible(first) {
            rest += first.len_utf8();
            continue;
        }
        let (kind, length) = measure(&text[rest..], first);
        let piece = &text[rest..rest + length];
        let glued = tokens.last().is_some_and(|before| before.end == rest);
        let title = kind == TokenKind::Word && is_title(piece);
        let upper = kind == TokenKind::Word && first.len_utf8() < length && piece.chars().all(char::is_uppercase);
        let folded = if kind == TokenKind::Slot { piece.to_owned() } else { fold(piece) };
        tokens.push(Token { start: rest, end: rest + length, kind, folded, title, upper, glued });
        rest += length;
    }
    tokens
}

/// Kind and length in bytes of the token at the start of `text`, whose first character is `first`.
fn measure(text: &str, first: char) -> (TokenKind, usize) {
    if first == '{'
        && let Some(length) = slot_length(text)
    {
        return (TokenKind::Slot, length);
    }
    if digit(first).is_some() {
        let length = text.chars().take_while(|c| digit(*c).is_some()).map(char::len_utf8).sum();
        return (TokenKind::Number, length);
    }
    if !first.is_alphabetic() {
        return (TokenKind::Sign, first.len_utf8());
    }
    let mut length = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let inside = c.is_alphabetic()
            || is_combining_mark(c)
            || is_invisible(c)
            || matches!(c, '\'' | '’') && chars.peek().is_some_and(|next| next.is_alphabetic());
        if !inside || digit(c).is_some() {
            break;
        }
        length += c.len_utf8();
    }
    (TokenKind::Word, length)
}

/// Length of a slot such as `{birth_date}` at the start of the text.
fn slot_length(text: &str) -> Option<usize> {
    let close = text.find('}').filter(|close| (2..=32).contains(close))?;
    text[1..close].bytes().all(|b| b.is_ascii_lowercase() || b == b'_').then_some(close + 1)
}

/// The spelling under which a word or number is compared: lower case, no accents, one letter for each group that
/// Arabic and Urdu keyboards mix up, ASCII digits.
pub(super) fn fold(piece: &str) -> String {
    piece
        .nfkd()
        .flat_map(char::to_lowercase)
        .filter(|c| {
            let accent = matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{93c}' | '\u{640}');
            !accent && !is_invisible(*c)
        })
        .map(|c| match c {
            '’' => '\'',
            'ى' | 'ی' | 'ے' => 'ي',
            'ک' => 'ك',
            'ہ' | 'ة' | 'ۃ' | 'ە' => 'ه',
            'ٱ' => 'ا',
            'ں' => 'ن',
            '\u{901}' => '\u{902}',
            other => digit(other).map_or(other, |value| char::from(b'0' + value)),
        })
        .collect()
}

/// The value of a decimal digit in ASCII, Arabic-Indic, Extended Arabic-Indic, Devanagari or full-width form.
fn digit(c: char) -> Option<u8> {
    let zero = match c {
        '0'..='9' => '0',
        '٠'..='٩' => '٠',
        '۰'..='۹' => '۰',
        '०'..='९' => '०',
        '０'..='９' => '０',
        _ => return None,
    };
    u8::try_from(u32::from(c) - u32::from(zero)).ok()
}

fn is_title(piece: &str) -> bool {
    let mut chars = piece.chars();
    chars.next().is_some_and(char::is_uppercase) && chars.next().is_none_or(|second| !second.is_uppercase())
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

/// Whether a sentence ends with the token at `at`. A full stop inside `3.5` or after `St` does not end one.
pub(super) fn ends_sentence(tokens: &[Token], at: usize) -> bool {
    let token = &tokens[at];
    if token.kind != TokenKind::Sign {
        return false;
    }
    match token.folded.as_str() {
        "!" | "?" | "؟" | "۔" | "।" | "\n" | "؛" | ";" => true,
        "." | "…" => {
            let inside = tokens.get(at + 1).is_some_and(|next| next.glued && next.kind != TokenKind::Sign);
            let shortened = at > 0 && tokens[at].glued && SHORTENED.contains(&tokens[at - 1].folded.as_str());
            !inside && !shortened
        }
        _ => false,
    }
}

/// Words that are written with a full stop and go on.
const SHORTENED: &[&str] =
    &["st", "rd", "ave", "apt", "no", "dr", "mr", "mrs", "ms", "av", "avda", "sr", "sra", "blvd"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_and_digits_fold_to_one() {
        assert_eq!(fold("Dirección"), "direccion");
        assert_eq!(fold("٠٣۰۴०५"), "030405");
        assert_eq!(fold("أربعة"), fold("اربعه"));
        assert_eq!(fold("फ़ोन"), fold("फोन"));
    }

    #[test]
    fn a_turn_is_cut_into_words_numbers_signs_and_slots() {
        let tokens = tokenise("My name's {name}, 4B!");
        let seen: Vec<(&str, TokenKind)> = tokens.iter().map(|token| (token.folded.as_str(), token.kind)).collect();
        use TokenKind::{Number, Sign, Slot, Word};
        let cut =
            [("my", Word), ("name's", Word), ("{name}", Slot), (",", Sign), ("4", Number), ("b", Word), ("!", Sign)];
        assert_eq!(seen, cut);
        assert!(tokens[0].title && tokens[5].glued && !tokens[1].glued);
    }
}
