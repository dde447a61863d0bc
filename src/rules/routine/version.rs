//! Which version of a routine is meant: the hash of its file.

use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// How many hex digits of the hash are kept: 64 bits tell all versions of all
/// routines of one installation apart.
const DIGITS: usize = 16;

/// The version of a routine: the first sixteen hex digits of the SHA-256 of its
/// file's bytes. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Arc<str>);

impl Version {
    /// The version of a routine with this text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut digits = hex::encode(Sha256::digest(text.as_bytes()));
        digits.truncate(DIGITS);
        Self(digits.into())
    }

    /// A version as it was written down; none, if the text is no version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        digits.then(|| Self(text.into()))
    }

    /// The hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_beginning_of_the_hash_of_the_bytes() {
        assert_eq!(Version::of("").as_str(), "e3b0c44298fc1c14");
        assert_eq!(Version::of("hello world").to_string(), "b94d27b9934d3e08");
        assert_ne!(Version::of("a"), Version::of("a\n"));
        assert_eq!(Version::parse("e3b0c44298fc1c14"), Some(Version::of("")));
        assert_eq!(Version::parse("E3B0C44298FC1C14"), None);
        assert_eq!(Version::parse("e3b0"), None);
    }
}
