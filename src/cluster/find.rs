//! Which PostgreSQL server binaries are here.

use super::{ClusterError, install};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with `initdb`, `pg_ctl` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The folder.
    pub folder: PathBuf,
    /// The major version, such as 15.
    pub version: u32,
    /// Where their shared libraries are, if not where the system looks.
    pub libraries: Option<PathBuf>,
}

impl Binaries {
    /// The binaries of a folder, if it has them and they run.
    #[must_use]
    pub fn at(folder: &Path, libraries: Option<&Path>) -> Option<Self> {
        let has = |name: &str| folder.join(name).is_file();
        if !(has("initdb") && has("pg_ctl") && has("postgres")) {
            return None;
        }
        let mut command = Command::new(folder.join("postgres"));
        command.arg("--version").current_dir("/");
        if let Some(libraries) = libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let output = command.output().ok().filter(|output| output.status.success())?;
        let version = parse_version(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { folder: folder.to_owned(), version, libraries: libraries.map(Path::to_owned) })
    }
}

/// All server binaries found, those of `$PG_BIN` first, then the newest first.
#[must_use]
pub fn find_all() -> Vec<Binaries> {
    let chosen = std::env::var_os("PG_BIN").map(PathBuf::from);
    let mut found: Vec<Binaries> = debian_folders()
        .into_iter()
        .chain(path_folders())
        .filter_map(|folder| Binaries::at(&folder, None))
        .chain(install::cached())
        .collect();
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.version));
    found.dedup_by(|a, b| a.folder == b.folder);
    if let Some(first) = chosen.and_then(|folder| Binaries::at(&folder, None)) {
        found.retain(|binaries| binaries.folder != first.folder);
        found.insert(0, first);
    }
    found
}

/// The first of [`find_all`], or what installing brings.
pub(super) fn newest_or_install() -> Result<Binaries, ClusterError> {
    if let Some(first) = find_all().into_iter().next() {
        return Ok(first);
    }
    install::install().map_err(ClusterError::NoBinaries)?;
    find_all()
        .into_iter()
        .next()
        .ok_or_else(|| ClusterError::NoBinaries("the packages were installed but hold no server".into()))
}

fn debian_folders() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    versions.filter_map(Result::ok).map(|entry| entry.path().join("bin")).collect()
}

fn path_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

/// Reads the major version out of `postgres (PostgreSQL) 15.18 (Debian …)`.
fn parse_version(text: &str) -> Option<u32> {
    let number = text.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_version("something else"), None);
    }
}
