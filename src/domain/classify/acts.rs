//! Dialogue acts: what a turn is there for.

use serde::{Deserialize, Serialize};

use crate::domain::classify::text_classifier::{TextClassifier, TextFeatures};
use crate::domain::conversation::{Speaker, word_enum};

/// Strength of the penalty; chosen by cross-validation over the practice conversations.
const PENALTY: f32 = 6e-5;

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

/// What a user does who goes away content.
pub const CONTENT: [UserAct; 3] = [UserAct::Satisfied, UserAct::Affirm, UserAct::Farewell];

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

    /// How likely the user does one of these, summed in their order, for the last bit depends on it.
    pub fn user_sum(&self, acts: &[UserAct]) -> f32 {
        acts.iter().map(|act| self.user(*act)).sum()
    }

    /// How likely the agent does one of these, summed in their order.
    pub fn agent_sum(&self, acts: &[AgentAct]) -> f32 {
        acts.iter().map(|act| self.agent(*act)).sum()
    }

    /// The larger probability of each act: what a text does as a whole, or one of its sentences by itself.
    pub fn max(&self, other: &Acts) -> Acts {
        Acts(self.0.iter().zip(&other.0).map(|(a, b)| a.max(*b)).collect())
    }
}

/// Tells the acts of users and of agents from texts and their embeddings by one model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActClassifier {
    user: TextClassifier,
    agent: TextClassifier,
}

/// Texts of one speaker with their acts.
#[derive(Clone, Debug, Default)]
pub struct LabelledActs {
    /// The texts, embedded with the query prefix.
    pub texts: Vec<TextFeatures>,
    /// The act of each, as an index into `UserAct::ALL` or `AgentAct::ALL`.
    pub labels: Vec<usize>,
}

impl ActClassifier {
    /// Fits both classifiers.
    pub fn fit(user: &LabelledActs, agent: &LabelledActs) -> Self {
        Self {
            user: TextClassifier::fit(&user.texts, &user.labels, UserAct::ALL.len(), PENALTY),
            agent: TextClassifier::fit(&agent.texts, &agent.labels, AgentAct::ALL.len(), PENALTY),
        }
    }

    /// The acts of a text of a user or an agent.
    pub fn classify(&self, speaker: Speaker, text: &TextFeatures) -> Acts {
        match speaker {
            Speaker::User => Acts(self.user.predict(text)),
            _ => Acts(self.agent.predict(text)),
        }
    }
}
