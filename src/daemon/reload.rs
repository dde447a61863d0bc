//! Reads the routines again when they change, or when told to by SIGHUP.
//!
//! The *folder* is watched, not the files: a watch on a file saw the first swap
//! of a ConfigMap's symlink and not the second. Bursts of changes are waited
//! out, and the folder is also read now and then, since watches miss changes on
//! network file systems. A folder with an error leaves the set in force.

use super::load::{LoadError, load_dir};
use super::pass::Force;
use super::status::Status;
use crate::rules::matcher::Matcher;
use crate::rules::routine::RoutineSet;
use notify::{RecursiveMode, Watcher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// A burst of changes is over when nothing changed for so long.
const SETTLE: Duration = Duration::from_millis(150);
/// How often the folder is read though nobody said that it changed.
const POLL: Duration = Duration::from_secs(30);

/// Puts a set in force.
#[must_use]
pub fn force(set: RoutineSet) -> Arc<Force> {
    let set = Arc::new(set);
    Arc::new(Force { matcher: Matcher::new(set.clone()), set })
}

/// Watches the folder until the receivers are gone.
pub async fn watch_folder(folder: PathBuf, status: Arc<Status>, force_to: watch::Sender<Arc<Force>>) {
    let (changed_tx, mut changed) = mpsc::unbounded_channel();
    let watcher = notify::recommended_watcher(move |event: Result<notify::Event, notify::Error>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = changed_tx.send(());
        }
    });
    let _watcher = match watcher.and_then(|mut watcher| {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    }) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(error = %error, "the folder of routines cannot be watched; it is read every {POLL:?}");
            None
        }
    };
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    loop {
        tokio::select! {
            Some(()) = changed.recv() => settle(&mut changed).await,
            _ = hangup.recv() => tracing::info!("SIGHUP: reading the routines again"),
            () = tokio::time::sleep(POLL) => {}
            () = force_to.closed() => return,
        }
        reload(&folder, &status, &force_to).await;
    }
}

async fn settle(changed: &mut mpsc::UnboundedReceiver<()>) {
    while let Ok(Some(())) = tokio::time::timeout(SETTLE, changed.recv()).await {}
}

async fn reload(folder: &std::path::Path, status: &Status, force_to: &watch::Sender<Arc<Force>>) {
    let path = folder.to_owned();
    let loaded = tokio::task::spawn_blocking(move || load_dir(&path)).await;
    match loaded {
        Ok(Ok(set)) => {
            status.well("routines");
            if force_to.borrow().set.hash != set.hash {
                tell(status, &set);
                force_to.send_replace(force(set));
            }
        }
        Ok(Err(error)) => complain(status, &error),
        Err(_) => {}
    }
}

/// Says that a folder could not be read: in the log, the metrics, the status.
pub fn complain(status: &Status, error: &LoadError) {
    status.metrics.reload_failures.inc();
    let text = match error {
        LoadError::Io { source, .. } => format!("{error}: {source}"),
        LoadError::Problems(_) => error.to_string(),
    };
    // The same complaint once, not every poll.
    if status.complains_anew("routines", &text) {
        tracing::error!("the routines cannot be read; the last good set stays in force\n{text}");
    }
}

/// Says which set was read.
pub fn tell(status: &Status, set: &RoutineSet) {
    status.metrics.routines.set(i64::try_from(set.routines.len()).unwrap_or(i64::MAX));
    status.fact("routines", set.hash.as_str());
    tracing::info!(routines.count = set.routines.len(), routines.hash = %set.hash, "routines were read");
}
