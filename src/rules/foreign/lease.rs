//! How workers lease rows of a table of the user's: the names of its columns, as
//! `[inbox.NAME.lease]` gives them.
//!
//! From this the functions of the lease protocol are written (`hearken protocol`),
//! for tables which have states of their own. The columns need not be called as ours
//! are, and some may be missing: without a place for the error none is kept.

#[cfg(test)]
mod tests;

use crate::rules::duration;
use crate::rules::sql::{Shape, expression};
use serde::Deserialize;
use std::time::Duration;

/// The shortest lease, as in our own inbox: a shorter one would end before a worker
/// which had a hiccup can answer.
pub const LEASE_MIN: Duration = Duration::from_secs(5);
/// The longest default of a lease. What a crashed worker held is away so long.
pub const LEASE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a lease lasts if nobody says.
const LEASE_DEFAULT: Duration = Duration::from_secs(300);
/// How often a row is attempted if nobody says.
const ATTEMPTS_DEFAULT: u32 = 5;
/// PostgreSQL cuts off what is longer, in bytes.
const NAME_BYTES_MAX: usize = 63;
/// What quotes the bodies of the functions, and so cannot be in them.
pub const BODY_QUOTE: &str = "$hearken$";

/// The columns of a table which the lease protocol uses, and the values of its state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct LeaseSpec {
    /// The column by which a row is known; has a unique index.
    pub key: String,
    /// The column with the state.
    pub state: String,
    /// The state of rows which may be leased.
    pub waiting: String,
    /// The state of rows which are leased.
    pub leased: String,
    /// The state of rows which were completed.
    pub done: String,
    /// The state of rows which failed and will be tried again; leased like waiting ones.
    pub failed: String,
    /// The state of rows which failed for good.
    pub dead: String,
    /// The column for the fencing token.
    pub token: String,
    /// The column for the end of the lease.
    pub until: String,
    /// The counted attempts and their bound; without, no row ever ends as dead by
    /// itself.
    pub attempts: Option<Attempts>,
    /// The column with the time before which a row is not leased.
    pub due: Option<String>,
    /// A column, or an SQL expression over the row; greater is leased first.
    pub priority: Option<String>,
    /// The column for the name of the worker.
    pub worker: Option<String>,
    /// The column for the last error.
    pub error: Option<String>,
    /// The column for what the worker answered.
    pub result: Option<String>,
    /// The column for the time of the end.
    pub finished: Option<String>,
    /// The column by which workers choose: queue, agent, gateway.
    pub by: Option<String>,
    /// How long a lease lasts unless the worker says.
    pub lease: Duration,
}

/// How attempts are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// The column which counts them.
    pub column: String,
    /// How many there may be.
    pub max: AttemptsMax,
}

/// How many attempts a row has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptsMax {
    /// This column says; where it is null, 5.
    Column(String),
    /// The same number for all rows, at least 1.
    Number(u32),
}

/// Why the columns cannot make a lease protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// A name or a value is empty.
    #[error("`{0}` is empty")]
    Empty(&'static str),
    /// A name of a column which cannot be one.
    #[error("`{key}`: {name:?} is no name of a column: it has more than 63 bytes, or a character zero")]
    Name {
        /// Of which key.
        key: &'static str,
        /// What it is.
        name: String,
    },
    /// Two keys name one column.
    #[error("`{0}` and `{1}` are the same column: each needs one of its own")]
    SameColumn(&'static str, &'static str),
    /// Two states which must differ have one value.
    #[error("`{0}` and `{1}` are the same value: the functions could not tell such rows apart")]
    SameState(&'static str, &'static str),
    /// A bound of what is not counted.
    #[error("`max_attempts` bounds what is counted: name the column for it in `attempts`")]
    MaxAlone,
    /// A number of attempts which is none.
    #[error("`max_attempts` is a column, or a number from 1 to 1000000")]
    Max,
    /// A default which is no length for a lease.
    #[error("`lease`: {0}; it is a duration between 5s and 30days, such as \"5m\"")]
    Lease(String),
    /// An expression which would not stay where it is put.
    #[error("`priority`: {0}")]
    Priority(String),
    /// A text with the quotes of the functions in it.
    #[error("`{0}` has `$hearken$` in it, which ends the functions")]
    Quote(&'static str),
}

/// `[inbox.NAME.lease]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default = "key")]
    key: String,
    state: String,
    waiting: String,
    leased: String,
    done: String,
    failed: Option<String>,
    dead: String,
    token: String,
    until: String,
    attempts: Option<String>,
    max_attempts: Option<WrittenMax>,
    due: Option<String>,
    priority: Option<String>,
    worker: Option<String>,
    error: Option<String>,
    result: Option<String>,
    finished: Option<String>,
    by: Option<String>,
    lease: Option<String>,
}

/// A column or a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenMax {
    Number(i64),
    Column(String),
}

fn key() -> String {
    "id".to_owned()
}

impl TryFrom<Written> for LeaseSpec {
    type Error = LeaseError;

