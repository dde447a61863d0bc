//! What the settings of a source of routines name: itself, queues, a role.

use crate::rules::name::{NAME_BYTES_MAX, NameError, QueueName};
use std::fmt;
use std::sync::Arc;

/// The longest identifier of PostgreSQL, in bytes.
const ROLE_BYTES_MAX: usize = 63;

/// The longest name of a source of routines, in bytes: half a name.
pub const SOURCE_BYTES_MAX: usize = NAME_BYTES_MAX / 2;

/// The name of a source of routines: `hq` of `[routines.hq]`. It stands before
/// the names of its rows, with a dot between, and so has none itself. Cheap to
/// clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowSourceName(Arc<str>);

/// Why a text is not the name of a source of routines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowSourceError {
    /// It holds a dot.
    #[error("the name of a source of routines has no dot: one stands between it and the name of a row")]
    Dot,
    /// It is longer than [`SOURCE_BYTES_MAX`].
    #[error(
        "the name of a source of routines has at most {SOURCE_BYTES_MAX} bytes, so that rows have names too"
    )]
    TooLong,
    /// It is no name at all.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// Queues: one, or all which begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueuePattern {
    /// This one.
    Exact(QueueName),
    /// All which begin so; written with a star at the end.
    Prefix(String),
}

/// A role of the database. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleName(Arc<str>);

/// A text which cannot be a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be a role: a name of PostgreSQL has 1 to {ROLE_BYTES_MAX} bytes, and `none` is no role"
)]
pub struct RoleError(pub String);

impl RowSourceName {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, RowSourceError> {
        if text.contains('.') {
            return Err(RowSourceError::Dot);
        }
        // By the rules of any name.
        QueueName::parse(text)?;
        if text.len() > SOURCE_BYTES_MAX {
            return Err(RowSourceError::TooLong);
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RowSourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl QueuePattern {
    /// Reads `ops`, `hq-*` or `*`.
    ///
    /// # Errors
    ///
    /// If it is no name, or has a star elsewhere than at its end.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.strip_suffix('*') {
            Some("") => Ok(Self::Prefix(String::new())),
            Some(prefix) => Ok(Self::Prefix(QueueName::parse(prefix)?.as_str().to_owned())),
            None => QueueName::parse(text).map(Self::Exact),
        }
    }

    /// Whether the queue is one of these.
    #[must_use]
    pub fn matches(&self, queue: &str) -> bool {
        match self {
            Self::Exact(exact) => exact.as_str() == queue,
            Self::Prefix(prefix) => queue.starts_with(prefix),
        }
    }
}

impl fmt::Display for QueuePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(exact) => exact.fmt(f),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

impl RoleName {
    /// Reads the name of a role, as it is in `pg_roles`.
    ///
    /// # Errors
    ///
    /// If no role is called so. `none` is not a role: it means to be oneself.
    pub fn parse(text: &str) -> Result<Self, RoleError> {
        let plain = !text.is_empty() && text.len() <= ROLE_BYTES_MAX && !text.contains('\0');
        if plain && !text.eq_ignore_ascii_case("none") {
            return Ok(Self(text.into()));
        }
        Err(RoleError(text.to_owned()))
    }

    /// The name as it is in `pg_roles`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as SQL writes it, in quotes.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_no_dot_and_leaves_room_for_rows() {
        assert_eq!(RowSourceName::parse("hq_2").unwrap().as_str(), "hq_2");
        assert_eq!(RowSourceName::parse("a.b"), Err(RowSourceError::Dot));
        assert_eq!(RowSourceName::parse(&"x".repeat(25)), Err(RowSourceError::TooLong));
        assert_eq!(RowSourceName::parse(""), Err(RowSourceError::Name(NameError::Empty)));
        assert_eq!(RowSourceName::parse("a b"), Err(RowSourceError::Name(NameError::Character(' '))));
    }

    #[test]
    fn a_star_ends_a_pattern_of_queues() {
        for (pattern, queue, want) in [
            ("ops", "ops", true),
            ("ops", "ops-2", false),
            ("hq-*", "hq-", true),
            ("hq-*", "hq-ann", true),
            ("hq-*", "hq", false),
            ("*", "anything", true),
        ] {
            let read = QueuePattern::parse(pattern).unwrap();
            assert_eq!(read.matches(queue), want, "{pattern} {queue}");
            assert_eq!(read.to_string(), pattern);
        }
        for pattern in ["", "a*b", "**", "*a", "a b*"] {
            assert!(QueuePattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_role_is_quoted_and_none_is_no_role() {
        assert_eq!(RoleName::parse("a\"b").unwrap().quoted(), "\"a\"\"b\"");
        for text in ["", "none", "NONE", "a\0", &"x".repeat(64)] {
            assert_eq!(RoleName::parse(text), Err(RoleError(text.to_owned())));
        }
    }
}
