//! Key phrases: runs of telling words in what the user said about the matter, the most telling first.
//!
//! A candidate is a run of up to three words of one clause without stop words (Rose et al., *Automatic keyword
//! extraction*, 2010). It scores by its length and by how many turns about the matter, of either side, say its words.
//! Greetings and thanks are known by the acts of turns, so that no language needs a list of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::domain::classify::exchange::{ReadTurn, is_need};
use crate::domain::conversation::Speaker;
use crate::domain::language::Language;
use crate::domain::text;
use crate::learning::analysis::matter::{holds_matter, is_courtesy};

/// The most phrases of one conversation.
const MAX_PHRASES: usize = 8;
/// The most phrases of one in which nothing was said twice and no need has a phrase of several words.
const MAX_LONE: usize = 3;
/// The most words of one phrase.
const MAX_WORDS: usize = 3;
/// What parts the clauses of a sentence.
const BETWEEN_CLAUSES: [char; 20] =
    [',', ';', ':', '!', '?', '¿', '¡', '…', '،', '؛', '؟', '、', '，', '？', '！', '(', ')', '"', '—', '–'];

/// The key phrases of a conversation.
pub fn key_phrases(turns: &[ReadTurn], language: &Language) -> Vec<String> {
    let mut stop_words = stop_words_of(language).clone();
    // How many turns about the matter, and how many courtesies, say each word.
    let (mut about, mut polite) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for turn in turns {
        let counts = match (holds_matter(turn), is_courtesy(turn)) {
            (true, _) => &mut about,
            (false, true) => &mut polite,
            (false, false) => continue,
        };
        for word in words(&turn.burst.text).into_iter().collect::<BTreeSet<String>>() {
            *counts.entry(word).or_default() += 1;
        }
    }
    let times = |word: &String| about.get(word).copied().unwrap_or(0);
    // A "hola" or "thanks" may stand in a turn about the matter too, but not mostly there.
    stop_words.extend(polite.into_iter().filter(|(word, polite)| *polite >= times(word)).map(|(word, _)| word));

    // With whether it was said in opening a need.
    let mut said: Vec<(Vec<String>, bool)> = Vec::new();
    for turn in turns.iter().filter(|turn| turn.burst.speaker == Speaker::User && holds_matter(turn)) {
        let needed = is_need(turn);
        said.extend(candidates(&turn.burst.text, &stop_words).into_iter().map(|phrase| (phrase, needed)));
    }
    // What is said first comes first among equals, for the sort is stable.
    said.sort_by_key(|(phrase, _)| Reverse((phrase.iter().map(times).sum::<usize>(), phrase.len())));
    let (telling, lone): (Vec<_>, Vec<_>) = said
        .into_iter()
        .partition(|(phrase, needed)| (*needed && phrase.len() > 1) || phrase.iter().any(|word| times(word) > 1));
    let (ranked, most) = if telling.is_empty() { (lone, MAX_LONE) } else { (telling, MAX_PHRASES) };

    let mut kept: Vec<Vec<String>> = Vec::new();
    for (phrase, _) in ranked {
        let within = |longer: &Vec<String>| longer.windows(phrase.len()).any(|part| part == phrase.as_slice());
        if kept.len() < most && !kept.iter().any(within) {
            kept.push(phrase);
        }
    }
    kept.into_iter().map(|phrase| phrase.join(" ")).collect()
}

/// The most telling phrase of one utterance: its longest. `None` when it has no telling word.
pub fn main_phrase(utterance: &str, language: &Language) -> Option<String> {
    let stop_words = stop_words_of(language);
    let phrases = candidates(utterance, stop_words).into_iter();
    // The first of several longest ones, which `max_by_key` alone would not give.
    let longest = phrases.enumerate().max_by_key(|(at, phrase)| (phrase.len(), Reverse(*at)));
    longest.map(|(_, phrase)| phrase.join(" "))
}

/// The phrases of an utterance, clause by clause. A clause of one word ("Great.", "Vale,") is an aside, unless there is
/// nothing else.
fn candidates(utterance: &str, stop_words: &BTreeSet<String>) -> Vec<Vec<String>> {
    let (mut found, mut asides) = (Vec::new(), Vec::new());
    for clause in text::sentences(utterance).into_iter().flat_map(|sentence| sentence.split(BETWEEN_CLAUSES)) {
        let into = if text::word_count(clause) == 1 { &mut asides } else { &mut found };
        into.extend(phrases_of(clause, stop_words));
    }
    if found.is_empty() { asides } else { found }
}

