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
mod tests {
    use super::*;
    use crate::domain::error::ErrorClass;
    use crate::domain::vectors::dot;
    use crate::embedding::testing;

    /// What `models/golden/<name>.json` holds: sentences as the fp32 model sees them.
    #[derive(serde::Deserialize)]
    struct Golden {
        prefix: String,
        sentences: Vec<GoldenSentence>,
    }

    #[derive(serde::Deserialize)]
    struct GoldenSentence {
        text: String,
        tokens: usize,
        embedding: Vec<f32>,
    }

    fn golden(name: &str) -> Golden {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/golden").join(format!("{name}.json"));
        serde_json::from_slice(&std::fs::read(path).expect("the file is part of the repository")).expect("its shape")
    }

    async fn query(embedder: &Embedder, text: &str) -> Embedded {
        embedder.embed_one(Lane::Live, Role::Query, text, None).await.expect("a vector")
    }

    /// A second embedder of a model that tests change or count on being alone with.
    fn fresh(change: impl FnOnce(&mut EmbeddingSettings)) -> Embedder {
        let mut settings = testing::settings();
        change(&mut settings);
        let spec = Manifest::embedded().model("all-MiniLM-L6-v2").expect("the manifest has it");
        match Embedder::open(&settings, spec) {
            Ok(embedder) => embedder,
            Err(error) => panic!("these tests need the models: {error}"),
        }
    }

    #[tokio::test]
    async fn both_models_reproduce_their_golden_vectors() {
        for embedder in [testing::multilingual(), testing::english()] {
            let golden = golden(&embedder.spec().name);
            assert_eq!(golden.prefix, embedder.spec().query_prefix);
            for sentence in golden.sentences {
                for lane in [Lane::Live, Lane::Batch] {
                    let texts = [sentence.text.as_str()];
                    let embedded = embedder.embed(lane, Role::Query, &texts, None).await.expect("a vector").remove(0);
                    let length = dot(&sentence.embedding, &sentence.embedding).sqrt();
                    let cosine = dot(&embedded.vector, &sentence.embedding) / length;
                    assert!(cosine >= 0.98, "{}: {cosine} for {:?}", embedder.spec().name, sentence.text);
                    assert_eq!(embedded.tokens, sentence.tokens, "{:?}", sentence.text);
                    assert!((dot(&embedded.vector, &embedded.vector) - 1.0).abs() < 1e-4);
                    assert!(!embedded.truncated);
                }
            }
        }
    }

    #[tokio::test]
    async fn the_prefix_of_the_role_matters() {
        let embedder = testing::multilingual();
        let text = "The clinic opens at nine.";
        let passage = embedder.embed_one(Lane::Live, Role::Passage, text, None).await.expect("a vector");
        let cosine = dot(&query(&embedder, text).await.vector, &passage.vector);
        assert!((0.8..0.999).contains(&cosine), "{cosine}");
        assert!(!passage.cached, "the other role is another text to the model");

        let english = testing::english();
        let passage = english.embed_one(Lane::Live, Role::Passage, text, None).await.expect("a vector");
        assert_eq!(query(&english, text).await.vector, passage.vector, "this model has no prefixes");
    }

    #[tokio::test]
    async fn a_paraphrase_in_another_language_is_nearer_than_another_topic() {
        let embedder = testing::multilingual();
        let english = query(&embedder, "I want to cancel my appointment on Friday.").await;
        let other = query(&embedder, "The invoice shows the wrong amount for electricity.").await;
        let paraphrases = [
            ("hi", "मैं शुक्रवार की अपनी अपॉइंटमेंट रद्द करना चाहता हूँ।"),
            ("ur", "میں جمعہ کی اپنی ملاقات منسوخ کرنا چاہتا ہوں۔"),
            ("es", "Quiero cancelar mi cita del viernes."),
            ("ar", "أريد إلغاء موعدي يوم الجمعة."),
        ];
        for (language, paraphrase) in paraphrases {
            let paraphrase = query(&embedder, paraphrase).await;
            let (near, far) = (dot(&paraphrase.vector, &english.vector), dot(&paraphrase.vector, &other.vector));
            assert!(near > far + 0.02, "{language}: {near} and {far}");
        }
    }

