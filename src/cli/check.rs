//! `hearken check`.

mod database;

use super::ConfigArgs;
use crate::config::Config;
use crate::daemon::load::{RoutineFile, load_all};
use crate::rules::name::RoutineName;
use crate::rules::problem::{Level, Problem, Problems, Report};
use crate::rules::review::{against_tables, review};
use crate::rules::routine::RoutineSet;
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Check routine files; only with --database a database is needed.
///
/// Reads the files as the daemon would and shows all that is wrong with all of
/// them. The exit status is 0 if they can be used, 2 if some cannot, and with
/// --deny-warnings 1 if there are warnings.
///
/// With --database, sources, inboxes, endpoints and routines are then held against the real
/// tables: columns, types, unique indexes, privileges, policies and triggers.
/// Nothing is changed there; what mends a finding is printed.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The folder of routine files, or one file; that of the settings unless given.
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// One JSON object a line for each problem, and nothing else.
    #[arg(long)]
    json: bool,
    /// Exit with status 1 if there are warnings.
    #[arg(long)]
    deny_warnings: bool,
    /// Also hold sources, inboxes, endpoints and routines against the tables of the database.
    #[arg(long)]
    database: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What was found.
struct Checked {
    /// The problems of each file, in the order of their paths.
    files: Vec<Problems>,
    /// How many of the files can be used.
    routines: usize,
    /// Where the settings do not fit the database.
    settings: Vec<Problems>,
    /// What was held against the database, if anything was.
    tables: Option<Tables>,
}

/// How many tables were held against the database.
#[derive(Clone, Copy, Debug)]
struct Tables {
    sources: usize,
    inboxes: usize,
    endpoints: usize,
}

/// One problem for machines.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    report: Report,
    end_line: usize,
    end_column: usize,
    /// SQL which mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

/// Runs it.
///
/// # Errors
///
/// If nothing can be written.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let checked = match check(args) {
        Ok(checked) => checked,
        Err(error) => {
            eprintln!("hearken: {error:#}");
            return Ok(ExitCode::from(2));
        }
    };
    let written = if args.json {
        print_json(&mut std::io::stdout().lock(), checked.all())
    } else {
        print(&mut std::io::stderr().lock(), &mut std::io::stdout().lock(), &checked)
    };
    match written {
        // Whoever reads has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::from(checked.status(args))),
    }
}

fn check(args: &CheckArgs) -> anyhow::Result<Checked> {
    let config = settings(&args.config)?;
    let of_settings = config.as_ref().map(|config| config.daemon.routines.clone());
    let path = args.path.clone().or(of_settings).unwrap_or_else(|| PathBuf::from("routines"));
    let mut files = load_all(&path)?;
    let set = RoutineSet::new(files.iter().filter_map(|file| file.routine.clone()).collect());
    let tables = config.iter().flat_map(|config| against_tables(&set, &config.tables()));
    for (name, problem) in review(&set).into_iter().chain(tables) {
        note(&mut files, &name, problem);
    }
    let mut checked =
        Checked { files: Vec::new(), routines: set.routines.len(), settings: Vec::new(), tables: None };
    if args.database {
        let looked = database::look(&args.config, &set, &mut files)?;
        checked.settings = looked.settings;
        checked.tables = Some(looked.tables);
    }
    for file in &mut files {
        file.problems.sort();
    }
    checked.files = files.into_iter().map(|file| file.problems).collect();
    if checked.files.is_empty() {
        checked.files.push(nothing(&path));
    }
    Ok(checked)
}

/// Notes a problem with the file of a routine.
fn note(files: &mut [RoutineFile], name: &RoutineName, problem: Problem) {
    let is_its =
        |file: &&mut RoutineFile| file.routine.as_deref().is_some_and(|routine| routine.name == *name);
    if let Some(file) = files.iter_mut().find(is_its) {
        file.problems.push(problem);
    }
}

/// The settings, if there are some here. The environment is left aside: no variable of
/// it describes a table, and a bad value in it says nothing about a routine.
fn settings(args: &ConfigArgs) -> anyhow::Result<Option<Config>> {
    if args.config.is_none() && !Path::new("hearken.toml").exists() {
        return Ok(None);
    }
    Ok(Some(Config::load(args.config.as_deref(), &|_| None)?))
}

/// The problem of a folder without any routine.
fn nothing(folder: &Path) -> Problems {
    let mut problems = Problems::new(&folder.display().to_string(), "");
    let help = "a routine is a file such as `large-refund-review.toml`; hidden files are passed over";
    problems.push(Problem::warning(0..0, "there are no routines here").help(help));
    problems
}

impl Checked {
    /// The problems of the settings and of each file.
    fn all(&self) -> impl Iterator<Item = &Problems> {
        self.settings.iter().chain(&self.files)
    }

    fn count(&self, level: Level) -> usize {
        self.all().flat_map(Problems::iter).filter(|problem| problem.level == level).count()
    }

    fn status(&self, args: &CheckArgs) -> u8 {
        match (self.count(Level::Error), self.count(Level::Warning)) {
            (0, 1..) if args.deny_warnings => 1,
            (0, _) => 0,
            _ => 2,
        }
    }

