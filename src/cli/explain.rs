//! `hearken explain`.

use super::check::colours;
use crate::daemon::load::{RoutineFile, load_all};
use crate::rules::event::Event;
use crate::rules::explain::{Explanation, Outcome, ROWS_NOTE, explain, read_events};
use crate::rules::item::ItemDraft;
use crate::rules::problem::Problems;
use crate::rules::routine::Routine;
use crate::rules::text::{closest, shortened};
use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Say which routines an event matches, and why others do not; no database is
/// needed.
///
/// The event is a JSON object with `type` and, if wanted, `data`, `old`,
/// `subject`, `source`, `id`, `time`, `tenant`, `meta`, `from` and `chain`. A file
/// may hold several of them.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The file of the event; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// The folder of routine files, or one file.
    #[arg(long, value_name = "PATH", default_value = "routines")]
    routines: PathBuf,
    /// This routine only.
    #[arg(long, value_name = "NAME")]
    routine: Option<String>,
    /// One JSON object a line for each event and routine.
    #[arg(long)]
    json: bool,
}

/// What is to be explained.
struct Question {
    events: Vec<Event>,
    routines: Vec<Arc<Routine>>,
    /// The problems of routine files which cannot be used.
    broken: Vec<Problems>,
}

/// Runs it. The exit status is 2 if the event or a routine file cannot be used.
///
/// # Errors
///
/// If nothing can be written.
pub fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let question = match ask(args) {
        Ok(question) => question,
        Err(error) => {
            match error.downcast_ref::<Problems>() {
                Some(problems) => eprint!("{}", rendered(problems)),
                None => eprintln!("hearken: {error:#}"),
            }
            return Ok(ExitCode::from(2));
        }
    };
    for problems in &question.broken {
        eprintln!("{}", rendered(problems));
    }
    let status = if question.broken.is_empty() { 0 } else { 2 };
    let out = &mut std::io::stdout().lock();
    let written = if args.json { print_json(out, &question) } else { print(out, &question) };
    match written {
        // Whoever reads has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::from(status)),
    }
}

fn rendered(problems: &Problems) -> String {
    if colours() { problems.render_coloured() } else { problems.render() }
}

fn ask(args: &ExplainArgs) -> anyhow::Result<Question> {
    let text = read(&args.event)?;
    // Some editors begin a file with a mark which is no JSON.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let events = read_events(&args.event.display().to_string(), text, Timestamp::now())?;
    let mut files = load_all(&args.routines)?;
    if let Some(wanted) = &args.routine {
        files = only(files, wanted)?;
    }
    let (mut routines, mut broken) = (Vec::new(), Vec::new());
    for file in files {
        match file.routine {
            Some(routine) => routines.push(routine),
            None if file.problems.has_errors() => broken.push(file.problems),
            // A folder, or a link which leads nowhere: no routine, and no error.
            None => {}
        }
    }
    if routines.is_empty() && broken.is_empty() {
        anyhow::bail!("there are no routines in {}", args.routines.display());
    }
    Ok(Question { events, routines, broken })
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let result = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    result.with_context(|| format!("cannot read {}", path.display()))?;
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8, and so no JSON", path.display()))
}

/// The file of the routine of this name, which may be broken.
fn only(files: Vec<RoutineFile>, wanted: &str) -> anyhow::Result<Vec<RoutineFile>> {
    let stem = |file: &RoutineFile| file.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let names = files.iter().filter_map(stem).collect::<Vec<_>>();
    if !names.iter().any(|name| name == wanted) {
        let near = closest(wanted, names.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        anyhow::bail!("there is no routine `{wanted}`{near}");
    }
    Ok(files.into_iter().filter(|file| stem(file).is_some_and(|name| name == wanted)).collect())
}

fn print_json(out: &mut impl Write, question: &Question) -> std::io::Result<()> {
    for (number, event) in (1..).zip(&question.events) {
        for routine in &question.routines {
            let mut object = explain(routine, event).to_json();
            if question.events.len() > 1 {
                object = with_number(number, object);
            }
            writeln!(out, "{object}")?;
        }
    }
    out.flush()
}

/// The object with the number of its event in front.
fn with_number(number: u64, object: Value) -> Value {
    let mut numbered = serde_json::json!({ "event": number });
    if let (Value::Object(numbered), Value::Object(object)) = (&mut numbered, object) {
        numbered.extend(object);
    }
    numbered
}

fn print(out: &mut impl Write, question: &Question) -> std::io::Result<()> {
    for (number, event) in (1..).zip(&question.events) {
        if number > 1 {
            writeln!(out)?;
        }
        writeln!(out, "event {number}: {}", printable(&event.kind))?;
        let explanations = question.routines.iter().map(|routine| explain(routine, event));
        let (matching, others): (Vec<_>, Vec<_>) = explanations.partition(Explanation::matched);
        if matching.is_empty() {
            writeln!(out, "  matches no routine")?;
        }
        for explanation in matching.iter().chain(&others) {
            print_one(out, explanation)?;
        }
    }
    out.flush()
}

fn print_one(out: &mut impl Write, explanation: &Explanation) -> std::io::Result<()> {
    let name = &explanation.routine;
    match &explanation.outcome {
        Outcome::Items(drafts) => {
            writeln!(out, "  {name} matches")?;
            drafts.iter().try_for_each(|draft| print_draft(out, draft))?;
            explanation.gates.iter().try_for_each(|gate| writeln!(out, "    {}", printable(gate)))
        }
        Outcome::Rows => writeln!(out, "  {name} matches; {ROWS_NOTE}"),
        Outcome::Failed(error) => writeln!(out, "  {name} matches, and its item cannot be made: {error}"),
        Outcome::NoMatch(reason) => {
            writeln!(out, "  {name} does not match")?;
            reason.lines().iter().try_for_each(|(depth, line)| {
                let indent = "  ".repeat(depth + 2);
                writeln!(out, "{indent}{}", printable(line))
            })
        }
    }
}

fn print_draft(out: &mut impl Write, draft: &ItemDraft) -> std::io::Result<()> {
    let (place, values) = match &draft.foreign {
        Some(foreign) => (format!("the inbox {}", foreign.inbox), Some(&foreign.columns)),
        None => (draft.queue.to_string(), draft.context.as_object()),
    };
    writeln!(out, "    {} for {place}: {}", draft.item, printable(&draft.title))?;
    for (key, value) in values.into_iter().flatten() {
        writeln!(
            out,
            "      {} = {}",
            printable(key),
            shortened(&printable(&value.to_string()), VALUE_CHARS_MAX)
        )?;
    }
    Ok(())
}

/// The most characters of a value of the context which are shown.
const VALUE_CHARS_MAX: usize = 200;

/// The text without characters which would steer a terminal: it is an event's.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{9b}\n"), "a\u{fffd}[31mb\u{fffd}\u{fffd}");
    }

    #[test]
    fn the_number_of_the_event_comes_first() {
        let object = with_number(2, serde_json::json!({ "routine": "r", "matched": true }));
        assert_eq!(object.to_string(), "{\"event\":2,\"routine\":\"r\",\"matched\":true}");
    }
}
