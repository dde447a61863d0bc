//! The words in which the functions of the protocol answer.

use crate::pg::error::PgError;

/// What a function of the protocol answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The item is done.
    Done,
    /// The attempt failed; the item comes back.
    Failed,
    /// The attempt failed, and it was the last.
    Dead,
    /// The lease was lost; nothing was changed.
    Stale,
    /// The lease lasts longer.
    Extended,
    /// The item is due again later; the attempt does not count.
    Snoozed,
    /// The item was given back; the attempt does not count.
    Released,
    /// The note was kept.
    Noted,
}

impl Word {
    /// Reads an answer.
    ///
    /// # Errors
    ///
    /// A word which this program does not know: the schema is newer.
    pub fn parse(word: &str) -> Result<Self, PgError> {
        Ok(match word {
            "done" => Self::Done,
            "failed" => Self::Failed,
            "dead" => Self::Dead,
            "stale" => Self::Stale,
            "extended" => Self::Extended,
            "snoozed" => Self::Snoozed,
            "released" => Self::Released,
            "noted" => Self::Noted,
            other => {
                let message = format!("the database answered `{other}`, which this program does not know");
                return Err(PgError::refused("P0001", &message));
            }
        })
    }

    /// The word, as the database says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Stale => "stale",
            Self::Extended => "extended",
            Self::Snoozed => "snoozed",
            Self::Released => "released",
            Self::Noted => "noted",
        }
    }
}
