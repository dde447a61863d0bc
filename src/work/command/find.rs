//! Whether a command can be started, asked before any item is leased.

use nix::unistd::{AccessFlags, access};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Why a command cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// There is no such file.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// There is one, and it is no program, or not for us.
    #[error("{} cannot be executed: is it a program, and executable for this user?", .0.display())]
    NotExecutable(PathBuf),
    /// It is in no folder of the path.
    #[error("`{}` is in no folder of PATH; name it with its path, such as ./{}", .0.display(), .0.display())]
    NotInPath(OsString),
}

/// Finds a program as the system will: a name without a `/` in the folders of
/// `path`, the value of `PATH`.
///
/// # Errors
///
/// Why it cannot be started.
pub fn find(program: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, FindError> {
    if program.as_bytes().contains(&b'/') {
        let file = PathBuf::from(program);
        if !file.exists() {
            return Err(FindError::Missing(file));
        }
        return if is_program(&file) { Ok(file) } else { Err(FindError::NotExecutable(file)) };
    }
    let path = path.unwrap_or(OsStr::new("/bin:/usr/bin"));
    let places: Vec<PathBuf> = std::env::split_paths(path).map(|folder| folder.join(program)).collect();
    if let Some(found) = places.iter().find(|file| is_program(file)) {
        return Ok(found.clone());
    }
    match places.into_iter().find(|file| file.is_file()) {
        Some(file) => Err(FindError::NotExecutable(file)),
        None => Err(FindError::NotInPath(program.to_owned())),
    }
}

fn is_program(file: &Path) -> bool {
    file.is_file() && access(file, AccessFlags::X_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[track_caller]
    fn check(program: &str, path: &str, want: Result<&str, fn(&FindError) -> bool>) {
        let found = find(OsStr::new(program), Some(OsStr::new(path)));
        match (found, want) {
            (Ok(found), Ok(want)) => assert_eq!(found, Path::new(want)),
            (Err(error), Err(is_it)) => assert!(is_it(&error), "{error}"),
            (found, want) => panic!("{program} in {path}: {found:?}, and not {}", want.is_ok()),
        }
    }

    #[test]
    fn a_program_is_found_as_the_shell_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data");
        std::fs::write(&file, "no program").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let path = format!("/nowhere:{}:/bin", folder.path().display());
        check("sh", &path, Ok("/bin/sh"));
        check("/bin/sh", "", Ok("/bin/sh"));
        check("data", &path, Err(|error| matches!(error, FindError::NotExecutable(_))));
        check(&file.display().to_string(), "", Err(|error| matches!(error, FindError::NotExecutable(_))));
        check("no-such-program", &path, Err(|error| matches!(error, FindError::NotInPath(_))));
        check("./no/such", &path, Err(|error| matches!(error, FindError::Missing(_))));
        check("/bin", "", Err(|error| matches!(error, FindError::NotExecutable(_))));
        check("", &path, Err(|error| matches!(error, FindError::NotInPath(_) | FindError::NotExecutable(_))));
    }
}
