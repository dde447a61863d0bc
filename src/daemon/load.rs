//! Reads a folder of routines: all of it, or the reasons why not.

use crate::rules::foreign::Tables;
use crate::rules::name::RoutineName;
use crate::rules::problem::{Level, Problem, Problems};
use crate::rules::review::against_tables;
use crate::rules::routine::{self, Routine, RoutineSet, rows};
use std::collections::BTreeMap;
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

/// A routine file, whatever became of it.
#[derive(Debug)]
pub struct RoutineFile {
    /// Where it is.
    pub path: PathBuf,
    /// The routine in it; none if the file cannot be used.
    pub routine: Option<Arc<Routine>>,
    /// All there is to say about it, warnings included.
    pub problems: Problems,
    state: State,
}

/// What was found under the name of a routine file.
#[derive(Debug)]
enum State {
    /// A file, which was read.
    Read,
    /// A file, which cannot be read.
    Unreadable(std::io::Error),
    /// Nothing that could be read: a folder, or a link which leads nowhere. The
    /// daemon passes over it.
    Passed,
}

/// Reads all `*.toml` files of a folder.
///
/// # Errors
///
/// If the folder or a file cannot be read, or any file has an error.
pub fn load_dir(folder: &Path) -> Result<RoutineSet, LoadError> {
    let mut files = Vec::new();
    for path in toml_paths(folder)? {
        let file = load_path(&path);
        match file.state {
            State::Read => files.push((file.routine, file.problems)),
            State::Unreadable(source) => return Err(io(&path)(source)),
            State::Passed => {}
        }
    }
    all_or_nothing(files.into_iter())
}

/// The same, held against the tables which the settings describe: a routine which
/// needs one that is not described, or more than is said of it, is an error.
///
/// # Errors
///
/// As [`load_dir`], and if any file does not fit the tables.
pub fn load_beside(folder: &Path, tables: &Tables) -> Result<RoutineSet, LoadError> {
    let set = load_dir(folder)?;
    let mut bad: BTreeMap<RoutineName, Problems> = BTreeMap::new();
    for (name, problem) in against_tables(&set, tables) {
        let Some(routine) = set.get(name.as_str()).filter(|_| problem.level == Level::Error) else {
            continue;
        };
        let file = folder.join(format!("{name}.toml"));
        let problems = || Problems::new(&file.display().to_string(), &routine.text);
        bad.entry(name).or_insert_with(problems).push(problem);
    }
    if bad.is_empty() { Ok(set) } else { Err(LoadError::Problems(bad.into_values().collect())) }
}

/// Reads all `*.toml` files of a folder, or a single file, each by itself, so
/// that a bad one hides no other. Sorted by path.
///
/// # Errors
///
/// If there is nothing at the path, or the folder cannot be listed.
pub fn load_all(path: &Path) -> Result<Vec<RoutineFile>, LoadError> {
    if std::fs::metadata(path).map_err(io(path))?.is_dir() {
        return Ok(toml_paths(path)?.iter().map(|path| load_path(path)).collect());
    }
    let mut file = load_path(path);
    if path.extension().is_none_or(|extension| extension != "toml") {
        let message = "hearken would pass over this file: it reads those which end in `.toml`";
        file.problems.push(Problem::warning(0..0, message).help("rename the file"));
        file.problems.sort();
    }
    Ok(vec![file])
}

/// Parses routines which come from elsewhere: names and texts of files. Those of
/// rows are passed over, since their sources bring them along.
///
/// # Errors
///
/// If any has an error.
pub fn load_texts(texts: &[(String, String)]) -> Result<RoutineSet, LoadError> {
    let files = texts.iter().filter(|(_, text)| rows::source_of(text).is_none());
    all_or_nothing(files.map(|(name, text)| check_text(name, &format!("{name}.toml"), text)))
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> LoadError + use<> {
    let path = path.display().to_string();
    move |source| LoadError::Io { path, source }
}

/// What may be routines in a folder, by name alone.
fn toml_paths(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        // A name which is not UTF-8 is no name for a routine, and is said to be none.
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn load_path(path: &Path) -> RoutineFile {
    let passed = |message: &str, help: &str| {
        RoutineFile::without_text(path, Problem::warning(0..0, message).help(help), State::Passed)
    };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            return passed(
                "this is a folder, and no routine",
                "folders inside the folder of routines are not read",
            );
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return passed("there is nothing at the end of this link", "remove it, or bring back its file");
        }
        _ => {}
    }
    match std::fs::read(path) {
        Ok(bytes) => read_bytes(path, bytes),
        Err(error) => {
            let problem = Problem::error(0..0, format!("this file cannot be read: {error}"));
            RoutineFile::without_text(path, problem, State::Unreadable(error))
        }
    }
}

impl RoutineFile {
    fn without_text(path: &Path, problem: Problem, state: State) -> Self {
        let mut problems = Problems::new(&path.display().to_string(), "");
        problems.push(problem);
        Self { path: path.to_owned(), routine: None, problems, state }
    }
}

fn read_bytes(path: &Path, bytes: Vec<u8>) -> RoutineFile {
    let file = path.display().to_string();
    let (routine, problems) = match String::from_utf8(bytes) {
        Ok(text) => {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            check_text(&stem.unwrap_or_default(), &file, &text)
        }
        Err(error) => (None, not_utf8(&file, &error)),
    };
    RoutineFile { path: path.to_owned(), routine, problems, state: State::Read }
}

/// Says where a file ends to be UTF-8, as TOML must be.
fn not_utf8(file: &str, error: &std::string::FromUtf8Error) -> Problems {
    let text = String::from_utf8_lossy(error.as_bytes());
    // Up to here the bytes are those of the file; then the replacement begins.
    let at = error.utf8_error().valid_up_to();
    let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
    let mut problems = Problems::new(file, &text);
    let problem = Problem::error(span, "this file is not UTF-8").label("no character");
    problems.push(problem.help("save it in the encoding UTF-8"));
    problems
}

fn check_text(stem: &str, file: &str, text: &str) -> (Option<Arc<Routine>>, Problems) {
    match RoutineName::parse(stem) {
        Ok(name) => {
            let (routine, problems) = routine::check(&name, file, text);
            (routine.map(Arc::new), problems)
        }
        Err(error) => {
            let message = format!("the file's name `{stem}` is not a name for a routine: {error}");
            let mut problems = Problems::new(file, text);
            problems.push(Problem::error(0..0, message));
            (None, problems)
        }
    }
}

fn all_or_nothing(
    files: impl Iterator<Item = (Option<Arc<Routine>>, Problems)>,
) -> Result<RoutineSet, LoadError> {
    let mut routines = Vec::new();
    let mut problems = Vec::new();
    for (routine, found) in files {
        match routine {
            Some(routine) => routines.push(routine),
            None => problems.push(found),
        }
    }
    if problems.is_empty() { Ok(RoutineSet::new(routines)) } else { Err(LoadError::Problems(problems)) }
}
