//! A process of `hearken work`.

use crate::bed::Database;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// It ends with the value.
pub struct Worker {
    child: Child,
}

impl Worker {
    /// Starts `hearken work` with these arguments and variables, and the `hearken.toml` of
    /// the folder if there is one.
    pub fn start(
        db: &Database,
        folder: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let child = Command::new(env!("CARGO_BIN_EXE_hearken"))
            .arg("work")
            .args(arguments)
            .env("DATABASE_URL", &db.url)
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child })
    }

    /// Waits until somebody listens for items of the queue.
    pub async fn listens(&mut self, db: &Database, queue: &str) -> anyhow::Result<()> {
        let sql = format!(
            "select count(*) from pg_stat_activity \
             where datname = current_database() and pid <> pg_backend_pid() \
               and query ilike '%listen%hearken:{queue}%'"
        );
        let began = Instant::now();
        while db.number(&sql).await? < 1.0 {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("the worker ended: {status}");
            }
            if began.elapsed() > Duration::from_secs(5) {
                // Its last statement was another one: it has had the time.
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Megabytes, of `VmHWM` (at most so far) or `VmRSS` (now).
    pub fn memory(&self, what: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_default();
        let number = line.trim_matches([':', ' ', '\t']).split_whitespace().next();
        number.and_then(|number| number.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    }

    /// Fails if it has ended.
    pub fn runs(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => anyhow::bail!("the worker ended: {status}"),
            None => Ok(()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
