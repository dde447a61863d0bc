//! Interpreters of other languages, with the packages a test needs.
//!
//! Each set of packages is installed once, into a folder under `target/languages`,
//! and found there by the tests after it. Where a language is not at hand, or its
//! packages cannot be installed, the test says `NOT TESTED` and passes: hearken
//! needs none of them.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// psycopg, for [`python_with`].
pub const PSYCOPG: &str = "psycopg[binary]==3.2.9";

/// What a client in TypeScript needs, for [`node_with`].
pub const PG: &[&str] = &["pg@8.16.3", "@types/pg@8.15.6", "@types/node@20.19.25", "typescript@5.9.3"];

/// The versions of packages which are named without one.
const PINNED: &[(&str, &str)] = &[("standardwebhooks", "==1.1.0"), ("psycopg[binary]", "==3.2.9")];

/// How long an installation may take. Without a network it is to fail soon.
const INSTALL_MAX: Duration = Duration::from_secs(180);

/// A Python with these packages (of PyPI, as pip writes them), as the path of its
/// interpreter.
pub fn python_with(packages: &[&str]) -> Option<PathBuf> {
    let packages: Vec<String> = packages.iter().map(|package| pinned(package)).collect();
    let folder = installed("python", &packages, |folder| {
        let python = folder.join("bin/python");
        runs(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--no-input", "--retries", "1", "--timeout", "15"];
        runs(Command::new(python).args(pip).arg("--disable-pip-version-check").args(&packages))
    })?;
    Some(folder.join("bin/python"))
}

/// A folder whose `node_modules` holds these packages (of npm, NAME@VERSION).
/// Scripts of packages are not run.
pub fn node_with(packages: &[&str]) -> Option<PathBuf> {
    let packages: Vec<String> = packages.iter().map(|package| (*package).to_owned()).collect();
    installed("node", &packages, |folder| {
        runs(Command::new("node").arg("--version"))?;
        let description = r#"{ "private": true, "type": "module" }"#;
        std::fs::write(folder.join("package.json"), description).map_err(|error| error.to_string())?;
        let npm = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        let patience = ["--fetch-retries=1", "--fetch-timeout=15000"];
        runs(Command::new("npm").args(npm).args(patience).args(&packages).current_dir(folder))
    })
}

/// A program in TypeScript, made JavaScript.
pub struct Compiled {
    /// What node runs.
    pub script: PathBuf,
    _folder: TempDir,
}

/// Checks the types of a program in TypeScript and makes JavaScript of it, in the
/// folder which [`node_with`] gave for [`PG`].
///
/// # Panics
///
/// If the compiler finds fault with the program.
pub fn compiled(node: &Path, program: &Path) -> Compiled {
    let name = program.file_stem().expect("a name").to_owned();
    // Beside node_modules, where the compiler and node look for packages.
    let folder = tempfile::Builder::new().prefix("compiled-").tempdir_in(node).expect("a folder");
    let source = folder.path().join(&name).with_extension("ts");
    std::fs::copy(program, &source).expect("a copy");
    let strict = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"];
    let compiler = node.join("node_modules/typescript/bin/tsc");
    if let Err(said) = runs(Command::new("node").arg(compiler).args(strict).arg(&source).current_dir(&folder))
    {
        panic!("{}: {said}", program.display());
    }
    Compiled { script: source.with_extension("js"), _folder: folder }
}

/// Says that something was not tried for want of a language.
pub fn not_tested(what: &str) {
    eprintln!("NOT TESTED: {what}");
}

fn pinned(package: &str) -> String {
    let version = PINNED.iter().find(|(name, _)| *name == package).map_or("", |(_, version)| version);
    format!("{package}{version}")
}

/// The folder of a set of packages, made by `install` unless it is there.
fn installed(
    language: &str,
    packages: &[String],
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    // What could not be installed is not tried again by each test of this process.
    static KNOWN: LazyLock<Mutex<HashMap<PathBuf, bool>>> = LazyLock::new(Mutex::default);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = format!("{language}-{}", packages.join("-")).chars().map(plain).collect();
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target").join("languages");
    let folder = all.join(&name);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let is_usable = *known.entry(folder.clone()).or_insert_with(|| {
        make_once(&all, &folder, install)
            .inspect_err(|error| not_tested(&format!("{language} with {packages:?}: {error}")))
            .is_ok()
    });
    is_usable.then_some(folder)
}

/// One process installs, others wait for it.
fn make_once(
    all: &Path,
    folder: &Path,
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(all).map_err(failed)?;
    let lock = File::create(folder.with_added_extension("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let ready = folder.join("ready");
    if ready.exists() {
        return Ok(());
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    std::fs::create_dir(folder).map_err(failed)?;
    install(folder)?;
    File::create(ready).map(drop).map_err(failed)
}

/// Runs a command to its end; an error is what it said.
fn runs(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut said = tempfile::tempfile().map_err(|error| error.to_string())?;
    let sink = |said: &File| said.try_clone().map(Stdio::from).map_err(|error| error.to_string());
    command.stdin(Stdio::null()).stdout(sink(&said)?).stderr(sink(&said)?);
    let mut child = command.spawn().map_err(|error| format!("{program} cannot be run: {error}"))?;
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        if began.elapsed() > INSTALL_MAX {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{program} did not end within {INSTALL_MAX:?}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if status.success() {
        return Ok(());
    }
    let mut text = String::new();
    let _ = std::io::Seek::rewind(&mut said);
    let _ = std::io::Read::read_to_string(&mut said, &mut text);
    Err(format!("{program}: {status}: {text}"))
}
