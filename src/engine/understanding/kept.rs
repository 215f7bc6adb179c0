//! Fitted classifiers in files: those that ship, and those of this machine.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::domain::classify::seeds;
use crate::embedding::manifest::ModelSpec;
use crate::engine::error::Error;

/// Rises when the form of the files or the way of fitting changes.
const FORMAT: u32 = 7;

/// Which classifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Of turns, exchanges and outcomes.
    Turns,
    /// Of intents.
    Intents,
}

impl Part {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Turns => "turns",
            Self::Intents => "intents",
        }
    }
}

/// What ships, with the name of its file; made by `turnwise eval fit --write-to .`.
const SHIPPED: [(&str, &[u8]); 4] = [
    ("multilingual-e5-small.turns", include_bytes!("fitted/multilingual-e5-small.turns.json.gz")),
    ("multilingual-e5-small.intents", include_bytes!("fitted/multilingual-e5-small.intents.json.gz")),
    ("all-MiniLM-L6-v2.turns", include_bytes!("fitted/all-MiniLM-L6-v2.turns.json.gz")),
    ("all-MiniLM-L6-v2.intents", include_bytes!("fitted/all-MiniLM-L6-v2.intents.json.gz")),
];

/// Where the classifiers of one model are kept.
pub struct KeptClassifiers<'a> {
    spec: &'a ModelSpec,
    dir: &'a Path,
    /// A hash of what ships to fit on: made once, for every digest needs it and it reads all of that.
    seeds: String,
}

impl<'a> KeptClassifiers<'a> {
    /// The classifiers of this model, with a directory for those that do not ship.
    pub fn new(spec: &'a ModelSpec, dir: &'a Path) -> Self {
        Self { spec, dir, seeds: seeds::fingerprint(&spec.languages) }
    }

    /// What is kept, or else what `fit` makes, which is kept for the next start.
    ///
    /// # Errors
    /// When fitting fails.
    pub async fn load_or_fit<T: Serialize + DeserializeOwned>(
        &self,
        part: Part,
        own: Option<&str>,
        fit: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if let Some(kept) = self.load(part, own) {
            return Ok(kept);
        }
        tracing::info!(embedding.model = self.spec.name, "Fitting the classifiers of {}, once", part.as_str());
        let fitted = fit.await?;
        self.keep(part, own, &fitted);
        Ok(fitted)
    }

    /// What was fitted before on the same texts, by the same model, with the same intents of the installation's own.
    fn load<T: DeserializeOwned>(&self, part: Part, own: Option<&str>) -> Option<T> {
        let digest = self.digest(part, own);
        let name = format!("{}.{}", self.spec.name, part.as_str());
        let shipped = SHIPPED.iter().find(|(shipped, _)| *shipped == name).and_then(|(_, file)| decode(file, &digest));
        shipped.or_else(|| decode(&std::fs::read(self.file(part, &digest)).ok()?, &digest))
    }

    /// Keeps what was fitted for the next start; when that fails, it is only logged.
    fn keep<T: Serialize>(&self, part: Part, own: Option<&str>, fitted: &T) {
        let digest = self.digest(part, own);
        let file = self.file(part, &digest);
        if let Err(error) = encode(&digest, fitted).and_then(|bytes| write_atomically(&file, &bytes)) {
            tracing::warn!(path = %file.display(), %error, "The fitted classifiers could not be kept for the next start");
        }
    }

    /// A file that ships: its name, and what it holds.
    ///
    /// # Errors
    /// When what was fitted cannot be written as JSON.
    pub fn to_ship<T: Serialize>(&self, part: Part, fitted: &T) -> std::io::Result<(String, Vec<u8>)> {
        let name = format!("{}.{}.json.gz", self.spec.name, part.as_str());
        Ok((name, encode(&self.digest(part, None), fitted)?))
    }

    /// A hash of everything that a fit depends on.
    fn digest(&self, part: Part, own: Option<&str>) -> String {
        let spec = self.spec;
        let mut hash = Sha256::new();
        hash.update(format!("{FORMAT} {} {} {} {:?}", part.as_str(), spec.name, spec.dimension, spec.query_prefix));
        hash.update(&self.seeds);
        hash.update(own.unwrap_or_default());
        hex::encode(&hash.finalize()[..16])
    }

    fn file(&self, part: Part, digest: &str) -> PathBuf {
        self.dir.join(format!("{}.{}-{}.json.gz", self.spec.name, part.as_str(), &digest[..16]))
    }
}

/// JSON of the digest and what was fitted, packed.
fn encode<T: Serialize>(digest: &str, fitted: &T) -> std::io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    serde_json::to_writer(&mut packed, &(digest, fitted))?;
    packed.finish()
}

/// What a file holds, if it was fitted on just this.
fn decode<T: DeserializeOwned>(file: &[u8], digest: &str) -> Option<T> {
    let mut json = Vec::new();
    GzDecoder::new(file).read_to_end(&mut json).ok()?;
    // The digest stands first: what is out of date may have another shape.
    let current = json.get(2..).is_some_and(|rest| rest.starts_with(digest.as_bytes()));
    let (_, fitted): (String, T) = current.then(|| serde_json::from_slice(&json).ok()).flatten()?;
    Some(fitted)
}

fn write_atomically(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let Some(dir) = file.parent() else { return Ok(()) };
    std::fs::create_dir_all(dir)?;
    // Two processes may fit at the same time.
    let draft = dir.join(format!(".fitting-{}.tmp", std::process::id()));
    std::fs::File::create(&draft)?.write_all(bytes)?;
    std::fs::rename(&draft, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::classify::intents::IntentClassifier;
    use crate::embedding::manifest::Manifest;
    use crate::engine::understanding::TurnClassifiers;

    #[test]
    fn what_ships_was_fitted_on_what_ships() {
        let nowhere = Path::new("/nonexistent");
        let manifest = Manifest::embedded();
        for spec in manifest.names().into_iter().filter_map(|name| manifest.model(name)) {
            let kept = KeptClassifiers::new(spec, nowhere);
            let hint = format!("run: turnwise --set embedding.models={} eval fit --write-to .", spec.name);
            assert!(kept.load::<TurnClassifiers>(Part::Turns, None).is_some(), "{hint}");
            assert!(kept.load::<IntentClassifier>(Part::Intents, None).is_some(), "{hint}");
            assert!(kept.load::<IntentClassifier>(Part::Intents, Some("[own]")).is_none());
        }
    }

    #[test]
    fn what_was_kept_is_found_again_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let manifest = Manifest::embedded();
        let kept =
            KeptClassifiers::new(manifest.model(&manifest.default_model).expect("the default model"), dir.path());
        kept.keep(Part::Intents, Some("[gift]"), &vec![1, 2, 3]);
        assert_eq!(kept.load::<Vec<i32>>(Part::Intents, Some("[gift]")), Some(vec![1, 2, 3]));
        assert_eq!(kept.load::<Vec<i32>>(Part::Intents, Some("[other]")), None);
        assert_eq!(decode::<Vec<i32>>(b"no archive", "0"), None);
    }
}
