//! A daemon process with routines of its own.

use crate::bed::Database;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running daemon; killed when it is dropped.
pub struct Daemon {
    child: Child,
}

/// Writes routines, as (name, text), into a folder.
pub fn folder(routines: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("routines"))?;
    for (name, text) in routines {
        std::fs::write(folder.path().join("routines").join(format!("{name}.toml")), text)?;
    }
    Ok(folder)
}

impl Daemon {
    /// Starts one; `settings` are lines of `[daemon]` in `hearken.toml`.
    pub fn start(db: &Database, folder: &Path, settings: &str) -> anyhow::Result<Self> {
        std::fs::write(folder.join("hearken.toml"), format!("[daemon]\n{settings}\n"))?;
        let child = Command::new(env!("CARGO_BIN_EXE_hearken"))
            .args(["run", "--config", "hearken.toml", "--routines", "routines"])
            .env("DATABASE_URL", &db.url)
            .env("HEARKEN_HTTP", "off")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child })
    }

    /// Waits until it leads with its routines in force; returns how long that took.
    pub async fn leads(&mut self, db: &Database, within: Duration) -> anyhow::Result<Duration> {
        let began = Instant::now();
        while db.number("select count(*) from hearken.daemons where state = 'leader'").await? < 1.0 {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("the daemon ended: {status}");
            }
            anyhow::ensure!(began.elapsed() < within, "the daemon does not lead after {within:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(began.elapsed())
    }

    /// Megabytes, of `VmHWM` (at most so far) or `VmRSS` (now).
    pub fn memory(&self, what: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_default();
        let number = line.trim_matches([':', ' ', '\t']).split_whitespace().next();
        number.and_then(|number| number.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    }

    /// Seconds of CPU used so far.
    pub fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        (ticks(11) + ticks(12)) / 100.0
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
