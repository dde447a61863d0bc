//! `hearken next`.

use crate::daemon::load::{LoadError, load_dir};
use crate::rules::problem::{Problem, Problems};
use crate::rules::routine::Trigger;
use crate::rules::schedule::cron::Cron;
use crate::rules::schedule::days::{Days, parse_time};
use crate::rules::schedule::every::Every;
use crate::rules::schedule::policy::{DstPolicy, GapPolicy, RepeatPolicy};
use crate::rules::schedule::zone::parse_zone;
use crate::rules::schedule::{Schedule, Tick, Timing, merged};
use crate::rules::text::closest;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::json;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// List coming ticks of schedules; no database is needed.
///
/// Lists those of the routine, of all routines in the folder if none is named,
/// or of an expression given here.
#[derive(Debug, clap::Args)]
pub struct NextArgs {
    /// The routine; all that have a schedule if none is named.
    #[arg(value_name = "ROUTINE", conflicts_with_all = ["cron", "every"])]
    routine: Option<String>,
    /// A cron expression instead of a routine's schedule.
    #[arg(long, value_name = "EXPR", conflicts_with = "every")]
    cron: Option<String>,
    /// A period instead of a routine's schedule, such as `15m`.
    #[arg(long, value_name = "DURATION")]
    every: Option<String>,
    /// A time of day such as `09:00`, with --every in whole days, which are counted
    /// from 1 January 1970.
    #[arg(long, value_name = "TIME", requires = "every", conflicts_with_all = ["routine", "cron"])]
    time: Option<String>,
    /// The zone of --cron and --time, an IANA name; UTC if not given.
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// What times do which do not exist on a day: after (the gap, if not given) or skip.
    #[arg(long, value_name = "POLICY", value_parser = GapPolicy::parse)]
    gap: Option<GapPolicy>,
    /// What times do which exist twice on a day: first (if not given), second or both.
    #[arg(long, value_name = "POLICY", value_parser = RepeatPolicy::parse)]
    repeat: Option<RepeatPolicy>,
    /// List ticks after this time; after now if not given.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// How many ticks to list.
    #[arg(long, value_name = "N", default_value_t = 10)]
    count: usize,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// The folder of routine files.
    #[arg(long, value_name = "DIR", default_value = "routines")]
    routines: PathBuf,
}

/// Why nothing is listed.
enum Failure {
    /// What was asked for makes no sense; the report, as it is to be shown.
    Usage(String),
    /// Something else is in the way.
    Other(anyhow::Error),
}

fn usage<T>(message: impl std::fmt::Display) -> Result<T, Failure> {
    Err(Failure::Usage(format!("error: {message}\n")))
}

/// The schedules of a routine, with its name if names are to be shown.
struct Listed {
    routine: Option<String>,
    schedules: Vec<Schedule>,
}

/// A tick to show.
struct Line<'a> {
    routine: Option<&'a str>,
    schedule: &'a Schedule,
    tick: Tick,
}

