//! One model, ready to embed.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use unicode_normalization::UnicodeNormalization;

use crate::embedding::cache::VectorCache;
use crate::embedding::error::{Cause, EmbeddingError};
use crate::embedding::lane::{Engine, Lane, LanePlan, LaneQueue};
use crate::embedding::manifest::{Manifest, ModelSpec};
use crate::embedding::runtime;
use crate::embedding::session::Session;
use crate::embedding::settings::EmbeddingSettings;
use crate::embedding::tokens::TokenReader;

/// A longer list of texts waits in several requests, so that a queue of requests also bounds the texts in it.
const TEXTS_PER_REQUEST: usize = 256;

/// What a text is to the model; it decides about the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// An utterance or an exemplar: both sides of a symmetric comparison.
    Query,
    /// A chunk of a conversation, searched with a query.
    Passage,
}

/// A text as a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// The vector, of length 1, in the model's dimension.
    pub vector: Arc<[f32]>,
    /// How many tokens the model read, prefix and special tokens included.
    pub tokens: usize,
    /// Whether the end of the text was left out, because the model reads no more.
    pub truncated: bool,
    /// Whether it was known already.
    pub cached: bool,
}

/// One model with its two sessions and its cache. Dropping it waits for the inferences that are running.
pub struct Embedder {
    spec: ModelSpec,
    tokens: Arc<TokenReader>,
    cache: VectorCache,
    live: LaneQueue,
    batch: LaneQueue,
}

impl Embedder {
    /// Loads a model: tokenizer and both sessions, at the same time. Blocks, for about two seconds.
    ///
    /// # Errors
    /// `MissingFile` and `BadFile` name the file and say `make models`; `LibraryLoaded`; `Thread`.
    pub fn open(settings: &EmbeddingSettings, spec: &ModelSpec) -> Result<Self, EmbeddingError> {
        let files = &Manifest::embedded().files;
        let environment = runtime::load(&settings.library())?;
        // ONNX Runtime refuses weights beside the graph when a link leads to them, so the links go first.
        let directory = settings.models_dir.join(&spec.name);
        let directory = directory
            .canonicalize()
            .map_err(|source| EmbeddingError::MissingFile { path: directory.join(&files.model), source })?;

        let session = || Session::open(&directory, spec, environment.clone());
        let (live, batch, tokens) = thread::scope(|scope| {
            let live = scope.spawn(session);
            let batch = scope.spawn(session);
            let tokens = TokenReader::open(&directory.join(&files.tokenizer), spec.max_tokens);
            (live.join(), batch.join(), tokens)
        });
        let loaded = |session: thread::Result<Result<Session, EmbeddingError>>| {
            session.unwrap_or_else(|_| Err(panicked_while_loading(&directory.join(&files.model))))
        };
        let (live, batch, tokens) = (loaded(live)?, loaded(batch)?, Arc::new(tokens?));

        let start = |lane, batch_tokens, mut session: Session| {
            let plan = LanePlan { model: spec.name.clone(), lane, queue_length: settings.queue_length, batch_tokens };
            let reader = Arc::clone(&tokens);
            let read = Box::new(move |text: &str| reader.read(text));
            LaneQueue::start(plan, Engine { read, run: Box::new(move |texts| session.run(texts)) })
        };
        Ok(Self {
            live: start(Lane::Live, 0, live)?,
            batch: start(Lane::Batch, settings.batch_tokens, batch)?,
            cache: VectorCache::new(settings.cache_mb),
            spec: spec.clone(),
            tokens,
        })
    }

    /// What the model is.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Embeds texts; the vectors come in the same order. Equal texts are embedded once. Texts that are equal but for
    /// white space at the ends, its amount within, or the Unicode form of their characters count as equal.
    ///
    /// Dropping the future withdraws what has not been run yet.
    ///
    /// # Errors
    /// `EmptyText` when one of them has nothing to embed; `Overloaded` at once when too much waits; `DeadlineExceeded`
    /// at the deadline; otherwise what the model said. What was embedded before an error is in the cache.
    pub async fn embed<T: AsRef<str> + Sync>(
        &self,
        lane: Lane,
        role: Role,
        texts: &[T],
        deadline: Option<Instant>,
    ) -> Result<Vec<Embedded>, EmbeddingError> {
        let texts = self.prepare(role, texts)?;
        let mut known: HashMap<Arc<str>, Embedded> = HashMap::with_capacity(texts.len());
        let mut missing: Vec<Arc<str>> = Vec::new();
        for text in &texts {
            if known.contains_key(text) {
                continue;
            }
            match self.cache.get(text) {
                Some(embedded) => _ = known.insert(Arc::clone(text), embedded),
                None => missing.push(Arc::clone(text)),
            }
        }
        missing.sort_unstable();
        missing.dedup();

        for texts in missing.chunks(TEXTS_PER_REQUEST) {
            let outputs = self.ask(lane, texts.to_vec(), deadline).await?;
            for (text, embedded) in texts.iter().zip(outputs) {
                self.cache.insert(Arc::clone(text), embedded.clone());
                known.insert(Arc::clone(text), embedded);
            }
        }
        Ok(texts.iter().filter_map(|text| known.get(text).cloned()).collect())
    }

