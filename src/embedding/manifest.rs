//! `models/manifest.toml`, as far as the program needs it: what the models are, not where they come from.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::embedding::embedder::Role;

/// The models and the ONNX Runtime library that `make models` puts under `models/`.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// The model that is used when the configuration names none.
    pub default_model: String,
    /// The files that every model's directory holds.
    pub files: ModelFiles,
    /// The ONNX Runtime library.
    pub runtime: RuntimeSpec,
    #[serde(rename = "model")]
    models: Vec<ModelSpec>,
}

/// Names of the files in a model's directory.
#[derive(Clone, Debug, Deserialize)]
pub struct ModelFiles {
    /// The ONNX graph.
    pub model: String,
    /// The tokenizer, vocabulary included.
    pub tokenizer: String,
    /// The model's own configuration.
    pub config: String,
}

/// The ONNX Runtime library.
#[derive(Clone, Debug, Deserialize)]
pub struct RuntimeSpec {
    /// Its directory under `models/`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The file in its directory to load.
    pub library: String,
}

/// What a model is and how it wants its texts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ModelSpec {
    /// Its name, and that of its directory.
    pub name: String,
    /// One sentence about it.
    pub description: String,
    /// How many numbers a vector has.
    pub dimension: usize,
    /// How many tokens it reads, prefix and special tokens included.
    pub max_tokens: usize,
    /// How the vectors of its tokens become one.
    pub pooling: Pooling,
    /// What is put before utterances and exemplars.
    pub query_prefix: String,
    /// What is put before chunks.
    pub passage_prefix: String,
    /// The languages that it was trained on, as ISO 639 codes.
    pub languages: Vec<String>,
    /// The licence of its weights.
    pub licence: String,
}

/// How the vectors of the tokens become the vector of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean.
    Mean,
}

impl Manifest {
    /// The manifest that this program was built with.
    pub fn embedded() -> &'static Self {
        static EMBEDDED: LazyLock<Manifest> = LazyLock::new(|| {
            toml::from_str(include_str!("../../models/manifest.toml"))
                .expect("the manifest is part of the program, and a test reads it")
        });
        &EMBEDDED
    }

    /// The model of this name.
    pub fn model(&self, name: &str) -> Option<&ModelSpec> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The names of all models, in the order of the manifest.
    pub fn names(&self) -> Vec<&str> {
        self.models.iter().map(|model| model.name.as_str()).collect()
    }
}

impl ModelSpec {
    /// What is put before a text of this role.
    pub fn prefix(&self, role: Role) -> &str {
        match role {
            Role::Query => &self.query_prefix,
            Role::Passage => &self.passage_prefix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_manifest_can_be_read() {
        let manifest = Manifest::embedded();
        assert_eq!(manifest.names(), ["multilingual-e5-small", "all-MiniLM-L6-v2"]);

        let default = manifest.model(&manifest.default_model).expect("the default is one of the models");
        assert_eq!((default.dimension, default.max_tokens, default.pooling), (384, 512, Pooling::Mean));
        assert_eq!((default.prefix(Role::Query), default.prefix(Role::Passage)), ("query: ", "passage: "));
        for language in ["en", "ur", "hi", "es", "ar"] {
            assert!(default.languages.iter().any(|known| known == language), "{language}");
        }
    }
}
