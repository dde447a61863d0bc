//! `hearken check --database`: where what does not fit is shown.

use super::{Tables, note};
use crate::cli::{ConfigArgs, runtime};
use crate::config;
use crate::daemon::load::RoutineFile;
use crate::pg::inspect::{Described, Finding, Mend, Subject, inspect};
use crate::rules::problem::{Problem, Problems};
use crate::rules::routine::RoutineSet;
use std::ops::Range;
use std::path::Path;

/// What stands before SQL which mends something.
const RUN: &str = "run this SQL: ";

/// What was found in the database, but for what stands in routine files.
pub(super) struct Looked {
    /// The problems of the settings.
    pub(super) settings: Vec<Problems>,
    /// How many tables were looked at.
    pub(super) tables: Tables,
}

/// Holds settings and routines against the database. Problems of routines are noted
/// with their files.
///
/// # Errors
///
/// If there is no connection, or it is lost.
pub(super) fn look(args: &ConfigArgs, set: &RoutineSet, files: &mut [RoutineFile]) -> anyhow::Result<Looked> {
    let config = args.load()?;
    let pressure = config.pressure.as_ref().map(|pressure| &pressure.sql);
    let described = Described {
        sources: &config.source,
        inboxes: &config.inbox,
        endpoints: &config.endpoint,
        pressure,
        routines: set,
    };
    let findings = runtime()?.block_on(async {
        let session = args.connect().await?;
        anyhow::Ok(inspect(&session, described).await?)
    })?;
    let tables = Tables {
        sources: config.source.len(),
        inboxes: config.inbox.len(),
        endpoints: config.endpoint.len(),
    };
    Ok(Looked { settings: spread(findings, &Written::read(args), files), tables })
}

/// The SQL of a help, if it is some.
pub(super) fn mend(help: Option<&str>) -> Option<&str> {
    help?.strip_prefix(RUN)
}

/// The settings as they are written.
struct Written {
    file: String,
    text: String,
}

impl Written {
    /// They have been read before, so that a file which is gone is one without text.
    fn read(args: &ConfigArgs) -> Self {
        let path = args.config.as_deref().unwrap_or(Path::new("hearken.toml"));
        let text = std::fs::read_to_string(path).unwrap_or_default();
        Self { file: path.display().to_string(), text }
    }
}

/// Puts findings beside what they are about; those about the settings are returned.
fn spread(findings: Vec<Finding>, written: &Written, files: &mut [RoutineFile]) -> Vec<Problems> {
    let mut placed = Problems::new(&written.file, &written.text);
    // Without a place no line of the settings is shown: it may hold a password.
    let mut elsewhere = Problems::new(&written.file, "");
    for finding in findings {
        match &finding.subject {
            Subject::Settings(keys) => match place(&written.text, keys) {
                Some(span) => placed.push(problem(finding, span)),
                None => elsewhere.push(problem(finding, 0..0)),
            },
            Subject::Routine(name, keys) => {
                let name = name.clone();
                let file = files
                    .iter()
                    .find(|file| file.routine.as_deref().is_some_and(|routine| routine.name == name));
                let text = file.map(|file| file.problems.text().clone()).unwrap_or_default();
                let span = place(&text, keys).unwrap_or_default();
                note(files, &name, problem(finding, span));
            }
        }
    }
    placed.sort();
    [placed, elsewhere].into_iter().filter(|problems| !problems.is_empty()).collect()
}

/// The place of a key, or of the table which it would stand in.
fn place(text: &str, keys: &[String]) -> Option<Range<usize>> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    // `source` alone is no place: it may stand before the dot of another line.
    (2..=keys.len())
        .rev()
        .chain((keys.len() == 1).then_some(1))
        .find_map(|count| config::place(text, &keys[..count]))
}

fn problem(finding: Finding, span: Range<usize>) -> Problem {
    let problem = Problem {
        level: finding.severity,
        // What the server says may have lines.
        ..Problem::error(span, finding.message.replace('\n', " "))
    };
    match finding.mend {
        None => problem,
        Some(Mend::Sql(sql)) => problem.help(format!("{RUN}{sql}")),
        Some(Mend::Command(command)) => problem.help(format!("run `{command}`")),
        Some(Mend::Advice(advice)) => problem.help(advice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[source.plugins]\ntype = \"x\"\n[inbox.a]\ndedup = { conflict = [\"k\"] }\n";

    #[test]
    fn a_key_has_its_place_or_that_of_its_table() {
        check(&["source", "plugins", "type"], Some("type"));
        check(&["source", "plugins", "mark"], Some("plugins"));
        check(&["inbox", "a", "dedup", "conflict"], Some("conflict"));
        check(&["inbox", "a", "dedup", "where"], Some("dedup"));
        check(&["inbox", "b", "table"], None);
        check(&[], None);
    }

    #[test]
    fn sql_which_mends_is_told_from_advice() {
        assert_eq!(mend(Some("run this SQL: grant a to b")), Some("grant a to b"));
        assert_eq!(mend(Some("run `hearken migrate`")), None);
        assert_eq!(mend(None), None);
    }

    #[track_caller]
    fn check(keys: &[&str], want: Option<&str>) {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(place(TEXT, &keys).map(|span| &TEXT[span]), want, "{keys:?}");
    }
}
