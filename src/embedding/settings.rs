//! The configuration of embedding: section `embedding`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::error::FieldError;
use crate::embedding::manifest::Manifest;

/// Section `embedding` of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingSettings {
    /// The active models, by their names in `models/manifest.toml`; each has its own index. The first answers queries.
    pub models: Vec<String>,
    /// Where `make models` put the models and ONNX Runtime; a relative path starts at the working directory.
    pub models_dir: PathBuf,
    /// The ONNX Runtime library; without it, the one in `models_dir`.
    pub onnxruntime: Option<PathBuf>,
    /// How many requests may wait for one lane of a model; the next one is told that it is too much. At least 1.
    pub queue_length: usize,
    /// How many tokens, padding included, the batch lane gives to the model in one run; a longer text runs alone.
    ///
    /// 0, the default, runs every text alone, so that a text always gets the same vector: the models' activations are
    /// scaled over a whole run, and sharing one moves a vector by a cosine of up to 0.005 (e5) or 0.012 (MiniLM),
    /// differently with every company. 128 embeds texts of 15 tokens 1.7 times as fast, and longer ones no faster.
    pub batch_tokens: usize,
    /// The most that the cached vectors of one model may occupy, in MiB; about 600 a MiB. 0 caches nothing.
    pub cache_mb: u64,
}

impl Default for EmbeddingSettings {
    fn default() -> Self {
        Self {
            models: vec![Manifest::embedded().default_model.clone()],
            models_dir: PathBuf::from("models"),
            onnxruntime: None,
            queue_length: 64,
            batch_tokens: 0,
            cache_mb: 32,
        }
    }
}

impl EmbeddingSettings {
    /// Everything that is wrong with these settings, each with the field that it is about; nothing is opened.
    pub fn problems(&self) -> Vec<FieldError> {
        let mut problems = Vec::new();
        if self.models.is_empty() {
            problems.push(FieldError::new("embedding.models", "must name at least one model"));
        }
        for (position, name) in self.models.iter().enumerate() {
            let field = format!("embedding.models[{position}]");
            if Manifest::embedded().model(name).is_none() {
                let known = Manifest::embedded().names().join(", ");
                problems.push(FieldError::new(field, format!("{name:?} is not one of the models {known}")));
            } else if self.models[..position].contains(name) {
                problems.push(FieldError::new(field, format!("{name:?} is named twice")));
            }
        }
        if self.queue_length == 0 {
            problems.push(FieldError::new("embedding.queue_length", "must be at least 1"));
        }
        problems
    }

    /// The ONNX Runtime library that these settings mean.
    pub fn library(&self) -> PathBuf {
        let runtime = &Manifest::embedded().runtime;
        self.onnxruntime.clone().unwrap_or_else(|| self.models_dir.join(&runtime.name).join(&runtime.library))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_fine_and_mistakes_are_all_reported() {
        assert_eq!(EmbeddingSettings::default().problems(), []);

        let models = ["bert", "all-MiniLM-L6-v2", "all-MiniLM-L6-v2"].map(str::to_owned).to_vec();
        let wrong = EmbeddingSettings { models, queue_length: 0, ..EmbeddingSettings::default() };
        let fields: Vec<String> = wrong.problems().into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["embedding.models[0]", "embedding.models[2]", "embedding.queue_length"]);
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let error = toml::from_str::<EmbeddingSettings>("batch_size = 8").expect_err("there is no such key");
        assert!(error.to_string().contains("batch_size"), "{error}");
    }
}
