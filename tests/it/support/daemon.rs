//! A daemon as a process of its own, to be killed.

use super::TestDatabase;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// One routine which makes an item of every `test.event`.
pub const EVERY: &str = r#"
title = "Every event"

[on.event]
type = "test.event"

[item]
queue = "q"
title = "event {{ data.n }}"
"#;

/// A running `hearken run`.
pub struct TestDaemon {
    child: Child,
    /// The folder of its routines.
    pub routines: PathBuf,
    _folder: Arc<tempfile::TempDir>,
    log: Arc<Mutex<Vec<String>>>,
}

/// What a daemon is started with.
#[derive(Clone, Debug)]
pub struct Setup {
    url: String,
    folder: Arc<tempfile::TempDir>,
    settings: String,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// A daemon of a database with the routines given, as (name, text).
    pub fn new(url: &str, routines: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("hearken-test").tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("routines")).expect("a folder");
        for (name, text) in routines {
            std::fs::write(folder.path().join("routines").join(format!("{name}.toml")), text)
                .expect("a file");
        }
        Self {
            url: url.to_owned(),
            folder: Arc::new(folder),
            settings: String::new(),
            environment: Vec::new(),
        }
    }

    /// Lines of `[daemon]` in hearken.toml.
    pub fn daemon(mut self, lines: &str) -> Self {
        self.settings.push_str(lines);
        self.settings.push('\n');
        self
    }

    /// A variable of the environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The folder of the routines.
    pub fn routines(&self) -> PathBuf {
        self.folder.path().join("routines")
    }

    /// Starts it.
    pub fn start(&self) -> TestDaemon {
        let config = self.folder.path().join("hearken.toml");
        let settings = format!("[http]\nlisten = \"off\"\n[daemon]\n{}", self.settings);
        // A daemon started a moment ago may be reading it: it must not find half of it.
        let written = tempfile::NamedTempFile::new_in(self.folder.path()).expect("a file");
        std::fs::write(written.path(), settings).expect("a file");
        written.persist(&config).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearken"));
        command.arg("run").arg("--config").arg(&config).arg("--routines").arg(self.routines());
        command.env("DATABASE_URL", &self.url).env_remove("HEARKEN_HTTP").env("HEARKEN_LOG", "debug");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        TestDaemon::spawn(command, self.routines(), self.folder.clone())
    }
}

impl TestDaemon {
    /// A daemon with a settings file of its own.
    pub fn of_settings(url: &str, config: &std::path::Path) -> Self {
        let folder = tempfile::Builder::new().prefix("hearken-test").tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearken"));
        command.arg("run").arg("--config").arg(config);
        command.env("DATABASE_URL", url).env("HEARKEN_HTTP", "off").env("HEARKEN_LOG", "debug");
        let routines = config.parent().expect("a folder").join("routines");
        Self::spawn(command, routines, Arc::new(folder))
    }

    fn spawn(mut command: Command, routines: PathBuf, folder: Arc<tempfile::TempDir>) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a daemon");
        let stderr = child.stderr.take().expect("a pipe");
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = log.clone();
        std::thread::spawn(move || {
            use std::io::BufRead;
            for line in std::io::BufReader::new(stderr).lines().map_while(Result::ok) {
                sink.lock().expect("a lock").push(line);
            }
        });
        Self { child, routines, _folder: folder, log }
    }

    /// A daemon with one routine, [`EVERY`].
    pub fn start(db: &TestDatabase) -> Self {
        Setup::new(&db.url, &[("every", EVERY)]).start()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a line of its log holds a text, from line `from` on; returns
    /// the number of the line after it.
    pub async fn says_after(&self, from: usize, text: &str) -> usize {
        super::until(&format!("the daemon to say {text:?}; it said {:#?}", self.tail()), || async {
            let log = self.log.lock().expect("a lock");
            log.iter()
                .enumerate()
                .skip(from)
                .find(|(_, line)| line.contains(text))
                .map(|(place, _)| place + 1)
        })
        .await
    }

    /// Waits until a line of its log holds a text.
    pub async fn says(&self, text: &str) -> usize {
        self.says_after(0, text).await
    }

    /// Waits until it leads.
    pub async fn leads(&self) {
        self.says("\"leading\"").await;
    }

    /// All it said.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("a lock").clone()
    }

    fn tail(&self) -> Vec<String> {
        let log = self.log();
        log[log.len().saturating_sub(20)..].to_vec()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        nix::sys::signal::kill(pid, signal).expect("a signal");
    }

    /// SIGTERM, and waits for the end; returns its exit status.
    pub async fn stop(mut self) -> std::process::ExitStatus {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        self.ended().await
    }

    /// Waits for it to end by itself.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        let child = Mutex::new(&mut self.child);
        super::until("the daemon to end", || async {
            child.lock().expect("a lock").try_wait().expect("a child")
        })
        .await
    }
}

impl Drop for TestDaemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the daemon's last lines: {:#?}", self.tail());
        }
        self.kill();
    }
}
