//! Postal addresses of the user, introduced as such or recognised by a number and a word of streets or dwellings.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::domain::redaction::asks::Asked;
use crate::domain::redaction::numbers;
use crate::domain::redaction::phrases::{Phrases, word_set};
use crate::domain::redaction::tokens::{Token, TokenKind, ends_sentence};
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
    found.retain(|span| near(&YOURS, tokens, span.0, 4).is_none());
    found.into_iter().map(|span| to_found(tokens, span)).collect()
}

/// The user's address in what an agent says: "I have your address as …".
pub(super) fn of_agent(tokens: &[Token]) -> Vec<Found> {
    let spans = YOURS.find(tokens).into_iter().filter_map(|(_, end)| extent(tokens, end));
    spans.filter(|span| has_number(tokens, *span)).map(|span| to_found(tokens, span)).collect()
}

/// Places where an address, or a part with its number, is said again.
pub(super) fn repeated(tokens: &[Token], known: &[String]) -> Vec<Found> {
    let said: Vec<String> = (0..tokens.len()).map(|at| spelling(tokens, at)).collect();
    let mut found = Vec::new();
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
    if numbers::is_numeric(tokens, at + 1) || has_place(tokens, (at + 1, at + 2)) || COUNTS.contains(&next.folded) {
        return false;
    }
    let written = tokens[first..at].iter().any(|token| token.title && !vocabulary::is_caseless(token));
    match vocabulary::is_caseless(next) {
        // An Arabic clause goes on with a joined "and".
        true => vocabulary::is_common(next) || next.folded.starts_with('و'),
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

/// Whether the address is over at this token.
fn stops(tokens: &[Token], at: usize) -> bool {
    let token = &tokens[at];
    ends_sentence(tokens, at)
        || token.kind == TokenKind::Slot
        || token.is_sign("@")
        || BREAKS.at(tokens, at).is_some()
        || token.is_number() && numbers::is_measured(tokens, at)
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

/// A further piece of an address: a comma and a capitalised word, a flat with its number, a postcode.
fn tail_piece(tokens: &[Token], at: usize) -> Option<usize> {
    let comma = usize::from(tokens.get(at).is_some_and(|token| is_comma(token) || token.is_sign("-")));
    let token = tokens.get(at + comma)?;
    if stops(tokens, at + comma) {
        return None;
    }
    let glued_letter = comma == 0 && token.glued && token.is_letter();
    let unit = (DWELLINGS.contains(&token.folded) || is_place(token) || COUNTS.contains(&token.folded))
        && (numbers::is_numeric(tokens, at + comma + 1)
            || tokens.get(at + comma + 1).is_some_and(|next| is_place(next) || is_count(next)));
    let written = token.title && token.is_word() && !vocabulary::is_never_name(token);
    let code = token.is_number() && !numbers::is_measured(tokens, at + comma) && token.folded.len() <= 6;
    let numbered = usize::from(unit && numbers::is_numeric(tokens, at + comma + 1));
    (glued_letter || unit || written || code || is_place(token)).then_some(at + comma + 1 + numbered)
}

fn has_number(tokens: &[Token], (first, end): (usize, usize)) -> bool {
    (first..end).any(|at| numbers::is_numeric(tokens, at))
}

/// Whether a number and a word begin the span, and no date stands in it: "12 Elm, Leeds".
fn begins_house(tokens: &[Token], (first, end): (usize, usize)) -> bool {
    let dated = |token: &Token| {
        numbers::month(token).is_some() || token.glued && matches!(token.folded.as_str(), "th" | "st" | "nd" | "rd")
    };
    numbers::is_numeric(tokens, first)
        && tokens[first + 1..end].iter().any(|token| token.is_word() && !token.is_letter())
        && !tokens[first..end].iter().any(dated)
}

fn has_place(tokens: &[Token], (first, end): (usize, usize)) -> bool {
    tokens[first..end].iter().any(|token| is_place(token) || DWELLINGS.contains(&token.folded))
}

fn is_comma(token: &Token) -> bool {
    token.is_sign(",") || token.is_sign("،")
}

/// A number, or a word that announces one.
fn is_count(token: &Token) -> bool {
    token.is_number() || COUNTS.contains(&token.folded)
}

/// Whether a word names a kind of street, block or quarter.
fn is_place(token: &Token) -> bool {
    STREETS.contains(&token.folded) || STREETS_FIRST.contains(&token.folded) || QUARTERS.contains(&token.folded)
}

static ADDRESS_IS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "my (home|postal|mailing|shipping|delivery|billing|street|new|) address (is|)\naddress is\naddress:\nthe address is
        mi (nueva|) dirección (es|)\nla dirección es\ndirección:\nmi domicilio (es|)\nعنواني (هو|)\nالعنوان (هو|)
        मेरा (पता|एड्रेस) (है|)\nघर का पता\nपता है\nمیرا (پتہ|پتا|ایڈریس) (ہے|)\nگھر کا پتہ\nmera (pata|address) (hai|)\nghar ka (pata|address)",
    )
});

