//! Recognising the language of a conversation that came without one.

use crate::domain::classify::exchange::ReadTurn;
use crate::domain::conversation::Speaker;
use crate::domain::language::Language;
use crate::domain::language_recognition::recognise_text;

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
