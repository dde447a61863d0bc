//! Secrets: read when they are needed, and shown to nobody.
//!
//! A routine names a variable of the environment or a file, and a table of endpoints a
//! column. What is found there is a [`Secret`]: it can be used, but neither printed nor
//! written as JSON by accident, since it has no `Display`, no `Serialize` and a `Debug`
//! which says nothing. Nothing is kept here: who wants to read a file less often than
//! once a delivery keeps the secret himself.

use crate::rules::webhook::SecretRef;
use std::env::{self, VarError};
use std::fmt;
use std::io;
use tokio::fs::{self, File};
use tokio::io::AsyncReadExt;

/// How long a secret may be, in bytes. A file which is longer is some other file.
const MOST_BYTES: u64 = 64 * 1024;

/// A text which must not be shown.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A secret which was found elsewhere, in a row of a table say.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place which uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads a secret where the reference says. One newline at the end is no part of it,
    /// since editors and `echo` write one.
    ///
    /// # Errors
    ///
    /// If there is none, or if it is empty, no UTF-8 or longer than 64 KiB. The error says
    /// where the secret was looked for and never what was found.
    pub async fn read(reference: &SecretRef) -> Result<Self, SecretError> {
        let found = match reference {
            SecretRef::Env(name) => from_environment(name),
            SecretRef::File(path) => from_file(path).await,
        };
        found.map_err(|trouble| SecretError { place: place(reference), trouble })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why there is no secret. Says where it was looked for, never what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} {trouble}")]
pub struct SecretError {
    place: String,
    trouble: SecretTrouble,
}

/// What is wrong with the place where a secret should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretTrouble {
    /// There is no such variable.
    #[error("is not set")]
    Unset,
    /// The file is not there, or must not be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// A folder, a socket, a pipe: reading it might never end.
    #[error("is no ordinary file")]
    NotAFile,
    /// Bytes which are no text.
    #[error("holds no UTF-8 text")]
    NotText,
    /// More than any secret.
    #[error("holds more than 64 KiB, which is no secret")]
    TooLong,
    /// Nothing.
    #[error("is empty")]
    Empty,
}

impl SecretError {
    /// What is wrong, without the place.
    #[must_use]
    pub fn trouble(&self) -> &SecretTrouble {
        &self.trouble
    }
}

fn place(reference: &SecretRef) -> String {
    match reference {
        SecretRef::Env(name) => format!("the environment variable `{name}`"),
        SecretRef::File(path) => format!("the file `{path}`"),
    }
}

fn from_environment(name: &str) -> Result<Secret, SecretTrouble> {
    // A name with `=` or NUL in it would make the standard library panic on some systems.
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(SecretTrouble::Unset);
    }
    match env::var(name) {
        Ok(text) => checked(text),
        Err(VarError::NotPresent) => Err(SecretTrouble::Unset),
        Err(VarError::NotUnicode(_)) => Err(SecretTrouble::NotText),
    }
}

async fn from_file(path: &str) -> Result<Secret, SecretTrouble> {
    let unreadable = |error: io::Error| SecretTrouble::Unreadable(error.to_string());
    if !fs::metadata(path).await.map_err(unreadable)?.is_file() {
        return Err(SecretTrouble::NotAFile);
    }
    let file = File::open(path).await.map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
    checked(String::from_utf8(bytes).map_err(|_| SecretTrouble::NotText)?)
}

fn checked(mut text: String) -> Result<Secret, SecretTrouble> {
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(SecretTrouble::TooLong);
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() { Err(SecretTrouble::Empty) } else { Ok(Secret(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs as files;

    /// Reads a file with this content.
    #[track_caller]
    fn check(content: &[u8], want: Result<&str, SecretTrouble>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        files::write(&path, content).unwrap();
        let found = read(SecretRef::File(path.to_str().unwrap().to_owned()));
        match (&found, want) {
            (Ok(secret), Ok(want)) => assert_eq!(secret.expose(), want),
            (Err(error), Err(want)) => assert_eq!(error.trouble(), &want),
            (found, want) => panic!("{found:?} is not {want:?}"),
        }
    }

    fn read(reference: SecretRef) -> Result<Secret, SecretError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Secret::read(&reference))
    }

    #[test]
    fn a_file_is_read_without_its_last_newline() {
        check(b"whsec_abc", Ok("whsec_abc"));
        check(b"whsec_abc\n", Ok("whsec_abc"));
        check(b"whsec_abc\r\n", Ok("whsec_abc"));
        check(b"one two\n\n", Ok("one two\n"));
        check(" ü".as_bytes(), Ok(" ü"));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        check(b"", Err(SecretTrouble::Empty));
        check(b"\n", Err(SecretTrouble::Empty));
        check(b"\xff\xfe", Err(SecretTrouble::NotText));
        check(&vec![b'a'; 64 * 1024 + 1], Err(SecretTrouble::TooLong));
    }

    #[test]
    fn the_longest_secret_is_read() {
        let longest = "a".repeat(64 * 1024);
        check(longest.as_bytes(), Ok(&longest));
    }

    #[test]
    fn a_variable_is_read() {
        let found = read(SecretRef::Env("PATH".to_owned())).unwrap();
        assert_eq!(found.expose(), env::var("PATH").unwrap());
    }

    #[test]
    fn errors_say_where_and_not_what() {
        let error = read(SecretRef::Env("HEARKEN_NO_SUCH_SECRET".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "the environment variable `HEARKEN_NO_SUCH_SECRET` is not set");
        let error = read(SecretRef::File("/nowhere/secret".to_owned())).unwrap_err();
        assert!(error.to_string().starts_with("the file `/nowhere/secret` cannot be read: "), "{error}");
        let error = read(SecretRef::File("/".to_owned())).unwrap_err();
        assert_eq!(error.trouble(), &SecretTrouble::NotAFile);
        for name in ["", "A=B", "A\0B"] {
            let error = read(SecretRef::Env(name.to_owned())).unwrap_err();
            assert_eq!(error.trouble(), &SecretTrouble::Unset);
        }
    }

    #[test]
    fn a_secret_shows_itself_to_nobody() {
        assert_eq!(format!("{:?}", Secret::new("hidden")), "Secret(…)");
    }
}
