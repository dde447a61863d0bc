//! What hearken adds to the user's tables, and takes away again: triggers which ring.
//!
//! Two for a source at most. One rings for each statement which inserts. One rings
//! for rows which an update makes pending, decided in its `when`, so that marking
//! rows costs the daemon next to nothing. Both call `hearken.ring`, need no right of
//! whoever writes, and sort behind the table's own triggers. Nothing else is added.
//!
//! Making a trigger takes a lock which writers wait for. It is asked for two seconds
//! at a time; whoever holds the table longer is named.

mod catalog;
mod condition;
pub(crate) mod grants;
mod parts;
mod replicated;
mod text;
pub mod watch;

pub use self::grants::{Roles, grants};
pub use self::parts::Parts;
pub use self::replicated::REPLICATED_LOG;

use self::catalog::Shape;
use super::error::PgError;
use super::session::Session;
use super::table::register;
use crate::rules::foreign::{Doorbell, SourceSpec, TableName};
use crate::rules::name::SourceName;
use std::time::Duration;

/// How often a table whose lock is not to be had is tried again.
const TRIES: u32 = 3;
/// The pause between tries, so that the queue behind us drains.
const PAUSE: Duration = Duration::from_millis(500);

/// Why triggers cannot be put on a table, or taken off.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is no such table.
    #[error(
        "source `{name}`: there is no table {table}\nhelp: write `table` in [source.{name}] as `schema.table`"
    )]
    Missing {
        /// The source.
        name: SourceName,
        /// Its table.
        table: TableName,
    },
    /// It is something which no insert ever reaches.
    #[error(
        "source `{name}`: {table} is {kind}, and a trigger on it never fires\n\
         help: write `doorbell = \"off\"` in [source.{name}], and it is polled"
    )]
    Kind {
        /// The source.
        name: SourceName,
        /// What it is called.
        table: TableName,
        /// What it is.
        kind: &'static str,
    },
    /// The rows come by replication, and the settings wait for a bell.
    #[error(
        "source `{name}`: rows which come by replication ring no bell\n\
         help: write `doorbell = \"off\"` in [source.{name}]; nothing has to be installed for it then"
    )]
    Replicated {
        /// The source.
        name: SourceName,
    },
    /// Somebody else's table.
    #[error(
        "{table}: this role may not change its triggers: {reason}\n\
         help: hand `{command}` to whoever owns the table ({owner}); it prints what there is to run"
    )]
    NotAllowed {
        /// The table.
        table: String,
        /// Whose it is.
        owner: String,
        /// What the database says.
        reason: PgError,
        /// What prints the script.
        command: &'static str,
    },
    /// Somebody holds it.
    #[error(
        "{table} is in use, and its lock was not to be had: {holders}\n\
         help: try again later, or end what holds it"
    )]
    Busy {
        /// The table.
        table: String,
        /// Who.
        holders: String,
    },
    /// Anything else.
    #[error(transparent)]
    Database(#[from] PgError),
}

/// The triggers of one source, before they are there.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The source.
    pub name: SourceName,
    /// Its table.
    pub table: TableName,
    /// What is left out, and why; for people.
    pub remarks: Vec<String>,
    owner: String,
    statements: Vec<String>,
}

/// What is hung onto the table of a source. Registers the source in
/// `hearken.sources`, and else only reads.
///
/// # Errors
///
/// If there is no such table, or one which fires no triggers; of the database.
pub async fn plan(session: &Session, spec: &SourceSpec) -> Result<Installation, InstallError> {
    let shape = catalog::shape(session, &spec.table).await?;
    let shape =
        shape.ok_or_else(|| InstallError::Missing { name: spec.name.clone(), table: spec.table.clone() })?;
    if let Some(kind) = shape.never_fires() {
        return Err(InstallError::Kind { name: spec.name.clone(), table: spec.table.clone(), kind });
    }
    let id = register(session, spec).await?;
    let mut statements = vec![text::on_insert(spec, id)];
    let mut remarks = Vec::new();
    match condition::of(session, spec, &shape.columns).await? {
        condition::Condition::None => {}
        condition::Condition::When(when) => {
            statements.extend(text::on_update(spec, id, &when, shape.kind));
        }
        condition::Condition::Unsafe(reason) => remarks.push(format!(
            "updates which make a row pending do not ring, since {reason}; they are found at the next look, \
             within {}",
            humantime::format_duration(spec.reconcile)
        )),
    }
    if shape.kind == catalog::Kind::Partitioned {
        remarks.push(
            "inserts which name a partition, and rows which an update moves to another one, \
                      do not ring"
                .to_owned(),
        );
    }
    let Shape { owner, .. } = shape;
    Ok(Installation { name: spec.name.clone(), table: spec.table.clone(), remarks, owner, statements })
}

