//! `hearken status`.

mod text;

use super::{ConfigArgs, of_schema, runtime, say};
use crate::pg::items::{self, QueueState};
use crate::pg::overview::{self, Overview, ScheduleState};
use crate::rules::name::RoutineName;
use crate::rules::routine::{self, Trigger};
use crate::rules::schedule::merged;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashSet;
use std::process::ExitCode;

/// More schedules than these are not worked out: each routine is read anew.
const SCHEDULES_MAX: usize = 10_000;
/// So many of the next ticks are shown.
const TICKS_SHOWN: usize = 10;

/// Say who leads, what is in force and what waits.
///
/// Asks the database, so it works from anywhere, also while no daemon runs.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// All that is told.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    overview: Overview,
    /// The queues which are paused, or have a policy.
    queues: Vec<QueueState>,
    /// The next ticks of routines which are not paused.
    ticks: Ticks,
}

/// The next ticks, or why there are none to show; those are null in JSON.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Ticks {
    /// The first of them, in order.
    Known(Vec<NextTick>),
    /// There are more than [`SCHEDULES_MAX`] schedules to work them out of.
    TooMany,
    /// The schedules could not be read in time.
    NotInTime,
}

/// A tick which is to come.
#[derive(Debug, PartialEq, Serialize)]
struct NextTick {
    routine: String,
    tick: Timestamp,
    /// In the zone of its schedule.
    local: String,
}

/// Runs it.
///
/// # Errors
///
/// Of the settings or the database.
pub fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let report = runtime()?.block_on(report(args))?;
    if args.json {
        say(&format!("{}\n", serde_json::to_string(&report)?))?;
    } else {
        say(&text::of(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn report(args: &StatusArgs) -> anyhow::Result<Report> {
    let session = args.config.connect().await?;
    let overview = overview::overview(&session).await.map_err(of_schema)?;
    let schedules = overview::schedules(&session, SCHEDULES_MAX as i64 + 1).await.map_err(of_schema)?;
    let queues = items::queues(&session).await.map_err(of_schema)?;
    let ticks = ticks(&overview, schedules.as_deref());
    Ok(Report { overview, queues, ticks })
}

fn ticks(overview: &Overview, schedules: Option<&[ScheduleState]>) -> Ticks {
    let paused: HashSet<&str> = overview.paused.iter().map(|pause| pause.routine.as_str()).collect();
    match schedules {
        None => Ticks::NotInTime,
        Some(schedules) if schedules.len() > SCHEDULES_MAX => Ticks::TooMany,
        Some(schedules) => Ticks::Known(next_ticks(schedules, |name| paused.contains(name))),
    }
}

/// The first of the ticks which are to be dealt with.
fn next_ticks(schedules: &[ScheduleState], paused: impl Fn(&str) -> bool) -> Vec<NextTick> {
    let running = schedules.iter().filter(|state| !paused(&state.routine));
    let mut ticks: Vec<NextTick> = running.filter_map(next_tick).collect();
    ticks.sort_by(|a, b| (a.tick, &a.routine).cmp(&(b.tick, &b.routine)));
    ticks.truncate(TICKS_SHOWN);
    ticks
}

/// The next tick of a schedule, if there is one. A file which this program cannot
/// read, since it is of another version, has none.
fn next_tick(state: &ScheduleState) -> Option<NextTick> {
    let name = RoutineName::parse(&state.routine).ok()?;
    let routine = routine::check(&name, &format!("{name}.toml"), &state.text).0?;
    let schedules = match &routine.trigger {
        Trigger::Schedule(schedules) => schedules.as_slice(),
        Trigger::Query(query) => std::slice::from_ref(&query.schedule),
        Trigger::Event(_) => return None,
    };
    let (schedule, tick) = merged(schedules, state.planned_until).next()?;
    let local = tick.at.display_with_offset(schedule.tz.to_offset(tick.at)).to_string();
    Some(NextTick { routine: state.routine.clone(), tick: tick.at, local })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(routine: &str, on: &str, planned_until: &str) -> ScheduleState {
        let text = format!("title = \"t\"\n[on.schedule]\n{on}\n[item]\nqueue = \"q\"\ntitle = \"t\"\n");
        ScheduleState { routine: routine.to_owned(), text, planned_until: planned_until.parse().unwrap() }
    }

    #[test]
    fn the_next_ticks_come_in_order_and_in_their_zone() {
        let daily = "cron = \"0 9 * * *\"\ntz = \"Europe/Berlin\"";
        let schedules = [
            state("daily", daily, "2026-03-02T08:00:00Z"),
            state("paused", "every = \"1m\"", "2026-03-02T08:00:00Z"),
            state("often", "every = \"1h\"", "2026-03-02T08:00:00Z"),
            state("broken", "evry = \"1m\"", "2026-03-02T08:00:00Z"),
            state("over", "at = \"2026-03-01T09:00:00\"", "2026-03-02T08:00:00Z"),
        ];
        let ticks = next_ticks(&schedules, |name| name == "paused");
        let shown: Vec<(&str, &str)> =
            ticks.iter().map(|tick| (tick.routine.as_str(), tick.local.as_str())).collect();
        let want = [("often", "2026-03-02T09:00:00+00:00"), ("daily", "2026-03-03T09:00:00+01:00")];
        assert_eq!(shown, want);
    }

    #[test]
    fn only_the_first_ticks_are_shown() {
        let schedules: Vec<ScheduleState> =
            (0..20).map(|n| state(&format!("r{n:02}"), "every = \"1m\"", "2026-03-02T08:00:00Z")).collect();
        let ticks = next_ticks(&schedules, |_| false);
        assert_eq!(ticks.len(), TICKS_SHOWN);
        assert_eq!(ticks[9].routine, "r09");
    }
}
