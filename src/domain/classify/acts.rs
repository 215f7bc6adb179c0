//! Dialogue acts: what a turn is there for.

use serde::{Deserialize, Serialize};

use crate::domain::conversation::{Speaker, word_enum};
use crate::domain::softmax::{Balance, FitRules, Scaling, Softmax};

/// How the fit is made; the penalty was chosen by cross-validation over the seeds, with one language left out at a time
/// (accuracy 0.70 over 13 user acts and 0.76 over 12 agent acts in a language that the fit never saw).
const RULES: FitRules = FitRules { scaling: Scaling::Centre, balance: Balance::Classes, l2: 2e-4 };

word_enum!(
    /// What a user's turn is there for.
    UserAct {
        /// Agrees, confirms, accepts.
        Affirm = "affirm",
        /// Says no, turns down, corrects.
        Decline = "decline",
        /// Is frustrated with the help.
        Dissatisfied = "dissatisfied",
        /// Asks for a person.
        Escalation = "escalation",
        /// Says goodbye.
        Farewell = "farewell",
        /// Says hello.
        Greeting = "greeting",
        /// Gives details.
        Inform = "inform",
        /// Resists or hesitates.
        Objection = "objection",
        /// Reports that something is wrong.
        Problem = "problem",
        /// Asks for information.
        Question = "question",
        /// Wants something done.
        Request = "request",
        /// Is helped, thanks.
        Satisfied = "satisfied",
        /// Chats, fills.
        Smalltalk = "smalltalk",
    }
);

word_enum!(
    /// What an agent's turn is there for.
    AgentAct {
        /// Reports what has been or will be done.
        Action = "action",
        /// Gives the information asked for.
        Answer = "answer",
        /// Asks back for a detail.
        Ask = "ask",
        /// Says goodbye, asks whether there is anything else.
        Closing = "closing",
        /// Reads back and asks whether it is right.
        Confirm = "confirm",
        /// Bridges time, sympathy without substance.
        Filler = "filler",
        /// Says hello.
        Greeting = "greeting",
        /// Tells the user what to do.
        Instruction = "instruction",
        /// Proposes something.
        Offer = "offer",
        /// Meets a doubt with a reason or a concession.
        Reassurance = "reassurance",
        /// Hands over.
        Transfer = "transfer",
        /// Cannot help.
        Unable = "unable",
    }
);

/// Probabilities of the acts of one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Acts(pub Vec<f32>);

impl Acts {
    /// How likely the user does this.
    pub fn user(&self, act: UserAct) -> f32 {
        self.0[act as usize]
    }

    /// How likely the agent does this.
    pub fn agent(&self, act: AgentAct) -> f32 {
        self.0[act as usize]
    }

    /// The larger probability of each act: what a text does as a whole, or one of its sentences by itself.
    pub fn max(&self, other: &Acts) -> Acts {
        Acts(self.0.iter().zip(&other.0).map(|(a, b)| a.max(*b)).collect())
    }
}

/// Tells the acts of users and of agents from embeddings of one model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActClassifier {
    user: Softmax,
    agent: Softmax,
}

/// Sentences of one speaker with their acts and their embeddings.
pub struct LabelledActs<'a> {
    /// Embeddings with the query prefix, one a sentence.
    pub vectors: Vec<&'a [f32]>,
    /// The act of each, as an index into `UserAct::ALL` or `AgentAct::ALL`.
    pub labels: Vec<usize>,
}

impl ActClassifier {
    /// Fits both classifiers on embedded seeds.
    pub fn fit(user: &LabelledActs<'_>, agent: &LabelledActs<'_>) -> Self {
        let user_classes: Vec<&str> = UserAct::ALL.iter().map(|act| act.as_str()).collect();
        let agent_classes: Vec<&str> = AgentAct::ALL.iter().map(|act| act.as_str()).collect();
        Self {
            user: Softmax::fit(&user.vectors, &user.labels, &user_classes, RULES),
            agent: Softmax::fit(&agent.vectors, &agent.labels, &agent_classes, RULES),
        }
    }

    /// The acts of a text of a user or an agent, from its embedding with the query prefix.
    pub fn classify(&self, speaker: Speaker, vector: &[f32]) -> Acts {
        match speaker {
            Speaker::User => Acts(self.user.predict(vector)),
            _ => Acts(self.agent.predict(vector)),
        }
    }
}