    fn try_from(written: Written) -> Result<Self, LeaseError> {
        let lease = lease(written.lease.as_deref())?;
        let attempts = attempts(written.attempts, written.max_attempts)?;
        let failed = written.failed.unwrap_or_else(|| written.waiting.clone());
        let spec = Self {
            key: written.key,
            state: written.state,
            waiting: written.waiting,
            leased: written.leased,
            done: written.done,
            failed,
            dead: written.dead,
            token: written.token,
            until: written.until,
            attempts,
            due: written.due,
            priority: written.priority.as_deref().map(priority).transpose()?,
            worker: written.worker,
            error: written.error,
            result: written.result,
            finished: written.finished,
            by: written.by,
            lease,
        };
        spec.check_columns()?;
        spec.check_states()?;
        Ok(spec)
    }
}

impl LeaseSpec {
    /// The columns which the functions write or look for, by the keys which name
    /// them, in the order in which they are described; `priority` is not among them,
    /// since it may be an expression.
    #[must_use]
    pub fn columns(&self) -> Vec<(&'static str, &str)> {
        let mut columns = vec![
            ("key", self.key.as_str()),
            ("state", self.state.as_str()),
            ("token", self.token.as_str()),
            ("until", self.until.as_str()),
        ];
        if let Some(attempts) = &self.attempts {
            columns.push(("attempts", attempts.column.as_str()));
            if let AttemptsMax::Column(max) = &attempts.max {
                columns.push(("max_attempts", max.as_str()));
            }
        }
        let optional = [
            ("due", &self.due),
            ("worker", &self.worker),
            ("error", &self.error),
            ("result", &self.result),
            ("finished", &self.finished),
            ("by", &self.by),
        ];
        columns.extend(optional.into_iter().filter_map(|(key, name)| Some((key, name.as_deref()?))));
        columns
    }

    /// The values of the state, by their keys.
    #[must_use]
    pub fn states(&self) -> [(&'static str, &str); 5] {
        [
            ("waiting", self.waiting.as_str()),
            ("leased", self.leased.as_str()),
            ("done", self.done.as_str()),
            ("failed", self.failed.as_str()),
            ("dead", self.dead.as_str()),
        ]
    }

    fn check_columns(&self) -> Result<(), LeaseError> {
        let columns = self.columns();
        for (place, &(key, name)) in columns.iter().enumerate() {
            check_text(key, name)?;
            if name.len() > NAME_BYTES_MAX || name.contains('\0') {
                return Err(LeaseError::Name { key, name: name.to_owned() });
            }
            if let Some(&(other, _)) = columns[..place].iter().find(|before| before.1 == name) {
                return Err(LeaseError::SameColumn(other, key));
            }
        }
        Ok(())
    }

    fn check_states(&self) -> Result<(), LeaseError> {
        let states = self.states();
        for (place, &(key, value)) in states.iter().enumerate() {
            check_text(key, value)?;
            // What failed and waits to be tried again may be called waiting.
            let same = |before: &&(&'static str, &str)| {
                before.1 == value && (before.0, key) != ("waiting", "failed")
            };
            if let Some(&(other, _)) = states[..place].iter().find(same) {
                return Err(LeaseError::SameState(other, key));
            }
        }
        Ok(())
    }
}

fn check_text(key: &'static str, text: &str) -> Result<(), LeaseError> {
    if text.trim().is_empty() {
        return Err(LeaseError::Empty(key));
    }
    if text.contains(BODY_QUOTE) { Err(LeaseError::Quote(key)) } else { Ok(()) }
}

/// One expression; comments around it are cut off.
fn priority(text: &str) -> Result<String, LeaseError> {
    check_text("priority", text)?;
    expression(text, Shape::One).map_err(|error| LeaseError::Priority(error.message))
}

fn attempts(column: Option<String>, max: Option<WrittenMax>) -> Result<Option<Attempts>, LeaseError> {
    let max = match max {
        None => None,
        Some(WrittenMax::Column(column)) => Some(AttemptsMax::Column(column)),
        Some(WrittenMax::Number(number)) => match u32::try_from(number) {
            Ok(number @ 1..=1_000_000) => Some(AttemptsMax::Number(number)),
            _ => return Err(LeaseError::Max),
        },
    };
    match (column, max) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(LeaseError::MaxAlone),
        (Some(column), max) => {
            Ok(Some(Attempts { column, max: max.unwrap_or(AttemptsMax::Number(ATTEMPTS_DEFAULT)) }))
        }
    }
}

fn lease(text: Option<&str>) -> Result<Duration, LeaseError> {
    let Some(text) = text else { return Ok(LEASE_DEFAULT) };
    let none = |why: String| LeaseError::Lease(format!("{text:?} {why}"));
    let length = duration::parse(text).map_err(|error| none(format!("is none: {error}")))?;
    let length = Duration::try_from(length).map_err(|_| none("is none".to_owned()))?;
    if (LEASE_MIN..=LEASE_MAX).contains(&length) {
        Ok(length)
    } else {
        Err(none("is too short or too long".to_owned()))
    }
}
