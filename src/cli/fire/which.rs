//! Which routine is fired, and what for.

use crate::daemon::load::{RoutineFile, load_all};
use crate::pg::fire::EventName;
use crate::rules::foreign::Tables;
use crate::rules::name::RoutineName;
use crate::rules::problem::Problems;
use crate::rules::review::against_tables;
use crate::rules::routine::{Routine, RoutineSet, Trigger};
use crate::rules::schedule::{Schedule, merged};
use crate::rules::text::closest;
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// Why the arguments cannot be used.
#[derive(Debug)]
pub(super) enum Usage {
    /// The file of the routine has errors.
    Problems(Problems),
    /// Something else, for people.
    Said(String),
}

/// How people name a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TickName {
    /// The present.
    Now,
    /// This time, to the microsecond which the database keeps.
    At(Timestamp),
}

impl FromStr for TickName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        let at = text.parse::<Timestamp>().and_then(|at| Timestamp::from_microsecond(at.as_microsecond()));
        at.map(Self::At).map_err(|_| {
            "write `now`, or a time with its offset: `2026-03-02T09:00:00+01:00`, or with `Z`".to_owned()
        })
    }
}

/// The event which is meant: a number of the log, unless it is none.
pub(super) fn event_name(text: &str) -> EventName {
    match (text.strip_prefix("id:"), text.parse::<i64>()) {
        (Some(id), _) => EventName::Id(id.to_owned()),
        (None, Ok(seq)) => EventName::Seq(seq),
        (None, Err(_)) => EventName::Id(text.to_owned()),
    }
}

/// The routine of this name among the files, held against the tables of the settings.
/// Other files do not matter.
pub(super) fn chosen(path: &Path, name: &RoutineName, tables: &Tables) -> Result<Arc<Routine>, Usage> {
    let files = load_all(path).map_err(|error| Usage::Said(format!("{:#}", anyhow::Error::new(error))))?;
    let stem = |file: &RoutineFile| file.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let names: Vec<String> = files.iter().filter_map(stem).collect();
    let Some(file) = files.into_iter().find(|file| stem(file).as_deref() == Some(name.as_str())) else {
        let near = closest(name.as_str(), names.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let place = path.display();
        return Err(Usage::Said(format!(
            "there is no routine `{name}` in {place}{near}\n\
             help: only files can be fired, and not routines which are rows of the database"
        )));
    };
    let Some(routine) = file.routine else { return Err(Usage::Problems(file.problems)) };
    let mut problems = Problems::new(&file.path.display().to_string(), &routine.text);
    let set = RoutineSet::new(vec![routine.clone()]);
    against_tables(&set, tables).into_iter().for_each(|(_, problem)| problems.push(problem));
    if problems.has_errors() { Err(Usage::Problems(problems)) } else { Ok(routine) }
}

/// Whether the routine can be set off by what is given.
pub(super) fn fits(routine: &Routine, event: Option<&str>, tick: Option<TickName>) -> Result<(), Usage> {
    let name = &routine.name;
    let (of_event, of_tick) = (
        format!("`hearken fire {name} --event EVENT`, with the number of an event of the log"),
        format!("`hearken fire {name} --tick now`, or with a time in place of `now`"),
    );
    let said = |why: String| Err(Usage::Said(why));
    match (&routine.trigger, event, tick) {
        (Trigger::Event(_), Some(_), _) | (Trigger::Schedule(_) | Trigger::Query(_), _, Some(_)) => Ok(()),
        (Trigger::Event(_), None, Some(_)) => {
            said(format!("`{name}` is set off by events, and has no ticks: write {of_event}"))
        }
        (Trigger::Schedule(_) | Trigger::Query(_), Some(_), None) => {
            said(format!("`{name}` is set off by ticks, and not by events: write {of_tick}"))
        }
        (Trigger::Event(_), None, None) => {
            said(format!("say what sets `{name}` off, by `--event` or `--tick`: here {of_event}"))
        }
        (Trigger::Schedule(_) | Trigger::Query(_), None, None) => {
            said(format!("say what sets `{name}` off, by `--event` or `--tick`: here {of_tick}"))
        }
    }
}

/// Whether the routine's schedules have a tick at this time.
pub(super) fn is_tick(routine: &Routine, tick: Timestamp) -> bool {
    let schedules: &[Schedule] = match &routine.trigger {
        Trigger::Event(_) => return false,
        Trigger::Schedule(schedules) => schedules,
        Trigger::Query(query) => std::slice::from_ref(&query.schedule),
    };
    let before = tick.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN);
    merged(schedules, before).next().is_some_and(|(_, found)| found.at == tick)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::routine::parse;

    fn routine(on: &str) -> Routine {
        let text = format!("title = \"t\"\n{on}\n[item]\nqueue = \"q\"\ntitle = \"t\"\n");
        parse(&RoutineName::parse("r").unwrap(), "r.toml", &text).unwrap()
    }

    const EVENT: &str = "[on.event]\ntype = \"a\"";
    const SCHEDULE: &str = "[on.schedule]\nevery = \"1h\"";

    #[test]
    fn an_event_is_named_by_its_number_or_its_id() {
        assert_eq!(event_name("12"), EventName::Seq(12));
        assert_eq!(event_name("id:12"), EventName::Id("12".to_owned()));
        assert_eq!(event_name("o-12"), EventName::Id("o-12".to_owned()));
    }

    #[test]
    fn a_tick_is_a_time_or_the_present() {
        assert_eq!("now".parse::<TickName>(), Ok(TickName::Now));
        let at = "2026-03-02T09:00:00.123456Z".parse().unwrap();
        assert_eq!("2026-03-02T10:00:00.123456789+01:00".parse::<TickName>(), Ok(TickName::At(at)));
        for text in ["", "soon", "2026-03-02", "2026-03-02T09:00:00"] {
            assert!(text.parse::<TickName>().is_err(), "{text}");
        }
    }

    #[track_caller]
    fn check(on: &str, event: Option<&str>, tick: Option<TickName>, says: Option<&str>) {
        match (fits(&routine(on), event, tick), says) {
            (Ok(()), None) => {}
            (Err(Usage::Said(said)), Some(says)) if said.contains(says) => {}
            (fits, says) => panic!("wanted {says:?}, and it said {fits:?}"),
        }
    }

    #[test]
    fn what_sets_a_routine_off_is_asked_for() {
        let now = Some(TickName::Now);
        check(EVENT, Some("1"), None, None);
        check(SCHEDULE, None, now, None);
        check(EVENT, None, None, Some("by `--event` or `--tick`: here `hearken fire r --event EVENT`"));
        check(SCHEDULE, None, None, Some("by `--event` or `--tick`: here `hearken fire r --tick now`"));
        check(EVENT, None, now, Some("has no ticks"));
        check(SCHEDULE, Some("1"), None, Some("not by events"));
    }

    #[test]
    fn a_tick_of_the_schedule_is_known() {
        let hourly = routine(SCHEDULE);
        assert!(is_tick(&hourly, "2026-03-02T09:00:00Z".parse().unwrap()));
        assert!(!is_tick(&hourly, "2026-03-02T09:00:01Z".parse().unwrap()));
    }
}
