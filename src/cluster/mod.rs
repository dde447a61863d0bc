//! A private PostgreSQL: for the demo and the tests, and for nothing else.
//!
//! It lives in one folder below `/tmp`, listens on a Unix socket in that folder
//! and on no TCP port, and trusts whoever can open the socket. A *keeper* (a
//! shell which reads from a pipe we hold) stops it and removes the folder when
//! the pipe closes: at the end, after Ctrl-C, and after `kill -9`, since the
//! kernel closes our side whatever happens to us.
//!
//! As root the server runs as the user `postgres`, or `nobody` where there is no
//! such user, because PostgreSQL refuses to run as root.

mod find;
mod install;

use nix::unistd::User;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub use find::{Binaries, find_all};

/// Why there is no private PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No server binaries here, and none could be installed.
    #[error(
        "no PostgreSQL server binaries found (looked at $PG_BIN, /usr/lib/postgresql/*/bin and the PATH), \
         and installing them failed: {0}\n\
         help: install them, on Debian with `apt-get install postgresql`, or point PG_BIN at a folder with `initdb` and `postgres`"
    )]
    NoBinaries(String),
    /// The binaries are older than what hearken supports.
    #[error("PostgreSQL {0} is too old: hearken needs 15 or newer")]
    TooOld(u32),
    /// A program could not be started or a folder not be made.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A program of PostgreSQL failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Its name.
        program: String,
        /// What it printed.
        output: String,
    },
}

/// Whether commits must survive a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As in production: for benchmarks.
    Full,
    /// Commits survive a crash of PostgreSQL, not one of the machine: for tests.
    ProcessCrash,
}

/// How `stop` ends the server; the words are those of `pg_ctl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Connections are cut, transactions rolled back, a checkpoint is written.
    Fast,
    /// Like a crash: the next start recovers.
    Immediate,
}

/// A running private PostgreSQL. Dropping it stops the server and removes it.
#[derive(Debug)]
pub struct PrivateCluster {
    folder: PathBuf,
    binaries: Binaries,
    owner: Option<Owner>,
    keeper: Child,
}

/// Whom the server runs as, when we are root.
#[derive(Clone, Copy, Debug)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl PrivateCluster {
    /// Starts a cluster with the newest binaries found, installing some where
    /// there are none. Takes about two seconds. `settings` go into
    /// `postgresql.conf` as they are.
    ///
    /// # Errors
    ///
    /// Says what is missing, or what the program which failed printed.
    pub fn start(durability: Durability, settings: &[(&str, &str)]) -> Result<Self, ClusterError> {
        Self::start_with(find::newest_or_install()?, durability, settings)
    }

    /// Starts a cluster with the given binaries.
    ///
    /// # Errors
    ///
    /// As [`PrivateCluster::start`].
    pub fn start_with(
        binaries: Binaries,
        durability: Durability,
        settings: &[(&str, &str)],
    ) -> Result<Self, ClusterError> {
        if binaries.version < 15 {
            return Err(ClusterError::TooOld(binaries.version));
        }
        let owner = owner_if_root()?;
        let folder = make_folder(owner)?;
        let keeper = start_keeper(&binaries, &folder, owner)?;
        // From here on the keeper cleans up, whatever fails.
        let cluster = Self { folder, binaries, owner, keeper };
        cluster.initialise(durability, settings)?;
        cluster.start_server()?;
        Ok(cluster)
    }

    /// The folder with the socket, for `host=`.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// The major version of the server.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.binaries.version
    }

    /// A connection string for a database of this cluster, as its superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=postgres", self.folder.display())
    }

    /// The `psql` which came with the server, if it did.
    #[must_use]
    pub fn psql(&self) -> PathBuf {
        self.binaries.folder.join("psql")
    }

    /// Whether a program, such as `pg_dump`, came with the server.
    #[must_use]
    pub fn has_program(&self, name: &str) -> bool {
        self.binaries.folder.join(name).is_file()
    }

    /// A program of the server's folder, else of the `PATH`, ready for arguments, run as the
    /// server's user and with its libraries.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        command(&self.binaries, name, self.owner)
    }

    /// Stops the server; the data stay, and [`PrivateCluster::start_server`]
    /// brings it back.
    ///
    /// # Errors
    ///
    /// What `pg_ctl` printed.
    pub fn stop_server(&self, mode: StopMode) -> Result<(), ClusterError> {
        let mode = match mode {
            StopMode::Fast => "fast",
            StopMode::Immediate => "immediate",
        };
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "-w", "-m", mode, "-D"]).arg(self.data());
        run("pg_ctl stop", stop)
    }

    /// Starts the server again after [`PrivateCluster::stop_server`].
    ///
    /// # Errors
    ///
    /// What the server logged.
    pub fn start_server(&self) -> Result<(), ClusterError> {
        let mut start = self.program("pg_ctl");
        start.args(["start", "-w", "-t", "60", "-D"]).arg(self.data()).arg("-l").arg(self.log());
        // The server must not hear the Ctrl-C which is meant for us.
        start.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = start.status().map_err(|source| io("cannot start pg_ctl", source))?;
        if status.success() {
            return Ok(());
        }
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        Err(ClusterError::Program { program: "postgres".into(), output: log })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    fn initialise(&self, durability: Durability, settings: &[(&str, &str)]) -> Result<(), ClusterError> {
        let mut initdb = self.program("initdb");
        initdb.args([
            "--no-sync",
            "-A",
            "trust",
            "-U",
            "postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--data-checksums",
            "-D",
        ]);
        initdb.arg(self.data());
        run("initdb", initdb)?;
        let fsync = match durability {
            Durability::Full => "on",
            Durability::ProcessCrash => "off",
        };
        let mut text = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nport = 5432\nfsync = {fsync}\n\
             max_connections = 300\nmax_prepared_transactions = 16\nshared_buffers = 256MB\nmax_wal_size = 4GB\n\
             log_min_messages = warning\nrandom_page_cost = 1.1\n",
            self.folder.display()
        );
        for (name, value) in settings {
            text.push_str(&format!("{name} = '{value}'\n"));
        }
        let file = self.data().join("hearken.conf");
        std::fs::write(&file, text).map_err(|source| io("cannot write hearken.conf", source))?;
        make_readable(&file)?;
        let main = self.data().join("postgresql.conf");
        let old =
            std::fs::read_to_string(&main).map_err(|source| io("cannot read postgresql.conf", source))?;
        std::fs::write(&main, old + "\ninclude = 'hearken.conf'\n")
            .map_err(|source| io("cannot write postgresql.conf", source))
    }
}

