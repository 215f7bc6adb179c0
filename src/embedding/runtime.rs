//! ONNX Runtime, loaded from a file, once in a process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::embedding::error::EmbeddingError;

/// The library in use and its environment. Kept until the process ends: ort allows one environment in a process, also
/// after it was dropped.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// Loads the library, or gives the environment of the one that is loaded already.
///
/// # Errors
/// `MissingFile`, `BadFile` (not a library, or too old), or `LibraryLoaded` when another file is in use.
pub(super) fn load(library: &Path) -> Result<Environment, EmbeddingError> {
    let library =
        library.canonicalize().map_err(|source| EmbeddingError::MissingFile { path: library.to_owned(), source })?;

    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((path, environment)) = loaded.as_ref() {
        if *path != library {
            return Err(EmbeddingError::LibraryLoaded { wanted: library, loaded: path.clone() });
        }
        return Ok(environment.clone());
    }

    let builder = ort::init_from(&library)
        .map_err(|source| EmbeddingError::BadFile { path: library.clone(), source: Box::new(source) })?;
    let environment = builder
        .with_name("turnwise")
        .with_telemetry(false)
        .build()
        .map_err(|source| EmbeddingError::BadFile { path: library.clone(), source: Box::new(source) })?;
    // The environment starts out verbose, which costs time in every run.
    environment.set_log_level(LogLevel::Warning);
    // A run has one thread of its own; the tokenizers crate would otherwise hand each text to a pool and wait for it.
    tokenizers::utils::parallelism::set_parallelism(false);

    *loaded = Some((library, environment.clone()));
    Ok(environment)
}
