//! The one place which says what an error of the database means for us.
//!
//! Classes are those of the PostgreSQL manual, appendix A. Trouble of the moment
//! is waited out; a timeout is narrowed down to the statement that hangs; what
//! lacks a grant or a column is blocked until somebody mends it; what offends
//! the data is the fault of what was offered.
//!
//! **What we do not know** ([`SqlClass::Other`]: codes of extensions, and those
//! which users make up for `raise`) is taken for trouble of the moment. Whoever
//! repeats a batch counts, and after three failures of one batch, while other
//! writes go through, handles it with more care, down to the guilty event. So an
//! unknown error costs a second if it is an event's fault, and costs no event if
//! it is not.
//!
//! There is no `Fatal`: a daemon beside a database gains nothing by ending.

use super::connect::{ConnectError, ConnectTrouble};
use std::error::Error;
use std::fmt;
use tokio_postgres::error::DbError;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The session is gone, or cannot be used any more: connect again.
    Reconnect,
    /// Trouble of the moment: the same again, a little later.
    RetryLater,
    /// A statement took too long: find out which part of it.
    Narrow,
    /// A grant, a table or a column is missing: set aside until it is there.
    Blocked,
    /// What was offered cannot be taken.
    Refused,
}

/// The class of a SQLSTATE, as far as we tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlClass {
    /// 08: a connection; ours, or one which a foreign table needs.
    Connection,
    /// 25006: a server which is a standby, or was made read-only.
    ReadOnly,
    /// 25P04: the transaction took too long, and the session went with it.
    TransactionTimeout,
    /// 28: who we are.
    Authorization,
    /// 3D: there is no such database.
    Catalog,
    /// 3F: there is no such schema.
    Schema,
    /// 40: serialization failure, deadlock.
    Rollback,
    /// 42: syntax, names, and grants.
    Definition,
    /// 53: out of disk, memory or connections.
    Resources,
    /// 55P03, 55006: somebody else has it.
    Busy,
    /// 57014: cancelled, by a timeout or by a person.
    Cancelled,
    /// 57P01 to 57P03: the server stops or starts.
    Shutdown,
    /// 25P03, 57P05: the session was idle for too long; 57P04: its database is gone.
    Ended,
    /// 0A, 26: a prepared statement does not fit any more, since a table was
    /// altered (`cached plan must not change result type`), or is not there.
    Stale,
    /// 09, 20, 21, 22, 23, 27, 2F, 38, 39, 44, 54, P0: the data, a constraint, a
    /// limit, or what a function of somebody's says of them.
    Offered,
    /// 58, XX: the disk, or a bug of the server.
    Broken,
    /// Every other.
    Other,
}

impl SqlClass {
    /// The class of a SQLSTATE.
    #[must_use]
    pub fn of(sqlstate: &str) -> Self {
        match sqlstate {
            "25006" => Self::ReadOnly,
            "25P04" => Self::TransactionTimeout,
            "55P03" | "55006" => Self::Busy,
            "57014" => Self::Cancelled,
            "57P01" | "57P02" | "57P03" => Self::Shutdown,
            "25P03" | "57P04" | "57P05" => Self::Ended,
            _ => Self::of_first_two(sqlstate.get(..2).unwrap_or_default()),
        }
    }

    fn of_first_two(class: &str) -> Self {
        match class {
            "08" => Self::Connection,
            "0A" | "26" => Self::Stale,
            "28" => Self::Authorization,
            "3D" => Self::Catalog,
            "3F" => Self::Schema,
            "40" => Self::Rollback,
            "42" => Self::Definition,
            "53" => Self::Resources,
            "09" | "20" | "21" | "22" | "23" | "27" | "2F" | "38" | "39" | "44" | "54" | "P0" => {
                Self::Offered
            }
            "58" | "XX" => Self::Broken,
            _ => Self::Other,
        }
    }

    /// What to do about errors of the class. No wildcard: a new class must say.
    #[must_use]
    pub fn policy(self) -> Policy {
        match self {
            Self::Connection | Self::ReadOnly | Self::Rollback | Self::Resources => Policy::RetryLater,
            Self::Busy | Self::Shutdown | Self::Broken | Self::Other => Policy::RetryLater,
            Self::Authorization | Self::Catalog | Self::Ended | Self::Stale => Policy::Reconnect,
            Self::Cancelled | Self::TransactionTimeout => Policy::Narrow,
            Self::Definition | Self::Schema => Policy::Blocked,
            Self::Offered => Policy::Refused,
        }
    }

