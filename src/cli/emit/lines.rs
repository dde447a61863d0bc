//! `hearken emit --lines`: events from standard input, one a line.
//!
//! Lines are written in batches, a transaction each: a batch ends when it is large,
//! or when its first line has waited a moment, so that a slow stream is not held up.

use super::event::event;
use super::{EmitArgs, json};
use crate::cli::{of_schema, runtime, say};
use crate::pg::emit::{Emitted, NewEvent, emit_all};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader, Lines};
use tokio::time::{Instant, timeout_at};

/// The most events of a batch.
const BATCH: usize = 500;
/// The most bytes of a batch, of which the last line may be above.
const BATCH_BYTES: usize = 1 << 20;
/// How long the first line of a batch waits for others.
const WAIT: Duration = Duration::from_millis(50);

/// Runs it; `common` is what all events have that do not say otherwise. The exit
/// status is 2 if a line cannot be used, and 1 if the database does not take one.
/// Those before it are written then.
///
/// # Errors
///
/// Of the settings or the database.
pub(super) fn run(args: &EmitArgs, common: NewEvent) -> anyhow::Result<ExitCode> {
    let runtime = runtime()?;
    let result = runtime.block_on(pump(args, common));
    // A read of standard input may be under way, and nobody waits for it.
    runtime.shutdown_background();
    result
}

async fn pump(args: &EmitArgs, common: NewEvent) -> anyhow::Result<ExitCode> {
    let session = args.config.connect().await?;
    let form = if args.kind.is_some() { Form::Data } else { Form::Event };
    let mut input = Input::new(BufReader::new(tokio::io::stdin()), form, common);
    let mut written = Written::default();
    loop {
        let Batch { events, lines, end } = input.batch().await;
        if let (Some(first), Some(last)) = (lines.first(), lines.last()) {
            let emitted = emit_all(&session, &events, args.under).await;
            let emitted = emitted.map_err(|error| {
                let doubt =
                    format!("{}; whether lines {first} to {last} are written is not known", written.shown());
                of_schema(error).context(doubt)
            })?;
            written.add(&emitted);
            if let Some((place, error)) = emitted.refused {
                let line = lines.get(place).unwrap_or(first);
                return stopped(args, &written, *line, &error.to_string(), 1);
            }
        }
        match end {
            End::More => {}
            End::Over => return over(args, &written),
            End::Bad { line, why } => return stopped(args, &written, line, &why, 2),
        }
    }
}

