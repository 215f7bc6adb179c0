//! `cli.key`: how the CLI of the same user gets into the server that runs on a data directory.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::cli::failure::Failure;
use crate::engine::secrets::{random_key, write_private};

/// Its name in the data directory.
const CLI_KEY_FILE: &str = "cli.key";

/// The key for the CLI of this start, in a file that its owner alone can read and that goes with the server.
pub struct CliKey {
    path: PathBuf,
    key: SecretString,
}

impl CliKey {
    /// Makes a new one, over that of an earlier start.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn make(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join(CLI_KEY_FILE);
        let key = random_key();
        write_private(&path, &key)
            .map_err(|error| Failure::io(format!("{} cannot be written", path.display()), &error))?;
        Ok(Self { path, key: key.into() })
    }

    /// The key.
    pub fn secret(&self) -> &SecretString {
        &self.key
    }
}

impl Drop for CliKey {
    fn drop(&mut self) {
        // It opens nothing any more; the next start writes over what stays.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The key for the CLI of the server that runs on this data directory, if this user may read it.
pub fn read_cli_key(dir: &Path) -> Option<SecretString> {
    let key = std::fs::read_to_string(dir.join(CLI_KEY_FILE)).ok()?;
    Some(key.trim().to_owned().into()).filter(|key: &SecretString| !key.expose_secret().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_start_has_its_own_key_and_takes_it_along() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(read_cli_key(dir.path()).is_none());
        let first = CliKey::make(dir.path()).expect("writable");
        let second = CliKey::make(dir.path()).expect("writable");
        let read = read_cli_key(dir.path()).expect("a key");
        assert_eq!(read.expose_secret(), second.secret().expose_secret());
        assert_ne!(read.expose_secret(), first.secret().expose_secret());
        drop(second);
        assert!(read_cli_key(dir.path()).is_none());
    }
}