static LIVES_AT: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(i|we) (live|stay) (at|on|in)\ni'm at\n(deliver|ship|send|bring|come|delivered|shipped|sent) (it|them|this|that|everything|) to
        pick me up (at|from)\nvivo en\nvivimos en\n(enviar|envíe|envíelo|mandar|mándelo|entregar) (lo|) (a|en)\nأسكن في\nساكن في
        ساكنة في\nأعيش في\nعايش في\nmera ghar",
    )
});

static LIVES_AFTER: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(में|पर) (रहता|रहती|रहते)\n(میں|پر) (رہتا|رہتی|رہتے)\n(mein|me|main|men|par|pe) (rehta|rehti|rehte|rahta|rahti)",
    )
});

static YOURS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "your (home|postal|mailing|shipping|delivery|billing|) address (is|as|)\n(clinic|office|shop|store|branch|hospital|pharmacy|restaurant|warehouse) (still|) (is|at|on|in)\nyour (shop|office|store|clinic|branch)\nsu dirección (es|)
        عنوانك (هو|)\nआपका पता\nآپ کا پتہ\n(aap ka|apka|aapka) (pata|address)",
    )
});

static BREAKS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "and (i|i'm|my|can|could|please|the|then|it|if)\nso\nplease\n(can|could|would|do|will) (you|i|we)\nbut\nbecause\nwhich\nthanks\nthank\nmy\nphone
        i (need|want|would|am|have)\npero\npor favor\ngracias\ny (mi|quiero|necesito|el)\nmi\nو رقمي\nورقمي\nوأريد\nشكرا\nلو سمحت\nमेरा\nऔर (मुझे|मेरा|मैं)
        मुझे\nاور (مجھے|میرا|میں)\nمجھے\nمیرا\naur (mujhe|mera|main)\nmujhe\nmera\nshukriya\nशुक्रिया\nشکریہ\nfor (the|my|delivery)\non (monday|tuesday|wednesday|thursday|friday|saturday|sunday)\nby (monday|tuesday|wednesday|thursday|friday|saturday|sunday|tomorrow)\ntomorrow\ntoday",
    )
});

static LEAD_INS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        ", : - uh um eh yes yeah sure okay ok its it's it is that's sí claro es نعم هو جی ہاں جی जी हाँ हां है ہے ji haan hai at i live la el the los las",
    )
});

static TAILS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("है हैं ہے ہیں hai hain में میں mein and y و और اور aur"));

static SUBJECTS: LazyLock<HashSet<String>> = LazyLock::new(|| word_set("मैं हम میں ہم main mai hum"));

static STREETS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set("street st road rd avenue ave lane boulevard blvd terrace crescent स्ट्रीट रोड سٹریٹ اسٹریٹ روڈ")
});

/// Words that are streets only with a capital: "10 Park Drive", but "a 10 minute drive".
static TITLE_STREETS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set("drive way close court place square gardens park row hill grove walk quay parade circle")
});

static NOT_STREETS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "the on in of for at and or to from with minutes minute hours hours days people a my your this is are off we i you down de para con por",
    )
});

static STREETS_FIRST: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("calle c avenida avda av paseo plaza carrera camino carretera شارع طريق حي street"));

static DWELLINGS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "house flat apartment apt unit makan ghar piso apartamento departamento depto شقة عمارة فيلا بناية منزل مكان مکان فلیٹ گھر मकान फ्लैट घर",
    )
});

static COUNTS: LazyLock<HashSet<String>> =
    LazyLock::new(|| word_set("number no # num número numero nº رقم نمبر नंबर नम्बर"));

static QUARTERS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "gali block sector colony phase town society mohalla nagar postcode piso portal colonia barrio حي الحي الدور طابق الطابق गली ब्लॉक
        सेक्टर कॉलोनी नगर मोहल्ला गांव گلی بلاک سیکٹر کالونی فیز ٹاؤن محلہ سوسائٹی",
    )
});