    #[tokio::test]
    async fn both_lanes_give_a_text_the_same_vector_in_the_order_of_the_texts() {
        let embedder = fresh(|settings| settings.cache_mb = 0);
        let mut texts: Vec<String> =
            (0..300).map(|number| format!("room {number} {}", "please ".repeat(number % 7))).collect();
        texts.push(texts[0].clone());
        let batch = embedder.embed(Lane::Batch, Role::Query, &texts, None).await.expect("vectors");
        assert_eq!(batch.len(), texts.len());
        assert_eq!(batch[0], batch[300]);
        for position in [0, 1, 150, 255, 256, 299] {
            let alone = query(&embedder, &texts[position]).await;
            assert_eq!(alone.vector, batch[position].vector, "{position}");
        }
    }

    #[tokio::test]
    async fn texts_that_share_a_run_keep_their_vectors_but_for_rounding() {
        let embedder = fresh(|settings| (settings.batch_tokens, settings.cache_mb) = (256, 0));
        let texts: Vec<String> = (0..40)
            .map(|number| format!("please move booking {number} to {}", "the next free day ".repeat(number % 5)))
            .collect();
        let packed = embedder.embed(Lane::Batch, Role::Query, &texts, None).await.expect("vectors");
        let mut moved = 0;
        for (text, packed) in texts.iter().zip(packed) {
            let alone = query(&embedder, text).await;
            let cosine = dot(&packed.vector, &alone.vector);
            assert!(cosine > 0.98, "{cosine} for {text:?}");
            assert_eq!(packed.tokens, alone.tokens);
            moved += usize::from(packed.vector != alone.vector);
        }
        assert!(moved > 0, "sharing a run is visible; were they run alone?");
    }

    #[tokio::test]
    async fn what_the_model_cannot_read_is_reported() {
        for embedder in [testing::multilingual(), testing::english()] {
            let limit = embedder.spec().max_tokens;
            let long = query(&embedder, &"appointment tomorrow ".repeat(400)).await;
            assert_eq!((long.tokens, long.truncated), (limit, true));
            let endless = query(&embedder, &"x".repeat(200_000)).await;
            assert!(endless.truncated && endless.tokens <= limit);
            assert!(!query(&embedder, "appointment tomorrow").await.truncated);
        }
    }

    #[tokio::test]
    async fn the_same_text_in_another_spelling_is_known() {
        let embedder = testing::english();
        let first = query(&embedder, "Caf\u{e9} opening hours, please").await;
        let again = query(&embedder, "  Cafe\u{301}\topening \n hours,  please ").await;
        assert!(!first.cached && again.cached);
        assert_eq!(first.vector, again.vector);
    }

    #[tokio::test]
    async fn a_known_text_needs_no_queue_and_no_time() {
        let embedder = testing::english();
        let first = query(&embedder, "is it known already").await;
        let now = Some(Instant::now());
        let again = embedder.embed_one(Lane::Live, Role::Query, "is it known already", now).await.expect("it is known");
        assert_eq!(again, Embedded { cached: true, ..first });

        let new = embedder.embed_one(Lane::Live, Role::Query, "is this one known", now).await;
        assert!(matches!(new, Err(EmbeddingError::DeadlineExceeded)));
    }

    #[tokio::test]
    async fn an_empty_text_is_the_callers_mistake() {
        let embedder = testing::english();
        let error =
            embedder.embed(Lane::Live, Role::Query, &["hello", " \n\t "], None).await.expect_err("nothing there");
        assert!(matches!(error, EmbeddingError::EmptyText { position: 1 }));
        assert_eq!(error.class(), ErrorClass::Caller);
        assert_eq!(embedder.embed::<&str>(Lane::Live, Role::Query, &[], None).await.expect("no texts"), []);
    }

