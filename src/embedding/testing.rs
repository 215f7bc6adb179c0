//! Loaded models for tests, each loaded once in a test process.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::embedding::embedder::Embedder;
use crate::embedding::manifest::Manifest;
use crate::embedding::settings::EmbeddingSettings;

/// Default settings, with the models of this checkout or of `TURNWISE_MODELS__DIR`.
pub(crate) fn settings() -> EmbeddingSettings {
    let checkout = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    let models_dir = std::env::var_os("TURNWISE_MODELS__DIR").map_or(checkout, PathBuf::from);
    EmbeddingSettings { models_dir, ..EmbeddingSettings::default() }
}

/// The default model.
pub(crate) fn multilingual() -> Arc<Embedder> {
    static SHARED: OnceLock<Arc<Embedder>> = OnceLock::new();
    Arc::clone(SHARED.get_or_init(|| open("multilingual-e5-small")))
}

/// The small English model.
pub(crate) fn english() -> Arc<Embedder> {
    static SHARED: OnceLock<Arc<Embedder>> = OnceLock::new();
    Arc::clone(SHARED.get_or_init(|| open("all-MiniLM-L6-v2")))
}

fn open(name: &str) -> Arc<Embedder> {
    let spec = Manifest::embedded().model(name).expect("the manifest has it");
    match Embedder::open(&settings(), spec) {
        Ok(embedder) => Arc::new(embedder),
        Err(error) => panic!("these tests need the models: {error}"),
    }
}