    /// Embeds one text; see [`Embedder::embed`].
    ///
    /// # Errors
    /// The same.
    pub async fn embed_one(
        &self,
        lane: Lane,
        role: Role,
        text: &str,
        deadline: Option<Instant>,
    ) -> Result<Embedded, EmbeddingError> {
        let mut embedded = self.embed(lane, role, &[text], deadline).await?;
        embedded.pop().ok_or_else(|| self.queue(lane).stopped())
    }

    /// Number of tokens in a text, without prefix and special tokens; 20 µs for an utterance.
    ///
    /// # Errors
    /// `Inference` when the tokenizer cannot read it.
    pub fn count_tokens(&self, text: &str) -> Result<usize, EmbeddingError> {
        self.tokens.count(text).map_err(|source| self.failed(source))
    }

    /// Splits a text into pieces of at most `max_tokens` tokens (counted as in [`Embedder::count_tokens`]) at the best
    /// boundaries: paragraphs, then sentences, words, characters. The ranges are byte offsets, in order, without the
    /// white space around a piece. A character that has more tokens than that is a piece of its own.
    ///
    /// # Errors
    /// `Inference` when the tokenizer cannot read it.
    pub fn split(&self, text: &str, max_tokens: usize) -> Result<Vec<Range<usize>>, EmbeddingError> {
        self.tokens.split(text, max_tokens).map_err(|source| self.failed(source))
    }

    /// What the model will read: prefix and normalised text.
    fn prepare<T: AsRef<str>>(&self, role: Role, texts: &[T]) -> Result<Vec<Arc<str>>, EmbeddingError> {
        let prefix = self.spec.prefix(role);
        let prepare = |(position, text): (usize, &T)| {
            let text = normalise(text.as_ref());
            if text.is_empty() {
                return Err(EmbeddingError::EmptyText { position });
            }
            Ok(Arc::from(format!("{prefix}{text}")))
        };
        texts.iter().enumerate().map(prepare).collect()
    }

    async fn ask(
        &self,
        lane: Lane,
        texts: Vec<Arc<str>>,
        deadline: Option<Instant>,
    ) -> Result<Vec<Embedded>, EmbeddingError> {
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(EmbeddingError::DeadlineExceeded);
        }
        let queue = self.queue(lane);
        let answer = queue.submit(texts, deadline)?;
        let answer = match deadline {
            Some(deadline) => {
                tokio::time::timeout_at(deadline.into(), answer).await.map_err(|_| EmbeddingError::DeadlineExceeded)?
            }
            None => answer.await,
        };
        let outputs = answer.map_err(|_| queue.stopped())??;
        let embedded = outputs.into_iter().map(|output| Embedded {
            vector: output.vector,
            tokens: output.tokens,
            truncated: output.truncated,
            cached: false,
        });
        Ok(embedded.collect())
    }

    fn queue(&self, lane: Lane) -> &LaneQueue {
        match lane {
            Lane::Live => &self.live,
            Lane::Batch => &self.batch,
        }
    }

    fn failed(&self, source: Cause) -> EmbeddingError {
        EmbeddingError::Inference { model: self.spec.name.clone(), source }
    }
}

impl fmt::Debug for Embedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedder").field("model", &self.spec.name).finish_non_exhaustive()
    }
}

fn panicked_while_loading(path: &Path) -> EmbeddingError {
    EmbeddingError::BadFile { path: path.to_owned(), source: "loading it panicked".into() }
}

/// One spelling of a text: Unicode form NFC, single spaces, nothing around it.
fn normalise(text: &str) -> String {
    let composed: String = text.nfc().collect();
    let mut normalised = String::with_capacity(composed.len());
    for word in composed.split_whitespace() {
        if !normalised.is_empty() {
            normalised.push(' ');
        }
        normalised.push_str(word);
    }
    normalised
}

#[cfg(test)]
mod tests;
