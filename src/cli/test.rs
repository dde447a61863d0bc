//! `hearken test`.

use crate::daemon::load::{RoutineFile, load_all};
use crate::rules::routine::{Case, Routine};
use crate::rules::trial::{self, Coverage, Outcome, Standing};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod json;
mod junit;
mod text;

/// Run the tests inside routine files; no database is needed.
///
/// Each test has a clock of its own, so that none takes longer than it computes.
/// The exit status is 0 if all passed, 1 if some did not, and 2 if some files
/// cannot be used.
#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// The folder of routine files, or one file.
    #[arg(default_value = "routines", value_name = "PATH")]
    path: PathBuf,
    /// One JSON object a line: for each test, and for each routine.
    #[arg(long)]
    json: bool,
    /// Write a report in the format of JUnit as well.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Run only tests with this text in `routine: name`.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["require_tests", "min_coverage"])]
    filter: Option<String>,
    /// A routine without a test counts as failed.
    #[arg(long)]
    require_tests: bool,
    /// A routine of which less than so many percent were tried counts as failed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: Option<u8>,
}

/// What came of one test.
#[derive(Debug)]
struct Tested {
    name: String,
    /// The line of its name in the file, from 1.
    line: usize,
    standing: Standing,
    problems: Vec<String>,
    /// What the gates of the routine said meanwhile.
    notes: Vec<String>,
}

/// What came of one file.
#[derive(Debug)]
struct Report {
    /// The file, as it was found.
    file: String,
    /// The routine, which is the stem of the file.
    routine: String,
    tests: Vec<Tested>,
    /// What its tests tried; not known if only some were run.
    coverage: Option<Coverage>,
    /// What is wrong with the routine as a whole.
    problems: Vec<String>,
    /// The problems of a file which cannot be used, as they are to be shown.
    broken: Option<String>,
}

impl Tested {
    fn passed(&self) -> bool {
        self.standing == Standing::Passed
    }
}

impl Report {
    fn failures(&self) -> usize {
        self.tests.iter().filter(|test| !test.passed()).count()
    }

    fn is_good(&self) -> bool {
        self.broken.is_none() && self.problems.is_empty() && self.failures() == 0
    }

    fn has_no_tests(&self) -> bool {
        self.broken.is_none() && self.tests.is_empty()
    }
}

/// Runs it.
///
/// # Errors
///
/// If nothing can be written to standard output.
pub fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let files = match load_all(&args.path) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("hearken: {:#}", anyhow::Error::from(error));
            return Ok(ExitCode::from(2));
        }
    };
    if !files.iter().any(|file| file.routine.is_some() || file.problems.has_errors()) {
        eprintln!("hearken: there are no routines in {}", args.path.display());
    }
    let reports = reports(args, &files);
    if let Some(filter) = args.filter.as_ref().filter(|_| reports.is_empty()) {
        eprintln!("hearken: no test has `{filter}` in its name");
        return Ok(ExitCode::from(2));
    }
    for broken in reports.iter().filter_map(|report| report.broken.as_ref()) {
        eprintln!("{broken}");
    }
    if let Some(path) = &args.junit
        && let Err(error) = std::fs::write(path, junit::render(&reports))
    {
        // Not 1: that says that a test failed.
        eprintln!("hearken: cannot write {}: {error}", path.display());
        return Ok(ExitCode::from(2));
    }
    let mut out = std::io::stdout().lock();
    let printed = if args.json { json::print(&mut out, &reports) } else { text::print(&mut out, &reports) };
    match printed.and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::from(status(&reports))),
    }
}

fn status(reports: &[Report]) -> u8 {
    if reports.iter().any(|report| report.broken.is_some()) {
        2
    } else {
        u8::from(!reports.iter().all(Report::is_good))
    }
}

/// Runs the tests of all files. With a filter, files without any such test are
/// left out, but not those which cannot be used.
fn reports(args: &TestArgs, files: &[RoutineFile]) -> Vec<Report> {
    let reports = files.iter().filter_map(|file| report(args, file));
    reports.filter(|report| args.filter.is_none() || !report.has_no_tests()).collect()
}

/// Runs the tests of a file; nothing comes of what is no file.
fn report(args: &TestArgs, file: &RoutineFile) -> Option<Report> {
    let stem = file.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut report = Report {
        file: file.path.display().to_string(),
        routine: stem.unwrap_or_default(),
        tests: Vec::new(),
        coverage: None,
        problems: Vec::new(),
        broken: None,
    };
    let Some(routine) = &file.routine else {
        report.broken = file.problems.has_errors().then(|| file.problems.render());
        return report.broken.is_some().then_some(report);
    };
    let wanted = |case: &&Case| {
        let full = format!("{}: {}", routine.name, case.name);
        args.filter.as_ref().is_none_or(|filter| full.contains(filter.as_str()))
    };
    let mut outcomes = Vec::new();
    for case in routine.cases.iter().filter(wanted) {
        let outcome = trial::run(routine, case, &|fixture: &str| read_fixture(&file.path, fixture));
        let (line, _) = file.problems.locate(&case.span);
        report.tests.push(tested(case, line, &outcome));
        outcomes.push(outcome);
    }
    if args.filter.is_none() {
        judge(args, &mut report, routine, &outcomes);
    }
    Some(report)
}

fn tested(case: &Case, line: usize, outcome: &Outcome) -> Tested {
    let Outcome { standing, problems, notes, .. } = outcome;
    let (problems, notes) = (problems.clone(), notes.clone());
    Tested { name: case.name.clone(), line, standing: *standing, problems, notes }
}

/// Holds the routine as a whole to what the arguments ask for.
fn judge(args: &TestArgs, report: &mut Report, routine: &Routine, outcomes: &[Outcome]) {
    let coverage = trial::coverage(routine, outcomes);
    if args.require_tests && report.tests.is_empty() {
        report.problems.push("it has no tests".to_owned());
    }
    if let Some(min) = args.min_coverage
        && coverage.percent() < usize::from(min)
    {
        report
            .problems
            .push(format!("its tests try {} % of it, and {min} % are asked for", coverage.percent()));
    }
    report.coverage = Some(coverage);
}

/// Reads a file which a test names, relative to the file of its routine.
fn read_fixture(routine: &Path, fixture: &str) -> Result<String, String> {
    let path = routine.parent().unwrap_or(Path::new("")).join(fixture);
    std::fs::read_to_string(&path).map_err(|error| format!("cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