    /// Whether it passes by itself, as far as anybody knows.
    fn passes(self) -> bool {
        match self {
            Self::Connection | Self::Rollback | Self::Resources | Self::Busy | Self::ReadOnly => true,
            Self::Shutdown | Self::Ended | Self::Authorization | Self::Catalog => true,
            Self::Stale | Self::Broken | Self::Other | Self::Offered => false,
            Self::Cancelled | Self::TransactionTimeout | Self::Definition | Self::Schema => false,
        }
    }
}

/// What to do about a SQLSTATE.
#[must_use]
pub fn policy_of_state(sqlstate: &str) -> Policy {
    SqlClass::of(sqlstate).policy()
}

/// What to do about an error of the client library.
///
/// It keeps its kinds to itself. What is not said by the server is either a
/// value which does not fit its type, which repeating does not mend, or a
/// connection which is gone or out of step.
#[must_use]
pub fn policy_of(error: &tokio_postgres::Error) -> Policy {
    if let Some(answer) = error.as_db_error() {
        return policy_of_state(answer.code().code());
    }
    let text = error.to_string();
    let misfit = ["error serializing parameter", "error deserializing column"];
    if misfit.iter().any(|kind| text.starts_with(kind)) { Policy::Refused } else { Policy::Reconnect }
}

/// What the server said, without the detail: that may quote the values of a row.
///
/// So may the message of class 22, which belongs into a dead letter and not into
/// a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The SQLSTATE.
    pub sqlstate: String,
    /// What went wrong.
    pub message: String,
    /// What to do, if the server knows.
    pub hint: Option<String>,
    /// The table concerned, with its schema.
    pub table: Option<String>,
    /// The column concerned.
    pub column: Option<String>,
    /// The constraint concerned.
    pub constraint: Option<String>,
}

impl From<&DbError> for Answer {
    fn from(error: &DbError) -> Self {
        let table = error.table().map(|table| match error.schema() {
            Some(schema) => format!("{schema}.{table}"),
            None => table.to_owned(),
        });
        Self {
            sqlstate: error.code().code().to_owned(),
            message: error.message().to_owned(),
            hint: error.hint().map(str::to_owned),
            table,
            column: error.column().map(str::to_owned),
            constraint: error.constraint().map(str::to_owned),
        }
    }
}

impl fmt::Display for Answer {
    /// For people: what, SQLSTATE, where, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.sqlstate)?;
        let places = [("table", &self.table), ("column", &self.column), ("constraint", &self.constraint)];
        for (what, place) in places {
            if let Some(place) = place {
                write!(f, ", {what} {place}")?;
            }
        }
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// An error of the database, or of the way to it.
#[derive(Debug)]
pub enum PgError {
    /// The server said no.
    Server(Box<Answer>),
    /// There is no connection.
    Connect(Box<ConnectError>),
    /// A session ended under us.
    Lost(String),
    /// Another pass is at work on what this one is about: nobody's fault.
    Taken(&'static str),
    /// The client library could not send or read something.
    Client(Box<tokio_postgres::Error>),
}

impl PgError {
    /// A session ended, whose was it.
    #[must_use]
    pub fn lost(what: &str) -> Self {
        Self::Lost(what.to_owned())
    }

    /// What the server said, if it said something.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Server(answer) => Some(answer),
            Self::Connect(_) | Self::Lost(_) | Self::Taken(_) | Self::Client(_) => None,
        }
    }

    /// A refusal of a single draft, as the error of the pass.
    #[must_use]
    pub fn refused(sqlstate: &str, message: &str) -> Self {
        Self::Server(Box::new(Answer {
            sqlstate: sqlstate.to_owned(),
            message: message.to_owned(),
            hint: None,
            table: None,
            column: None,
            constraint: None,
        }))
    }

    /// What to do about it.
    #[must_use]
    pub fn policy(&self) -> Policy {
        match self {
            Self::Server(answer) => policy_of_state(&answer.sqlstate),
            Self::Connect(_) | Self::Lost(_) => Policy::Reconnect,
            Self::Taken(_) => Policy::RetryLater,
            Self::Client(error) => policy_of(error),
        }
    }

