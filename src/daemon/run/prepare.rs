//! What comes before the first try to lead: the database, the schema, and the
//! routines to begin with.

use super::{Backoff, RunError};
use crate::config::{Config, MigrateMode};
use crate::daemon::load::{LoadError, load_texts};
use crate::daemon::reload;
use crate::daemon::rows::Sources;
use crate::daemon::status::Status;
use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::pg::session::{Session, SessionRole};
use crate::pg::{migrate, registry};
use crate::rules::routine::RoutineSet;

/// Waits for the database, brings the schema up to date, and settles which
/// routines to begin with.
pub(super) async fn prepare(
    config: &Config,
    options: &ConnectOptions,
    status: &Status,
    loaded: Result<RoutineSet, LoadError>,
) -> Result<(RoutineSet, Sources), RunError> {
    let mut backoff = Backoff::new();
    loop {
        match prepare_once(config, options, status).await {
            Ok((last, sources)) => {
                status.well("database");
                return settle_routines(status, loaded, last).map(|files| (files, sources));
            }
            Err(PrepareError::Fatal(error)) => return Err(error),
            Err(PrepareError::Wait(error)) => {
                // Whatever was being done is begun anew.
                status.well("migrations");
                status.trouble("database", error.to_string());
                tracing::warn!(error = %error, database = %options.describe(), "waiting for the database");
                backoff.pause().await;
            }
            Err(PrepareError::Schema(error)) => {
                status.well("database");
                status.trouble("migrations", error.to_string());
                tracing::warn!("{error}");
                backoff.pause().await;
            }
        }
    }
}

enum PrepareError {
    Wait(PgError),
    Schema(migrate::MigrateError),
    Fatal(RunError),
}

impl From<PgError> for PrepareError {
    fn from(error: PgError) -> Self {
        Self::Wait(error)
    }
}

impl From<migrate::MigrateError> for PrepareError {
    fn from(error: migrate::MigrateError) -> Self {
        match error {
            migrate::MigrateError::Newer(_) | migrate::MigrateError::Drift(_) => {
                Self::Fatal(RunError::Migrate(error))
            }
            migrate::MigrateError::Database(error) => Self::Wait(error),
            migrate::MigrateError::Failed { source, .. } if source.is_of_the_moment() => Self::Wait(source),
            migrate::MigrateError::Failed { .. } => Self::Fatal(RunError::Migrate(error)),
            migrate::MigrateError::Missing(_) => Self::Schema(error),
        }
    }
}

type LastSet = Option<Vec<(String, String)>>;

async fn prepare_once(
    config: &Config,
    options: &ConnectOptions,
    status: &Status,
) -> Result<(LastSet, Sources), PrepareError> {
    let session = Session::open(options, SessionRole::Tool, None).await.map_err(PgError::from)?;
    status.trouble("database", "connected; the schema and the sources of routines are being read");
    bring_up_to_date(config, &session, status).await?;
    let last = registry::last_set(&session).await?;
    // Rows belong to the first set already: without them their schedules would be
    // forgotten, and their held drafts cancelled.
    let sources = Sources::begin(config, &session, last.as_deref().unwrap_or_default(), status).await?;
    Ok((last, sources))
}

/// Applies what is missing of the schema, if the settings say so. That may take as
/// long as somebody's transaction is open, so it is told before.
async fn bring_up_to_date(config: &Config, session: &Session, status: &Status) -> Result<(), PrepareError> {
    let missing = migrate::status(session).await?.missing();
    match config.daemon.migrate {
        _ if missing.is_empty() => Ok(()),
        MigrateMode::Off => Err(migrate::MigrateError::Missing(missing).into()),
        MigrateMode::Auto => {
            let names = missing.join(", ");
            let why = format!("being applied: {names}; they may wait for transactions which are open");
            status.trouble("migrations", why);
            tracing::info!(migrations = ?missing, "the schema is being brought up to date");
            let applied = migrate::run(session).await?;
            if !applied.is_empty() {
                tracing::info!(migrations = ?applied, "the schema was brought up to date");
            }
            status.well("migrations");
            Ok(())
        }
    }
}

/// Design: at start with a broken set, the last good one is taken; if there is
/// none, there is nothing to run.
fn settle_routines(
    status: &Status,
    loaded: Result<RoutineSet, LoadError>,
    last: LastSet,
) -> Result<RoutineSet, RunError> {
    status.well("migrations");
    match loaded {
        Ok(set) => Ok(set),
        Err(error) => {
            let Some(Ok(set)) = last.map(|texts| load_texts(&texts)) else {
                return Err(RunError::Routines(error));
            };
            reload::complain(status, &error);
            Ok(set)
        }
    }
}
