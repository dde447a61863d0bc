//! The task which reads the sources: at their refresh, when somebody notifies, on
//! SIGHUP, and whenever the session had to be opened again, since notifications
//! may have been lost with it.

use super::{READ_WITHIN, Rows, Sources};
use crate::config::DoorbellMode;
use crate::daemon::rhythm::{at, closed};
use crate::daemon::status::Status;
use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::pg::routine_rows;
use crate::pg::session::{OnNotify, Session, SessionRole};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

/// Changes come in bursts, and one look may see them all.
const SETTLE: Duration = Duration::from_millis(100);
/// Between two tries to connect.
const CONNECT_AGAIN: Duration = Duration::from_secs(2);

/// The sources, and the session on which they are read.
struct Reading {
    sources: Sources,
    session: Option<Session>,
    options: ConnectOptions,
    doorbell: DoorbellMode,
    status: Arc<Status>,
    rung: Arc<Notify>,
}

/// Reads the sources until the receivers are gone.
pub async fn watch_sources(
    sources: Sources,
    options: ConnectOptions,
    doorbell: DoorbellMode,
    status: Arc<Status>,
    rows_to: watch::Sender<Arc<Rows>>,
) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    let rung = Arc::new(Notify::new());
    let mut reading = Reading { sources, session: None, options, doorbell, status, rung: rung.clone() };
    // What changed while nobody listened is read with the first look.
    reading.sources.all_due();
    while !reading.sources.is_empty() {
        tokio::select! {
            () = reading.look(&rows_to) => {}
            () = rows_to.closed() => return,
        }
        let next = Some(reading.sources.next_due());
        tokio::select! {
            () = at(next) => {}
            () = closed(reading.session.as_ref()) => {
                reading.session = None;
                reading.sources.all_due();
                reading.sources.put_off(SETTLE);
            }
            () = rung.notified() => {
                tokio::time::sleep(SETTLE).await;
                reading.sources.all_due();
            }
            _ = hangup.recv() => reading.sources.all_due(),
            () = rows_to.closed() => return,
        }
    }
}

impl Reading {
    /// Reads what is due, on a session which is opened if there is none. What a
    /// source gives is handed on before the next is read, which may take its time.
    async fn look(&mut self, rows_to: &watch::Sender<Arc<Rows>>) {
        if self.session.is_none() {
            match connect(&self.options, self.doorbell, &self.rung).await {
                Ok(connected) => {
                    self.session = Some(connected);
                    self.sources.all_due();
                }
                Err(error) => {
                    // The sessions of the passes say the same, and louder.
                    tracing::debug!(error = %error, "no session to read the sources of routines");
                    return self.sources.put_off(CONNECT_AGAIN);
                }
            }
        }
        for place in self.sources.due() {
            let Some(session) = &self.session else { return };
            if !self.sources.read(place, session, READ_WITHIN, &self.status).await {
                self.session = None;
                self.sources.all_due();
                return self.sources.put_off(CONNECT_AGAIN);
            }
            give(&self.sources, rows_to);
        }
    }
}

/// Hands the routines on, if they are others than before.
fn give(sources: &Sources, rows_to: &watch::Sender<Arc<Rows>>) {
    let rows = sources.rows();
    let same = rows_to.borrow().is(&rows);
    if !same {
        rows_to.send_replace(rows);
    }
}

async fn connect(
    options: &ConnectOptions,
    doorbell: DoorbellMode,
    rung: &Arc<Notify>,
) -> Result<Session, PgError> {
    let rung = Arc::clone(rung);
    let hear: OnNotify = Arc::new(move |_| rung.notify_one());
    let session = Session::open(options, SessionRole::Routines, Some(hear)).await?;
    match doorbell {
        DoorbellMode::On => routine_rows::listen(&session).await?,
        // Without it there may be no LISTEN either; `refresh` has to do.
        DoorbellMode::Off => {}
    }
    Ok(session)
}
