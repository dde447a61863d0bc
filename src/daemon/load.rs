//! Reads a folder of routines: all of it, or the reasons why not.

use crate::rules::name::RoutineName;
use crate::rules::problem::{Problem, Problems};
use crate::rules::routine::{self, RoutineSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a folder of routines cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder or a file cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Some files have errors: all the problems of all of them.
    #[error("{}", report(.0))]
    Problems(Vec<Problems>),
}

fn report(problems: &[Problems]) -> String {
    let files = problems.len();
    let mut text: String = problems.iter().map(|problems| problems.render() + "\n").collect();
    text.push_str(&format!("{files} routine file{} cannot be used", if files == 1 { "" } else { "s" }));
    text
}

/// Reads all `*.toml` files of a folder.
///
/// # Errors
///
/// If the folder or a file cannot be read, or any file has an error.
pub fn load_dir(folder: &Path) -> Result<RoutineSet, LoadError> {
    let files = read_files(folder)?;
    parse_all(files.iter().map(|(path, text)| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        (stem, path.display().to_string(), text.as_str())
    }))
}

/// Parses routines which come from elsewhere: names and texts.
///
/// # Errors
///
/// If any has an error.
pub fn load_texts(texts: &[(String, String)]) -> Result<RoutineSet, LoadError> {
    parse_all(texts.iter().map(|(name, text)| (name.as_str(), format!("{name}.toml"), text.as_str())))
}

/// The bytes which [`load_dir`] would read, to tell whether they changed.
///
/// # Errors
///
/// If the folder or a file cannot be read.
pub fn read_files(folder: &Path) -> Result<Vec<(PathBuf, String)>, LoadError> {
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |source| LoadError::Io { path, source }
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        let hidden = path.file_name().and_then(|name| name.to_str()).is_none_or(|name| name.starts_with('.'));
        if hidden || path.extension().is_none_or(|extension| extension != "toml") || !path.is_file() {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(io(&path))?;
        // What is not UTF-8 is not TOML either; the parser says so, with a place.
        files.push((path, String::from_utf8_lossy(&bytes).into_owned()));
    }
    files.sort();
    Ok(files)
}

fn parse_all<'a>(files: impl Iterator<Item = (&'a str, String, &'a str)>) -> Result<RoutineSet, LoadError> {
    let mut routines = Vec::new();
    let mut problems = Vec::new();
    for (stem, file, text) in files {
        let name = match RoutineName::parse(stem) {
            Ok(name) => name,
            Err(error) => {
                let message = format!("the file's name `{stem}` is not a name for a routine: {error}");
                let mut whole = Problems::new(&file, text);
                whole.push(Problem::error(0..0, message));
                problems.push(whole);
                continue;
            }
        };
        match routine::parse(&name, &file, text) {
            Ok(routine) => routines.push(Arc::new(routine)),
            Err(found) => problems.push(found),
        }
    }
    if problems.is_empty() { Ok(RoutineSet::new(routines)) } else { Err(LoadError::Problems(problems)) }
}
