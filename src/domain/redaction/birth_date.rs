//! Dates of birth: dates beside words of birth. Every other date is a fact of the business and stays.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::domain::redaction::asks::Asked;
use crate::domain::redaction::numbers;
use crate::domain::redaction::phrases::{Phrases, word_set};
use crate::domain::redaction::tokens::{Token, TokenKind, ends_sentence};
use crate::domain::redaction::{Found, Slot, near};

/// How far a word of birth may stand from its date, in tokens.
const REACH: usize = 8;

/// Dates that are said to be of birth, by anybody, or that answer the question for one.
pub(super) fn find(tokens: &[Token], asked: Asked) -> Vec<Found> {
    let births = BIRTH.find(tokens);
    let dates = dates(tokens);
    let is_birth = |date: &Found| {
        let whole = date.value.matches('-').count() >= 2;
        let cue = near(&BIRTH, tokens, date.first, REACH)
            .or_else(|| near(&BIRTHDAY, tokens, date.first, REACH).filter(|_| whole));
        // A word of birth tells of the date next to it, and of others only when they are joined to that one.
        let taken = |cue: usize| {
            let slots = (cue..date.first).filter(|at| tokens[*at].folded == Slot::BirthDate.as_str()).map(|at| at + 1);
            let others = dates.iter().filter(|other| other.first >= cue && other.end <= date.first);
            let last = others.map(|other| other.end).chain(slots).max();
            last.is_some_and(|end| !tokens[end..date.first].iter().all(joins_dates))
        };
        let (year_only, before) = (date.value.len() <= 4, cue.is_some_and(|cue| !taken(cue)));
        let after = births
            .iter()
            .any(|(first, _)| *first >= date.end && first - date.end <= 3 && same_sentence(tokens, date.end, *first));
        before || after || asked.birth_date && !year_only
    };
    dates.iter().filter(|date| is_birth(date)).cloned().collect()
}

/// Dates that repeat one that is known; a day without its year may be any appointment.
pub(super) fn repeated(tokens: &[Token], known: &[String]) -> Vec<Found> {
    let repeats = |date: &Found| date.value.matches('-').count() >= 2 && known.contains(&date.value);
    dates(tokens).into_iter().filter(repeats).collect()
}

/// Every date in figures or words; the value is its numbers in rising order.
fn dates(tokens: &[Token]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let end = date_end(tokens, at);
        if end > at {
            let mut parts = numbers::values(&tokens[at..end]);
            parts.sort_unstable();
            let value = parts.iter().map(u32::to_string).collect::<Vec<_>>().join("-");
            found.push(Found { slot: Slot::BirthDate, first: at, end, value });
        }
        at = end.max(at + 1);
    }
    found
}

/// The token after the date that begins at `at`, or `at` when none does.
fn date_end(tokens: &[Token], at: usize) -> usize {
    let mut end = at;
    let mut parts = 0;
    let mut year = false;
    let mut month = false;
    let mut next = at;
    while next < tokens.len() && next < at + 16 {
        let token = &tokens[next];
        let is_month = numbers::month(token).is_some();
        if is_month || is_part(tokens, next) {
            let digits = if token.is_number() { token.folded.len() } else { 0 };
            let compact = digits == 8 && end == at && is_compact(&token.folded);
            let complete = year && parts >= 3;
            if digits > 4 && !compact || year && digits == 4 || complete {
                break;
            }
            year |= digits == 4;
            month |= is_month;
            parts += if digits == 8 { 3 } else { 1 };
            end = next + 1;
        } else if end == at || !joins(tokens, next) || next - end >= 3 {
            break;
        }
        next += 1;
    }
    let first = &tokens[at];
    let figures = tokens[at..end].iter().filter(|token| token.is_number()).count();
    let marked = tokens[at..end].iter().any(|token| token.is_sign("/") || token.is_sign("-") || token.is_sign("."));
    let whole = match (month, parts) {
        (true, 2..) => true,
        (false, 3..) => figures == 0 || marked || year || first.folded.len() == 8 || figures >= 3,
        (false, 1..=2) => is_year(first) && figures == 1,
        _ => false,
    };
    if whole { end } else { at }
}

/// A number in figures, or a number word or ordinal, also of the languages whose numbers to 99 are each their own word.
fn is_part(tokens: &[Token], at: usize) -> bool {
    let token = &tokens[at];
    match token.kind {
        TokenKind::Number => true,
        TokenKind::Word => numbers::is_numeric(tokens, at) || NUMBER_WORDS.contains(&token.folded),
        TokenKind::Sign | TokenKind::Slot => false,
    }
}

/// What may stand between the parts of a date.
fn joins(tokens: &[Token], at: usize) -> bool {
    let token = &tokens[at];
    match token.kind {
        TokenKind::Sign => {
            matches!(token.folded.as_str(), "/" | "-" | "," | "،") || token.is_sign(".") && !ends_sentence(tokens, at)
        }
        TokenKind::Word => JOINTS.contains(&token.folded),
        TokenKind::Number | TokenKind::Slot => false,
    }
}

/// Whether a token only joins two dates of one kind: "…, and my brother's is …".
fn joins_dates(token: &Token) -> bool {
    token.is_sign(",") || token.is_sign("،") || token.folded.ends_with("'s") || DATE_JOINTS.contains(&token.folded)
}

