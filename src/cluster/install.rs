//! Brings server binaries to a Debian which has none.
//!
//! As root the ordinary package is installed, without the cluster Debian would
//! make of it. Anyone else gets the packages unpacked into a folder of their
//! own: `apt-get` resolves and fetches them with a state of ours, since the
//! system's belongs to root, and `dpkg-deb -x` unpacks without installing.

use super::find::Binaries;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Binaries which an earlier run unpacked.
pub(super) fn cached() -> Vec<Binaries> {
    let root = unpacked();
    let libraries = root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let Ok(versions) = std::fs::read_dir(root.join("usr/lib/postgresql")) else { return Vec::new() };
    versions
        .filter_map(Result::ok)
        .filter_map(|entry| Binaries::at(&entry.path().join("bin"), Some(&libraries)))
        .collect()
}

/// Installs, or says why it cannot.
pub(super) fn install() -> Result<(), String> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err("there is no apt-get here".into());
    }
    eprintln!("hearken: no PostgreSQL server here, fetching Debian's (once)");
    if nix::unistd::geteuid().is_root() { install_as_root() } else { unpack_as_user() }
}

fn install_as_root() -> Result<(), String> {
    let config = Path::new("/etc/postgresql-common");
    let file = config.join("createcluster.conf");
    if !file.exists() {
        // Otherwise the package starts a server of its own on port 5432.
        let written = std::fs::create_dir_all(config)
            .and_then(|()| std::fs::write(&file, "create_main_cluster = false\n"));
        written.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    apt(&["update"], &[])?;
    let keep = ["-o", "Dpkg::Options::=--force-confold"];
    apt(&["install", "--yes", "--no-install-recommends", "postgresql"], &keep).map(drop)
}

fn unpack_as_user() -> Result<(), String> {
    let cache = cache_folder();
    for folder in ["lists/partial", "archives/partial", "packages"] {
        std::fs::create_dir_all(cache.join(folder))
            .map_err(|error| format!("cannot make {}: {error}", cache.display()))?;
    }
    let state = format!("Dir::State::lists={}", cache.join("lists").display());
    let archives = format!("Dir::Cache={}", cache.join("archives").display());
    let own = [
        "-o",
        state.as_str(),
        "-o",
        archives.as_str(),
        "-o",
        "Debug::NoLocking=1",
        "-o",
        "APT::Sandbox::User=",
    ];
    apt(&["update"], &own)?;
    let plan = apt(&["--simulate", "install", "--no-install-recommends", "postgresql"], &own)?;
    // `Inst NAME (VERSION …)`: what is missing for the server to run.
    let missing: Vec<&str> =
        plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next()).collect();
    for name in missing {
        fetch_and_unpack(&cache, name, &own)?;
    }
    Ok(())
}

fn fetch_and_unpack(cache: &Path, name: &str, own: &[&str]) -> Result<(), String> {
    let packages = cache.join("packages");
    run(apt_command(&["download", name], own).current_dir(&packages))?;
    let entries = std::fs::read_dir(&packages)
        .map_err(|error| format!("cannot read {}: {error}", packages.display()))?;
    for file in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(unpacked()))?;
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}

fn cache_folder() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    base.or(home).unwrap_or_else(std::env::temp_dir).join("hearken")
}

fn unpacked() -> PathBuf {
    cache_folder().join("postgresql")
}

fn apt(arguments: &[&str], options: &[&str]) -> Result<String, String> {
    run(&mut apt_command(arguments, options))
}

fn apt_command(arguments: &[&str], options: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-q").args(options).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
