//! Key phrases: runs of telling words in what the user said, the most telling first.
//!
//! A candidate is a run of up to three words without stop words (Rose et al., *Automatic keyword extraction*, 2010); it
//! scores by how often it was said, by its length, and more when both sides said it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::classify::exchange::ReadTurn;
use crate::domain::conversation::Speaker;
use crate::domain::language::Language;
use crate::domain::text;

/// The most phrases of one conversation.
const MAX_PHRASES: usize = 8;
/// The most words of one phrase.
const MAX_WORDS: usize = 3;

/// The key phrases of a conversation.
pub fn key_phrases(turns: &[ReadTurn], language: &Language) -> Vec<String> {
    let stop_words = stop_words_of(language);
    let mut scores: BTreeMap<Vec<String>, f64> = BTreeMap::new();
    let mut agent_said: BTreeSet<Vec<String>> = BTreeSet::new();
    for turn in turns {
        for sentence in text::sentences(&turn.burst.text) {
            for phrase in candidates(sentence, &stop_words) {
                match turn.burst.speaker {
                    Speaker::User => *scores.entry(phrase.clone()).or_default() += phrase.len() as f64,
                    _ => _ = agent_said.insert(phrase),
                }
            }
        }
    }
    let mut ranked: Vec<(Vec<String>, f64)> = scores
        .into_iter()
        .map(|(phrase, score)| {
            let echoed = if agent_said.contains(&phrase) { 1.5 } else { 1.0 };
            (phrase, score * echoed)
        })
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));

    let mut kept: Vec<Vec<String>> = Vec::new();
    for (phrase, _) in ranked {
        let within = |longer: &Vec<String>| longer.windows(phrase.len()).any(|part| part == phrase.as_slice());
        if kept.len() < MAX_PHRASES && !kept.iter().any(within) {
            kept.push(phrase);
        }
    }
    kept.into_iter().map(|phrase| phrase.join(" ")).collect()
}

/// The most telling phrase of one utterance: its longest. `None` when it has no telling word.
pub fn main_phrase(utterance: &str, language: &Language) -> Option<String> {
    let stop_words = stop_words_of(language);
    let phrases = text::sentences(utterance).into_iter().flat_map(|sentence| candidates(sentence, &stop_words));
    // The first of several longest ones, which `max_by_key` alone would not give.
    let longest = phrases.enumerate().max_by_key(|(at, phrase)| (phrase.len(), std::cmp::Reverse(*at)));
    longest.map(|(_, phrase)| phrase.join(" "))
}

/// Runs of words that are no stop words, cut to at most three.
fn candidates(sentence: &str, stop_words: &BTreeSet<String>) -> Vec<Vec<String>> {
    let words = text::words(sentence);
    let telling = |word: &String| word.chars().count() > 2 && !stop_words.contains(word) && !is_number(word);
    words
        .split(|word| !telling(word))
        .filter(|run| !run.is_empty())
        .flat_map(|run| run.chunks(MAX_WORDS))
        .map(<[String]>::to_vec)
        .collect()
}

fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_numeric())
}

/// Words that tell nothing. English ones turn up in every language of a call centre, so they always go.
fn stop_words_of(language: &Language) -> BTreeSet<String> {
    let listed = ["ar", "de", "es", "fr", "hi", "id", "it", "nl", "pt", "ru", "tr", "ur"];
    let own = listed.into_iter().find(|code| *code == language.primary());
    let words = std::iter::once("en").chain(own).flat_map(|code| stop_words::get(code).iter());
    words.map(|word| (*word).to_owned()).collect()
}
