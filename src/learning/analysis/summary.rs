//! An extractive summary: what the user wanted, what the agent said or did about it, and how it ended.
//!
//! Quotes only, with no words of our own between them, so that it is in the language of the conversation.

use crate::domain::classify::acts::{AgentAct, UserAct};
use crate::domain::classify::exchange::{Exchange, ReadTurn, has_substance, is_need};
use crate::domain::conversation::{Outcome, Speaker};
use crate::domain::text;
use crate::learning::analysis::matter::{holds_matter, tells_the_end};

/// The most characters of one quoted turn.
const MAX_QUOTE: usize = 160;
/// What an agent's turn does for a need, or says that it cannot.
const DONE: [AgentAct; 6] = [
    AgentAct::Action,
    AgentAct::Answer,
    AgentAct::Instruction,
    AgentAct::Offer,
    AgentAct::Reassurance,
    AgentAct::Unable,
];

/// Three quotes at most, in the order of the conversation; empty when nothing was said. Where no turn after the reply
/// shows how it ended, the outcome stands there in a word.
pub fn summarise(turns: &[ReadTurn], exchanges: &[Exchange], outcome: Outcome) -> String {
    let need = main_need(turns);
    let reply = main_reply(turns, exchanges, need);
    let after = reply.or(need).map_or(0, |at| at + 1);
    let end = (after..turns.len()).rev().find(|at| tells_the_end(&turns[*at]));
    let mut told: Vec<String> = [need, reply, end].into_iter().flatten().map(|at| quote(&turns[at])).collect();
    if end.is_none() && outcome != Outcome::Unknown && !told.is_empty() {
        told.push(outcome.as_str().to_owned());
    }
    told.join(" / ")
}

/// The first turn that opens a need, else the first that is about anything, else what comes nearest to it.
fn main_need(turns: &[ReadTurn]) -> Option<usize> {
    let of_user = || (0..turns.len()).filter(move |at| turns[*at].burst.speaker == Speaker::User);
    let courtesy = |at: &usize| {
        turns[*at].acts.user_sum(&[UserAct::Greeting, UserAct::Farewell, UserAct::Satisfied, UserAct::Smalltalk])
    };
    of_user()
        .find(|at| is_need(&turns[*at]) && holds_matter(&turns[*at]))
        .or_else(|| of_user().find(|at| holds_matter(&turns[*at])))
        .or_else(|| of_user().min_by(|a, b| courtesy(a).total_cmp(&courtesy(b))))
}

/// The likeliest answer that was found, first of all to that need; else the turn after it that does most.
fn main_reply(turns: &[ReadTurn], exchanges: &[Exchange], need: Option<usize>) -> Option<usize> {
    let from = need.map_or(0, |at| at + 1);
    let answer = exchanges.iter().filter(|found| found.answer >= from).max_by(|a, b| {
        let meant = |found: &&Exchange| Some(found.need) == need;
        meant(a).cmp(&meant(b)).then(a.probability.total_cmp(&b.probability))
    });
    let done = |at: &usize| turns[*at].acts.agent_sum(&DONE);
    answer.map(|found| found.answer).or_else(|| {
        (from..turns.len())
            .filter(|at| turns[*at].burst.speaker == Speaker::Agent && has_substance(&turns[*at].acts))
            .max_by(|a, b| done(a).total_cmp(&done(b)))
    })
}

fn quote(turn: &ReadTurn) -> String {
    let speaker = if turn.burst.speaker == Speaker::User { "User" } else { "Agent" };
    format!("{speaker}: {}", text::shorten(&turn.burst.text, MAX_QUOTE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::knowledge::KnowledgeType;
    use crate::learning::analysis::matter::testing::{agent, user};

    fn exchange(need: usize, answer: usize, probability: f32) -> Exchange {
        Exchange { need, answer, kind: KnowledgeType::Faq, probability }
    }

    #[test]
    fn need_answer_and_end_are_told_and_thanks_are_not() {
        let turns = [
            agent(AgentAct::Greeting, "Velo, hello!"),
            user(UserAct::Greeting, "Hello there."),
            user(UserAct::Request, "I'd like to book a full service."),
            agent(AgentAct::Answer, "A full service is 79 euros."),
            user(UserAct::Inform, "Tuesday works."),
            agent(AgentAct::Action, "You're booked for Tuesday 9 o'clock."),
            user(UserAct::Satisfied, "Great, thanks a lot."),
            agent(AgentAct::Closing, "Bye!"),
        ];
        let told = summarise(&turns, &[exchange(2, 3, 0.7), exchange(4, 5, 0.9)], Outcome::Successful);
        let expected = "User: I'd like to book a full service. / Agent: A full service is 79 euros. / \
                        Agent: You're booked for Tuesday 9 o'clock.";
        assert_eq!(told, expected);
    }

    #[test]
    fn without_a_found_exchange_the_agents_deed_is_told_and_the_outcome_when_no_turn_shows_it() {
        let turns = [
            user(UserAct::Question, "¿Aceptan tarjeta?"),
            agent(AgentAct::Filler, "Un momento."),
            agent(AgentAct::Answer, "Sí, y Bizum."),
            user(UserAct::Satisfied, "Estupendo, gracias."),
        ];
        let told = summarise(&turns, &[], Outcome::Successful);
        assert_eq!(told, "User: ¿Aceptan tarjeta? / Agent: Sí, y Bizum. / successful");
        let told = summarise(&turns, &[], Outcome::Unknown);
        assert_eq!(told, "User: ¿Aceptan tarjeta? / Agent: Sí, y Bizum.");
    }

    #[test]
    fn nothing_said_is_nothing_told() {
        assert_eq!(summarise(&[], &[], Outcome::Unknown), "");
        let frustrated = [
            user(UserAct::Question, "Is my bike ready?"),
            agent(AgentAct::Unable, "I can't say."),
            user(UserAct::Dissatisfied, "This is ridiculous."),
        ];
        let told = summarise(&frustrated, &[], Outcome::Unsuccessful);
        assert_eq!(told, "User: Is my bike ready? / Agent: I can't say. / User: This is ridiculous.");
    }
}
