//! The life of a daemon: wait for the database, migrate, stand by, lead, and
//! again from the beginning whenever something is lost.

mod prepare;

use self::prepare::prepare;
use super::caution::Cautions;
use super::load::{LoadError, load_beside};
use super::rows;
use super::status::{Role, Status};
use super::term::{Environment, TermEnd, lead};
use super::{http, reload, webhooks};
use crate::config::{Config, HttpListen};
use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::pg::session::{Session, SessionRole};
use crate::pg::{migrate, registry};
use crate::work::backoff::Backoff;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How often a standby tries to lead.
const STANDBY_EVERY: Duration = Duration::from_secs(2);
/// Only this long after a stop may the end take beyond the pass in hand.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// For the deliverer of webhooks to give items back, once its requests are over.
const GIVING_BACK: Duration = Duration::from_secs(2);

/// Why a daemon ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No routines: the folder is broken, and there was no good set before.
    #[error("{0}")]
    Routines(LoadError),
    /// The schema cannot be used, and waiting will not help.
    #[error(transparent)]
    Migrate(#[from] migrate::MigrateError),
    /// Something of the system failed.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

/// Runs a daemon until `stop` becomes true.
///
/// # Errors
///
/// Only at the start, for what waiting does not mend; afterwards it reconnects.
pub async fn run(
    config: Arc<Config>,
    options: ConnectOptions,
    status: Arc<Status>,
    stop: watch::Receiver<bool>,
) -> Result<(), RunError> {
    if let HttpListen::On(address) = config.http.listen {
        let what = format!("cannot listen on {address}");
        http::serve(address, status.clone()).await.map_err(|source| RunError::Io { what, source })?;
    }
    let loaded = load_beside(&config.daemon.routines, &config.tables());
    let mut stopping = stop.clone();
    let (files, sources) = tokio::select! {
        result = prepare(&config, &options, &status, loaded) => result?,
        _ = stopping.wait_for(|stop| *stop) => return Ok(()),
    };
    let (rows_to, rows) = watch::channel(sources.rows());
    let (reloader, force) = reload::begin(&config, files, rows, status.clone());
    let watcher = tokio::spawn(reloader.watch());
    let doorbell = config.daemon.doorbell;
    let reader =
        tokio::spawn(rows::watch_sources(sources, options.clone(), doorbell, status.clone(), rows_to));
    let instance = instance_name();
    tracing::info!(daemon.instance = %instance, database = %options.describe(), "hearken is up");
    let delivering = tokio::spawn(webhooks::beside_the_passes(
        config.clone(),
        options.clone(),
        force.clone(),
        status.clone(),
        instance.clone(),
        stop.clone(),
    ));
    let mut environment = Environment { config, options, status, force, stop, instance };
    tokio::select! {
        () = keep_leading(&mut environment) => {}
        _ = stopping_too_long(stopping) => tracing::warn!("the pass in hand took too long; leaving it to be rolled back"),
    }
    watcher.abort();
    reader.abort();
    // It was told to stop as well, and gives back what it cannot finish in time.
    if tokio::time::timeout(webhooks::GRACE + GIVING_BACK, delivering).await.is_err() {
        tracing::warn!("webhooks under way were left: their leases will end");
    }
    tracing::info!("stopped");
    Ok(())
}

async fn stopping_too_long(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
    tokio::time::sleep(STOP_WITHIN).await;
}

async fn keep_leading(environment: &mut Environment) {
    let mut backoff = Backoff::new();
    let mut caution = Cautions::default();
    while !*environment.stop.borrow() {
        match stand_and_lead(environment, &mut caution, &mut backoff).await {
            TermEnd::Stopped => return,
            TermEnd::Lost(error) => {
                caution.lost(&error);
                environment.status.role(Role::Starting);
                environment.status.trouble("database", error.to_string());
                tracing::warn!(error = %error, "lost the database; connecting again");
                let mut stop = environment.stop.clone();
                tokio::select! {
                    () = backoff.pause() => {}
                    _ = stop.wait_for(|stop| *stop) => return,
                }
            }
        }
    }
}

async fn stand_and_lead(
    environment: &mut Environment,
    caution: &mut Cautions,
    backoff: &mut Backoff,
) -> TermEnd {
    let leader = match Session::open(&environment.options, SessionRole::Leader, None).await {
        Ok(leader) => leader,
        Err(error) => return TermEnd::Lost(error.into()),
    };
    match stand_by(environment, &leader).await {
        Ok(true) => {}
        Ok(false) => return TermEnd::Stopped,
        Err(error) => return TermEnd::Lost(error),
    }
    environment.status.well("database");
    backoff.reset();
    lead(environment, &leader, caution).await
}

/// Tries to lead until it may (true) or is told to stop (false).
async fn stand_by(environment: &mut Environment, leader: &Session) -> Result<bool, PgError> {
    let mut told: Option<String> = None;
    loop {
        if registry::try_lead(leader).await? {
            return Ok(true);
        }
        environment.status.well("database");
        environment.status.role(Role::Standby);
        let own = environment.force.borrow().set.hash.clone();
        if told.as_ref() != Some(&own) {
            tell_standby(environment, leader, &own).await?;
            told = Some(own);
        }
        // Several standbys must not try in step.
        let pause = STANDBY_EVERY.mul_f64(rand::random_range(0.75..1.25));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = leader.closed() => return Err(PgError::lost("the standby's session")),
            _ = environment.stop.wait_for(|stop| *stop) => return Ok(false),
        }
    }
}

async fn tell_standby(environment: &Environment, leader: &Session, own: &str) -> Result<(), PgError> {
    tracing::info!("standing by: another daemon leads");
    registry::report(leader, &environment.instance, "standby", own).await?;
    if registry::last_hash(leader).await?.is_some_and(|hash| hash != own) {
        tracing::warn!(routines.hash = own, "this standby has other routines than those in force");
    }
    Ok(())
}

fn instance_name() -> String {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    format!("{}:{}:{:08x}", host.as_deref().unwrap_or("?"), std::process::id(), rand::random::<u32>())
}

/// Becomes true on SIGTERM or SIGINT.
///
/// # Errors
///
/// If the signals cannot be caught.
pub fn stop_on_signals() -> std::io::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (tx, rx) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping after the pass in hand");
        tx.send_replace(true);
        // Whoever sends it twice means it.
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(rx)
}
