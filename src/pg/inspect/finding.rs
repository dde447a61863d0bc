//! What does not fit between descriptions, routines and real tables.

use crate::pg::error::{Answer, SqlClass};
use crate::rules::name::RoutineName;
use crate::rules::problem::Level;

/// One thing which does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Level,
    /// What it is about.
    pub subject: Subject,
    /// What does not fit, in one sentence without a full stop.
    pub message: String,
    /// What mends it.
    pub mend: Option<Mend>,
}

/// What a finding is about: a key, named from the outermost table on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A key of the settings, such as `source.plugins.type`.
    Settings(Vec<String>),
    /// A key of a routine, such as `item.priority`.
    Routine(RoutineName, Vec<String>),
}

/// What mends a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    /// SQL, to be run by whoever may.
    Sql(String),
    /// A command of hearken's.
    Command(String),
    /// Something to be done by hand.
    Advice(String),
}

impl Subject {
    /// A key of a source; its whole table, if there is no key.
    pub(super) fn source(name: &str, key: Option<&str>) -> Self {
        Self::Settings(keys("source", name, key))
    }

    /// A key of an inbox; its whole table, if there is no key.
    pub(super) fn inbox(name: &str, key: Option<&str>) -> Self {
        Self::Settings(keys("inbox", name, key))
    }

    /// A key of a table of endpoints; the whole of it, if there is no key.
    pub(super) fn endpoint(name: &str, key: Option<&str>) -> Self {
        Self::Settings(keys("endpoint", name, key))
    }
}

fn keys(table: &str, name: &str, key: Option<&str>) -> Vec<String> {
    [table, name]
        .into_iter()
        .chain(key.into_iter().flat_map(|key| key.split('.')))
        .map(str::to_owned)
        .collect()
}

impl Finding {
    /// Something which cannot work.
    pub(super) fn error(subject: Subject, message: impl Into<String>) -> Self {
        Self { severity: Level::Error, subject, message: message.into(), mend: None }
    }

    /// Something which works, and hardly as it was meant.
    pub(super) fn warning(subject: Subject, message: impl Into<String>) -> Self {
        Self { severity: Level::Warning, ..Self::error(subject, message) }
    }

    /// What the database said no to. What it could not look at, since somebody else
    /// had it, is not known to be wrong.
    pub(super) fn refused(subject: Subject, what: &str, answer: &Answer) -> Self {
        match SqlClass::of(&answer.sqlstate) {
            SqlClass::Busy | SqlClass::Cancelled => {
                let message = format!("{what} could not be looked at: {answer}");
                Self::warning(subject, message).advice("try again when less is going on")
            }
            _ => Self::error(subject, format!("{what} does not fit: {answer}")),
        }
    }

    /// The same with SQL which mends it.
    pub(super) fn sql(self, sql: impl Into<String>) -> Self {
        Self { mend: Some(Mend::Sql(sql.into())), ..self }
    }

    /// The same with a command which mends it.
    pub(super) fn command(self, command: impl Into<String>) -> Self {
        Self { mend: Some(Mend::Command(command.into())), ..self }
    }

    /// The same with advice.
    pub(super) fn advice(self, advice: impl Into<String>) -> Self {
        Self { mend: Some(Mend::Advice(advice.into())), ..self }
    }
}