impl Installation {
    /// The statements as a script, with remarks as comments.
    #[must_use]
    pub fn script(&self) -> String {
        let title = format!("Source `{}`: the doorbell on {} (owner: {})", self.name, self.table, self.owner);
        text::script(&title, &self.remarks, &self.statements)
    }
}

/// Puts the triggers there; those which are there already are replaced.
///
/// # Errors
///
/// Without the right to, or if somebody holds the table for long.
pub async fn apply(session: &Session, installation: &Installation) -> Result<(), InstallError> {
    let place = Place {
        table: installation.table.quoted(),
        owner: &installation.owner,
        command: "hearken install --print",
    };
    run(session, &place, &installation.statements).await
}

/// A trigger of ours on somebody's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hung {
    /// The table, quoted.
    pub table: String,
    /// The trigger's name.
    pub trigger: String,
    /// Who owns the table.
    pub owner: String,
}

/// The triggers which ring for a source, wherever they hang: tables may have been
/// renamed since, and sources be gone from the settings.
///
/// # Errors
///
/// Of the database.
pub async fn hung(session: &Session, name: &SourceName) -> Result<Vec<Hung>, PgError> {
    catalog::hung(session, name).await
}

/// The names of all sources which were ever registered, but the log.
///
/// # Errors
///
/// Of the database.
pub async fn registered(session: &Session) -> Result<Vec<SourceName>, PgError> {
    catalog::registered(session).await
}

/// What takes triggers off, as a script.
#[must_use]
pub fn removal_script(name: &SourceName, triggers: &[Hung]) -> String {
    let statements: Vec<String> = triggers.iter().map(text::drop).collect();
    text::script(&format!("Source `{name}`: no doorbell any more"), &[], &statements)
}

/// Takes a trigger off.
///
/// # Errors
///
/// Without the right to, or if somebody holds the table for long.
pub async fn remove(session: &Session, trigger: &Hung) -> Result<(), InstallError> {
    let place =
        Place { table: trigger.table.clone(), owner: &trigger.owner, command: "hearken uninstall --print" };
    run(session, &place, &[text::drop(trigger)]).await
}

/// Prepares the log for rows which come by replication.
///
/// # Errors
///
/// Without the right to, or if somebody holds the log for long.
pub async fn stamp_log(session: &Session) -> Result<(), InstallError> {
    let place = Place {
        table: "hearken.events".to_owned(),
        owner: "the owner of the schema hearken",
        command: "hearken install --replicated --print",
    };
    run(session, &place, &[REPLICATED_LOG.to_owned()]).await
}

/// Complains of a source which waits for a bell that replication never rings.
///
/// # Errors
///
/// If its doorbell is on.
pub fn check_replicated(spec: &SourceSpec) -> Result<(), InstallError> {
    match spec.doorbell {
        Doorbell::Off => Ok(()),
        Doorbell::On => Err(InstallError::Replicated { name: spec.name.clone() }),
    }
}

/// A table whose triggers are changed.
struct Place<'a> {
    table: String,
    owner: &'a str,
    command: &'static str,
}

/// Runs the statements as one transaction, again if the lock is not to be had.
async fn run(session: &Session, place: &Place<'_>, statements: &[String]) -> Result<(), InstallError> {
    let script = format!("begin; set local lock_timeout = '2s'; {}; commit", statements.join("; "));
    for tried in 1.. {
        let Err(error) = session.client().batch_execute(&script).await.map_err(PgError::from) else {
            return Ok(());
        };
        session.client().batch_execute("rollback").await.map_err(PgError::from)?;
        if error.is_lock_timeout() && tried < TRIES {
            tokio::time::sleep(PAUSE).await;
        } else if error.is_lock_timeout() {
            let holders = catalog::holders(session, &place.table).await?;
            return Err(InstallError::Busy { table: place.table.clone(), holders });
        } else if error.sqlstate() == Some("42501") {
            let (table, owner) = (place.table.clone(), place.owner.to_owned());
            return Err(InstallError::NotAllowed { table, owner, reason: error, command: place.command });
        } else {
            return Err(error.into());
        }
    }
    Ok(())
}
