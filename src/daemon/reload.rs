//! Reads the routines again when they change, or when told to by SIGHUP.
//!
//! The *folder* is watched, not the files: a watch on a file saw the first swap
//! of a ConfigMap's symlink and not the second. The folder above it is watched
//! too, since the folder itself may be replaced, or be a symlink which is: then
//! the watch is laid on the new one. Bursts of changes are waited out, and the
//! folder is also read now and then, since watches miss changes on network file
//! systems. A folder with an error leaves the set in force.

use super::load::{LoadError, load_dir};
use super::pass::Force;
use super::status::{SetLabels, Status};
use crate::rules::matcher::Matcher;
use crate::rules::routine::RoutineSet;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// A burst of changes is over when nothing changed for so long.
const SETTLE: Duration = Duration::from_millis(150);
/// A burst is waited out no longer than this.
const SETTLE_MAX: Duration = Duration::from_secs(2);
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
    let mut watching = Watching::new(&folder, changed_tx);
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    loop {
        tokio::select! {
            Some(()) = changed.recv() => settle(&mut changed).await,
            _ = hangup.recv() => tracing::info!("SIGHUP: reading the routines again"),
            () = tokio::time::sleep(POLL) => {}
            () = force_to.closed() => return,
        }
        // Before the folder is read, so that no change falls in between.
        watching.follow();
        reload(&folder, &status, &force_to).await;
    }
}

/// A watch on a folder which may be replaced by another.
struct Watching {
    folder: PathBuf,
    watcher: Option<RecommendedWatcher>,
    is_laid: bool,
}

impl Watching {
    fn new(folder: &Path, changed: mpsc::UnboundedSender<()>) -> Self {
        let name = folder.file_name().map(OsStr::to_owned);
        let ours = move |path: &PathBuf| {
            let above = path.parent().and_then(Path::file_name);
            path.file_name() == name.as_deref() || above == name.as_deref()
        };
        let watcher = notify::recommended_watcher(move |event: Result<notify::Event, notify::Error>| {
            // The folder above may be a busy one.
            if event.is_ok_and(|event| !event.kind.is_access() && event.paths.iter().any(&ours)) {
                let _ = changed.send(());
            }
        });
        let mut watching = Self { folder: folder.to_owned(), watcher: watcher.ok(), is_laid: false };
        let above = watching.folder.parent().filter(|above| !above.as_os_str().is_empty());
        let above = above.map_or_else(|| PathBuf::from("."), Path::to_owned);
        if let Some(watcher) = &mut watching.watcher {
            // Without it, a folder which is replaced is noticed by the poll.
            let _ = watcher.watch(&above, RecursiveMode::NonRecursive);
        }
        watching.follow();
        if !watching.is_laid {
            tracing::warn!("the folder of routines cannot be watched; it is read every {POLL:?}");
        }
        watching
    }

    /// Lays the watch on the folder as it is now.
    fn follow(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        // Anew each time: a folder which was removed and made again may have the
        // inode of the old one, and the watch is dead all the same.
        if self.is_laid {
            let _ = watcher.unwatch(&self.folder);
        }
        self.is_laid = watcher.watch(&self.folder, RecursiveMode::NonRecursive).is_ok();
    }
}

async fn settle(changed: &mut mpsc::UnboundedReceiver<()>) {
    let end = tokio::time::Instant::now() + SETTLE_MAX;
    while let Ok(Some(())) = tokio::time::timeout(SETTLE, changed.recv()).await {
        if tokio::time::Instant::now() > end {
            return;
        }
    }
}

async fn reload(folder: &Path, status: &Status, force_to: &watch::Sender<Arc<Force>>) {
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
    // One hash is in force; those before it leave no series behind.
    status.metrics.routines_info.clear();
    status.metrics.routines_info.get_or_create(&SetLabels { hash: set.hash.clone() }).set(1);
    status.fact("routines", set.hash.as_str());
    tracing::info!(routines.count = set.routines.len(), routines.hash = %set.hash, "routines were read");
}