    #[tokio::test]
    async fn strange_texts_are_embedded() {
        for embedder in [testing::multilingual(), testing::english()] {
            for text in ["\u{0}", "\u{200b}", "👩‍👩‍👧‍👦🎉", "<s></s>[SEP]", "\u{202e}txet", "a\u{301}\u{301}\u{301}"]
            {
                let embedded = query(&embedder, text).await;
                assert_eq!(embedded.vector.len(), embedder.spec().dimension, "{text:?}");
            }
        }
    }

    #[test]
    fn a_text_is_split_into_pieces_that_fit() {
        for embedder in [testing::multilingual(), testing::english()] {
            let text = "user: I need a table for six, on Saturday evening. It is a birthday!\n\n\
                        agent: We have one at seven o'clock. मेज़ बाहर है और बहुत सुंदर है। Shall I book it for you?";
            let pieces = embedder.split(text, 16).expect("pieces");
            assert!(pieces.len() > 2);
            for piece in &pieces {
                let tokens = embedder.count_tokens(&text[piece.clone()]).expect("a count");
                assert!((1..=16).contains(&tokens), "{tokens} tokens in {:?}", &text[piece.clone()]);
            }
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<String>();
            let joined: String = pieces.iter().map(|piece| words(&text[piece.clone()])).collect();
            assert_eq!(joined, words(text), "nothing is lost, nothing doubled");
            assert!(embedder.split("", 16).expect("no pieces").is_empty());
        }
    }

    #[test]
    fn a_missing_model_or_library_is_named_and_so_is_the_remedy() {
        let empty = tempfile::tempdir().expect("a directory");
        let spec = Manifest::embedded().model("all-MiniLM-L6-v2").expect("the manifest has it");
        let models_dir = empty.path().to_owned();

        let settings = EmbeddingSettings { models_dir: models_dir.clone(), ..testing::settings() };
        let error = Embedder::open(&settings, spec).expect_err("there is no library").to_string();
        assert!(error.contains("onnxruntime/libonnxruntime.so") && error.contains("make models"), "{error}");

        let settings = EmbeddingSettings { onnxruntime: Some(testing::settings().library()), ..settings };
        let error = Embedder::open(&settings, spec).expect_err("there is no model").to_string();
        assert!(error.contains("all-MiniLM-L6-v2/model.onnx") && error.contains("make models"), "{error}");
    }

    #[test]
    fn a_broken_file_is_named() {
        let broken = tempfile::tempdir().expect("a directory");
        let spec = Manifest::embedded().model("all-MiniLM-L6-v2").expect("the manifest has it");
        let directory = broken.path().join(&spec.name);
        std::fs::create_dir(&directory).expect("a directory");
        let whole = testing::settings().models_dir.join(&spec.name);
        for file in ["model.onnx", "tokenizer.json", "config.json"] {
            std::fs::copy(whole.join(file), directory.join(file)).expect("a copy");
        }
        let library = Some(testing::settings().library());
        let models_dir = broken.path().to_owned();
        let settings = EmbeddingSettings { models_dir, onnxruntime: library, ..testing::settings() };
        Embedder::open(&settings, spec).expect("the copy is whole");

        for file in ["tokenizer.json", "model.onnx"] {
            let path = directory.join(file);
            let bytes = std::fs::read(&path).expect("the file");
            std::fs::remove_file(&path).expect("the copy may be removed");
            std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("the file");
            let error = Embedder::open(&settings, spec).expect_err("the file is broken");
            assert!(matches!(&error, EmbeddingError::BadFile { .. }), "{error:?}");
            assert!(error.to_string().contains(file) && error.to_string().contains("make models"), "{error}");
            std::fs::write(&path, &bytes).expect("the file");
        }
    }

    #[test]
    fn another_library_in_the_same_process_is_refused() {
        testing::english();
        let other = tempfile::NamedTempFile::new().expect("a file");
        let settings = EmbeddingSettings { onnxruntime: Some(other.path().to_owned()), ..testing::settings() };
        let spec = Manifest::embedded().model("all-MiniLM-L6-v2").expect("the manifest has it");
        let error = Embedder::open(&settings, spec).expect_err("one library is loaded already");
        assert!(matches!(error, EmbeddingError::LibraryLoaded { .. }), "{error:?}");
    }
}
