//! Which labelled conversations may be tuned on: a hash of the id decides, so nobody chooses.

use sha2::{Digest, Sha256};

/// A part of a labelled set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// May be looked at and tuned on: two thirds.
    Development,
    /// Only measured: a third.
    Test,
}

/// The part that an id belongs to.
pub fn split_of(id: &str) -> Split {
    if Sha256::digest(id.as_bytes())[0] % 3 == 0 { Split::Test } else { Split::Development }
}

/// A number from 0 to 2^32 that depends on nothing but the text: for choosing samples.
pub fn hash_of(text: &str) -> u32 {
    let digest = Sha256::digest(text.as_bytes());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_a_third_is_never_tuned_on() {
        let test = (0..3_000).filter(|i| split_of(&format!("id-{i}")) == Split::Test).count();
        assert!((900..1_100).contains(&test), "{test}");
    }
}
