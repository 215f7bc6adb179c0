//! Phone numbers of the user; those of the business are told apart by who says them first.

use std::sync::LazyLock;

use crate::domain::redaction::asks::{Asked, BUSINESS_NUMBERS};
use crate::domain::redaction::numbers::{self, Run};
use crate::domain::redaction::phrases::Phrases;
use crate::domain::redaction::tokens::Token;
use crate::domain::redaction::{Found, Slot, near};

/// Digits of a whole phone number.
const WHOLE: std::ops::RangeInclusive<usize> = 7..=15;
/// The fewest digits of one that is introduced as one.
const INTRODUCED: usize = 5;
/// The fewest digits of a piece when the whole answer is one.
const PIECE: usize = 3;
/// The fewest digits that must agree when one number is said without its prefix.
const SHARED: usize = 6;

/// Phone numbers in what a user says.
pub(super) fn of_user(tokens: &[Token], runs: &[Run], asked: Asked) -> Vec<Found> {
    let said = |run: &&Run| {
        if is_business_number(tokens, run, asked) || is_your(tokens, run) || is_called(tokens, run) {
            return false;
        }
        let length = run.digits.len();
        let introduced = asked.phone || near(&MINE, tokens, run.first, 6).is_some();
        let whole_answer = asked.phone && covers(tokens, run);
        introduced && length >= INTRODUCED
            || whole_answer && length >= PIECE
            || length + usize::from(run.spoken) >= *WHOLE.start() && looks_like_one(tokens, run)
    };
    runs.iter().filter(said).map(|run| to_found(tokens, run)).collect()
}

/// The user's number in what an agent says: "I have your number as …".
pub(super) fn of_agent(tokens: &[Token], runs: &[Run]) -> Vec<Found> {
    let yours = |run: &&Run| WHOLE.contains(&run.digits.len()) && near(&YOURS, tokens, run.first, 6).is_some();
    runs.iter().filter(yours).map(|run| to_found(tokens, run)).collect()
}

/// Runs of digits that repeat a number that is known, in whole or from its end.
pub(super) fn repeated(tokens: &[Token], runs: &[Run], known: &[String]) -> Vec<Found> {
    let repeats = |run: &&Run| known.iter().any(|number| same(&run.digits, number) || is_ending(tokens, run, number));
    runs.iter().filter(repeats).map(|run| to_found(tokens, run)).collect()
}

/// Whether two digit strings are one number, with or without its prefix.
pub(super) fn same(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let core = short.trim_start_matches('0');
    one == other && one.len() >= PIECE || core.len() >= SHARED && long.ends_with(core)
}

/// Numbers that a turn names as those of an order, an invoice or the like.
pub(super) fn business_numbers(tokens: &[Token], runs: &[Run], asked: Asked) -> Vec<String> {
    let is_one =
        |run: &&Run| run.digits.len() >= PIECE && (is_business_number(tokens, run, asked) || is_called(tokens, run));
    runs.iter().filter(is_one).map(|run| run.digits.clone()).collect()
}

/// "ending in 4567", with digits at the end of a known number.
pub(super) fn is_ending(tokens: &[Token], run: &Run, number: &str) -> bool {
    (2..=6).contains(&run.digits.len())
        && number.ends_with(&run.digits)
        && near(&numbers::ENDINGS, tokens, run.first, 6).is_some()
}

fn to_found(tokens: &[Token], run: &Run) -> Found {
    let mut first = run.first;
    // The plus sign and the bracket of the area code belong to the number.
    while first > 0 && (tokens[first - 1].is_sign("+") || tokens[first - 1].is_sign("(")) {
        first -= 1;
    }
    Found { slot: Slot::Phone, first, end: run.end, value: run.digits.clone() }
}

/// Whether digits are a phone number by themselves: no date, amount, network address or list of small numbers.
fn looks_like_one(tokens: &[Token], run: &Run) -> bool {
    let inside = &tokens[run.first..run.end];
    let marked = |sign: &str| inside.iter().filter(|token| token.is_sign(sign)).count();
    let years = run.groups.len() > 1 && run.groups.iter().all(|group| *group == 4) && {
        run.digits.as_bytes().chunks(4).all(|year| matches!(&year[..2], b"19" | b"20"))
    };
    let dated = marked("-") + marked(".") + marked("/") >= 2
        && matches!(run.groups.as_slice(), [1 | 2, 1 | 2, 2 | 4] | [4, 1 | 2, 1 | 2]);
    let small = !run.spoken && run.digits.len() < 9 && run.groups.iter().all(|group| *group <= 2);
    let network = marked(".") == 3 && run.groups.len() == 4 && run.groups.iter().all(|group| *group <= 3);
    !(years || dated || small || network || numbers::is_grouped_amount(tokens, run))
}

