//! Fitting the classifiers of one model on the seeds and the practice conversations.
//!
//! The classifiers of exchanges and outcomes judge from what the classifiers of turns say. They must learn from what those
//! say of conversations they have not seen, as in use: so the practice conversations are split in folds, and each fold is
//! read by classifiers that were fitted without it. (Wolpert, *Stacked generalization*, Neural Networks 5, 1992.)

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::domain::classify::acts::{ActClassifier, AgentAct, LabelledActs, UserAct};
use crate::domain::classify::exchange::{
    ExchangeClassifier, NEEDS, NeedIs, PairClassifier, ReadTurn, exchanges, features, for_each_answer, openings,
};
use crate::domain::classify::intents::IntentClassifier;
use crate::domain::classify::outcome::{OutcomeClassifier, evidence};
use crate::domain::classify::practice::PracticeConversation;
use crate::domain::classify::scope::ScopeClassifier;
use crate::domain::classify::seeds::{
    act_seeds, exchange_seeds, intent_seeds, out_of_scope_seeds, practice_conversations, sentences_by_language,
};
use crate::domain::classify::text_classifier::TextFeatures;
use crate::domain::conversation::{Outcome, Speaker};
use crate::domain::knowledge::KnowledgeType;
use crate::domain::language_space::LanguageSpace;
use crate::embedding::embedder::{Embedder, Role};
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::engine::understanding::{ANSWERED, TurnClassifiers, parts, read_turn};

/// Folds of the practice conversations.
const FOLDS: usize = 4;
/// Texts that are embedded in one call.
const BATCH: usize = 256;

/// The classifiers, with the rows that the second step was fitted on.
pub struct FittedTurns {
    /// The classifiers.
    pub classifiers: TurnClassifiers,
    /// One a pair of an open need and an agent's turn, in successful practice conversations.
    pub exchanges: Vec<LabelledExchange>,
    /// One a practice conversation.
    pub outcomes: Vec<LabelledOutcome>,
}

/// A pair of turns as the classifier of exchanges sees it.
pub struct LabelledExchange {
    /// The practice conversation.
    pub conversation: String,
    /// What [`features`] says.
    pub row: Vec<f32>,
    /// What its writer says that it holds.
    pub kind: Option<KnowledgeType>,
}

/// A conversation as the classifier of outcomes sees it.
pub struct LabelledOutcome {
    /// The practice conversation.
    pub conversation: String,
    /// What [`evidence`] says.
    pub row: Vec<f32>,
    /// What its writer says.
    pub outcome: Outcome,
}

/// Texts with their embeddings (query prefix).
type Vectors = HashMap<String, Arc<[f32]>>;

/// Fits everything but intents.
///
/// # Errors
/// When the model fails or too much waits.
pub async fn turns(embedder: &Embedder) -> Result<FittedTurns, Error> {
    let languages = &embedder.spec().languages;
    let acts = act_seeds(languages);
    let seeds = exchange_seeds(languages);
    let practice = practice_conversations(languages);
    let out_of_scope = out_of_scope_seeds(languages);
    let mut texts: Vec<String> = acts.user.values().chain(acts.agent.values()).flatten().cloned().collect();
    texts.extend(seeds.iter().flat_map(|seed| [seed.need.clone(), seed.answer.clone()]));
    let bursts = practice.iter().flat_map(|conversation| &conversation.bursts);
    texts.extend(bursts.flat_map(|labelled| parts(&labelled.burst.text)));
    texts.extend(out_of_scope.iter().cloned());
    let vectors = embed(embedder, texts).await?;
    let language_means: Vec<_> = match languages.len() {
        // Only a model of several languages has a language to take out.
        0 | 1 => Vec::new(),
        _ => sentences_by_language(languages).into_iter().map(|(tag, said)| (tag, mean(&said, &vectors))).collect(),
    };
    let task = move || {
        let mut samples = Samples::default();
        for (name, sentences) in &acts.user {
            samples.user(label(UserAct::ALL, name), sentences, &vectors);
        }
        for (name, sentences) in &acts.agent {
            samples.agent(label(AgentAct::ALL, name), sentences, &vectors);
        }
        for seed in &seeds {
            samples.pair(&seed.need, &seed.answer, seed.kind, &vectors);
        }
        let scope = fit_scope(&practice, &out_of_scope, &vectors);
        fit_turns(&samples, &practice, &vectors, (scope, LanguageSpace::fit(&language_means)))
    };
    // A minute of arithmetic, which must not stall the async worker.
    tokio::task::spawn_blocking(task).await.map_err(|_| Error::Overloaded)
}

