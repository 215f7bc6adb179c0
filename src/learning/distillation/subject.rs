//! What an exchange is about, by the words that its need and its answer share.
//!
//! "Do you sell gloves?" and "Do you sell locks?" are asked and answered in the same words but one, and their embeddings lie
//! as near to each other as those of two wordings of one question. What is asked about is named again in the answer, so
//! two exchanges that each name something of which the other says nothing are about two things.

use std::collections::BTreeSet;

use crate::domain::text;
use crate::learning::distillation::wording::numbers_conflict;

/// Letters that words must share from the start on to be forms of one word.
const STEM: usize = 4;
/// Letters that endings may have.
const ENDING: usize = 3;

/// The words of an exchange.
pub struct Subject {
    need: String,
    /// All that was said.
    said: BTreeSet<String>,
    /// Telling words of the need that stand in the answer too.
    named: BTreeSet<String>,
}

impl Subject {
    /// Of a need and its answer; `stop_words` tell nothing.
    pub fn of(need: &str, answer: &str, stop_words: &BTreeSet<String>) -> Self {
        let (asked, answered) = (text::word_set(need), text::word_set(answer));
        // Numbers have rules of their own.
        let telling = |word: &&String| !stop_words.contains(*word) && word.chars().any(char::is_alphabetic);
        let echoed = |word: &&String| answered.iter().any(|other| same_word(word, other));
        let named = asked.iter().filter(telling).filter(echoed).cloned().collect();
        Self { need: need.to_owned(), said: asked.union(&answered).cloned().collect(), named }
    }

    /// Whether each names something that the other does not mention, or asks about another number: two models, two rooms.
    pub fn is_another(&self, other: &Self) -> bool {
        (self.names_beyond(other) && other.names_beyond(self)) || numbers_conflict(&self.need, &other.need)
    }

    fn names_beyond(&self, other: &Self) -> bool {
        self.named.iter().any(|word| !other.said.iter().any(|said| same_word(word, said)))
    }
}

/// Whether two words are forms of one: equal, or alike but for their endings.
pub fn same_word(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let shared = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    shared >= STEM && shared + ENDING >= a.chars().count().max(b.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn another(a: (&str, &str), b: (&str, &str)) -> bool {
        let stop_words = ["do", "you", "is", "a", "the", "we", "how", "much", "on", "it", "what", "for"];
        let stop_words = stop_words.map(str::to_owned).into();
        Subject::of(a.0, a.1, &stop_words).is_another(&Subject::of(b.0, b.1, &stop_words))
    }

    #[test]
    fn what_is_named_on_each_side_only_makes_two_subjects() {
        for (a, b) in [
            (("Do you sell gloves?", "Yes, we have gloves."), ("Do you sell locks?", "Yes, we have locks.")),
            (("How much is a chain?", "A chain is 35 euros."), ("How much is a saddle?", "A saddle is 35 euros.")),
            (("क्या आप जूते बेचते हैं?", "हाँ, जूते हैं।"), ("क्या आप टोपी बेचते हैं?", "हाँ, टोपी है।")),
            (("Is model 7 in stock?", "Yes, it is."), ("Is model 8 in stock?", "Yes, it is.")),
        ] {
            assert!(another(a, b) && another(b, a), "{a:?} {b:?}");
        }
    }

    #[test]
    fn other_words_for_the_same_are_one_subject() {
        for (a, b) in [
            (
                ("How much is the saddle?", "The saddle is 35 euros."),
                ("What do saddles cost?", "Saddles cost 35 euros."),
            ),
            (("Is there parking?", "Yes, behind the house."), ("Where can I leave my car?", "Leave the car behind.")),
            (("How much is it monthly?", "It is 29 a month."), ("What is a month of the plan?", "A month is 29.")),
            (("Is it open at 9?", "From 8 on."), ("When does it open?", "It opens at 8.")),
        ] {
            assert!(!another(a, b) && !another(b, a), "{a:?} {b:?}");
        }
    }
}