    /// One line which says how it went.
    fn summary(&self) -> String {
        let mut routines = counted(self.routines, "routine");
        if let Some(tables) = &self.tables {
            let inboxes = if tables.inboxes == 1 { "inbox" } else { "inboxes" };
            let (sources, count) = (counted(tables.sources, "source"), tables.inboxes);
            routines.push_str(&format!(", {sources}, {count} {inboxes}"));
            if tables.endpoints > 0 {
                routines.push_str(&format!(", {}", counted(tables.endpoints, "endpoint table")));
            }
        }
        let (errors, warnings) = (self.count(Level::Error), self.count(Level::Warning));
        let bad = self.files.iter().filter(|problems| problems.has_errors()).count();
        match (errors, warnings) {
            (0, 0) => format!("{routines}, no problems"),
            (0, _) => format!("{routines}, {}", counted(warnings, "warning")),
            _ => {
                let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
                let bad = match bad {
                    0 => "the settings do not fit the database".to_owned(),
                    bad => format!("{} cannot be used", counted(bad, "routine file")),
                };
                format!("{routines}, {errors}, {warnings}: {bad}")
            }
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Shows the problems, and then one line which says how it went: the problems
/// go where errors go, and a line of success where output goes.
fn print(problems: &mut impl Write, success: &mut impl Write, checked: &Checked) -> std::io::Result<()> {
    let coloured = colours();
    for file in checked.all().filter(|file| !file.is_empty()) {
        let text = if coloured { file.render_coloured() } else { file.render() };
        writeln!(problems, "{text}")?;
    }
    let summary = checked.summary();
    if checked.all().any(Problems::has_errors) {
        writeln!(problems, "{summary}")
    } else {
        writeln!(success, "{summary}")?;
        success.flush()
    }
}

/// Whether what goes to standard error is in colour: on a terminal, unless
/// `NO_COLOR` is set.
pub(super) fn colours() -> bool {
    std::io::stderr().is_terminal() && super::environment("NO_COLOR").is_none()
}

fn print_json<'a>(out: &mut impl Write, files: impl Iterator<Item = &'a Problems>) -> std::io::Result<()> {
    for problems in files {
        for (report, problem) in problems.reports().into_iter().zip(problems.iter()) {
            let (end_line, end_column) = problems.locate(&(problem.span.end..problem.span.end));
            let mend = database::mend(report.help.as_deref()).map(str::to_owned);
            let line = serde_json::to_string(&Line { report, end_line, end_column, mend })?;
            writeln!(out, "{line}")?;
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: CheckArgs,
    }

    #[test]
    fn the_status_and_the_summary_follow_the_worst_problem() {
        check("check", &[], 0, "3 routines, no problems");
        check("check", &[Level::Warning], 0, "3 routines, 1 warning");
        check("check|--deny-warnings", &[Level::Warning], 1, "3 routines, 1 warning");
        let both = [Level::Error, Level::Warning];
        let summary = "3 routines, 1 error, 1 warning: 1 routine file cannot be used";
        check("check", &both, 2, summary);
        check("check|--deny-warnings", &both, 2, summary);
    }

    #[test]
    fn machines_get_an_object_a_line_with_both_ends() {
        let mut problems = Problems::new("r.toml", "a = 1\nbc = 2\n");
        problems.push(Problem::error(6..8, "no bc").help("drop it"));
        problems.push(Problem::warning(0..1, "no a"));
        let mut out = Vec::new();
        print_json(&mut out, [problems].iter()).unwrap();
        let want = "{\"file\":\"r.toml\",\"line\":2,\"column\":1,\"level\":\"error\",\"message\":\"no bc\",\
                    \"help\":\"drop it\",\"end_line\":2,\"end_column\":3}\n\
                    {\"file\":\"r.toml\",\"line\":1,\"column\":1,\"level\":\"warning\",\"message\":\"no a\",\
                    \"help\":null,\"end_line\":1,\"end_column\":2}\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn what_was_held_against_the_database_is_counted_as_well() {
        let mut settings = Problems::new("hearken.toml", "");
        settings.push(Problem::error(0..0, "odd").help("run this SQL: grant select on t to r"));
        let tables = Some(Tables { sources: 1, inboxes: 2, endpoints: 0 });
        let fits = Checked { files: Vec::new(), routines: 3, settings: Vec::new(), tables };
        assert_eq!(fits.summary(), "3 routines, 1 source, 2 inboxes, no problems");
        let checked = Checked { settings: vec![settings], ..fits };
        let want =
            "3 routines, 1 source, 2 inboxes, 1 error, 0 warnings: the settings do not fit the database";
        assert_eq!(checked.summary(), want);
        let mut out = Vec::new();
        print_json(&mut out, checked.all()).unwrap();
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            (&line["file"], &line["mend"]),
            (&"hearken.toml".into(), &"grant select on t to r".into())
        );
    }

    #[track_caller]
    fn check(arguments: &str, levels: &[Level], status: u8, summary: &str) {
        let args = Cli::try_parse_from(arguments.split('|')).unwrap().args;
        let mut problems = Problems::new("r.toml", "");
        for level in levels {
            problems.push(Problem { level: *level, ..Problem::error(0..0, "odd") });
        }
        let checked = Checked { files: vec![problems], routines: 3, settings: Vec::new(), tables: None };
        assert_eq!((checked.status(&args), checked.summary().as_str()), (status, summary));
    }
}