/// Eight digits that are year, month and day, or day, month and year.
fn is_compact(digits: &str) -> bool {
    let number = |range: std::ops::Range<usize>| digits[range].parse::<u32>().unwrap_or(0);
    let plausible = |day: u32, month: u32, year: u32| {
        (1..=31).contains(&day) && (1..=12).contains(&month) && (1900..2100).contains(&year)
    };
    plausible(number(6..8), number(4..6), number(0..4)) || plausible(number(0..2), number(2..4), number(4..8))
}

fn is_year(token: &Token) -> bool {
    token.is_number() && token.folded.len() == 4 && (token.folded.starts_with("19") || token.folded.starts_with("20"))
}

fn same_sentence(tokens: &[Token], from: usize, to: usize) -> bool {
    (from..to.min(tokens.len())).all(|at| !ends_sentence(tokens, at))
}

static BIRTH: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "born\n(date|day|year) of birth\nbirth date\nbirthdate\nbirthday is\nbirthday's\ndob\nd.o.b\nbirth day\nborn on
        fecha de nacimiento\nnací\nnacido\nnacida\nnació\ncumpleaños es\nnacimiento
        تاريخ ميلادي\nتاريخ الميلاد\nميلادي\nميلاده\nميلادها\nمواليد\nولدت\nمولود\nمولودة
        जन्म\nजन्मतिथि\nजन्म तिथि\nजन्मदिन\nडेट ऑफ बर्थ\nपैदा\nپیدا\nتاریخ پیدائش\nپیدائش\nڈیٹ آف برتھ\nجنم
        paida\npaidaish\npaidaish ki tareekh\ntareekh e paidaish\njanam\njanm\njanamdin",
    )
});

/// Words of a birthday, which may be that of this year's party: they tell only of a date with its year.
static BIRTHDAY: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(my|his|her|their|your) birthday\n(mi|su|tu) cumpleaños\nعيد ميلادي\n(मेरा|मेरी|उसका) (जन्मदिन|बर्थडे)\n(میری|اس کی) سالگرہ
        (meri|mera|uski|unki) (birthday|salgirah)",
    )
});

static JOINTS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set("of the de del el st nd rd th in year año mil y and عام سنة من في शून्य सन साल سن سال ki ka को")
});

static DATE_JOINTS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "and or my his her mine hers is was y o mi su es el la de و اور और aur ya meri mera uski uska ki ka hai मेरी उसकी की है میری اس کی ہے",
    )
});

static NUMBER_WORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    word_set(
        "hundred thousand novecientos mil cien ألف الف وتسعمائة تسعمائة وتسعمية عشر عشرة عشرين ثلاثين عشرون ثلاثون أربعين خمسين
        ستين سبعين ثمانين تسعين وعشرين وثلاثين وتسعين وثمانين وسبعين تسعون وتسعون وثمانون وسبعون الأول الثاني الثالث الرابع
        الخامس السادس السابع الثامن التاسع العاشر
        दस ग्यारह बारह तेरह चौदह पंद्रह पन्द्रह सोलह सत्रह अठारह उन्नीस बीस इक्कीस बाईस तेईस चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस
        उनतीस तीस इकतीस सौ हज़ार साठ सत्तर अस्सी पचासी नब्बे बयासी पचानवे पैंसठ पचहत्तर अठासी सत्तासी छियासी चौरासी तिरासी
        इक्यासी इक्यानवे बानवे तिरानवे चौरानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे पहली दूसरी
        دس گیارہ بارہ تیرہ چودہ پندرہ سولہ سترہ اٹھارہ انیس بیس اکیس بائیس تئیس چوبیس پچیس چھبیس ستائیس اٹھائیس انتیس تیس اکتیس
        سو ہزار ساٹھ ستر اسی پچاسی نوے بیاسی پچانوے پچھتر اٹھاسی ستاسی چھیاسی چوراسی تراسی اکیاسی اکیانوے بانوے ترانوے چورانوے
        چھیانوے ستانوے اٹھانوے ننانوے پہلی
        so nabe unees das gyarah barah terah chaudah pandrah solah satrah atharah unnees unnis bees ikkees bais teis chaubees pachees pachis
        chabbees sattais athais untees tees iktees sau hazar sattar assi pachasi nabbay nabbe bayasi pachanwe",
    )
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::redaction::tokens::tokenise;

    #[track_caller]
    fn check(text: &str, values: &[&str]) {
        let found: Vec<String> = find(&tokenise(text), Asked::default()).into_iter().map(|found| found.value).collect();
        assert_eq!(found, values, "{text}");
    }

    #[test]
    fn dates_of_birth_are_found_in_figures_and_words() {
        check("I was born on the 5th of March 1990", &["3-5-1990"]);
        check("date of birth 1990-03-05", &["3-5-1990"]);
        check("born fifth of march nineteen ninety and i need", &["3-5-1990"]);
        check("12/05/1988 is my date of birth", &["5-12-1988"]);
        check("nací el 5 de marzo de 1990", &["3-5-1990"]);
        check("born in 1990", &["1990"]);
    }

    #[test]
    fn other_dates_are_kept() {
        check("see you on the 5th of March 2026", &[]);
        check("I was born here. The appointment is on 5 March 2026", &[]);
    }
}
