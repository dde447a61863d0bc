//! The task which reads the sources: at their refresh, when somebody notifies, on
//! SIGHUP, and whenever the session had to be opened again, since notifications
//! may have been lost with it.

use super::{Rows, Sources};
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

/// Reads the sources until the receivers are gone.
pub async fn watch_sources(
    mut sources: Sources,
    options: ConnectOptions,
    doorbell: DoorbellMode,
    status: Arc<Status>,
    rows_to: watch::Sender<Rows>,
) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    let rung = Arc::new(Notify::new());
    let mut session: Option<Session> = None;
    // What changed while nobody listened is read with the first look.
    sources.all_due();
    while !sources.is_empty() {
        tokio::select! {
            () = look(&mut sources, &mut session, &options, doorbell, &status, &rung) => {}
            () = rows_to.closed() => return,
        }
        give(&sources, &rows_to);
        let next = Some(sources.next_due());
        tokio::select! {
            () = at(next) => {}
            () = closed(session.as_ref()) => {
                session = None;
                sources.all_due();
                sources.put_off(SETTLE);
            }
            () = rung.notified() => {
                tokio::time::sleep(SETTLE).await;
                sources.all_due();
            }
            _ = hangup.recv() => sources.all_due(),
            () = rows_to.closed() => return,
        }
    }
}

/// Reads what is due, on a session which is opened if there is none.
async fn look(
    sources: &mut Sources,
    session: &mut Option<Session>,
    options: &ConnectOptions,
    doorbell: DoorbellMode,
    status: &Status,
    rung: &Arc<Notify>,
) {
    if session.is_none() {
        match connect(options, doorbell, rung).await {
            Ok(connected) => {
                *session = Some(connected);
                sources.all_due();
            }
            Err(error) => {
                // The sessions of the passes say the same, and louder.
                tracing::debug!(error = %error, "no session to read the sources of routines");
                return sources.put_off(CONNECT_AGAIN);
            }
        }
    }
    if let Some(alive) = session
        && !sources.read_due(alive, status).await
    {
        *session = None;
        sources.all_due();
        sources.put_off(CONNECT_AGAIN);
    }
}

/// Hands the routines on, if they are others than before.
fn give(sources: &Sources, rows_to: &watch::Sender<Rows>) {
    let rows = sources.rows();
    let same = |before: &Rows| {
        before.len() == rows.len() && before.iter().zip(rows.iter()).all(|(a, b)| Arc::ptr_eq(a, b))
    };
    if !same(&rows_to.borrow()) {
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
