//! What the statements of `[each]` and `[on.query]` share: SQL which routines
//! bring along, and what its errors mean.
//!
//! An error of such a statement is the routine's alone. It must neither end the
//! session nor hold up others, whatever [`Policy`] the same error would have in
//! a statement of ours.

use super::dead::LetterKind;
use super::error::{PgError, Policy, SqlClass};
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;
use tokio_postgres::Column;
use tokio_postgres::types::Type;

/// Why a routine's own statement gave no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of letter it makes.
    pub kind: LetterKind,
    /// The SQLSTATE, where the database refused.
    pub sqlstate: Option<String>,
    /// What happened, for people.
    pub message: String,
}

/// The rows of a statement, or why there are none.
pub type Rows = Result<Vec<Value>, Failure>;

/// What an error of the moment, such as a deadlock, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfTheMoment {
    /// All of it is done again.
    Retry,
    /// It has happened too often: the statement is to blame.
    Blame,
}

/// What a statement may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// It reads, in a transaction which cannot write.
    Reads,
    /// It may write.
    Writes,
}

impl Failure {
    /// The routine failed.
    #[must_use]
    pub fn of_the_routine(message: impl Into<String>) -> Self {
        Self { kind: LetterKind::Failed, sqlstate: None, message: message.into() }
    }

    /// It did not end in time, or was cancelled.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.sqlstate.as_deref() == Some("57014")
    }
}

/// Whether an error is the statement's own, and as what.
///
/// # Errors
///
/// The error itself, if it is not the statement's: the session is gone, or it is
/// trouble of the moment.
pub(super) fn weigh(
    error: PgError,
    access: Access,
    of_the_moment: OfTheMoment,
    timeout: Duration,
) -> Result<Failure, PgError> {
    let answer = match &error {
        PgError::Server(answer) => answer,
        PgError::Client(_) if error.policy() == Policy::Refused => {
            return Ok(Failure::of_the_routine(format!("its query failed: {error}")));
        }
        PgError::Client(_) | PgError::Connect(_) | PgError::Lost(_) | PgError::Taken(_) => return Err(error),
    };
    let failed = |kind, message| Ok(Failure { kind, sqlstate: Some(answer.sqlstate.clone()), message });
    match SqlClass::of(&answer.sqlstate) {
        SqlClass::ReadOnly if access == Access::Reads => {
            failed(LetterKind::Failed, format!("its query writes, and `[each]` only reads: {answer}"))
        }
        SqlClass::Definition | SqlClass::Schema => {
            failed(LetterKind::Blocked, format!("its query cannot be run: {answer}"))
        }
        SqlClass::Cancelled => {
            let limit = humantime::format_duration(timeout);
            failed(LetterKind::Failed, format!("its query was cancelled, and `timeout` is {limit}: {answer}"))
        }
        // Of a server which a function of the routine's speaks to, of plans and
        // features, or what a function raises: in a statement of ours we would
        // connect again, or wait. Here that would hold up others.
        SqlClass::Offered
        | SqlClass::Stale
        | SqlClass::Authorization
        | SqlClass::Catalog
        | SqlClass::Other => failed(LetterKind::Failed, format!("its query failed: {answer}")),
        SqlClass::Connection | SqlClass::Rollback | SqlClass::Resources | SqlClass::Busy
            if of_the_moment == OfTheMoment::Blame =>
        {
            failed(LetterKind::Failed, format!("its query failed again and again: {answer}"))
        }
        SqlClass::Broken if of_the_moment == OfTheMoment::Blame => {
            failed(LetterKind::Failed, format!("its query failed again and again: {answer}"))
        }
        SqlClass::Connection | SqlClass::Rollback | SqlClass::Resources | SqlClass::Busy => Err(error),
        SqlClass::Broken | SqlClass::ReadOnly => Err(error),
        SqlClass::TransactionTimeout | SqlClass::Shutdown | SqlClass::Ended => Err(error),
    }
}

/// Complains about two columns of one name: of the two only one would be left.
pub(super) fn check_columns(columns: &[Column]) -> Result<(), Failure> {
    let mut names = HashSet::new();
    match columns.iter().find(|column| !names.insert(column.name())) {
        None => Ok(()),
        Some(twice) => {
            let name = twice.name();
            Err(Failure::of_the_routine(format!("its query has two columns `{name}`: name one with `as`")))
        }
    }
}

/// A type as SQL writes it, whatever the search path.
pub(super) fn type_name(kind: &Type) -> String {
    format!("{}.{}", quoted_name(kind.schema()), quoted_name(kind.name()))
}

fn quoted_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A row which came as text of JSON.
pub(super) fn read_row(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::of_the_routine(format!("a row of its query cannot be read: {error}")))
}

/// There are more rows than the routine allows.
pub(super) fn too_many(max_rows: u32, whose: &str) -> Failure {
    Failure::of_the_routine(format!(
        "its query has more than {max_rows} rows {whose}: narrow it, or raise `max_rows`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_statement_is_the_routines_alone() {
        for (sqlstate, kind) in [
            ("22P02", LetterKind::Failed),
            ("P0001", LetterKind::Failed),
            ("57014", LetterKind::Failed),
            ("0A000", LetterKind::Failed),
            ("28000", LetterKind::Failed),
            ("25006", LetterKind::Failed),
            ("25001", LetterKind::Failed),
            ("2D000", LetterKind::Failed),
            ("ZZ001", LetterKind::Failed),
            ("42P01", LetterKind::Blocked),
            ("42501", LetterKind::Blocked),
            ("3F000", LetterKind::Blocked),
        ] {
            let failure = check(sqlstate, OfTheMoment::Retry).unwrap();
            assert_eq!((failure.kind, failure.sqlstate.as_deref()), (kind, Some(sqlstate)));
        }
    }

    #[test]
    fn trouble_of_the_moment_is_retried_until_it_has_happened_too_often() {
        for sqlstate in ["40P01", "55P03", "53200", "XX000"] {
            assert!(check(sqlstate, OfTheMoment::Retry).is_err(), "{sqlstate}");
            assert!(check(sqlstate, OfTheMoment::Blame).is_ok(), "{sqlstate}");
        }
    }

    #[test]
    fn a_session_which_ends_is_no_fault_of_the_statement() {
        for sqlstate in ["57P01", "25P04", "25P03"] {
            assert!(check(sqlstate, OfTheMoment::Blame).is_err(), "{sqlstate}");
        }
        let lost = weigh(PgError::lost("x"), Access::Reads, OfTheMoment::Blame, Duration::ZERO);
        assert!(lost.is_err());
    }

    #[test]
    fn a_read_only_server_is_no_fault_of_a_statement_which_may_write() {
        let error = PgError::refused("25006", "no");
        assert!(weigh(error, Access::Writes, OfTheMoment::Blame, Duration::ZERO).is_err());
    }

    #[test]
    fn types_are_named_in_full() {
        assert_eq!(type_name(&Type::TEXT_ARRAY), "\"pg_catalog\".\"_text\"");
        assert_eq!(quoted_name("a\"b"), "\"a\"\"b\"");
    }

    fn check(sqlstate: &str, of_the_moment: OfTheMoment) -> Result<Failure, PgError> {
        weigh(PgError::refused(sqlstate, "no"), Access::Reads, of_the_moment, Duration::from_secs(5))
    }
}
