//! The floor that benchmarks measure against: ONNX inference with nothing around it.

use std::time::{Duration, Instant};

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::Tensor;

use crate::embedding::embedder::Role;
use crate::embedding::error::{Cause, EmbeddingError};
use crate::embedding::manifest::{Manifest, ModelSpec};
use crate::embedding::runtime;
use crate::embedding::settings::EmbeddingSettings;
use crate::embedding::tokens::TokenReader;

/// A model without queue, cache and pooling, on the thread that calls it.
pub struct BareModel {
    session: Session,
    tokens: TokenReader,
    spec: ModelSpec,
}

impl BareModel {
    /// Loads a model, with one thread, as [`crate::embedding::embedder::Embedder::open`] does. Blocks.
    ///
    /// # Errors
    /// `MissingFile`, `BadFile` or `LibraryLoaded`.
    pub fn open(settings: &EmbeddingSettings, spec: &ModelSpec) -> Result<Self, EmbeddingError> {
        let files = &Manifest::embedded().files;
        let environment = runtime::load(&settings.library())?;
        let directory = settings.models_dir.join(&spec.name);
        let path = directory.join(&files.model);
        let path = path.canonicalize().map_err(|source| EmbeddingError::MissingFile { path, source })?;
        let open = || -> Result<Session, Cause> {
            let builder = Session::builder(&environment)?;
            let builder = builder.with_optimization_level(GraphOptimizationLevel::Level3).map_err(|e| e.to_string())?;
            let mut builder = builder.with_intra_threads(1).map_err(|e| e.to_string())?;
            Ok(builder.commit_from_file(&path)?)
        };
        let session = open().map_err(|source| EmbeddingError::BadFile { path: path.clone(), source })?;
        let tokens = TokenReader::open(&directory.join(&files.tokenizer), spec.max_tokens)?;
        Ok(Self { session, tokens, spec: spec.clone() })
    }

    /// How long inference of a query takes, without reading it into tokens, pooling and normalising.
    ///
    /// # Errors
    /// `Inference`.
    pub fn time_query(&mut self, text: &str) -> Result<Duration, EmbeddingError> {
        let failed = |source: Cause| EmbeddingError::Inference { model: self.spec.name.clone(), source };
        let text = format!("{}{text}", self.spec.prefix(Role::Query));
        let reading = self.tokens.read(&text).map_err(failed)?;
        let ids: Vec<i64> = reading.ids.iter().copied().map(i64::from).collect();
        let session = &mut self.session;
        let run = || -> Result<Duration, Cause> {
            let shape = [1, ids.len()];
            let inputs = ort::inputs![
                "attention_mask" => Tensor::from_array((shape, vec![1_i64; ids.len()]))?,
                "token_type_ids" => Tensor::from_array((shape, vec![0_i64; ids.len()]))?,
                "input_ids" => Tensor::from_array((shape, ids))?,
            ];
            let start = Instant::now();
            session.run(inputs)?;
            Ok(start.elapsed())
        };
        run().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedding::testing;

    #[test]
    fn the_bare_model_runs_beside_the_others() {
        let spec = Manifest::embedded().model("all-MiniLM-L6-v2").expect("the manifest has it");
        let mut model = BareModel::open(&testing::settings(), spec).expect("the model is there");
        assert!(model.time_query("how long does it take").expect("a time") > Duration::ZERO);
    }
}
