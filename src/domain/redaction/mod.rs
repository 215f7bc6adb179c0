//! Redaction: the one choke point before anything is learned. What is personal becomes a typed slot such as `{phone}`.
//!
//! Guarantees: redacting twice changes nothing, slots stay, any UTF-8 text is taken. Facts of the business stay: prices,
//! opening hours, appointments, order numbers, its own phone number, e-mail, address and people. A value is personal when
//! the user says or introduces it, and then also when the agent repeats it; what the agent says first is the business's
//! own, unless it is called "your number". Cards and IBANs with a valid checksum, and dates of birth, go whoever says
//! them. It refuses to guess: a name that nobody introduces is not seen.

mod address;
mod address_parts;
mod address_words;
mod asks;
mod birth_date;
mod email;
#[cfg(test)]
mod measured;
mod name;
mod name_words;
mod numbers;
mod payment;
mod phone;
mod phrases;
#[cfg(test)]
mod tests;
mod tokens;
mod vocabulary;

use std::collections::BTreeMap;

use crate::domain::conversation::{Burst, Speaker, Turn, bursts};
use crate::domain::redaction::asks::Asked;
use crate::domain::redaction::numbers::Run;
use crate::domain::redaction::phrases::Phrases;
use crate::domain::redaction::tokens::{Token, ends_sentence, tokenise};
use crate::domain::text;

/// A kind of personal value. Where two claim the same words, the earlier one here has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Email,
    Iban,
    Card,
    BirthDate,
    Phone,
    Name,
    Address,
}

impl Slot {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "{email}",
            Self::Iban => "{iban}",
            Self::Card => "{card}",
            Self::BirthDate => "{birth_date}",
            Self::Phone => "{phone}",
            Self::Name => "{name}",
            Self::Address => "{address}",
        }
    }
}

/// A personal value in the tokens of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    slot: Slot,
    /// First token.
    first: usize,
    /// The token after the last.
    end: usize,
    /// The form in which it is compared with what is said elsewhere.
    value: String,
}

/// Values by kind.
type Values = BTreeMap<Slot, Vec<String>>;

/// What was said, burst by burst, with personal values as slots and our own injected text taken out.
pub fn redacted_bursts(turns: &[Turn]) -> Vec<Burst> {
    let mut turns = turns.to_vec();
    for turn in &mut turns {
        turn.text = text::tidy(&text::strip_injected(&turn.text));
    }
    let redactor = Redactor::for_conversation(turns.iter().map(|turn| (turn.speaker, turn.text.as_str())));
    let mut bursts = bursts(&turns);
    for burst in &mut bursts {
        burst.text = redactor.redact(burst.speaker, &burst.text);
    }
    // What has no word (a cough, a dash) carries nothing, and a model cannot embed it.
    bursts.retain(|burst| text::word_count(&burst.text) > 0);
    bursts
}

/// Removes what is personal from the turns of one conversation.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    /// What the user said about himself, or was called.
    personal: Values,
    /// What the agent said first, and numbers of orders: a user who repeats it says nothing personal.
    business: Values,
}

