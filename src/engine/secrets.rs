//! Random keys and files that only their owner may read.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

/// 32 random bytes as 64 hexadecimal characters.
pub fn random_key() -> String {
    #[expect(clippy::disallowed_methods, reason = "keys are made here and must not be foreseen, not even by a test")]
    let bytes: [u8; 32] = rand::random();
    hex::encode(bytes)
}

/// The hash under which an API key is stored. Keys are 256 random bits, so a plain hash cannot be guessed backwards.
pub fn hash_key(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// Writes a file with mode 0600, whole or not at all.
///
/// # Errors
/// When the directory cannot be written.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = path.with_extension("tmp");
    // A draft of a process that died is in the way of `create_new`, and holds nothing.
    let _ = std::fs::remove_file(&draft);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_private_file_is_its_owners_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.key");
        write_private(&path, "one").expect("written");
        write_private(&path, "two").expect("written over");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "two");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn keys_differ_and_hashes_do_not_show_them() {
        let (a, b) = (random_key(), random_key());
        assert_ne!(a, b);
        assert_ne!(hash_key(&a), a);
        assert_eq!(hash_key(&a), hash_key(&a));
    }
}