/// Runs it. The exit status is 2 if the arguments or a routine file cannot be
/// used.
///
/// # Errors
///
/// If the folder of routines cannot be read, or nothing can be written.
pub fn run(args: &NextArgs) -> anyhow::Result<ExitCode> {
    let found = start(args).and_then(|from| Ok((from, listed(args)?)));
    let (from, listed) = match found {
        Ok(found) => found,
        Err(Failure::Usage(report)) => {
            eprint!("{report}");
            return Ok(ExitCode::from(2));
        }
        Err(Failure::Other(error)) => return Err(error),
    };
    let lines = lines(&listed, from, args.count);
    if lines.is_empty() && args.count > 0 {
        eprintln!("no tick after {from}");
    }
    match print(&mut std::io::stdout().lock(), &lines, args.json) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

/// The moment after which ticks are listed.
fn start(args: &NextArgs) -> Result<Timestamp, Failure> {
    let Some(text) = &args.from else { return Ok(Timestamp::now()) };
    // In this order: a civil time would ignore the offset.
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let tz = zone(args)?;
    match text.parse::<DateTime>().and_then(|civil| tz.to_timestamp(civil)) {
        Ok(at) => Ok(at),
        Err(_) => usage(format_args!("`{text}` is no time such as `2026-03-08T07:00:00Z`")),
    }
}

fn zone(args: &NextArgs) -> Result<TimeZone, Failure> {
    match args.tz.as_deref().map(parse_zone) {
        None => Ok(TimeZone::UTC),
        Some(Ok(zone)) => Ok(zone),
        Some(Err(error)) => usage(error),
    }
}

/// What there is to list.
fn listed(args: &NextArgs) -> Result<Vec<Listed>, Failure> {
    match timing(args)? {
        Some(timing) => {
            let (gap, repeat) = (args.gap.unwrap_or_default(), args.repeat.unwrap_or_default());
            let dst = DstPolicy { gap, repeat };
            let schedule = Schedule { tz: zone(args)?, dst, ..Schedule::new(timing) };
            Ok(vec![Listed { routine: None, schedules: vec![schedule] }])
        }
        None if args.tz.is_some() || args.gap.is_some() || args.repeat.is_some() => {
            usage("--tz, --gap and --repeat go with --cron or --every; a routine's are in its file")
        }
        None => listed_routines(args),
    }
}

/// The timing given as an argument.
fn timing(args: &NextArgs) -> Result<Option<Timing>, Failure> {
    if let Some(text) = &args.cron {
        return match Cron::parse(text) {
            Ok(cron) => Ok(Some(Timing::Cron(cron))),
            Err(error) => {
                let mut problems = Problems::new("--cron", text);
                problems.push(Problem::error(error.span, error.message));
                Err(Failure::Usage(problems.render()))
            }
        };
    }
    match args.every.as_deref().map(Every::parse) {
        None => Ok(None),
        Some(Ok(every)) => every_so_often(every, args.time.as_deref()).map(Some),
        Some(Err(error)) => usage(error),
    }
}

/// A period, or a time of day each period.
fn every_so_often(every: Every, time: Option<&str>) -> Result<Timing, Failure> {
    let Some(text) = time else { return Ok(Timing::Every(every)) };
    let time = match parse_time(text) {
        Ok(time) => time,
        Err(error) => return usage(error),
    };
    match Days::new(every, time) {
        Ok(days) => Ok(Timing::Days(days)),
        Err(error) => usage(error),
    }
}

/// The scheduled routines of the folder, or the one which was named.
fn listed_routines(args: &NextArgs) -> Result<Vec<Listed>, Failure> {
    let set = load_dir(&args.routines).map_err(|error| match error {
        LoadError::Problems(_) => Failure::Usage(format!("{error}\n")),
        LoadError::Io { .. } => Failure::Other(error.into()),
    })?;
    let mut listed = Vec::new();
    for routine in &set.routines {
        let name = routine.name.as_str();
        if args.routine.as_deref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let schedules = match &routine.trigger {
            Trigger::Schedule(schedules) => schedules.clone(),
            Trigger::Query(query) => vec![query.schedule.clone()],
            Trigger::Event(_) => Vec::new(),
        };
        if !schedules.is_empty() {
            let shown = args.routine.is_none().then(|| name.to_owned());
            listed.push(Listed { routine: shown, schedules });
        } else if args.routine.is_some() {
            return usage(format_args!("the routine `{name}` has no schedule"));
        }
    }
    match &args.routine {
        Some(wanted) if listed.is_empty() => {
            let near = closest(wanted, set.routines.iter().map(|routine| routine.name.as_str()));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            usage(format_args!(
                "there is no routine `{wanted}`{near}\nhelp: only files are read here; `hearken status` has the \
                 next ticks of routines from the database, too"
            ))
        }
        _ => Ok(listed),
    }
}

/// The first ticks after `from` of all that is listed, in order; of equal
/// moments, those of the first routine come first.
fn lines(listed: &[Listed], from: Timestamp, count: usize) -> Vec<Line<'_>> {
    let mut heads: Vec<_> = listed.iter().map(|listed| merged(&listed.schedules, from).peekable()).collect();
    let mut lines = Vec::new();
    while lines.len() < count {
        let nexts = heads.iter_mut().enumerate();
        let nexts = nexts.filter_map(|(index, head)| Some((head.peek()?.1.at, index)));
        let Some((_, index)) = nexts.min() else { break };
        let routine = listed[index].routine.as_deref();
        lines.extend(heads[index].next().map(|(schedule, tick)| Line { routine, schedule, tick }));
    }
    lines
}

fn print(out: &mut impl Write, lines: &[Line<'_>], json: bool) -> std::io::Result<()> {
    let width = lines.iter().filter_map(|line| line.routine).map(str::len).max().unwrap_or_default();
    for Line { routine, schedule, tick } in lines {
        let local = tick.at.display_with_offset(schedule.tz.to_offset(tick.at)).to_string();
        let note = tick.note.map(|note| note.to_string());
        if json {
            let mut object = json!({ "tick": tick.at.to_string(), "local": local, "note": note });
            if let Some(routine) = routine {
                object["routine"] = json!(routine);
            }
            writeln!(out, "{object}")?;
            continue;
        }
        if let Some(routine) = routine {
            write!(out, "{routine:width$}  ")?;
        }
        let note = note.map_or_else(String::new, |note| format!("  {note}"));
        writeln!(out, "{local}  {}{note}", tick.at)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests;
