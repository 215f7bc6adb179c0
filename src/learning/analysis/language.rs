//! Recognising the language of a conversation, or of one utterance, that came without one.

use crate::domain::classify::exchange::ReadTurn;
use crate::domain::conversation::Speaker;
use crate::domain::language::Language;
use crate::domain::language_recognition::{guess_text, recognise_text};
use crate::domain::language_space::LanguageSpace;

/// Characters that are enough to tell; more costs time and changes nothing.
const ENOUGH: usize = 2_000;

/// The language that the user speaks, `und` when too little was said to tell.
pub fn recognise(turns: &[ReadTurn]) -> Language {
    let mut sample = String::new();
    for turn in turns.iter().filter(|turn| turn.burst.speaker == Speaker::User) {
        sample.push_str(&turn.burst.text);
        sample.push(' ');
        if sample.len() > ENOUGH {
            break;
        }
    }
    recognise_text(&sample)
}

/// The language of one utterance: the one that its letters and words surely tell, else the one that both they and its
/// embedding rather tell. `und` when those two disagree: either alone is wrong too often to call it a language.
pub fn of_utterance(turn: &ReadTurn, languages: &LanguageSpace) -> Language {
    let text = &turn.burst.text;
    let recognised = recognise_text(text);
    if recognised != Language::undetermined() {
        return recognised;
    }
    let guess = guess_text(text);
    languages.language_of(&turn.vector).filter(|sounds_like| **sounds_like == guess).cloned().unwrap_or(recognised)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::classify::acts::UserAct;
    use crate::learning::analysis::matter::testing::user;

    #[test]
    fn an_utterance_is_of_a_language_that_two_judges_tell_or_of_none() {
        let text = "Hola, buenos dias";
        let guess = guess_text(text);
        let (urdu, english) = (Language::parse("ur").expect("a tag"), Language::parse("en").expect("a tag"));
        let mut turn = user(UserAct::Greeting, text);
        turn.vector = vec![1.0, 0.0].into();
        let sounds_like = |language: Language| {
            let space = LanguageSpace::fit(&[(language, vec![1.0, 0.0]), (english.clone(), vec![0.0, 1.0])]);
            of_utterance(&turn, &space)
        };
        // Urdu is not written so, whatever the embedding says.
        assert_eq!(sounds_like(urdu), recognise_text(text));
        assert_eq!(sounds_like(guess.clone()), guess);
    }
}