/// Runs of words of a clause that are no stop words, cut to at most three, around the slots of redaction. The run that
/// leads up to a slot names what was redacted ("my card is {card}") and is none.
fn phrases_of(clause: &str, stop_words: &BTreeSet<String>) -> Vec<Vec<String>> {
    let telling = |word: &String| word.chars().count() > 2 && !stop_words.contains(word) && !is_number(word);
    let mut found = Vec::new();
    let mut pieces = clause.split('{').peekable();
    while let Some(piece) = pieces.next() {
        let words = words(piece.split_once('}').map_or(piece, |(_, behind)| behind));
        let mut runs: Vec<&[String]> = words.split(|word| !telling(word)).filter(|run| !run.is_empty()).collect();
        if pieces.peek().is_some() {
            runs.pop();
        }
        found.extend(runs.into_iter().flat_map(|run| run.chunks(MAX_WORDS)).map(each_word_once));
    }
    found
}

/// Who stammers says a word twice.
fn each_word_once(run: &[String]) -> Vec<String> {
    let mut phrase: Vec<String> = Vec::with_capacity(run.len());
    for word in run {
        if !phrase.contains(word) {
            phrase.push(word.clone());
        }
    }
    phrase
}

/// The words of a text with the apostrophe of the lists of stop words.
fn words(text: &str) -> Vec<String> {
    text::words(&text.replace('’', "'"))
}

fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_numeric())
}

/// Words that tell nothing, by language; made once, for thousands of words are looked up in them for every conversation.
static STOP_WORDS: LazyLock<BTreeMap<&str, BTreeSet<String>>> = LazyLock::new(|| {
    // English ones turn up in every language of a call centre, so they always go.
    let with_english = |code| stop_words::get("en").iter().chain(stop_words::get(code).iter());
    let listed = ["ar", "de", "en", "es", "fr", "hi", "id", "it", "nl", "pt", "ru", "tr", "ur"];
    listed.map(|code| (code, with_english(code).map(|word| (*word).to_owned()).collect())).into()
});

/// Words that tell nothing in a language; the English ones for one without a list.
pub fn stop_words_of(language: &Language) -> &'static BTreeSet<String> {
    STOP_WORDS.get(language.primary()).unwrap_or(&STOP_WORDS["en"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::classify::acts::{AgentAct, UserAct};
    use crate::learning::analysis::matter::testing::{agent, user};

    fn phrases(turns: &[ReadTurn], language: &str) -> Vec<String> {
        key_phrases(turns, &Language::parse(language).expect("a tag"))
    }

    #[test]
    fn key_phrases_are_about_the_matter() {
        let turns = [
            agent(AgentAct::Greeting, "Hola, buenos días."),
            user(UserAct::Question, "hola mire cuánto cuesta cambiar la cadena"),
            agent(AgentAct::Answer, "Cambiar la cadena cuesta 35 euros."),
            user(UserAct::Question, "Vale. ¿Y tengo que pedir cita?"),
            agent(AgentAct::Answer, "No hace falta cita."),
            user(UserAct::Satisfied, "Perfecto, muchas gracias."),
        ];
        let found = phrases(&turns, "es");
        assert_eq!(found.first().map(String::as_str), Some("cuesta cambiar"));
        assert!(found.contains(&"cadena".to_owned()) && found.contains(&"pedir cita".to_owned()), "{found:?}");
        let filled = ["hola", "vale", "perfecto", "gracias"];
        assert!(!found.iter().any(|phrase| filled.iter().any(|filler| phrase.contains(filler))), "{found:?}");
    }

    #[test]
    fn slots_and_what_names_them_are_no_key_phrases() {
        let turns = [
            user(
                UserAct::Question,
                "My card is {card}, my IBAN {iban}; call {phone} or {email}. Do you fit brake pads?",
            ),
            agent(AgentAct::Answer, "Yes {name}, we fit brake pads, we will call {phone} or write to {email}."),
            user(UserAct::Satisfied, "Cool, thanks a lot."),
        ];
        let found = phrases(&turns, "en");
        assert!(found.iter().any(|phrase| phrase.contains("brake pads")), "{found:?}");
        let slots = ["card", "iban", "phone", "email", "call", "lot", "cool"];
        assert!(!found.iter().any(|phrase| phrase.split(' ').any(|word| slots.contains(&word))), "{found:?}");
    }

    #[test]
    fn a_word_that_is_said_once_counts_only_where_there_is_nothing_else() {
        let asked = user(UserAct::Question, "Great. Do you have helmets helmets?");
        assert_eq!(phrases(std::slice::from_ref(&asked), "en"), ["helmets"]);
        let more = user(UserAct::Question, "And what about child trailers?");
        assert_eq!(phrases(&[asked, more], "en"), ["child trailers"]);
        assert!(phrases(&[user(UserAct::Satisfied, "Wow, perfect, thanks!")], "en").is_empty());
    }
}