impl Redactor {
    /// Reads a whole conversation, in order, for what its user says about himself and which answers are introductions.
    pub fn for_conversation<'a>(turns: impl Iterator<Item = (Speaker, &'a str)>) -> Self {
        let mut redactor = Self::default();
        let mut asked = Asked::default();
        let mut agent_tokens: Vec<Token> = Vec::new();
        for (speaker, text) in turns {
            let tokens = tokenise(text);
            match speaker {
                Speaker::User => {
                    redactor.learn_user(&tokens, asked, &agent_tokens);
                    asked.name &= !redactor.personal.contains_key(&Slot::Name);
                }
                Speaker::Agent => {
                    redactor.learn_agent(&tokens);
                    asked = Asked::by(&tokens, asked);
                    agent_tokens.extend(tokens);
                }
                Speaker::System | Speaker::Tool => {}
            }
        }
        redactor
    }

    /// For a user's text whose conversation is not at hand.
    pub fn for_utterance() -> Self {
        Self::default()
    }

    /// A user's text alone, without what is personal.
    pub fn redact_utterance(text: &str) -> String {
        Self::for_utterance().redact(Speaker::User, text)
    }

    /// A turn of this conversation, or a part of one, with a slot in place of each personal value.
    pub fn redact(&self, speaker: Speaker, text: &str) -> String {
        let mut redacted = text.to_owned();
        // A slot may bring words of one value together with their cue, so look again until nothing is found. Every
        // round leaves fewer words outside slots, so this ends.
        loop {
            let tokens = tokenise(&redacted);
            let spans = settle(self.personal_in(speaker, &tokens));
            if spans.is_empty() {
                return redacted;
            }
            for span in spans.iter().rev() {
                redacted.replace_range(tokens[span.first].start..tokens[span.end - 1].end, span.slot.as_str());
            }
        }
    }

    /// Everything personal in a turn; may overlap.
    fn personal_in(&self, speaker: Speaker, tokens: &[Token]) -> Vec<Found> {
        let runs = numbers::runs(tokens);
        let mut found = match speaker {
            Speaker::User => of_user(tokens, &runs, Asked::default()),
            Speaker::Agent | Speaker::System | Speaker::Tool => of_agent(tokens, &runs),
        };
        found.retain(|found| !self.is_business(found));
        found.extend(self.repeated(tokens, &runs));
        found
    }

    /// Values of this conversation's user that are said again.
    fn repeated(&self, tokens: &[Token], runs: &[Run]) -> Vec<Found> {
        let known = |slot: Slot| self.personal.get(&slot).map_or(&[][..], Vec::as_slice);
        let mut found = phone::repeated(tokens, runs, known(Slot::Phone));
        let cards = known(Slot::Card);
        let ends_card =
            |run: &&Run| cards.iter().any(|card| run.digits == *card || phone::is_ending(tokens, run, card));
        found.extend(runs.iter().filter(ends_card).map(|run| Found {
            slot: Slot::Card,
            first: run.first,
            end: run.end,
            value: run.digits.clone(),
        }));
        found.extend(email::find(tokens).into_iter().filter(|found| known(Slot::Email).contains(&found.value)));
        found.extend(birth_date::repeated(tokens, known(Slot::BirthDate)));
        found.extend(address::repeated(tokens, known(Slot::Address)));
        found.extend(name::repeated(tokens, known(Slot::Name)));
        found
    }

    fn learn_user(&mut self, tokens: &[Token], asked: Asked, agent_tokens: &[Token]) {
        let runs = numbers::runs(tokens);
        self.business.entry(Slot::Phone).or_default().extend(phone::business_numbers(tokens, &runs, asked));
        for found in settle(of_user(tokens, &runs, asked)) {
            let known = self.personal.get(&found.slot).is_some_and(|values| values.contains(&found.value));
            if known || self.is_business(&found) {
                continue;
            }
            let from_agent = found.slot == Slot::Address
                && !address::repeated(agent_tokens, std::slice::from_ref(&found.value)).is_empty();
            let values = if from_agent { &mut self.business } else { &mut self.personal };
            values.entry(found.slot).or_default().push(found.value);
        }
    }

    fn learn_agent(&mut self, tokens: &[Token]) {
        let runs = numbers::runs(tokens);
        let yours = of_agent(tokens, &runs);
        let is_yours = |first: usize| yours.iter().any(|found| (found.first..found.end).contains(&first));
        let numbers = runs.iter().filter(|run| run.digits.len() >= 7 && !is_yours(run.first));
        let said = numbers.map(|run| (Slot::Phone, run.digits.clone())).chain(
            email::find(tokens)
                .into_iter()
                .filter(|found| !is_yours(found.first))
                .map(|found| (Slot::Email, found.value)),
        );
        for (slot, value) in said {
            let personal =
                self.personal.get(&slot).is_some_and(|values| values.iter().any(|known| agrees(slot, known, &value)));
            if !personal {
                self.business.entry(slot).or_default().push(value);
            }
        }
        for found in yours {
            self.personal.entry(found.slot).or_default().push(found.value);
        }
    }

    fn is_business(&self, found: &Found) -> bool {
        let said = |values: &Values| {
            values
                .get(&found.slot)
                .is_some_and(|values| values.iter().any(|value| agrees(found.slot, value, &found.value)))
        };
        said(&self.business) && !said(&self.personal)
    }
}

/// Whether two values of a kind are one.
fn agrees(slot: Slot, one: &str, other: &str) -> bool {
    if slot == Slot::Phone { phone::same(one, other) } else { one == other }
}

/// What is personal in a user's words by itself, or as the answer to what was asked.
fn of_user(tokens: &[Token], runs: &[Run], asked: Asked) -> Vec<Found> {
    let mut found = email::find(tokens);
    found.extend(payment::ibans(tokens, true, asked));
    found.extend(payment::cards(tokens, runs, true, asked));
    found.extend(birth_date::find(tokens, asked));
    found.extend(phone::of_user(tokens, runs, asked));
    found.extend(address::of_user(tokens, asked));
    found.extend(name::of_user(tokens, asked));
    found
}

/// What is personal in anybody's words by itself, and what an agent calls the user's own.
fn of_agent(tokens: &[Token], runs: &[Run]) -> Vec<Found> {
    let mut found = payment::ibans(tokens, false, Asked::default());
    found.extend(payment::cards(tokens, runs, false, Asked::default()));
    found.extend(birth_date::find(tokens, Asked::default()));
    found.extend(phone::of_agent(tokens, runs));
    found.extend(email::of_agent(tokens));
    found.extend(address::of_agent(tokens));
    found.extend(name::of_agent(tokens));
    found
}

/// Spans in order that do not overlap: the stronger kind keeps its words, a weaker one keeps what is before them.
fn settle(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|found| (found.slot, found.first, std::cmp::Reverse(found.end)));
    let mut settled: Vec<Found> = Vec::new();
    for mut span in found {
        let overlaps = |other: &&Found| other.first < span.end && span.first < other.end;
        if let Some(first) = settled.iter().filter(overlaps).map(|other| other.first).min() {
            span.end = first;
        }
        if span.first < span.end {
            settled.push(span);
        }
    }
    settled.sort_by_key(|found| found.first);
    settled
}

/// The end of the last phrase that ends at most `reach` tokens before `at`, in the same sentence.
fn near(phrases: &Phrases, tokens: &[Token], at: usize, reach: usize) -> Option<usize> {
    let mut first = at;
    while first > 0 && at - first < reach && !ends_sentence(tokens, first - 1) {
        first -= 1;
    }
    (first..at).filter_map(|start| phrases.at(&tokens[..at], start).map(|length| start + length)).max()
}
