//! Names which operators choose, checked once, where they enter.

use std::fmt;
use std::sync::Arc;

/// The longest name of a routine, an item of a routine, or a source, in bytes.
/// PostgreSQL identifiers end at 63 bytes; these names go into channel names
/// with a prefix before them.
pub const NAME_BYTES_MAX: usize = 48;

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// The text is longer than [`NAME_BYTES_MAX`].
    #[error("a name has at most {NAME_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// The text holds a character which names do not have.
    #[error("{0:?} cannot be part of a name: use letters, digits, `-`, `_` and `.`")]
    Character(char),
}

fn parse_name(text: &str) -> Result<Arc<str>, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong(text.len()));
    }
    let stranger = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    match text.chars().find(stranger) {
        Some(c) => Err(NameError::Character(c)),
        None => Ok(text.into()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Letters, digits, `-`, `_` and `.` of ASCII, from 1 to
        /// [`NAME_BYTES_MAX`] of them. Cheap to clone.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads a name.
            ///
            /// # Errors
            ///
            /// Says which rule the text breaks.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                parse_name(text).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a routine: the stem of its file.
    RoutineName
}
name! {
    /// The name of a queue in an inbox.
    QueueName
}
name! {
    /// The name of a place events come from; `events` is hearken's own log.
    SourceName
}
name! {
    /// The name of one item table of a routine: `item` for `[item]`, else the
    /// `NAME` of `[items.NAME]`.
    ItemName
}

name! {
    /// The name by which the settings call a table which items go to.
    InboxName
}
name! {
    /// The name by which the settings call a table of endpoints of webhooks.
    EndpointName
}

impl SourceName {
    /// Whether it is hearken's own log.
    #[must_use]
    pub fn is_log(&self) -> bool {
        &*self.0 == "events"
    }

    /// hearken's own log, `hearken.events`.
    #[must_use]
    pub fn log() -> Self {
        Self("events".into())
    }
}

impl ItemName {
    /// The name of the plain `[item]` table.
    #[must_use]
    pub fn only() -> Self {
        Self("item".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        assert!(RoutineName::parse("large-refund_review.2").is_ok());
        assert_eq!(RoutineName::parse(""), Err(NameError::Empty));
        assert_eq!(RoutineName::parse("a b"), Err(NameError::Character(' ')));
        assert_eq!(RoutineName::parse(&"x".repeat(49)), Err(NameError::TooLong(49)));
    }
}
