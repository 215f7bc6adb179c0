//! An extractive summary: what the user wanted, the most telling reply, and how it ended.

use crate::domain::classify::exchange::ReadTurn;
use crate::domain::classify::exchange::{has_substance, is_need};
use crate::domain::conversation::Speaker;
use crate::domain::text;
use crate::domain::vectors::{centroid, dot};

/// The most characters of one quoted turn.
const MAX_QUOTE: usize = 160;

/// Three quotes at most, in the order of the conversation; empty when nothing was said.
pub fn summarise(turns: &[ReadTurn]) -> String {
    let dimension = turns.first().map_or(0, |turn| turn.vector.len());
    let centre = centroid(turns.iter().map(|turn| &turn.vector[..]), dimension);
    let user = |turn: &&ReadTurn| turn.burst.speaker == Speaker::User;
    let need = turns.iter().position(|t| user(&t) && is_need(t)).or_else(|| turns.iter().position(|t| user(&t)));
    let reply = turns
        .iter()
        .enumerate()
        .filter(|(_, turn)| turn.burst.speaker == Speaker::Agent && has_substance(&turn.acts))
        .max_by(|(_, a), (_, b)| dot(&a.vector, &centre).total_cmp(&dot(&b.vector, &centre)))
        .map(|(at, _)| at);
    let end = turns.iter().rposition(|t| user(&t));

    let mut quoted: Vec<usize> = [need, reply, end].into_iter().flatten().collect();
    quoted.sort_unstable();
    quoted.dedup();
    let lines: Vec<String> = quoted
        .into_iter()
        .map(|at| {
            let burst = &turns[at].burst;
            let speaker = if burst.speaker == Speaker::User { "User" } else { "Agent" };
            format!("{speaker}: {}", text::shorten(&burst.text, MAX_QUOTE))
        })
        .collect();
    lines.join(" / ")
}
