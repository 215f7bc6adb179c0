//! One ONNX session: tokens to vectors.
//!
//! fastembed runs the model, pools and normalises. It wants texts and a tokenizer of its own in every session, of which
//! one for multilingual-e5-small is 250 MB; so it is given the ids, written as words, and a tokenizer that knows just
//! the ids of this run. That costs microseconds.

use std::fs;
use std::path::Path;

use fastembed::{InitOptionsUserDefined, Pooling, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel};
use ort::environment::Environment;
use ort::ep;
use serde::Deserialize;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::{PaddingParams, Tokenizer};

use crate::embedding::error::{Cause, EmbeddingError};
use crate::embedding::manifest::{self, Manifest, ModelSpec};

/// ONNX Runtime looks here for weights that are kept beside the graph (`model.onnx.data`). It maps them into memory
/// instead of reading them, so that the sessions of a model share them.
const WEIGHTS_FOLDER: &str = "session.model_external_initializers_file_folder_path";

/// An ONNX session with one thread: the one that calls it.
pub(super) struct Session {
    model: TextEmbedding,
    name: String,
    dimension: usize,
    pad_id: u32,
}

/// What is needed of a model's `config.json`.
#[derive(Deserialize)]
struct Config {
    pad_token_id: u32,
}

impl Session {
    /// Loads the model in this directory.
    ///
    /// # Errors
    /// `MissingFile` or `BadFile`, which also tells of a model that gives other vectors than the manifest promises.
    pub(super) fn open(directory: &Path, spec: &ModelSpec, environment: Environment) -> Result<Self, EmbeddingError> {
        let files = &Manifest::embedded().files;
        let path = directory.join(&files.model);
        let graph = read(&path)?;
        let bad = |source: Cause| EmbeddingError::BadFile { path: path.clone(), source };

        let config_path = directory.join(&files.config);
        let config: Config = serde_json::from_slice(&read(&config_path)?)
            .map_err(|source| EmbeddingError::BadFile { path: config_path, source: source.into() })?;

        let pooling = match spec.pooling {
            manifest::Pooling::Mean => Pooling::Mean,
        };
        let options = InitOptionsUserDefined::new()
            .with_environment(environment)
            .with_intra_threads(1)
            // An arena keeps the memory of the largest run for ever, and made nothing faster here.
            .with_execution_providers(vec![ep::CPU::default().with_arena_allocator(false).build()])
            .with_session_config(WEIGHTS_FOLDER, directory.to_string_lossy());
        let model = UserDefinedEmbeddingModel::new(graph, no_tokenizer()).with_pooling(pooling);
        let model = TextEmbedding::try_new_from_user_defined(model, options).map_err(|source| bad(source.into()))?;

        let mut session =
            Self { model, name: spec.name.clone(), dimension: spec.dimension, pad_id: config.pad_token_id };
        // The first run is slow, and shows whether this is the model of the manifest.
        session.run(&[&[config.pad_token_id]]).map_err(|error| bad(error.into()))?;
        Ok(session)
    }

    /// The vectors of some texts, given as tokens; shorter ones are padded to the longest. They come in the same order,
    /// each of length 1.
    ///
    /// # Errors
    /// `Inference` or `BadVector`.
    pub(super) fn run(&mut self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        let failed = |source: Cause| EmbeddingError::Inference { model: self.name.clone(), source };
        self.model.tokenizer = tokenizer_of_ids(texts, self.pad_id).map_err(failed)?;
        let words: Vec<String> = texts.iter().map(|ids| ids.iter().map(|id| format!("{id} ")).collect()).collect();
        let vectors = self.model.embed(&words, Some(words.len())).map_err(|source| failed(source.into()))?;

        let sound = |vector: &Vec<f32>| vector.len() == self.dimension && vector.iter().all(|x| x.is_finite());
        if vectors.len() != texts.len() || !vectors.iter().all(sound) {
            return Err(EmbeddingError::BadVector { model: self.name.clone(), dimension: self.dimension });
        }
        Ok(vectors)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, EmbeddingError> {
    fs::read(path).map_err(|source| EmbeddingError::MissingFile { path: path.to_owned(), source })
}

/// A tokenizer whose words are these ids, written in decimal.
fn tokenizer_of_ids(texts: &[&[u32]], pad_id: u32) -> Result<Tokenizer, Cause> {
    let vocabulary = texts.iter().copied().flatten().map(|id| (id.to_string(), *id)).collect();
    let mut tokenizer = Tokenizer::new(WordLevel::builder().vocab(vocabulary).build()?);
    tokenizer.with_pre_tokenizer(Some(WhitespaceSplit));
    tokenizer.with_padding(Some(PaddingParams { pad_id, ..PaddingParams::default() }));
    Ok(tokenizer)
}

/// The smallest tokenizer that fastembed accepts; every run brings its own.
fn no_tokenizer() -> TokenizerFiles {
    let tokenizer = r#"{"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
        "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "unk_token": "0", "vocab": {"0": 0}}}"#;
    TokenizerFiles {
        tokenizer_file: tokenizer.into(),
        config_file: "{}".into(),
        special_tokens_map_file: "{}".into(),
        tokenizer_config_file: r#"{"model_max_length": 512, "pad_token": "0"}"#.into(),
    }
}
