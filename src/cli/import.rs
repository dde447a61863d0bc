//! `hearken import`.

use super::check::colours;
use crate::rules::eventbridge::{Options, Refusal, import};
use crate::rules::name::QueueName;
use crate::rules::path::Path;
use crate::rules::problem::Problems;
use anyhow::Context;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Turn conditions of other systems into routines; no database is needed.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    #[command(subcommand)]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum Format {
    /// Print a routine for an event pattern of Amazon EventBridge.
    ///
    /// The exit status is 0 if there is a routine, 2 if the pattern is not valid,
    /// and 3 if it says something which a routine cannot say.
    Eventbridge(EventbridgeArgs),
}

#[derive(Debug, clap::Args)]
struct EventbridgeArgs {
    /// The file of the pattern; `-` reads standard input.
    #[arg(value_name = "PATTERN.json")]
    pattern: PathBuf,
    /// Where in an event the pattern begins, such as `data`; if not given, at the
    /// envelope of EventBridge, whose `detail` is `data`.
    #[arg(long, value_name = "PATH", value_parser = root)]
    root: Option<Path>,
    /// The title of the routine.
    #[arg(long, value_name = "TITLE", value_parser = title)]
    title: Option<String>,
    /// The queue of its item.
    #[arg(long, value_name = "QUEUE", value_parser = QueueName::parse)]
    queue: Option<QueueName>,
}

/// Runs it.
///
/// # Errors
///
/// If the pattern cannot be read, or nothing can be written.
pub fn run(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let Format::Eventbridge(args) = &args.format;
    let text = read(&args.pattern)?;
    let options = Options { root: args.root.clone(), title: args.title.clone(), queue: args.queue.clone() };
    let routine = match import(&args.pattern.display().to_string(), &text, &options) {
        Ok(routine) => routine,
        Err(refusal) => {
            let (problems, status) = refused(&refusal);
            let report = if colours() { problems.render_coloured() } else { problems.render() };
            eprint!("{report}");
            return Ok(ExitCode::from(status));
        }
    };
    let mut out = std::io::stdout().lock();
    match out.write_all(routine.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// What is shown, and the exit status.
fn refused(refusal: &Refusal) -> (&Problems, u8) {
    match refusal {
        Refusal::Invalid(problems) => (problems, 2),
        Refusal::Unsupported(problems) => (problems, 3),
    }
}

fn read(path: &std::path::Path) -> anyhow::Result<String> {
    let text = if path == std::path::Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.with_context(|| format!("the pattern {} cannot be read", path.display()))?;
    Ok(without_mark(text))
}

/// The text without the byte order mark with which some editors begin a file.
fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

fn root(text: &str) -> Result<Path, String> {
    if let Some(rest) = text.strip_prefix("detail").filter(|rest| rest.is_empty() || rest.starts_with('.')) {
        return Err(format!("what is `detail` in EventBridge is `data` here: write `data{rest}`"));
    }
    let path = Path::parse(text).map_err(|error| match error.help {
        Some(help) => format!("{}; {help}", error.message),
        None => error.message,
    })?;
    if !path.root().is_json() {
        return Err(format!("`{}` is text, and a pattern asks for fields", path.root().as_str()));
    }
    if path.has_quantifier() {
        return Err("a quantifier has no place in it: one element has to meet all conditions".to_owned());
    }
    Ok(path)
}

fn title(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("a title says something".to_owned()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: ImportArgs,
    }

    #[test]
    fn arguments_are_checked_before_the_pattern_is_read() {
        for (arguments, ok) in [
            ("p.json", true),
            ("-|--root|data.order|--title|Paid|--queue|sales", true),
            ("p.json|--root|type", false),
            ("p.json|--root|dta", false),
            ("p.json|--root|data.items[any]", false),
            ("p.json|--title| ", false),
            ("p.json|--queue|a b", false),
            ("--queue|sales", false),
        ] {
            let all = ["import", "eventbridge"].into_iter().chain(arguments.split('|'));
            assert_eq!(Cli::try_parse_from(all).is_ok(), ok, "{arguments}");
        }
    }

    #[test]
    fn a_root_which_is_none_is_explained() {
        for (text, want) in [
            ("detail", "what is `detail` in EventBridge is `data` here: write `data`"),
            ("detail.order", "what is `detail` in EventBridge is `data` here: write `data.order`"),
            ("dta", "an event has no `dta`; did you mean `data`?"),
        ] {
            assert_eq!(root(text).unwrap_err(), want);
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        assert_eq!(without_mark("\u{feff}{}".to_owned()), "{}");
        assert_eq!(without_mark("{}".to_owned()), "{}");
    }

    #[test]
    fn a_mistake_and_a_part_without_equivalent_have_their_own_status() {
        for (pattern, status) in [(r#"{ "a": "b" }"#, 2), (r#"{ "source": { "a": ["b"] } }"#, 3)] {
            let refusal = import("p.json", pattern, &Options::default()).unwrap_err();
            assert_eq!(refused(&refusal).1, status, "{pattern}");
        }
    }
}
