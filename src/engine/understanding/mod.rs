//! What speakers do, what users want and how it ended, for one embedding model.
//!
//! The classifiers of the models of `models/manifest.toml` ship fitted (`fitted/`). For another model, or when an
//! installation brings intents of its own, they are fitted once, which takes a minute or two, and kept in a file that is
//! named after everything it depends on.

pub mod fit;
pub mod kept;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::classify::acts::{ActClassifier, Acts};
use crate::domain::classify::exchange::{Exchange, ExchangeClassifier, PairClassifier, ReadTurn, exchanges};
use crate::domain::classify::intents::{IntentClassifier, RecognisedIntent};
use crate::domain::classify::outcome::{OutcomeClassifier, Verdict, evidence};
use crate::domain::classify::scope::ScopeClassifier;
use crate::domain::classify::text_classifier::TextFeatures;
use crate::domain::conversation::{Burst, Speaker};
use crate::domain::language_space::LanguageSpace;
use crate::domain::text;
use crate::embedding::embedder::{Embedder, Role};
use crate::embedding::lane::Lane;
use crate::engine::error::Error;
use crate::engine::understanding::kept::{KeptClassifiers, Part};

/// From this probability on, an exchange counts as a need that was answered.
const ANSWERED: f32 = 0.5;

/// The fitted classifiers of one model.
pub struct Understanding {
    turns: TurnClassifiers,
    intents: IntentClassifier,
}

/// What tells turns, exchanges and endings; the same in every installation.
#[derive(Serialize, Deserialize)]
pub struct TurnClassifiers {
    acts: ActClassifier,
    pairs: PairClassifier,
    exchanges: ExchangeClassifier,
    outcomes: OutcomeClassifier,
    scope: ScopeClassifier,
    languages: LanguageSpace,
}

impl Understanding {
    /// The classifiers of this model: those that ship, else those kept in `cache_dir`, else fitted now and kept there.
    ///
    /// # Errors
    /// When the intents file is wrong, or the model fails. A cache that cannot be written costs time at the next start
    /// and is only logged.
    pub async fn open(embedder: &Embedder, cache_dir: &Path, intents_file: Option<&Path>) -> Result<Self, Error> {
        let own = intents_file.map(read_intents).transpose()?;
        let kept = KeptClassifiers::new(embedder.spec(), cache_dir);
        let fit_turns = async { fit::turns(embedder).await.map(|fitted| fitted.classifiers) };
        let turns = kept.load_or_fit(Part::Turns, None, fit_turns).await?;
        let fit_intents = fit::intents(embedder, own.as_deref());
        let intents = kept.load_or_fit(Part::Intents, own.as_deref(), fit_intents).await?;
        Ok(Self { turns, intents })
    }

    /// The intents of an utterance, seen with its embedding with the query prefix; most likely first.
    pub fn intents(&self, utterance: &TextFeatures) -> Vec<RecognisedIntent> {
        self.intents.rank(utterance)
    }

    /// Natural log-odds that an utterance, seen with its embedding with the query prefix, is a matter of a business at all;
    /// below 0 it sounds like small talk.
    pub fn scope(&self, utterance: &TextFeatures) -> f32 {
        self.turns.scope.log_odds(utterance)
    }

    /// The category of an intent.
    pub fn category_of(&self, intent: &str) -> Option<&str> {
        self.intents.category_of(intent)
    }

    /// Takes the language out of embeddings of this model; changes nothing for a model of one language.
    pub fn languages(&self) -> &LanguageSpace {
        &self.turns.languages
    }

    /// The exchanges of a conversation that hold knowledge with at least this probability, in order.
    pub fn exchanges(&self, turns: &[ReadTurn], min_probability: f32) -> Vec<Exchange> {
        exchanges(turns, &self.turns.pairs, &self.turns.exchanges, min_probability)
    }

    /// The exchanges of a conversation in which a need rather was answered than not, in order.
    pub fn answered(&self, turns: &[ReadTurn]) -> Vec<Exchange> {
        self.exchanges(turns, ANSWERED)
    }

    /// How the dialogue says that a conversation ended in which these needs were [`answered`](Self::answered); `None` when
    /// one side said nothing.
    pub fn verdict(&self, turns: &[ReadTurn], answered: &[Exchange]) -> Option<Verdict> {
        Some(self.turns.outcomes.judge(&evidence(turns, answered)?))
    }

    /// The acts of one text, from its embedding with the query prefix.
    pub fn acts(&self, speaker: Speaker, text: &str, vector: &[f32]) -> Acts {
        self.turns.acts.classify(speaker, &TextFeatures::of(text, vector))
    }

    /// Reads the turns of a conversation: embeds each burst and its sentences, and tells what they are there for.
    ///
    /// # Errors
    /// When the model fails or too much waits.
    pub async fn read(&self, embedder: &Embedder, bursts: Vec<Burst>) -> Result<Vec<ReadTurn>, Error> {
        let parts: Vec<Vec<String>> = bursts.iter().map(|burst| parts(&burst.text)).collect();
        let texts: Vec<&str> = parts.iter().flatten().map(String::as_str).collect();
        let embedded = embedder.embed(Lane::Batch, Role::Query, &texts, None).await?;
        let mut vectors = embedded.into_iter().map(|embedded| embedded.vector);
        let turns = bursts.into_iter().zip(parts).map(|(burst, parts)| {
            let embedded: Vec<(String, Arc<[f32]>)> = parts.into_iter().zip(vectors.by_ref()).collect();
            read_turn(&self.turns.acts, burst, &embedded)
        });
        Ok(turns.collect())
    }
}

/// What of a turn is embedded: the whole of it, and its sentences when there are several.
pub fn parts(turn: &str) -> Vec<String> {
    let mut parts = vec![turn.to_owned()];
    let sentences: Vec<&str> = text::sentences(turn).into_iter().filter(|s| text::word_count(s) > 0).collect();
    if sentences.len() > 1 {
        parts.extend(sentences.into_iter().map(str::to_owned));
    }
    parts
}

/// Understands a turn from its embedded [`parts`].
fn read_turn(acts: &ActClassifier, burst: Burst, parts: &[(String, Arc<[f32]>)]) -> ReadTurn {
    let of = |(text, vector): &(String, Arc<[f32]>)| acts.classify(burst.speaker, &TextFeatures::of(text, vector));
    let whole = of(&parts[0]);
    let sentences = parts[1..].iter().map(of).reduce(|a, b| a.max(&b));
    ReadTurn {
        sentence_acts: sentences.unwrap_or_else(|| whole.clone()),
        acts: whole,
        vector: Arc::clone(&parts[0].1),
        burst,
    }
}

fn read_intents(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::Configuration {
        key: "learning.intents_file".to_owned(),
        message: format!("{}: {error}", path.display()),
    })
}
