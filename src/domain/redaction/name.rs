//! Names of people that are introduced as names: "my name is …", "… speaking", or the answer to "May I have your name?".

use crate::domain::redaction::asks::Asked;
use crate::domain::redaction::name_words::{
    ADDRESSED, AFTER, BARE, BOOKED_UNDER, BOOKINGS, CALLING, CLOSING, DOCTORS, FOLLOWS, GREETINGS, HINT, LEAD_INS,
    OPENERS, OTHERS, OWNING, POSTPOSITIONS, RELATIVES, SPELLING, STATES, STRONG, WEAK, WITH_YOU,
};
use crate::domain::redaction::tokens::{Token, TokenKind, ends_sentence};
use crate::domain::redaction::vocabulary::{self, is_caseless, is_common, is_known_name, is_never_name, is_particle};
use crate::domain::redaction::{Found, Slot, near};

/// The most words of a name, particles not counted.
const MAX_WORDS: usize = 4;

/// How surely a name follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cue {
    /// "My name is": any uncommon word is a name.
    Strong,
    /// The answer to a question for a name.
    Asked,
    /// "I am", "this is": only what is written or known as a name.
    Weak,
    /// "It's", "that's": only what is known as a name.
    Hint,
}

/// Names that a user introduces.
pub(super) fn of_user(tokens: &[Token], asked: Asked) -> Vec<Found> {
    let mut found = Vec::new();
    for (first, end) in STRONG.find(tokens) {
        // "The salon's name is" and "product name is" introduce no person.
        let english = matches!(tokens[first].folded.as_str(), "name" | "name's");
        let other = tokens[first.saturating_sub(3)..first].iter().any(|token| OTHERS.contains(&token.folded))
            || english && first > 0 && tokens[first - 1].is_word() && !vocabulary::owns_name(&tokens[first - 1]);
        // The bare word for "name" opens many sentences: a name after it is closed by the end of the clause.
        let bare = end - first == 1 && BARE.contains(&tokens[first].folded);
        let name = name_at(tokens, end, Cue::Strong).filter(|name| !bare || closes(tokens, name.end));
        found.extend(name.filter(|_| !other));
    }
    for (_, end) in HINT.find(tokens) {
        found.extend(name_at(tokens, end, Cue::Hint));
    }
    for (first, end) in WEAK.find(tokens) {
        let cue = if is_greeted(tokens, first, end) { Cue::Strong } else { Cue::Weak };
        // "main Lahore se bol raha hun": a place, marked by what follows it.
        let place = |name: &Found| tokens.get(name.end).is_some_and(|next| POSTPOSITIONS.contains(&next.folded));
        found.extend(name_at(tokens, end, cue).filter(|name| !place(name)));
    }
    for (_, end) in RELATIVES.find(tokens) {
        // "meri beti hina ka appointment": who owns or does something is a person; "… ki hai" and the like tell a state.
        let owner = |name: &Found| {
            let state = tokens.get(name.end + 1).is_none_or(|next| STATES.contains(&next.folded));
            tokens.get(name.end).is_some_and(|next| OWNING.contains(&next.folded)) && !state
        };
        found.extend(name_at(tokens, end, Cue::Weak).or_else(|| name_at(tokens, end, Cue::Strong).filter(owner)));
    }
    for (first, end) in BOOKED_UNDER.find(tokens) {
        let booked = near(&BOOKINGS, tokens, first, 12).is_some();
        found.extend(name_at(tokens, end, Cue::Weak).filter(|_| booked));
    }
    for (first, end) in WITH_YOU.find(tokens) {
        // "معك بشار من …" where a clause begins: the caller says who is on the line.
        let opens =
            first == 0 || tokens[first - 1].kind == TokenKind::Sign || GREETINGS.contains(&tokens[first - 1].folded);
        let from = |name: &Found| tokens.get(name.end).is_some_and(|next| next.folded == "من");
        found.extend(name_at(tokens, end, Cue::Strong).filter(|name| opens && from(name)));
    }
    for (first, _) in AFTER.find(tokens) {
        found.extend(name_before(tokens, first));
    }
    for (first, _) in CALLING.find(tokens) {
        // "Stop calling": only a name that is known, or written as two words of one.
        let whole = |name: &Found| name.end - name.first > 1 || is_known_name(&tokens[name.first]);
        found.extend(name_before(tokens, first).filter(whole));
    }
    if asked.name {
        found.extend(answer(tokens));
    }
    found.extend(spelled(tokens, asked));
    found
}

/// The user's name in what an agent asks: "Am I speaking with …?"
pub(super) fn of_agent(tokens: &[Token]) -> Vec<Found> {
    let cue = |first: usize| if tokens[first].folded == "is" { Cue::Weak } else { Cue::Strong };
    ADDRESSED.find(tokens).into_iter().filter_map(|(first, end)| name_at(tokens, end, cue(first))).collect()
}

