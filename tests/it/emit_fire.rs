//! `hearken emit` and `hearken fire` as people and scripts use them.

mod emit;
mod fire;
mod gates;
mod page;
mod ticks;

use crate::support::TestDatabase;
use crate::support::command::{Said, hearken, said_to};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with routines, in which commands are run.
struct Bench {
    folder: tempfile::TempDir,
    url: String,
}

impl Bench {
    /// With the routines given, as (name, text).
    fn new(db: &TestDatabase, routines: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("hearken-test").tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("routines")).expect("a folder");
        let bench = Self { folder, url: db.url.clone() };
        for (name, text) in routines {
            bench.write(&format!("routines/{name}.toml"), text);
        }
        bench
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(file);
        std::fs::write(&path, text).expect("a file");
        path
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).env("DATABASE_URL", &self.url).env_remove("HEARKEN_CONFIG");
        command.env_remove("HEARKEN_ROUTINES");
        command
    }

    /// Runs a command of hearken's.
    fn run(&self, args: &[&str]) -> Said {
        self.run_with(args, "")
    }

    /// The same with something on its standard input.
    fn run_with(&self, args: &[&str], input: &str) -> Said {
        said_to(hearken(args).current_dir(self.path()).env("DATABASE_URL", &self.url), input)
    }
}

/// How many rows there are of all which a firing may write.
async fn rows(db: &TestDatabase) -> anyhow::Result<Vec<i64>> {
    let mut counts = Vec::new();
    for table in
        ["inbox_items", "held", "decisions", "dead_letters", "dedup_keys", "limit_uses", "routine_versions"]
    {
        counts.push(db.count(&format!("select from hearken.{table}")).await?);
    }
    Ok(counts)
}

/// The outcomes of the ledger, in order.
async fn outcomes(db: &TestDatabase) -> anyhow::Result<Vec<String>> {
    let sql = "select d.outcome from hearken.decisions d order by d.at, d.outcome";
    Ok(db.client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}
