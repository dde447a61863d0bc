//! `hearken emit`.

mod event;
mod json;
mod lines;

use super::check::colours;
use super::{ConfigArgs, of_schema, runtime, say};
use crate::pg::emit::{NewEvent, Under, emit};
use crate::rules::problem::Problems;
use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use std::io::Read;
use std::process::ExitCode;

/// Write an event to the log, and say its number.
///
/// It does what `hearken.emit()` does in SQL, with the rights of the role which
/// connects: those of a writer suffice. With --lines it reads events from standard
/// input, one a line: of TYPE with each line as data, or, without TYPE, whole events
/// such as `{"type": "invoice.paid", "data": {"invoice": 7}}`.
#[derive(Debug, clap::Args)]
pub struct EmitArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// What kind of thing happened, such as `invoice.paid`.
    #[arg(value_name = "TYPE", required_unless_present = "lines", value_parser = some_text())]
    kind: Option<String>,
    /// What happened, in detail: JSON, `@FILE` with JSON in it, or `-` for standard input [default: {}].
    #[arg(long, value_name = "JSON", allow_negative_numbers = true, conflicts_with = "lines")]
    data: Option<String>,
    /// What it happened to, such as the id of the invoice.
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// Where it happened [default: app].
    #[arg(long, value_name = "TEXT", value_parser = some_text())]
    source: Option<String>,
    /// The writer's id of the event; a random one if not given. Two events may have the same.
    #[arg(long, value_name = "TEXT", value_parser = some_text(), conflicts_with = "lines")]
    id: Option<String>,
    /// Whose event it is, where several share the database.
    #[arg(long, value_name = "TEXT")]
    tenant: Option<String>,
    /// When it happened, such as `2026-03-02T09:00:00+01:00`; when the log takes it, if not given.
    #[arg(long, value_name = "TIME", value_parser = time)]
    time: Option<Timestamp>,
    /// What is carried along, such as a trace id: JSON, or `@FILE`.
    #[arg(long, value_name = "JSON", allow_negative_numbers = true)]
    meta: Option<String>,
    /// The row as it was before: JSON, or `@FILE`.
    #[arg(long, value_name = "JSON", allow_negative_numbers = true)]
    old: Option<String>,
    /// The lease under which it is emitted: the item's id and its token. By it routines which would
    /// trigger each other are stopped.
    #[arg(long, value_name = "ID:TOKEN")]
    under: Option<Under>,
    /// Read events from standard input, one a line; the other arguments hold for those which do not
    /// say otherwise.
    #[arg(long)]
    lines: bool,
    /// Say it as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs it. The exit status is 2 if the event cannot be used, and 1 if the database
/// does not take it.
///
/// # Errors
///
/// Of the settings or the database.
pub fn run(args: &EmitArgs) -> anyhow::Result<ExitCode> {
    let event = match event_of(args) {
        Ok(event) => event,
        Err(error) => {
            match error.downcast_ref::<Problems>() {
                Some(problems) if colours() => eprint!("{}", problems.render_coloured()),
                Some(problems) => eprint!("{}", problems.render()),
                None => eprintln!("hearken: {error:#}"),
            }
            return Ok(ExitCode::from(2));
        }
    };
    if args.lines {
        return lines::run(args, event);
    }
    runtime()?.block_on(async {
        let session = args.config.connect().await?;
        let seq = emit(&session, &event, args.under).await.map_err(of_schema)?;
        if args.json {
            say(&format!("{}\n", serde_json::json!({ "seq": seq, "type": event.kind })))?;
        } else {
            say(&format!("{seq}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The event of the arguments; with --lines, what all of them have.
fn event_of(args: &EmitArgs) -> anyhow::Result<NewEvent> {
    Ok(NewEvent {
        kind: args.kind.clone().unwrap_or_default(),
        data: match args.data.as_deref() {
            None => "{}".to_owned(),
            Some("-") => json::checked("standard input", standard_input()?)?,
            Some(text) => json_of("--data", text)?,
        },
        subject: args.subject.clone(),
        source: args.source.clone(),
        id: args.id.clone(),
        time: args.time,
        old: args.old.as_deref().map(|text| json_of("--old", text)).transpose()?.and_then(json::no_null),
        tenant: args.tenant.clone(),
        meta: args.meta.as_deref().map(|text| json_of("--meta", text)).transpose()?.and_then(json::no_null),
    })
}

/// JSON of an argument, or of the file which it names.
fn json_of(name: &str, text: &str) -> anyhow::Result<String> {
    let Some(path) = text.strip_prefix('@') else { return Ok(json::checked(name, text.to_owned())?) };
    let bytes = std::fs::read(path).with_context(|| format!("{name}: cannot read {path}"))?;
    Ok(json::checked(path, utf8(path, bytes)?)?)
}

fn standard_input() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    utf8("standard input", bytes)
}

fn utf8(name: &str, bytes: Vec<u8>) -> anyhow::Result<String> {
    String::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8, and so no JSON"))
}

/// Text which is not empty.
fn some_text() -> NonEmptyStringValueParser {
    NonEmptyStringValueParser::new()
}

/// A time with its offset.
fn time(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "write a time with its offset: `2026-03-02T09:00:00+01:00`, or with `Z`".to_owned())
}
