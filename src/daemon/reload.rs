//! Reads the routines again when they change, or when told to by SIGHUP.
//!
//! The *folder* is watched, not the files: a watch on a file saw the first swap
//! of a ConfigMap's symlink and not the second. The folder above it is watched
//! too, since the folder itself may be replaced, or be a symlink which is: then
//! the watch is laid on the new one. Bursts of changes are waited out, and the
//! folder is also read now and then, since watches miss changes on network file
//! systems. A folder with an error leaves the files in force.
//!
//! Routines which are rows come from a task of their own
//! ([`rows`](super::rows)); what is in force are the files and those, put together
//! here.

use super::load::{LoadError, load_beside};
use super::pass::Force;
use super::rows::Rows;
use super::status::{SetLabels, Status};
use crate::config::Config;
use crate::rules::foreign::Tables;
use crate::rules::matcher::Matcher;
use crate::rules::name::RoutineName;
use crate::rules::routine::RoutineSet;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

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

/// The routines of files and of rows, and who is to have them.
#[derive(Debug)]
pub struct Reloader {
    folder: PathBuf,
    tables: Tables,
    /// The files which were last good.
    files: RoutineSet,
    rows: watch::Receiver<Arc<Rows>>,
    /// Rows which a file of their name hides, as they were told last.
    hidden: Vec<RoutineName>,
    status: Arc<Status>,
    force_to: watch::Sender<Arc<Force>>,
}

/// Puts files and rows together for the first time, and gives what is in force,
/// with its changes, and who keeps it so.
#[must_use]
pub fn begin(
    config: &Config,
    files: RoutineSet,
    rows: watch::Receiver<Arc<Rows>>,
    status: Arc<Status>,
) -> (Reloader, watch::Receiver<Arc<Force>>) {
    let (set, hidden) = together(&files, &rows.borrow());
    tell(&status, &set);
    tell_hidden(&status, &hidden);
    let (force_to, force_from) = watch::channel(force(set));
    let (folder, tables) = (config.daemon.routines.clone(), config.tables());
    (Reloader { folder, tables, files, rows, hidden, status, force_to }, force_from)
}

impl Reloader {
    /// Watches the folder and the rows until the receivers are gone.
    pub async fn watch(mut self) {
        let (changed_tx, mut changed) = mpsc::unbounded_channel();
        let mut watching = Watching::new(&self.folder, changed_tx);
        let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
        let mut next_poll = Instant::now() + POLL;
        loop {
            tokio::select! {
                Some(()) = changed.recv() => settle(&mut changed).await,
                _ = hangup.recv() => tracing::info!("SIGHUP: reading the routines again"),
                // Without sources nobody sends, and this branch rests.
                Ok(()) = self.rows.changed() => {
                    self.put_together().await;
                    continue;
                }
                () = tokio::time::sleep_until(next_poll) => {}
                () = self.force_to.closed() => return,
            }
            // Before the folder is read, so that no change falls in between.
            watching.follow();
            self.reload().await;
            next_poll = Instant::now() + POLL;
        }
    }

    /// Reads the folder again.
    async fn reload(&mut self) {
        let (path, tables) = (self.folder.clone(), self.tables.clone());
        let loaded = tokio::task::spawn_blocking(move || load_beside(&path, &tables)).await;
        match loaded {
            Ok(Ok(files)) => {
                self.status.well("routines");
                self.files = files;
                self.put_together().await;
            }
            Ok(Err(error)) => complain(&self.status, &error),
            Err(_) => {}
        }
    }

    /// Puts files and rows in force, if they are others than before.
    async fn put_together(&mut self) {
        let rows = self.rows.borrow_and_update().clone();
        let (set, hidden) = together(&self.files, &rows);
        if hidden != self.hidden {
            tell_hidden(&self.status, &hidden);
            self.hidden = hidden;
        }
        let same = |force: &Force| force.set.hash == set.hash && force.set.refused == set.refused;
        if same(&self.force_to.borrow()) {
            return;
        }
        tell(&self.status, &set);
        // The index of thousands of routines takes a while to build.
        if let Ok(force) = tokio::task::spawn_blocking(move || force(set)).await {
            self.force_to.send_replace(force);
        }
    }
}

/// Files and rows as one set, and the rows which files hide.
fn together(files: &RoutineSet, rows: &Rows) -> (RoutineSet, Vec<RoutineName>) {
    files.with_rows(&rows.routines, &rows.refused)
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
    let end = Instant::now() + SETTLE_MAX;
    while let Ok(Some(())) = tokio::time::timeout(SETTLE, changed.recv()).await {
        if Instant::now() > end {
            return;
        }
    }
}

/// Says that a folder could not be read: in the log, the metrics, the status.
pub fn complain(status: &Status, error: &LoadError) {
    let text = match error {
        LoadError::Io { source, .. } => format!("{error}: {source}"),
        LoadError::Problems(_) => error.to_string(),
    };
    // The same complaint once, not every poll.
    if status.complains_anew("routines", &text) {
        status.metrics.reload_failures.inc();
        tracing::error!("the routines cannot be read; the last good set stays in force\n{text}");
    }
}

/// Says which rows a file of their name hides.
fn tell_hidden(status: &Status, hidden: &[RoutineName]) {
    let names: Vec<&str> = hidden.iter().map(RoutineName::as_str).collect();
    if !names.is_empty() {
        tracing::error!(
            routines.hidden = names.join(", "),
            "files have the names of rows, and win: these rows are not used"
        );
    }
    status.fact("routine_rows_hidden", names);
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
