//! `hearken fire`.

mod report;
mod which;

use self::report::{Form, Mood, Report};
use self::which::{TickName, Usage, chosen};
use super::{ConfigArgs, environment, of_schema, runtime, say};
use crate::config::Config;
use crate::daemon::fire::{Cause, End, Fired, Firing, Key};
use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::pg::fire::{self, EventName, Force, Found};
use crate::pg::schedules;
use crate::pg::session::{Session, SessionRole};
use crate::rules::event::Event;
use crate::rules::explain::{Outcome, explain};
use crate::rules::name::RoutineName;
use crate::rules::routine::Routine;
use std::path::PathBuf;
use std::process::ExitCode;

/// Run one routine by hand, for one event of the log or one tick.
///
/// What becomes of it is what a daemon would make of it: conditions, `[each]`, gates and
/// dedup keys hold, so that firing twice makes nothing twice. Only routines which are
/// files can be fired, not those which are rows of the database. How far the log and the
/// schedules have come stays as it is.
#[derive(Debug, clap::Args)]
pub struct FireArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The routine: the stem of its file.
    #[arg(value_name = "ROUTINE", value_parser = RoutineName::parse)]
    routine: RoutineName,
    /// The event: its number in the log (`seq`), or the id which its writer gave it. An id of digits
    /// alone is written `id:123`.
    #[arg(long, value_name = "EVENT", conflicts_with = "tick")]
    event: Option<String>,
    /// The tick, for routines with a schedule: a time such as `2026-03-02T09:00:00+01:00`, or `now`.
    #[arg(long, value_name = "TIME")]
    tick: Option<TickName>,
    /// Make the items once more, under keys of their own. Gates of `[flow]` are asked all the same.
    #[arg(long)]
    again: bool,
    /// Show what would become of it, and take everything back; only numbers of sequences are lost.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
    /// The folder of routine files, or one file; that of the settings unless given.
    #[arg(long, value_name = "PATH")]
    routines: Option<PathBuf>,
}

/// Runs it. The exit status is 0 if it was done, also where a gate stopped it or all was
/// there before; 1 if the event does not match or is not there, the routine is paused, or
/// an item cannot be made; 2 if the arguments or the file of the routine cannot be used.
///
/// # Errors
///
/// Of the settings or the database.
pub fn run(args: &FireArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let path = args.routines.as_ref().unwrap_or(&config.daemon.routines);
    let tables = config.tables();
    let routine = match chosen(path, &args.routine, &tables).and_then(|routine| {
        which::fits(&routine, args.event.as_deref(), args.tick)?;
        Ok(routine)
    }) {
        Ok(routine) => routine,
        Err(usage) => return Ok(refused(&usage)),
    };
    runtime()?.block_on(fire_it(args, &config, &routine))
}

/// Fires the routine, and says what became of it.
async fn fire_it(args: &FireArgs, config: &Config, routine: &Routine) -> anyhow::Result<ExitCode> {
    let options = ConnectOptions::resolve(config.database_url()?.as_deref(), &environment)?;
    let session = Session::open(&options, SessionRole::Tool, None).await?;
    let report = Report {
        routine,
        mood: if args.dry_run { Mood::DryRun } else { Mood::Done },
        form: if args.json { Form::Json } else { Form::People },
    };
    let cause = match cause(args, &session, routine).await? {
        Ok(cause) => cause,
        Err(why) => {
            eprintln!("hearken: {why}");
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Cause::Event(event) = &cause
        && !matches(&report, routine, event)?
    {
        return Ok(ExitCode::FAILURE);
    }
    let firing = Firing {
        routine,
        cause: &cause,
        key: if args.again { Key::Again } else { Key::OfCause },
        end: if args.dry_run { End::RollBack } else { End::Commit },
    };
    let fired = firing.run(&session, config.tables().inboxes).await.map_err(explained)?;
    say(&report.of(&cause, &fired))?;
    note_force(&session, routine).await;
    Ok(match fired {
        Fired::Done { .. } => ExitCode::SUCCESS,
        Fired::Paused | Fired::Failed(_) => ExitCode::FAILURE,
    })
}

fn refused(usage: &Usage) -> ExitCode {
    match usage {
        Usage::Problems(problems) if super::check::colours() => eprint!("{}", problems.render_coloured()),
        Usage::Problems(problems) => eprint!("{}", problems.render()),
        Usage::Said(why) => eprintln!("hearken: {why}"),
    }
    ExitCode::from(2)
}

/// What sets the routine off, read from the database; or why nothing does.
async fn cause(
    args: &FireArgs,
    session: &Session,
    routine: &Routine,
) -> anyhow::Result<Result<Cause, String>> {
    let Some(text) = &args.event else {
        let tick = match args.tick {
            Some(TickName::At(tick)) => tick,
            Some(TickName::Now) | None => schedules::now(session).await.map_err(of_schema)?,
        };
        if args.tick != Some(TickName::Now) && !which::is_tick(routine, tick) {
            eprintln!("note: {tick} is no tick of the routine's schedule; it is fired all the same");
        }
        return Ok(Ok(Cause::Tick(tick)));
    };
    let name = which::event_name(text);
    Ok(match fire::event(session, &name).await.map_err(of_schema)? {
        Found::One(event) => Ok(Cause::Event(event)),
        Found::Unreadable { seq, why } => Err(format!("the event {seq} cannot be weighed: {why}")),
        Found::Several(seqs) => {
            let seqs: Vec<String> = seqs.iter().map(i64::to_string).collect();
            Err(format!(
                "several events have the id `{text}`: say which by its number, of {}",
                seqs.join(", ")
            ))
        }
        Found::Never => Err(format!("no event has had the number {text} yet")),
        Found::Gone => Err(match name {
            EventName::Seq(seq) => format!(
                "the event {seq} is not in the log: its week was dropped ([retention] events), or its \
                 transaction was rolled back or is still open"
            ),
            EventName::Id(id) => format!(
                "no event with the id `{id}` is in the log: its week was dropped ([retention] events), or it \
                 was never committed"
            ),
        }),
    })
}

/// Whether the routine wants the event. If it does not, it is said why.
fn matches(report: &Report<'_>, routine: &Routine, event: &Event) -> std::io::Result<bool> {
    let explanation = explain(routine, event);
    if let Outcome::NoMatch(_) = &explanation.outcome {
        say(&report.of_no_match(event, &explanation))?;
        return Ok(false);
    }
    Ok(true)
}

/// An error of the transaction, with what to do.
fn explained(error: PgError) -> anyhow::Error {
    match error {
        error @ PgError::Taken(_) => {
            anyhow::Error::new(error).context("nothing was done; try again in a moment")
        }
        error => of_schema(error),
    }
}

/// Says so if the routine is not the one in force. That is a remark on what is done
/// already: without the grants it is left out.
async fn note_force(session: &Session, routine: &Routine) {
    let name = &routine.name;
    match fire::force(session, routine).await {
        Ok(Force::Same) | Err(_) => {}
        Ok(Force::Another) => eprintln!("note: another version of `{name}` is in force"),
        Ok(Force::None) => eprintln!("note: `{name}` is not in force: no daemon has it"),
    }
}
