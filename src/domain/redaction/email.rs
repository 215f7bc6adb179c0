//! E-mail addresses, written (`ali.khan@mail.pk`) and said ("ali dot khan at the rate gmail dot com").

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::domain::redaction::numbers;
use crate::domain::redaction::phrases::{Phrases, word_set};
use crate::domain::redaction::tokens::{Token, TokenKind, ends_sentence};
use crate::domain::redaction::vocabulary;
use crate::domain::redaction::{Found, Slot, near};

/// Words before the "at" of an address that one follows without a mark between: `sara khan 92 at gmail dot com`.
const MAX_LOOSE_WORDS: usize = 4;
/// The most tokens of either side.
const MAX_SIDE: usize = 24;

/// Finds every e-mail address; the value is its letters and digits around the `@`.
pub(super) fn find(tokens: &[Token]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for at in 0..tokens.len() {
        let Some(length) = at_length(tokens, at) else {
            continue;
        };
        let Some(end) = domain_end(tokens, at + length) else {
            continue;
        };
        let spoken = !tokens[at].is_sign("@");
        let floor = found.last().map_or(0, |last: &Found| last.end);
        let Some(first) = local_start(tokens, at, floor, spoken) else {
            continue;
        };
        let value = format!("{}@{}", written(&tokens[first..at]), written(&tokens[at + length..end]));
        found.push(Found { slot: Slot::Email, first, end, value });
    }
    found
}

/// The user's address in what an agent says: "I have your e-mail as …".
pub(super) fn of_agent(tokens: &[Token]) -> Vec<Found> {
    find(tokens).into_iter().filter(|found| near(&YOURS, tokens, found.first, 5).is_some()).collect()
}

/// Length of the "at" at this place: `@`, or its name in one of the languages.
fn at_length(tokens: &[Token], at: usize) -> Option<usize> {
    AT.at(tokens, at)
}

/// The token after the domain that begins at `at`: parts with dots between, or a well-known provider alone.
fn domain_end(tokens: &[Token], at: usize) -> Option<usize> {
    let mut end = at;
    let mut dotted = false;
    while end < tokens.len() && end < at + MAX_SIDE {
        if is_atom(tokens, end) && (end == at || is_mark(tokens, end - 1) || tokens[end].glued) {
            end += 1;
            continue;
        }
        let next_is_part =
            tokens.get(end + 1).is_some_and(|next| next.kind != TokenKind::Sign) && !ends_sentence(tokens, end);
        if end > at && next_is_part && is_mark(tokens, end) {
            dotted |= is_dot(&tokens[end]);
            end += 1;
            continue;
        }
        // A spoken domain may fall apart: "turn wise dot io".
        let joins = end > at && is_atom(tokens, end) && tokens.get(end + 1).is_some_and(is_dot);
        if !joins {
            break;
        }
        end += 1;
    }
    while end > at && is_mark(tokens, end - 1) {
        end -= 1;
    }
    if dotted && end > at + 1 && tokens[end - 1].is_word() {
        return Some(end);
    }
    let (first, second) = (tokens.get(at)?, tokens.get(at + 1));
    if PROVIDERS.contains(&first.folded) {
        return Some(at + 1);
    }
    let joined = second.map(|second| format!("{} {}", first.folded, second.folded))?;
    SPLIT_PROVIDERS.contains(&joined.as_str()).then_some(at + 2)
}

/// The first token of the part before the "at".
fn local_start(tokens: &[Token], at: usize, floor: usize, spoken: bool) -> Option<usize> {
    let mut first = at;
    let mut loose = 0;
    while first > floor && at - first < MAX_SIDE {
        let before = first - 1;
        let token = &tokens[before];
        // An address may also end in an underscore, never in a dot.
        let inside = first < at || !is_dot(token);
        if inside && is_mark(tokens, before) && !ends_sentence(tokens, before) {
            first = before;
            continue;
        }
        if !is_atom(tokens, before) || first == at && spoken && TALK.contains(&token.folded) {
            break;
        }
        let joined = first == at || tokens[first].glued || is_mark(tokens, first);
        let spelled = token.is_letter() && (tokens[first].is_letter() || tokens[first].is_number());
        if !joined && !(spoken && (spelled || numbers::is_numeric(tokens, before))) {
            let talk = vocabulary::is_common(token) || TALK.contains(&token.folded);
            if !spoken || talk || loose == MAX_LOOSE_WORDS {
                break;
            }
            loose += 1;
        }
        first = before;
    }
    while first < at && is_mark(tokens, first) {
        first += 1;
    }
    (first < at).then_some(first)
}

