//! Which turns are about the matter, and which only keep company: told from the acts, so that no language needs a list.

use crate::domain::classify::acts::{AgentAct, UserAct};
use crate::domain::classify::exchange::{NEEDS, ReadTurn, has_substance, is_need};
use crate::domain::conversation::Speaker;

/// From this probability on, a turn as a whole is taken for what these acts make it.
const LIKELY: f32 = 0.5;

/// Whether a turn opens a need, gives a detail of one, or says or does something about it.
pub fn holds_matter(turn: &ReadTurn) -> bool {
    if turn.burst.speaker != Speaker::User {
        return has_substance(&turn.acts);
    }
    // One sentence of a thanks may sound like a problem ("it's gone, thank you"); the turn as a whole does not.
    let polite = turn.acts.user_sum(&[UserAct::Greeting, UserAct::Farewell, UserAct::Satisfied]);
    let details = turn.acts.user_sum(&NEEDS) + turn.acts.user(UserAct::Inform);
    details >= LIKELY || (is_need(turn) && polite < LIKELY)
}

/// Whether a turn is a greeting, a thanks, a goodbye, a bare yes or filling.
pub fn is_courtesy(turn: &ReadTurn) -> bool {
    let share = match turn.burst.speaker {
        Speaker::User => turn.acts.user_sum(&[
            UserAct::Affirm,
            UserAct::Farewell,
            UserAct::Greeting,
            UserAct::Satisfied,
            UserAct::Smalltalk,
        ]),
        _ => turn.acts.agent_sum(&[AgentAct::Closing, AgentAct::Filler, AgentAct::Greeting]),
    };
    share >= LIKELY && !holds_matter(turn)
}

/// Whether a turn, as one of the last, shows how it ended: it holds matter, hands over, or the user is frustrated.
pub fn tells_the_end(turn: &ReadTurn) -> bool {
    if turn.burst.speaker != Speaker::User {
        return has_substance(&turn.acts) || turn.acts.agent(AgentAct::Transfer) >= LIKELY;
    }
    let thanks = turn.sentence_acts.user_sum(&[UserAct::Farewell, UserAct::Satisfied]);
    let frustrated = turn.acts.user_sum(&[UserAct::Dissatisfied, UserAct::Escalation]);
    frustrated >= LIKELY || (holds_matter(turn) && thanks < LIKELY)
}

#[cfg(test)]
pub(super) mod testing {
    //! Turns that are surely there for one thing.

    use super::*;
    use crate::domain::classify::acts::Acts;
    use crate::domain::conversation::Burst;

    /// A user's turn.
    pub fn user(act: UserAct, text: &str) -> ReadTurn {
        turn(Speaker::User, act as usize, UserAct::ALL.len(), text)
    }

    /// An agent's turn.
    pub fn agent(act: AgentAct, text: &str) -> ReadTurn {
        turn(Speaker::Agent, act as usize, AgentAct::ALL.len(), text)
    }

    fn turn(speaker: Speaker, act: usize, count: usize, text: &str) -> ReadTurn {
        let mut acts = vec![0.01; count];
        acts[act] = 0.85;
        let burst = Burst { first: 0, last: 0, speaker, text: text.to_owned() };
        ReadTurn { burst, acts: Acts(acts.clone()), sentence_acts: Acts(acts), vector: vec![1.0].into() }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{agent, user};
    use super::*;

    #[test]
    fn courtesies_are_not_about_the_matter() {
        for turn in [
            user(UserAct::Greeting, "hola"),
            user(UserAct::Satisfied, "great, thanks a lot"),
            user(UserAct::Affirm, "vale"),
            agent(AgentAct::Closing, "bye"),
        ] {
            assert!(is_courtesy(&turn) && !holds_matter(&turn) && !tells_the_end(&turn), "{turn:?}");
        }
        for turn in [
            user(UserAct::Question, "how much is it?"),
            user(UserAct::Inform, "mine is a Bosch"),
            agent(AgentAct::Answer, "it is 15 euros"),
        ] {
            assert!(holds_matter(&turn) && !is_courtesy(&turn) && tells_the_end(&turn), "{turn:?}");
        }
        assert!(tells_the_end(&user(UserAct::Dissatisfied, "this is ridiculous")));
    }

    #[test]
    fn a_thanks_in_which_one_sentence_sounds_like_a_problem_stays_a_thanks() {
        let mut turn = user(UserAct::Satisfied, "Oh wow, it's gone. Thank you so much!");
        turn.sentence_acts.0[UserAct::Problem as usize] = 0.6;
        assert!(is_courtesy(&turn) && !tells_the_end(&turn));
    }
}