/// Fits the intents that ship and those of an installation (`own`, TOML).
///
/// # Errors
/// When `own` is malformed, the model fails, or too much waits.
pub async fn intents(embedder: &Embedder, own: Option<&str>) -> Result<IntentClassifier, Error> {
    let languages = &embedder.spec().languages;
    let mut seeds = intent_seeds(languages, own)?;
    for conversation in practice_conversations(languages) {
        // What a conversation is about is said in the first turn that wants something.
        let wants = [UserAct::Request, UserAct::Problem, UserAct::Question];
        let first = conversation.bursts.iter().find(|b| b.user_act.is_some_and(|act| wants.contains(&act)));
        if let (Some(first), Some(intent)) = (first, seeds.get_mut(&conversation.intent)) {
            intent.exemplars.push(first.burst.text.clone());
        }
    }
    let texts: Vec<String> = seeds.values().flat_map(|intent| intent.exemplars.iter().cloned()).collect();
    let vectors = embed(embedder, texts).await?;
    let task = move || {
        let with_exemplars = seeds.into_iter().map(|(name, intent)| {
            let exemplars = intent.exemplars.iter().map(|text| TextFeatures::of(text, &vectors[text])).collect();
            (name, (intent.category, exemplars))
        });
        IntentClassifier::fit(with_exemplars.collect())
    };
    tokio::task::spawn_blocking(task).await.map_err(|_| Error::Overloaded)
}

async fn embed(embedder: &Embedder, mut texts: Vec<String>) -> Result<Vectors, Error> {
    texts.sort_unstable();
    texts.dedup();
    let mut vectors = Vectors::with_capacity(texts.len());
    for batch in texts.chunks(BATCH) {
        let embedded = embedder.embed(Lane::Batch, Role::Query, batch, None).await?;
        vectors.extend(batch.iter().cloned().zip(embedded.into_iter().map(|embedded| embedded.vector)));
    }
    Ok(vectors)
}

fn mean(texts: &[String], vectors: &Vectors) -> Vec<f32> {
    let mut mean = Vec::new();
    for text in texts {
        let vector = &vectors[text];
        mean.resize(vector.len(), 0.0);
        mean.iter_mut().zip(vector.iter()).for_each(|(sum, x)| *sum += x / texts.len() as f32);
    }
    mean
}

/// The position of a label among those that there are.
fn label<T: std::fmt::Display>(all: &[T], name: &str) -> usize {
    let position = all.iter().position(|label| label.to_string() == name);
    position.expect("the embedded seed files name only known acts, which a test checks")
}

/// What the classifiers of turns are fitted on.
#[derive(Clone, Default)]
struct Samples {
    user: LabelledActs,
    agent: LabelledActs,
    pairs: Vec<TextFeatures>,
    kinds: Vec<Option<KnowledgeType>>,
}

impl Samples {
    fn user(&mut self, label: usize, texts: &[String], vectors: &Vectors) {
        self.user.texts.extend(texts.iter().map(|text| TextFeatures::of(text, &vectors[text])));
        self.user.labels.extend(std::iter::repeat_n(label, texts.len()));
    }

    fn agent(&mut self, label: usize, texts: &[String], vectors: &Vectors) {
        self.agent.texts.extend(texts.iter().map(|text| TextFeatures::of(text, &vectors[text])));
        self.agent.labels.extend(std::iter::repeat_n(label, texts.len()));
    }

    fn pair(&mut self, need: &str, answer: &str, kind: Option<KnowledgeType>, vectors: &Vectors) {
        self.pairs.push(TextFeatures::of_pair((need, &vectors[need]), (answer, &vectors[answer])));
        self.kinds.push(kind);
    }

    /// Every turn of a practice conversation, and, when it succeeded, every answer with the need that is open before it.
    fn conversation(&mut self, conversation: &PracticeConversation, vectors: &Vectors) {
        for labelled in &conversation.bursts {
            let text = std::slice::from_ref(&labelled.burst.text);
            if let Some(act) = labelled.user_act {
                self.user(act as usize, text, vectors);
            }
            if let Some(act) = labelled.agent_act {
                self.agent(act as usize, text, vectors);
            }
        }
        if conversation.outcome != Outcome::Successful {
            return;
        }
        // Here the writer says what opens a need: the classifier that could tell it is only being fitted.
        let written = conversation.bursts.iter().map(|labelled| {
            let opens_need = labelled.user_act.is_some_and(|act| NEEDS.contains(&act));
            (labelled.burst.speaker, opens_need)
        });
        for_each_answer(written, |need, answer| {
            let (need, answer) = (&conversation.bursts[need], &conversation.bursts[answer]);
            self.pair(&need.burst.text, &answer.burst.text, answer.kind, vectors);
            NeedIs::after(answer.kind)
        });
    }

    fn fit(&self) -> (ActClassifier, PairClassifier) {
        (ActClassifier::fit(&self.user, &self.agent), PairClassifier::fit(&self.pairs, &self.kinds))
    }
}