/// A word, letter or number that can be part of an address.
fn is_atom(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| (token.is_word() || token.is_number()) && !is_mark(tokens, at))
}

fn is_dot(token: &Token) -> bool {
    DOTS.contains(&token.folded)
}

/// A mark of an address, as a sign or by name.
fn is_mark(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| DOTS.contains(&token.folded) || DASHES.contains(&token.folded))
}

/// Letters and digits joined, number words as digits; marks are left out, as everybody names them differently.
fn written(tokens: &[Token]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_mark(tokens, at) {
            at += 1;
            continue;
        }
        let run = numbers::runs(&tokens[at..]).into_iter().next().filter(|run| run.first == 0);
        match run {
            Some(run) => {
                text.push_str(&run.digits);
                at += run.end;
            }
            None => {
                text.push_str(&tokens[at].folded);
                at += 1;
            }
        }
    }
    text
}

static AT: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "@\nat\nat the (rate|rate of)\nat sign\nat rate\narroba\nایٹ\nایٹ دی ریٹ\nایٹ د ریٹ\nایٹ ریٹ\nاٹ\nएट\nऐट\nएट द रेट
        ऐट द रेट\nएट दी रेट\nएट रेट\nآت\nات\nات ساين\nعند\n(eight|et) the rate",
    )
});

static DOTS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set(". dot punto point ڈاٹ ڈوٹ डॉट डोट नुक़्ता نقطة نقطه دوت"));

static DASHES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "_ - + underscore dash hyphen plus guion guión bajo medio अंडरस्कोर डैश انڈرسکور انڈراسکور ڈیش اندرسكور شرطة سفلية داش",
    )
});

static PROVIDERS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("gmail yahoo hotmail outlook icloud جیمیل جيميل जीमेल याहू یاہو ياهو هوتميل हॉटमेल ہاٹمیل"));

static YOURS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "your (email|e-mail|mail)\n(su|tu) correo\nبريدك\nإيميلك\nايميلك\nआपका (ईमेल|ई-मेल)\nآپ کا ای میل\n(aap ka|apka|aapka) email",
    )
});

/// Providers that speech recognisers write as two words.
const SPLIT_PROVIDERS: &[&str] = &["g mail", "جي ميل", "जी मेल", "hot mail"];

/// Words before an "at" that is not that of an address: "look at turnwise dot com".
static TALK: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "look looking looked is was be am are me us you it site page online work works working shop account mail email address
        available found order bought sign signed reach write en es correo meet meeting arrive here there",
    )
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::redaction::tokens::tokenise;

    #[track_caller]
    fn check(text: &str, values: &[&str]) {
        let found: Vec<String> = find(&tokenise(text)).into_iter().map(|found| found.value).collect();
        assert_eq!(found, values, "{text}");
    }

    #[test]
    fn addresses_are_read_in_writing_and_in_speech() {
        check("write to Ali.Khan+x@mail.co.uk.", &["alikhanx@mailcouk"]);
        check("it's ali dot khan at gmail dot com thanks", &["alikhan@gmailcom"]);
        check("my email is sara khan nine two at the rate yahoo dot com", &["sarakhan92@yahoocom"]);
        check("es maria guion bajo lopez arroba gmail punto com", &["marialopez@gmailcom"]);
        check("a l i at gmail", &["ali@gmail"]);
    }

    #[test]
    fn a_web_page_and_a_time_are_no_address() {
        check("look at turnwise dot com", &[]);
        check("meet me at 5.30 at the office", &[]);
        check("we are at work. Come in", &[]);
    }
}