fn over(args: &EmitArgs, written: &Written) -> anyhow::Result<ExitCode> {
    if args.json {
        say(&format!("{}\n", written.json()))?;
    } else {
        say(&format!("{}\n", written.shown()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn stopped(args: &EmitArgs, written: &Written, line: u64, why: &str, status: u8) -> anyhow::Result<ExitCode> {
    if args.json {
        let mut object = written.json();
        object["line"] = line.into();
        object["error"] = why.into();
        say(&format!("{object}\n"))?;
    } else {
        say(&format!("{}\n", written.shown()))?;
    }
    eprintln!("hearken: line {line}: {why}; nothing from this line on was written");
    Ok(ExitCode::from(status))
}

/// How many events were written, and their numbers.
#[derive(Debug, Default)]
struct Written {
    count: u64,
    first: Option<i64>,
    last: Option<i64>,
}

impl Written {
    fn add(&mut self, emitted: &Emitted) {
        self.count += emitted.seqs.len() as u64;
        self.first = self.first.or(emitted.seqs.first().copied());
        self.last = emitted.seqs.last().copied().or(self.last);
    }

    fn json(&self) -> Value {
        serde_json::json!({ "written": self.count, "first": self.first, "last": self.last })
    }

    fn shown(&self) -> String {
        match (self.count, self.first, self.last) {
            (1, Some(first), _) => format!("1 event written: {first}"),
            (count, Some(first), Some(last)) => format!("{count} events written: {first} to {last}"),
            (_, _, _) => "no event written".to_owned(),
        }
    }
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The data of an event.
    Data,
    /// A whole event.
    Event,
}

/// Some lines.
#[derive(Debug)]
struct Batch {
    events: Vec<NewEvent>,
    /// Where each stands, from 1.
    lines: Vec<u64>,
    end: End,
}

/// What comes after a batch.
#[derive(Debug, PartialEq, Eq)]
enum End {
    More,
    Over,
    /// A line which cannot be used.
    Bad {
        line: u64,
        why: String,
    },
}

/// The lines which are still to come.
struct Input<R> {
    lines: Lines<R>,
    /// The last line which was read, from 1.
    line: u64,
    form: Form,
    common: NewEvent,
}

impl<R: AsyncBufRead + Unpin> Input<R> {
    fn new(reader: R, form: Form, common: NewEvent) -> Self {
        Self { lines: reader.lines(), line: 0, form, common }
    }

    /// The next events. It may be given up at any point, and nothing is lost but what
    /// it has read.
    async fn batch(&mut self) -> Batch {
        let mut batch = Batch { events: Vec::new(), lines: Vec::new(), end: End::More };
        let (mut bytes, mut deadline) = (0, None);
        while batch.events.len() < BATCH && bytes < BATCH_BYTES {
            let next = match deadline {
                None => self.lines.next_line().await,
                Some(deadline) => match timeout_at(deadline, self.lines.next_line()).await {
                    Ok(next) => next,
                    Err(_) => break,
                },
            };
            self.line += 1;
            let line = self.line;
            let read = match next {
                Ok(None) => {
                    batch.end = End::Over;
                    break;
                }
                Ok(Some(text)) if text.trim().is_empty() => continue,
                Ok(Some(text)) => {
                    bytes += text.len();
                    self.read(text)
                }
                Err(error) => Err(format!("it cannot be read: {error}")),
            };
            match read {
                Ok(event) => {
                    batch.events.push(event);
                    batch.lines.push(line);
                    deadline.get_or_insert_with(|| Instant::now() + WAIT);
                }
                Err(why) => {
                    batch.end = End::Bad { line, why };
                    break;
                }
            }
        }
        batch
    }

    /// One line, which is not empty.
    fn read(&self, text: String) -> Result<NewEvent, String> {
        let value: Value = serde_json::from_str(&text).map_err(|error| {
            format!("this is not JSON: {}, at column {}", json::said(&error), error.column())
        })?;
        match (self.form, value) {
            (Form::Data, _) => Ok(NewEvent { data: text, ..self.common.clone() }),
            (Form::Event, Value::Object(map)) => event(map, &self.common),
            (Form::Event, _) => {
                Err("an event is an object; with TYPE before `--lines`, each line is the data of one"
                    .to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common() -> NewEvent {
        NewEvent { data: "{}".to_owned(), subject: Some("s".to_owned()), ..NewEvent::default() }
    }

    async fn batch(text: &str, form: Form) -> Batch {
        Input::new(text.as_bytes(), form, common()).batch().await
    }

    #[tokio::test]
    async fn each_line_is_an_event() {
        let text =
            "{\"type\": \"a\", \"data\": 1.10}\n\n{\"type\": \"b\", \"subject\": \"t\", \"old\": null}";
        let Batch { events, lines, end } = batch(text, Form::Event).await;
        let seen: Vec<_> = events
            .iter()
            .map(|event| (event.kind.as_str(), event.data.as_str(), event.subject.as_deref()))
            .collect();
        assert_eq!(seen, [("a", "1.10", Some("s")), ("b", "{}", Some("t"))]);
        assert_eq!((lines, end, events[1].old.as_deref()), (vec![1, 3], End::Over, None));
    }

    #[tokio::test]
    async fn a_line_is_the_data_where_the_type_is_given() {
        let Batch { events, end, .. } = batch("{\"n\": 1}\n[]\n", Form::Data).await;
        let data: Vec<&str> = events.iter().map(|event| event.data.as_str()).collect();
        assert_eq!((data, end), (vec!["{\"n\": 1}", "[]"], End::Over));
    }

    #[tokio::test]
    async fn a_large_batch_ends() {
        let text = "{}\n".repeat(BATCH + 1);
        let mut input = Input::new(text.as_bytes(), Form::Data, common());
        let first = input.batch().await;
        assert_eq!((first.events.len(), first.end), (BATCH, End::More));
        let second = input.batch().await;
        assert_eq!((second.lines, second.end), (vec![BATCH as u64 + 1], End::Over));
    }

    #[tokio::test]
    async fn a_bad_line_ends_it_and_those_before_it_are_kept() {
        for (bad, says) in [
            ("{\"type\": \"a\"", "this is not JSON: EOF while parsing an object, at column 12"),
            ("[1]", "an event is an object"),
            ("{}", "this event has no `type`"),
            ("{\"type\": \"\"}", "`type` cannot be empty"),
            ("{\"type\": \"a\", \"subject\": 1}", "`subject` must be text"),
            ("{\"type\": \"a\", \"dta\": 1}", "did you mean `data`?"),
            ("{\"type\": \"a\", \"time\": \"soon\"}", "`soon` is no time"),
        ] {
            let text = format!("{{\"type\": \"a\"}}\n{bad}\n{{\"type\": \"b\"}}\n");
            let Batch { events, end, .. } = batch(&text, Form::Event).await;
            let End::Bad { line, why } = end else { panic!("{bad} was taken") };
            assert_eq!((events.len(), line), (1, 2), "{bad}");
            assert!(why.contains(says), "{why}");
        }
    }
}
