//! What speakers do and what users want, for one embedding model.
//!
//! Fitting embeds about 4 500 seed sentences once per model (half a minute); the result is kept in a file that is named
//! after everything it depends on, so that a changed seed, intent or model makes a new one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::classify::acts::{ActClassifier, Acts, AgentAct, LabelledActs, UserAct};
use crate::domain::classify::exchange::{PairClassifier, ReadTurn};
use crate::domain::classify::intents::{IntentClassifier, RecognisedIntent};
use crate::domain::classify::seeds::{
    ActSeeds, ExchangeSeed, IntentSeeds, act_seeds, exchange_seeds, intent_seeds, sentences_by_language,
};
use crate::domain::conversation::{Burst, Speaker};
use crate::domain::language_space::LanguageSpace;
use crate::domain::text;
use crate::embedding::embedder::{Embedder, Role};
use crate::embedding::lane::Lane;
use crate::engine::error::Error;

/// Rises when the file or the way of fitting changes.
const FORMAT: u32 = 4;

/// The fitted classifiers of one model.
#[derive(Serialize, Deserialize)]
pub struct Understanding {
    acts: ActClassifier,
    intents: IntentClassifier,
    pairs: PairClassifier,
    languages: LanguageSpace,
}

impl Understanding {
    /// Reads the classifiers of this model from `cache_dir`, or fits them and writes them there.
    ///
    /// # Errors
    /// When the intents file is wrong, or the model fails. A cache that cannot be written costs time at the next start
    /// and is only logged.
    pub async fn open(embedder: &Embedder, cache_dir: &Path, intents_file: Option<&Path>) -> Result<Self, Error> {
        let own = intents_file.map(read_intents).transpose()?;
        let acts = act_seeds();
        let intents = intent_seeds(own.as_deref())?;
        let exchanges = exchange_seeds();
        let file = cache_file(cache_dir, embedder, &(&acts, &intents, &exchanges));
        if let Some(known) = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(known);
        }
        tracing::info!(embedding.model = embedder.spec().name, "Fitting the classifiers of turns, once for this model");
        let languages = fit_languages(embedder).await?;
        let fitted = Self {
            acts: fit_acts(embedder, &acts).await?,
            intents: fit_intents(embedder, &intents, &languages).await?,
            pairs: fit_pairs(embedder, &exchanges).await?,
            languages,
        };
        if let Err(error) = write_atomically(&file, &serde_json::to_vec(&fitted).unwrap_or_default()) {
            tracing::warn!(path = %file.display(), %error, "The fitted classifiers could not be kept for the next start");
        }
        Ok(fitted)
    }

    /// The intents of an utterance, from its embedding with the query prefix; most likely first.
    pub fn intents(&self, vector: &[f32]) -> Vec<RecognisedIntent> {
        self.intents.rank(&self.languages.strip(vector))
    }

    /// The category of an intent.
    pub fn category_of(&self, intent: &str) -> Option<&str> {
        self.intents.category_of(intent)
    }

    /// Takes the language out of embeddings of this model; changes nothing for a model of one language.
    pub fn languages(&self) -> &LanguageSpace {
        &self.languages
    }

    /// What knowledge pairs of turns hold, by the seeds.
    pub fn pairs(&self) -> &PairClassifier {
        &self.pairs
    }

    /// The acts of one text.
    pub fn acts(&self, speaker: Speaker, vector: &[f32]) -> Acts {
        self.acts.classify(speaker, vector)
    }

    /// Reads the turns of a conversation: embeds each burst and its sentences, and tells what they are there for.
    ///
    /// # Errors
    /// When the model fails or too much waits.
    pub async fn read(&self, embedder: &Embedder, bursts: Vec<Burst>) -> Result<Vec<ReadTurn>, Error> {
        let mut texts: Vec<String> = Vec::new();
        let mut spans = Vec::with_capacity(bursts.len());
        for burst in &bursts {
            let first = texts.len();
            texts.push(burst.text.clone());
            let sentences = text::sentences(&burst.text);
            if sentences.len() > 1 {
                texts.extend(sentences.into_iter().filter(|s| text::word_count(s) > 0).map(str::to_owned));
            }
            spans.push(first..texts.len());
        }
        let embedded = embedder.embed(Lane::Batch, Role::Query, &texts, None).await?;
        let turns = bursts.into_iter().zip(spans).map(|(burst, span)| {
            let whole = &embedded[span.start].vector;
            let acts = self.acts(burst.speaker, whole);
            let sentence_acts = embedded[span.clone()]
                .iter()
                .skip(usize::from(span.len() > 1))
                .map(|sentence| self.acts(burst.speaker, &sentence.vector))
                .reduce(|a, b| a.max(&b))
                .unwrap_or_else(|| acts.clone());
            ReadTurn { burst, acts, sentence_acts, vector: Arc::clone(whole) }
        });
        Ok(turns.collect())
    }
}