    /// The SQLSTATE, if the server said one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Server(answer) => Some(answer.sqlstate.as_str()),
            Self::Connect(_) | Self::Lost(_) | Self::Taken(_) | Self::Client(_) => None,
        }
    }

    /// Whether the connection is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.policy() == Policy::Reconnect
    }

    /// Whether waiting may help.
    #[must_use]
    pub fn is_of_the_moment(&self) -> bool {
        match self {
            Self::Connect(error) => error.trouble() != ConnectTrouble::Settings,
            Self::Server(answer) => SqlClass::of(&answer.sqlstate).passes(),
            Self::Lost(_) | Self::Taken(_) => true,
            Self::Client(error) => policy_of(error) == Policy::Reconnect,
        }
    }

    /// Whether a statement was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.sqlstate() == Some("57014")
    }

    /// Whether a lock was not to be had in time.
    #[must_use]
    pub fn is_lock_timeout(&self) -> bool {
        self.sqlstate() == Some("55P03")
    }
}

impl From<tokio_postgres::Error> for PgError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(answer) => Self::Server(Box::new(answer.into())),
            None => Self::Client(Box::new(error)),
        }
    }
}

impl From<ConnectError> for PgError {
    fn from(error: ConnectError) -> Self {
        Self::Connect(Box::new(error))
    }
}

impl fmt::Display for PgError {
    /// For people, with every cause.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(answer) => answer.fmt(f),
            Self::Connect(error) => error.fmt(f).and_then(|()| causes(f, error.source())),
            Self::Lost(what) => write!(f, "{what} was lost"),
            Self::Taken(what) => write!(f, "another pass is at work on {what}"),
            Self::Client(error) => error.fmt(f).and_then(|()| causes(f, error.source())),
        }
    }
}

fn causes(f: &mut fmt::Formatter<'_>, mut cause: Option<&(dyn Error + 'static)>) -> fmt::Result {
    while let Some(error) = cause {
        write!(f, ": {error}")?;
        cause = error.source();
    }
    Ok(())
}

// The causes are in the text already.
impl Error for PgError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those which the design names, and some of the others.
    #[test]
    fn each_sqlstate_has_its_policy() {
        let cases = [
            (Policy::RetryLater, &["08000", "08001", "08003", "08006", "08P01", "40001", "40P01"][..]),
            (Policy::RetryLater, &["53000", "53100", "53200", "53300", "53400", "55P03", "55006"]),
            (Policy::RetryLater, &["25006", "57P01", "57P02", "57P03"]),
            (Policy::Reconnect, &["25P03", "57P04", "57P05", "28000", "28P01", "3D000", "0A000", "26000"]),
            (Policy::Narrow, &["57014", "25P04"]),
            (Policy::Blocked, &["42501", "42P01", "42703", "42883", "42601", "3F000"]),
            (
                Policy::Refused,
                &["22001", "22P02", "22P05", "22021", "23502", "23503", "23505", "23514", "23P01"],
            ),
            (Policy::Refused, &["44000", "P0001", "P0004", "21000", "54000", "2F005", "39004"]),
            (Policy::RetryLater, &["58030", "XX000", "XX001", "57000", "55000", "25001", "MY001", "", "é"]),
        ];
        for (policy, states) in cases {
            for state in states {
                assert_eq!(policy_of_state(state), policy, "{state}");
            }
        }
    }

    #[test]
    fn what_the_design_calls_trouble_of_the_moment_passes() {
        for state in ["08006", "25006", "40001", "53100", "57P01", "57P02", "57P03", "55P03", "55006"] {
            assert_eq!(policy_of_state(state), Policy::RetryLater, "{state}");
            assert!(PgError::Server(Box::new(answer(state))).is_of_the_moment(), "{state}");
        }
        for state in ["42601", "23505", "57014", "XX000", "MY001", "0A000"] {
            assert!(!PgError::Server(Box::new(answer(state))).is_of_the_moment(), "{state}");
        }
    }

    #[test]
    fn people_are_told_what_where_and_what_to_do() {
        assert_eq!(answer("23505").to_string(), "no (SQLSTATE 23505)");
        let full = Answer {
            hint: Some("try".to_owned()),
            table: Some("app.items".to_owned()),
            constraint: Some("items_key".to_owned()),
            ..answer("23505")
        };
        let want = "no (SQLSTATE 23505), table app.items, constraint items_key; hint: try";
        assert_eq!(PgError::Server(Box::new(full)).to_string(), want);
    }

    fn answer(sqlstate: &str) -> Answer {
        let (sqlstate, message) = (sqlstate.to_owned(), "no".to_owned());
        Answer { sqlstate, message, hint: None, table: None, column: None, constraint: None }
    }

    #[test]
    fn a_lost_session_is_connected_again() {
        assert_eq!(PgError::lost("the listener").policy(), Policy::Reconnect);
        assert_eq!(PgError::lost("the listener").to_string(), "the listener was lost");
    }
}
