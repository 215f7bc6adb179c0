//! An extractive summary: what the user wanted, the most telling reply, and how it ended.

use crate::domain::classify::exchange::{has_substance, is_need};
use crate::domain::conversation::Speaker;
use crate::domain::text;
use crate::domain::vectors::{centroid, dot};
use crate::learning::analysis::Understood;

/// The most characters of one quoted turn.
const MAX_QUOTE: usize = 160;

/// Three quotes at most, in the order of the conversation; empty when nothing was said.
pub fn summarise(turns: &[Understood]) -> String {
    let dimension = turns.first().map_or(0, |(_, vector)| vector.len());
    let centre = centroid(turns.iter().map(|(_, vector)| &vector[..]), dimension);
    let user = |(turn, _): &&Understood| turn.burst.speaker == Speaker::User;
    let need = turns.iter().position(|t| user(&t) && is_need(&t.0)).or_else(|| turns.iter().position(|t| user(&t)));
    let reply = turns
        .iter()
        .enumerate()
        .filter(|(_, (turn, _))| turn.burst.speaker == Speaker::Agent && has_substance(&turn.acts))
        .max_by(|(_, a), (_, b)| dot(&a.1, &centre).total_cmp(&dot(&b.1, &centre)))
        .map(|(at, _)| at);
    let end = turns.iter().rposition(|t| user(&t));

    let mut quoted: Vec<usize> = [need, reply, end].into_iter().flatten().collect();
    quoted.sort_unstable();
    quoted.dedup();
    let lines: Vec<String> = quoted
        .into_iter()
        .map(|at| {
            let burst = &turns[at].0.burst;
            let speaker = if burst.speaker == Speaker::User { "User" } else { "Agent" };
            format!("{speaker}: {}", text::shorten(&burst.text, MAX_QUOTE))
        })
        .collect();
    lines.join(" / ")
}