fn read_intents(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::Configuration {
        key: "learning.intents_file".to_owned(),
        message: format!("{}: {error}", path.display()),
    })
}

async fn fit_acts(embedder: &Embedder, seeds: &ActSeeds) -> Result<ActClassifier, Error> {
    let user = embed_all(embedder, seeds.user.values().flatten()).await?;
    let agent = embed_all(embedder, seeds.agent.values().flatten()).await?;
    let user_labels = labels(&seeds.user, |name| UserAct::ALL.iter().position(|act| act.as_str() == name));
    let agent_labels = labels(&seeds.agent, |name| AgentAct::ALL.iter().position(|act| act.as_str() == name));
    let task = move || {
        ActClassifier::fit(
            &LabelledActs { vectors: user.iter().map(|v| &v[..]).collect(), labels: user_labels },
            &LabelledActs { vectors: agent.iter().map(|v| &v[..]).collect(), labels: agent_labels },
        )
    };
    // A second or two of arithmetic, which must not stall the async worker.
    tokio::task::spawn_blocking(task).await.map_err(|_| Error::Overloaded)
}

fn labels(seeds: &BTreeMap<String, Vec<String>>, index: impl Fn(&str) -> Option<usize>) -> Vec<usize> {
    seeds
        .iter()
        .flat_map(|(name, texts)| {
            let label = index(name).expect("the embedded seed files name only known acts, which a test checks");
            std::iter::repeat_n(label, texts.len())
        })
        .collect()
}

/// Only a model of several languages has a language to take out.
async fn fit_languages(embedder: &Embedder) -> Result<LanguageSpace, Error> {
    if embedder.spec().languages.len() < 2 {
        return Ok(LanguageSpace::default());
    }
    let mut means = Vec::new();
    for (language, sentences) in sentences_by_language() {
        let vectors = embed_all(embedder, sentences.iter()).await?;
        let mut mean = vec![0.0_f32; embedder.spec().dimension];
        for vector in &vectors {
            mean.iter_mut().zip(vector.iter()).for_each(|(sum, x)| *sum += x / vectors.len() as f32);
        }
        means.push((language, mean));
    }
    Ok(LanguageSpace::fit(&means))
}

async fn fit_pairs(embedder: &Embedder, seeds: &[ExchangeSeed]) -> Result<PairClassifier, Error> {
    let needs = embed_all(embedder, seeds.iter().map(|seed| &seed.need)).await?;
    let answers = embed_all(embedder, seeds.iter().map(|seed| &seed.answer)).await?;
    let pairs: Vec<_> = needs.into_iter().zip(answers).collect();
    let kinds: Vec<_> = seeds.iter().map(|seed| seed.kind).collect();
    tokio::task::spawn_blocking(move || PairClassifier::fit(&pairs, &kinds)).await.map_err(|_| Error::Overloaded)
}

async fn fit_intents(
    embedder: &Embedder,
    seeds: &BTreeMap<String, IntentSeeds>,
    languages: &LanguageSpace,
) -> Result<IntentClassifier, Error> {
    let mut intents = BTreeMap::new();
    for (name, intent) in seeds {
        let vectors = embed_all(embedder, intent.exemplars.iter()).await?;
        let vectors = vectors.iter().map(|vector| languages.strip(vector)).collect();
        intents.insert(name.clone(), (intent.category.clone(), vectors));
    }
    Ok(IntentClassifier::new(intents))
}

async fn embed_all<'a>(embedder: &Embedder, texts: impl Iterator<Item = &'a String>) -> Result<Vec<Arc<[f32]>>, Error> {
    let texts: Vec<&str> = texts.map(String::as_str).collect();
    let embedded = embedder.embed(Lane::Batch, Role::Query, &texts, None).await?;
    Ok(embedded.into_iter().map(|embedded| embedded.vector).collect())
}

/// Named after everything that the fit depends on.
fn cache_file(dir: &Path, embedder: &Embedder, seeds: &dyn std::fmt::Debug) -> PathBuf {
    let spec = embedder.spec();
    let mut hash = Sha256::new();
    hash.update(format!("{FORMAT} {} {} {} {seeds:?}", spec.name, spec.dimension, spec.query_prefix));
    let digest = hex::encode(hash.finalize());
    dir.join(format!("understanding-{}-{}.json", spec.name, &digest[..16]))
}

fn write_atomically(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let Some(dir) = file.parent() else { return Ok(()) };
    std::fs::create_dir_all(dir)?;
    let mut draft = tempfile_in(dir)?;
    std::io::Write::write_all(&mut draft.1, bytes)?;
    std::fs::rename(&draft.0, file)
}

/// A file of our own beside the final one: two processes may fit at the same time.
fn tempfile_in(dir: &Path) -> std::io::Result<(PathBuf, std::fs::File)> {
    let path = dir.join(format!(".understanding-{}.tmp", std::process::id()));
    Ok((path.clone(), std::fs::File::create(path)?))
}
