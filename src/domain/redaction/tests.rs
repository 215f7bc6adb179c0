//! Redaction of whole conversations: what holds for any text.

use proptest::prelude::*;

use crate::domain::conversation::Speaker;
use crate::domain::redaction::Redactor;
use crate::domain::redaction::measured::conversations;
use crate::domain::redaction::tokens::fold;

#[test]
fn redacting_twice_changes_nothing() {
    for conversation in conversations() {
        let redactor = conversation.redactor();
        for turn in &conversation.turns {
            let once = redactor.redact(turn.speaker, &turn.text);
            assert_eq!(redactor.redact(turn.speaker, &once), once);
        }
    }
}

#[test]
fn the_number_that_the_business_says_first_stays_its_own() {
    let turns = [(Speaker::Agent, "Call us at 0800 555 010."), (Speaker::User, "so that is 0800 555 010")];
    let redactor = Redactor::for_conversation(turns.into_iter());
    assert_eq!(redactor.redact(Speaker::User, turns[1].1), turns[1].1);
    assert_eq!(Redactor::redact_utterance(turns[1].1), "so that is {phone}");
}

#[test]
fn what_the_agent_says_of_a_shop_and_numbers_that_were_called_are_facts() {
    let agent = "The restaurant is located at 33 Bridge Street.";
    let redactor = Redactor::for_conversation([(Speaker::Agent, agent)].into_iter());
    assert_eq!(redactor.redact(Speaker::Agent, agent), agent);
    for said in ["I called 0800 555 010 twice", "maine 0800 555 010 par call ki", "llamé al 900 555 010 ayer"] {
        assert_eq!(Redactor::redact_utterance(said), said);
    }
    assert_eq!(Redactor::redact_utterance("please call 0333 7788990 back"), "please call {phone} back");
}

#[test]
fn a_word_of_birth_tells_of_the_next_date_only() {
    let redacted = Redactor::redact_utterance("born 5 March 1990, and I come on 8 June 2026");
    assert_eq!(redacted, "born {birth_date}, and I come on 8 June 2026");
    let both = Redactor::redact_utterance("dates of birth: born 5 March 2015 and 8 June 2018");
    assert_eq!(both, "dates of birth: born {birth_date} and {birth_date}");
}

#[test]
fn an_address_goes_with_its_floor_quarter_and_town() {
    for said in ["flat 3 block b garden town lahore", "calle Olmo 4, 2º izquierda", "9 Mill Road, second floor, Leeds"]
    {
        assert_eq!(Redactor::redact_utterance(said), "{address}");
    }
}

/// Pieces that meet the rules, so that random texts do more than miss them.
const PIECES: &[&str] = &[
    "my name is",
    "{name}",
    "sara",
    "Khan",
    "at",
    "gmail",
    "dot",
    "com",
    "@",
    ".",
    "-",
    ",",
    "\n",
    "born",
    "march",
    "1990",
    "12",
    "street",
    "house",
    "0300",
    "1234567",
    "double",
    "five",
    "zero",
    "hundred",
    "نام",
    "میں",
    "صفر",
    "ایٹ",
    "मेरा",
    "नाम",
    "९८",
    "٠٥٥",
    "+",
    "(",
    "rupees",
    "$",
    "order",
    "iban",
    "PK36",
    "live at",
    "speaking",
    "s a r a",
    "booking under",
    "my son",
    "ka",
    "my birthday",
    "block",
    "flat 3 b",
    "second floor",
    "garden town",
    "lahore",
    "pata",
    "par call ki",
    "i tried",
    "معك",
    "من",
    "2º",
    "izquierda",
    "spelled",
];

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![3 => proptest::sample::select(PIECES).prop_map(str::to_owned), 1 => "\\PC{0,4}", 1 => "[0-9 ]{1,9}"]
}

proptest! {
    #[test]
    fn any_text_is_taken_and_redacting_twice_changes_nothing(
        pieces in proptest::collection::vec(piece(), 0..24), glue in "[ ,.]?", said in ".{0,40}",
    ) {
        let text = pieces.join(if glue.is_empty() { " " } else { &glue });
        let turns = [(Speaker::Agent, "May I have your name, number and address?"), (Speaker::User, text.as_str()), (Speaker::User, said.as_str())];
        let redactor = Redactor::for_conversation(turns.into_iter());
        for speaker in [Speaker::User, Speaker::Agent] {
            for given in [&text, &said] {
                let once = redactor.redact(speaker, given);
                prop_assert_eq!(redactor.redact(speaker, &once), once);
            }
        }
        let once = Redactor::redact_utterance(&text);
        prop_assert_eq!(Redactor::redact_utterance(&once), once);
    }

    #[test]
    fn no_phone_number_survives(
        number in "0[1-9][0-9]{8,9}", cut in 3..6_usize, zero in proptest::sample::select(&['0', '٠', '۰', '०'][..]),
        joint in proptest::sample::select(&["", " ", "-", " - ", "."][..]), opening in proptest::sample::select(&["", "my number is ", "नंबर ", "call me "][..]),
    ) {
        let script = |c: char| char::from_u32(u32::from(zero) + c.to_digit(10).unwrap_or(0)).unwrap_or(c);
        let written: String = number.chars().map(script).collect();
        let at = written.char_indices().nth(cut).map_or(written.len(), |(at, _)| at);
        let text = format!("{opening}{}{joint}{} ok", &written[..at], &written[at..]);
        let redacted = Redactor::redact_utterance(&text);
        prop_assert!(!fold(&redacted).contains(&number[cut..]), "{} -> {}", text, redacted);
        prop_assert!(!fold(&redacted).contains(&number[..cut]), "{} -> {}", text, redacted);
    }
}