/// Whether the nearest noun before the digits is an order, an invoice or the like, or the agent had asked for one.
fn is_business_number(tokens: &[Token], run: &Run, asked: Asked) -> bool {
    let business = near(&BUSINESS_NUMBERS, tokens, run.first, 6);
    let person = near(&MINE, tokens, run.first, 6);
    match (business, person) {
        (Some(business), Some(person)) => business > person,
        (Some(_), None) => true,
        (None, None) => asked.business_number && !asked.phone,
        (None, Some(_)) => false,
    }
}

/// Whether the user asks about the number of the business: "is your number 0800 123 456?"
fn is_your(tokens: &[Token], run: &Run) -> bool {
    near(&YOURS, tokens, run.first, 4).is_some()
}

/// Whether the user says that he called this number, so that it is somebody else's: "I tried 0800 123 456".
fn is_called(tokens: &[Token], run: &Run) -> bool {
    let after = (run.end..tokens.len().min(run.end + 2)).any(|at| CALLED_AFTER.at(tokens, at).is_some());
    (after || near(&CALLED, tokens, run.first, 2).is_some()) && near(&MINE, tokens, run.first, 6).is_none()
}

/// Whether little else is said than the digits.
fn covers(tokens: &[Token], run: &Run) -> bool {
    let others = tokens.iter().filter(|token| token.is_word()).count();
    let inside = tokens[run.first..run.end].iter().filter(|token| token.is_word()).count();
    others - inside <= 3
}

static MINE: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "my number\nmy (phone|mobile|cell|home|work|contact|whatsapp|callback)\nphone\nmobile\nwhatsapp\ncontact number
        phone number\n(call|reach|text|ring|phone|whatsapp) me\n(reach|call|text) (him|her)\n(his|her) number
        mi (número|teléfono|celular|móvil)\nteléfono\ncelular\nmóvil\n(llámame|llámeme|llamarme)
        رقمي\nرقم (هاتفي|جوالي|موبايلي|الهاتف|الجوال)\nهاتفي\nجوالي\nموبايلي\nاتصل بي\nاتصلوا\nكلمني
        मेरा (नंबर|नम्बर|फोन|मोबाइल)\nफोन (नंबर|नम्बर)\nमोबाइल\nमुझे कॉल\nमेरे नंबर\nव्हाट्सएप
        میرا (نمبر|فون|موبائل)\nفون نمبر\nموبائل\nمجھے کال\nواٹس ایپ
        mera (number|phone|mobile)\nmeray number\nmere number\nmujhe call",
    )
});

/// The other side's number: of the user when an agent says it, of the business when a user does.
static YOURS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "your (phone|mobile|cell|contact|home|whatsapp|callback|) number\nyour (phone|mobile|cell)\nsu (número|teléfono|celular|móvil)
        tu (número|teléfono|celular|móvil)\nرقمك\nرقمكم\n(clinic|shop|office|business|store)'s number\nرقم (العيادة|المحل|الشركة)\nرقم (هاتفك|جوالك|موبايلك)\nआपका (नंबर|नम्बर|फोन|मोबाइल)\nآپ کا (نمبر|فون|موبائل)
        (aap ka|apka|aapka) (number|phone|mobile)",
    )
});

static CALLED: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(i|i've|we|we've) (called|dialled|dialed|tried|rang|phoned)\n(i|we) (tried|keep|kept) calling
        (llamé|llamo|llamamos|marqué|he llamado|hemos llamado) (al|a)\n(اتصلت|اتصلنا|دقيت|كلمت) (على|ب|)",
    )
});

/// The same in languages that say the verb last; a wish ("par call karein") is not among them.
static CALLED_AFTER: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::new(
        "(पर|पे) (कॉल|फोन|फ़ोन) (किया|की|कर चुका|कर चुकी|करता|करती)\n(پر|پہ) (کال|فون) (کی|کیا|کر چکا|کر چکی|کرتا|کرتی)
        (par|pe) (call|phone|fon) (ki|kiya|kia|kar chuka|kar chuki|karta|karti)",
    )
});
