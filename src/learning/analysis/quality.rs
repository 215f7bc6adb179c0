//! Measures of how well the agent did.

use std::collections::BTreeMap;

use crate::domain::analysis::Quality;
use crate::domain::classify::acts::{AgentAct, CONTENT};
use crate::domain::classify::exchange::ReadTurn;
use crate::domain::conversation::Speaker;
use crate::domain::text;
use crate::domain::vectors::dot;

/// Cosine from which two turns of one speaker say the same, when their wording is also alike.
const SAME_TURN: f32 = 0.97;

/// How many turns back are compared; a conversation may be long.
const RECENT: usize = 40;

/// Measures, and a sentence for each.
pub fn measure_quality(turns: &[ReadTurn]) -> (Quality, BTreeMap<String, String>) {
    let of = |speaker: Speaker| turns.iter().filter(move |turn| turn.burst.speaker == speaker);
    let words = |speaker: Speaker| of(speaker).map(|turn| text::word_count(&turn.burst.text)).sum::<usize>();
    let (user_words, agent_words) = (words(Speaker::User), words(Speaker::Agent));
    let talk_ratio = share(agent_words, user_words + agent_words);
    let (repeated, repetition) = repetition(turns);
    let relevance = response_relevance(turns);
    let resolution = resolution(turns);
    let quality = Quality {
        user_turns: of(Speaker::User).count(),
        agent_turns: of(Speaker::Agent).count(),
        talk_ratio,
        resolution,
        repetition,
        response_relevance: relevance,
    };
    let reasons = BTreeMap::from([
        (
            "turns".to_owned(),
            format!("{} turns of the user and {} of the agent", quality.user_turns, quality.agent_turns),
        ),
        ("talk_ratio".to_owned(), format!("the agent said {agent_words} of {} words", user_words + agent_words)),
        ("repetition".to_owned(), format!("{repeated} of {} turns repeat an earlier one", turns.len())),
        ("response_relevance".to_owned(), "mean similarity of replies to the turn before them".to_owned()),
        ("resolution".to_owned(), "share of helpful acts in the agent's second half, and how the user left".to_owned()),
    ]);
    (quality, reasons)
}

/// How far the need was met, from what the agent did in the second half and how the user's last turn sounds.
fn resolution(turns: &[ReadTurn]) -> f64 {
    let second_half = &turns[turns.len() / 2..];
    let helpful = [AgentAct::Answer, AgentAct::Action, AgentAct::Instruction, AgentAct::Offer, AgentAct::Reassurance];
    let agent: Vec<f32> = second_half
        .iter()
        .filter(|turn| turn.burst.speaker == Speaker::Agent)
        .map(|turn| turn.acts.agent_sum(&helpful))
        .collect();
    let last = turns.iter().rev().find(|turn| turn.burst.speaker == Speaker::User);
    let left = last.map_or(0.5, |turn| turn.acts.user_sum(&CONTENT));
    let helped = if agent.is_empty() { 0.0 } else { agent.iter().sum::<f32>() / agent.len() as f32 };
    f64::from((helped + left) / 2.0).clamp(0.0, 1.0)
}

/// Turns that say again what the same speaker said shortly before.
fn repetition(turns: &[ReadTurn]) -> (usize, f64) {
    let said: Vec<_> = turns.iter().map(|turn| text::word_set(&turn.burst.text)).collect();
    let mut repeated = 0;
    for (at, turn) in turns.iter().enumerate() {
        let again = (at.saturating_sub(RECENT)..at).any(|earlier| {
            turns[earlier].burst.speaker == turn.burst.speaker
                && dot(&turn.vector, &turns[earlier].vector) >= SAME_TURN
                && text::overlap(&said[earlier], &said[at]) >= 0.6
        });
        repeated += usize::from(again);
    }
    (repeated, share(repeated, turns.len()))
}

fn response_relevance(turns: &[ReadTurn]) -> f64 {
    let replies: Vec<f32> = turns
        .windows(2)
        .filter(|pair| pair[0].burst.speaker == Speaker::User && pair[1].burst.speaker == Speaker::Agent)
        .map(|pair| dot(&pair[0].vector, &pair[1].vector))
        .collect();
    if replies.is_empty() { 0.0 } else { f64::from(replies.iter().sum::<f32>() / replies.len() as f32).clamp(0.0, 1.0) }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