impl Drop for PrivateCluster {
    fn drop(&mut self) {
        // Closing the pipe is the signal; waiting makes sure that the folder is
        // gone when the drop returns.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn io(what: &str, source: std::io::Error) -> ClusterError {
    ClusterError::Io { what: what.into(), source }
}

fn make_readable(file: &Path) -> Result<(), ClusterError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644))
        .map_err(|source| io("cannot make hearken.conf readable", source))
}

fn owner_if_root() -> Result<Option<Owner>, ClusterError> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Ok(Some(user)) = User::from_name(name) {
            return Ok(Some(Owner { uid: user.uid.as_raw(), gid: user.gid.as_raw() }));
        }
    }
    let source = std::io::Error::other("neither `postgres` nor `nobody` is a user here");
    Err(io("PostgreSQL refuses to run as root and there is nobody else to run it as", source))
}

/// Makes the folder. Its path is short because a socket's path may have no more
/// than 107 bytes (`sun_path` of unix(7)).
fn make_folder(owner: Option<Owner>) -> Result<PathBuf, ClusterError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("hearken-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = Path::new("/tmp").join(name);
    std::fs::create_dir(&folder)
        .map_err(|source| io(&format!("cannot make the folder {}", folder.display()), source))?;
    if let Some(owner) = owner {
        std::os::unix::fs::chown(&folder, Some(owner.uid), Some(owner.gid))
            .map_err(|source| io("cannot give the folder to the server's user", source))?;
    }
    Ok(folder)
}

fn start_keeper(binaries: &Binaries, folder: &Path, owner: Option<Owner>) -> Result<Child, ClusterError> {
    const SCRIPT: &str = r#"
        trap '' INT TERM HUP
        cat > /dev/null
        if [ -f "$2/data/postmaster.pid" ]; then "$1/pg_ctl" stop -w -m immediate -D "$2/data"; fi
        rm -rf "$2"
    "#;
    let mut keeper = command(binaries, "/bin/sh", owner);
    keeper.args(["-c", SCRIPT, "keeper"]).arg(&binaries.folder).arg(folder);
    keeper
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    keeper.spawn().map_err(|source| io("cannot start the keeper of the private PostgreSQL", source))
}

fn command(binaries: &Binaries, name: &str, owner: Option<Owner>) -> Command {
    let own = binaries.folder.join(name);
    // Some collections hold the server alone; clients may be on the PATH.
    let path = if own.is_file() { own } else { PathBuf::from(name) };
    let mut command = Command::new(path);
    command.env("LC_ALL", "C").env_remove("PGOPTIONS").current_dir("/");
    if let Some(libraries) = &binaries.libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    if let Some(owner) = owner {
        command.uid(owner.uid).gid(owner.gid);
    }
    command
}

fn run(program: &str, mut command: Command) -> Result<(), ClusterError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| io(&format!("cannot start {program}"), source))?;
    if output.status.success() {
        return Ok(());
    }
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    Err(ClusterError::Program { program: program.into(), output: text.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_starts_stops_restarts_and_leaves_nothing() {
        let cluster = PrivateCluster::start(Durability::ProcessCrash, &[]).expect("a cluster");
        let folder = cluster.socket_folder().to_owned();
        assert!(folder.join(".s.PGSQL.5432").exists());

        cluster.stop_server(StopMode::Immediate).expect("a stop");
        assert!(!folder.join(".s.PGSQL.5432").exists());
        cluster.start_server().expect("a start");
        assert!(folder.join(".s.PGSQL.5432").exists());

        drop(cluster);
        assert!(!folder.exists(), "{} is still there", folder.display());
    }
}