/// Places where a known name or a part of it is said again; a doctor of the same name is not meant.
pub(super) fn repeated(tokens: &[Token], known: &[String]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let length = known.iter().filter_map(|name| said_again(tokens, at, name)).max().unwrap_or(0);
        let doctor = (1..=2).any(|back| at >= back && DOCTORS.contains(&tokens[at - back].folded));
        if length > 0 && !doctor {
            let value = value_of(&tokens[at..at + length]);
            found.push(Found { slot: Slot::Name, first: at, end: at + length, value });
        }
        at += length.max(1);
    }
    found
}

/// Number of tokens at `at` that say this name, or several parts of it in a row.
fn said_again(tokens: &[Token], at: usize, name: &str) -> Option<usize> {
    let words: Vec<&str> = name.split(' ').collect();
    let whole = words.len() > 1
        && tokens.len() - at >= words.len()
        && words.iter().zip(&tokens[at..]).all(|(word, token)| *word == token.folded);
    if whole {
        return Some(words.len());
    }
    let parts = tokens[at..].iter().take_while(|token| words.iter().any(|word| is_part(token, word))).count();
    let sentence_start = at == 0 || ends_sentence(tokens, at - 1);
    let sure = |token: &Token| !is_common(token) && !is_never_name(token) || token.title && !sentence_start;
    (parts > 0 && tokens[at..at + parts].iter().any(|token| sure(token) && !is_particle(token))).then_some(parts)
}

/// Whether a token is this word of a name, also with an Arabic prefix or an English genitive.
fn is_part(token: &Token, word: &str) -> bool {
    let letters = word.chars().count();
    if !token.is_word() || letters < 2 || letters < 3 && !is_caseless(token) {
        return false;
    }
    let bare = token.folded.strip_suffix("'s").unwrap_or(&token.folded);
    let prefixed = letters >= 3 && token.folded.strip_prefix(['ل', 'و', 'ب', 'ف']).is_some_and(|rest| rest == word);
    bare == word || prefixed
}

/// The name that begins at `at`, after hesitations and titles.
fn name_at(tokens: &[Token], at: usize, cue: Cue) -> Option<Found> {
    let mut first = at;
    let leads = |token: &Token| {
        LEAD_INS.contains(&token.folded) || cue == Cue::Asked && matches!(token.folded.as_str(), "for" | "para")
    };
    while tokens.get(first).is_some_and(leads) {
        first += 1;
    }
    let token = tokens.get(first)?;
    if DOCTORS.contains(&token.folded) {
        return None;
    }
    if let Some(end) = letters_end(tokens, first).filter(|_| matches!(cue, Cue::Strong | Cue::Asked)) {
        let value =
            tokens[first..end].iter().filter(|token| token.is_word()).map(|token| token.folded.as_str()).collect();
        return Some(Found { slot: Slot::Name, first, end, value });
    }
    if !begins_name(tokens, first, cue) {
        return None;
    }
    let end = name_end(tokens, first);
    Some(Found { slot: Slot::Name, first, end, value: value_of(&tokens[first..end]) })
}

/// Whether a word begins a name after this cue.
fn begins_name(tokens: &[Token], at: usize, cue: Cue) -> bool {
    let token = &tokens[at];
    if !token.is_word() || token.is_letter() || is_never_name(token) {
        return false;
    }
    let written = token.title && !is_caseless(token);
    let followed = tokens.get(at + 1).is_some_and(|next| next.title && !is_never_name(next) && !next.is_letter());
    match cue {
        _ if is_known_name(token) => true,
        Cue::Strong => written || !is_common(token),
        Cue::Asked => !is_common(token) || written && followed,
        Cue::Weak => written && !is_common(token),
        Cue::Hint => false,
    }
}

/// The token after the name that begins at `first`.
fn name_end(tokens: &[Token], first: usize) -> usize {
    let written = tokens[first].title && !is_caseless(&tokens[first]);
    let mut end = first + 1;
    let mut words = 1;
    while words < MAX_WORDS {
        let mut next = end;
        // A hyphen or an initial's full stop inside a name: "Al-Qahtani", "J. Smith".
        let inner = |token: &Token| token.glued && (token.is_sign("-") || token.is_sign("."));
        if tokens.get(next).is_some_and(inner)
            && tokens.get(next + 1).is_some_and(|after| after.glued || tokens[next - 1].is_letter())
        {
            next += 1;
        }
        let joined =
            |after: &Token| after.title && written || is_known_name(after) || is_particle(after) || is_caseless(after);
        while tokens.get(next).is_some_and(is_particle) && tokens.get(next + 1).is_some_and(joined) {
            next += 1;
        }
        let Some(token) = tokens.get(next).filter(|token| token.is_word() && !is_never_name(token)) else {
            break;
        };
        let known = is_known_name(token);
        let goes_on = match (written, token.is_letter()) {
            (_, true) => {
                written && token.title && tokens.get(next + 1).is_some_and(|after| after.is_sign(".") || after.title)
            }
            (true, _) => token.title || known,
            // Arabic joins "and" to the word after the name.
            (false, _) if token.folded.starts_with('و') => known,
            (false, _) => known || !is_common(token) && (words == 1 || closes(tokens, next + 1)),
        };
        if !goes_on {
            break;
        }
        words += 1;
        end = next + 1;
    }
    end
}

