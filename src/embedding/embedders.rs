//! The active models.

use std::sync::Arc;

use crate::embedding::embedder::Embedder;
use crate::embedding::error::EmbeddingError;
use crate::embedding::manifest::Manifest;
use crate::embedding::settings::EmbeddingSettings;

/// The active models, at least one; the first answers queries.
#[derive(Clone, Debug)]
pub struct Embedders {
    first: Arc<Embedder>,
    others: Vec<Arc<Embedder>>,
}

impl Embedders {
    /// Loads the models of the settings, one after the other. Blocks, for about two seconds each.
    ///
    /// # Errors
    /// `UnknownModel` for a name that the manifest lacks or when there is none at all, and those of [`Embedder::open`].
    pub fn open(settings: &EmbeddingSettings) -> Result<Self, EmbeddingError> {
        let open = |name: &String| {
            let spec = Manifest::embedded().model(name).ok_or_else(|| unknown(name))?;
            Embedder::open(settings, spec).map(Arc::new)
        };
        let [first, others @ ..] = settings.models.as_slice() else { return Err(unknown("")) };
        Ok(Self { first: open(first)?, others: others.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// Models that are open already.
    pub fn of(first: Arc<Embedder>, others: Vec<Arc<Embedder>>) -> Self {
        Self { first, others }
    }

    /// The model that answers queries.
    pub fn first(&self) -> &Arc<Embedder> {
        &self.first
    }

    /// The active model of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Embedder>> {
        self.iter().find(|embedder| embedder.spec().name == name)
    }

    /// All active models; the one that answers queries comes first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Embedder>> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

fn unknown(name: &str) -> EmbeddingError {
    EmbeddingError::UnknownModel { name: name.to_owned(), known: Manifest::embedded().names().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedding::testing;

    #[test]
    fn the_first_model_answers_and_all_are_found_by_name() {
        let embedders = Embedders::of(testing::multilingual(), vec![testing::english()]);
        assert_eq!(embedders.first().spec().name, "multilingual-e5-small");
        assert!(embedders.get("all-MiniLM-L6-v2").is_some());
        assert!(embedders.get("bert").is_none());
        assert_eq!(embedders.iter().count(), 2);
    }

    #[test]
    fn a_model_that_the_manifest_lacks_is_refused_by_name() {
        let settings = EmbeddingSettings { models: vec!["bert".to_owned()], ..testing::settings() };
        let error = Embedders::open(&settings).expect_err("there is no such model").to_string();
        assert!(error.contains("bert") && error.contains("multilingual-e5-small"), "{error}");
    }

    #[tokio::test]
    async fn the_configured_models_are_opened_again_in_the_same_process() {
        testing::english();
        let settings = EmbeddingSettings { models: vec!["all-MiniLM-L6-v2".to_owned()], ..testing::settings() };
        let embedders = Embedders::open(&settings).expect("the model is there");
        assert_eq!(embedders.iter().count(), 1);
    }
}