fn fit_turns(
    seeds: &Samples,
    practice: &[PracticeConversation],
    vectors: &Vectors,
    (scope, languages): (ScopeClassifier, LanguageSpace),
) -> FittedTurns {
    let mut rows = Vec::new();
    let mut readings: Vec<(&PracticeConversation, Vec<ReadTurn>, Arc<PairClassifier>)> = Vec::new();
    for fold in 0..FOLDS {
        let (held, rest): (Vec<_>, Vec<_>) = practice.iter().partition(|c| fold_of(&c.id, FOLDS) == fold);
        let mut samples = seeds.clone();
        rest.into_iter().for_each(|conversation| samples.conversation(conversation, vectors));
        let (acts, pairs) = samples.fit();
        let pairs = Arc::new(pairs);
        for conversation in held {
            let turns = read(&acts, conversation, vectors);
            if conversation.outcome == Outcome::Successful {
                rows.extend(labelled_exchanges(&pairs, conversation, &turns));
            }
            readings.push((conversation, turns, Arc::clone(&pairs)));
        }
    }
    let exchange_classifier = fit_exchanges(&rows.iter().collect::<Vec<_>>());
    let outcomes: Vec<LabelledOutcome> = readings
        .iter()
        .filter_map(|(conversation, turns, pairs)| {
            let evidence = evidence(turns, &exchanges(turns, pairs, &exchange_classifier, ANSWERED))?;
            Some(LabelledOutcome {
                conversation: conversation.id.clone(),
                row: evidence.values().to_vec(),
                outcome: conversation.outcome,
            })
        })
        .collect();
    let outcome_classifier = fit_outcomes(&outcomes.iter().collect::<Vec<_>>());

    let mut samples = seeds.clone();
    practice.iter().for_each(|conversation| samples.conversation(conversation, vectors));
    let (acts, pairs) = samples.fit();
    FittedTurns {
        classifiers: TurnClassifiers {
            acts,
            pairs,
            exchanges: exchange_classifier,
            outcomes: outcome_classifier,
            scope,
            languages,
        },
        exchanges: rows,
        outcomes,
    }
}

/// Tells what users say to businesses from what no business could answer.
fn fit_scope(practice: &[PracticeConversation], out_of_scope: &[String], vectors: &Vectors) -> ScopeClassifier {
    let of = |text: &str| TextFeatures::of(text, &vectors[text]);
    let said = practice.iter().flat_map(|conversation| &conversation.bursts).filter(|labelled| {
        // Small talk stands in practice conversations too, and is neither.
        labelled.burst.speaker == Speaker::User && labelled.user_act != Some(UserAct::Smalltalk)
    });
    ScopeClassifier::fit(
        said.map(|labelled| of(&labelled.burst.text)).collect(),
        out_of_scope.iter().map(|text| of(text)).collect(),
    )
}

/// Which of so many folds a practice conversation is in.
pub fn fold_of(id: &str, folds: usize) -> usize {
    usize::from(Sha256::digest(format!("fold {id}"))[0]) % folds
}

fn read(acts: &ActClassifier, conversation: &PracticeConversation, vectors: &Vectors) -> Vec<ReadTurn> {
    let turns = conversation.bursts.iter().map(|labelled| {
        let parts = parts(&labelled.burst.text).into_iter().map(|text| {
            let vector = Arc::clone(&vectors[&text]);
            (text, vector)
        });
        read_turn(acts, labelled.burst.clone(), &parts.collect::<Vec<_>>())
    });
    turns.collect()
}

/// The pairs that distillation would look at: each agent turn with the need that is open before it.
fn labelled_exchanges(
    pairs: &PairClassifier,
    conversation: &PracticeConversation,
    turns: &[ReadTurn],
) -> Vec<LabelledExchange> {
    let mut rows = Vec::new();
    for_each_answer(openings(turns), |need, answer| {
        let kind = conversation.bursts[answer].kind;
        let row = features(pairs, turns, need, answer);
        rows.push(LabelledExchange { conversation: conversation.id.clone(), row, kind });
        NeedIs::after(kind)
    });
    rows
}

/// Fits the classifier of exchanges.
pub fn fit_exchanges(rows: &[&LabelledExchange]) -> ExchangeClassifier {
    let features: Vec<&[f32]> = rows.iter().map(|row| row.row.as_slice()).collect();
    let kinds: Vec<Option<KnowledgeType>> = rows.iter().map(|row| row.kind).collect();
    ExchangeClassifier::fit(&features, &kinds)
}

/// Fits the classifier of outcomes.
pub fn fit_outcomes(rows: &[&LabelledOutcome]) -> OutcomeClassifier {
    let features: Vec<&[f32]> = rows.iter().map(|row| row.row.as_slice()).collect();
    let outcomes: Vec<Outcome> = rows.iter().map(|row| row.outcome).collect();
    OutcomeClassifier::fit(&features, &outcomes)
}