/// Whether "I'm zofia and …" follows a greeting: the one place where an unknown word in lower case is taken for a name,
/// unless it ends as participles and adjectives do.
fn is_greeted(tokens: &[Token], first: usize, end: usize) -> bool {
    let greeting = first > 0 && GREETINGS.contains(&tokens[first - 1].folded)
        || first > 1 && tokens[first - 1].is_sign(",") && GREETINGS.contains(&tokens[first - 2].folded);
    let Some(token) = tokens.get(end).filter(|token| greeting && token.is_word() && !is_caseless(token)) else {
        return false;
    };
    let quality = ["ed", "ing", "ly", "ous", "ful", "ic", "able", "ive", "less", "ado", "ada"]
        .iter()
        .any(|tail| token.folded.ends_with(tail));
    let mut after = tokens[end + 1..].iter().take(2).take_while(|token| token.is_word());
    let next = after.any(|token| FOLLOWS.contains(&token.folded));
    !quality && next
}

/// Whether a clause ends here, at its end, a sign or a closing "is".
fn closes(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_none_or(|token| token.kind == TokenKind::Sign || CLOSING.contains(&token.folded))
}

/// The name that stands right before "speaking", "ke naam se" and the like.
fn name_before(tokens: &[Token], end: usize) -> Option<Found> {
    let mut first = end;
    while first > 0 && end - first < MAX_WORDS {
        let token = &tokens[first - 1];
        if !token.is_word() || token.is_letter() || is_never_name(token) || is_common(token) {
            break;
        }
        first -= 1;
    }
    let named = |token: &Token| is_known_name(token) || token.title && !is_caseless(token);
    let opened = first > 0 && OPENERS.contains(&tokens[first - 1].folded);
    let sure = first < end && (opened || tokens[first..end].iter().any(named));
    sure.then(|| Found { slot: Slot::Name, first, end, value: value_of(&tokens[first..end]) })
}

/// The name in the answer to a question for it: at its start, or after a comma where one is written as such.
fn answer(tokens: &[Token]) -> Option<Found> {
    let sure = |found: &Found| {
        let token = &tokens[found.first];
        is_known_name(token) || token.title && !is_caseless(token) && !is_common(token)
    };
    let later = || {
        (1..tokens.len())
            .filter(|at| matches!(tokens[at - 1].kind, TokenKind::Sign | TokenKind::Slot))
            .filter_map(|at| name_at(tokens, at, Cue::Asked))
            .find(sure)
    };
    name_at(tokens, 0, Cue::Asked).or_else(later)
}

/// Names spelled letter by letter after a word of spelling, or as the answer.
fn spelled(tokens: &[Token], asked: Asked) -> Vec<Found> {
    let mut found = Vec::new();
    for (_, end) in SPELLING.find(tokens).into_iter().chain(asked.name.then_some((0, 0))) {
        let start = (end..tokens.len().min(end + 8)).find_map(|at| letters_end(tokens, at).map(|end| (at, end)));
        if let Some((first, end)) = start {
            let value =
                tokens[first..end].iter().filter(|token| token.is_word()).map(|token| token.folded.as_str()).collect();
            found.push(Found { slot: Slot::Name, first, end, value });
        }
    }
    found
}

/// The token after three or more single letters, with spaces, commas or hyphens between.
fn letters_end(tokens: &[Token], first: usize) -> Option<usize> {
    let mut end = first;
    let mut letters = 0;
    let mut at = first;
    while let Some(token) = tokens.get(at) {
        if token.is_letter() {
            letters += 1;
            end = at + 1;
        } else if !(token.is_sign("-") || token.is_sign(",") || token.is_sign(".")) || letters == 0 {
            break;
        }
        at += 1;
    }
    (letters >= 3).then_some(end)
}

fn value_of(tokens: &[Token]) -> String {
    let words = tokens.iter().filter(|token| token.is_word());
    words.map(|token| token.folded.strip_suffix("'s").unwrap_or(&token.folded)).collect::<Vec<_>>().join(" ")
}
