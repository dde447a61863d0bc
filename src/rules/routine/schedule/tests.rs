//! `every` with a time of day.

use super::super::{Trigger, check, parse};
use super::*;
use crate::rules::name::RoutineName;

#[test]
fn every_with_a_time_counts_days() {
    for time in ["\"09:00\"", "09:00:00"] {
        let lines = format!("every = \"3d\"\ntime = {time}\ntz = \"Europe/Berlin\"\nfrom = \"2026-03-27\"");
        let routine = parse(&name(), "r.toml", &text(&lines)).unwrap_or_else(|problems| panic!("{problems}"));
        let Trigger::Schedule(schedules) = &routine.trigger else { panic!("no schedule") };
        assert!(matches!(schedules[0].timing, Timing::Days(_)));
        let ticks = schedules[0].ticks_after(Timestamp::UNIX_EPOCH).take(2).map(|tick| tick.at.to_string());
        assert_eq!(ticks.collect::<Vec<_>>(), ["2026-03-27T08:00:00Z", "2026-03-30T07:00:00Z"]);
        let want =
            "every 3d at 09:00:00; tz Europe/Berlin; from 2026-03-26T23:00:00Z; gap after; repeat first";
        assert_eq!(schedules[0].fingerprint(), want);
    }
}

#[test]
fn what_is_no_time_of_day_is_refused() {
    refused("every = \"36h\"\ntime = \"09:00\"", "with `time`, `every` is a number of whole days");
    refused("every = \"9999d\"\ntime = \"09:00\"", "there are at most 3660 days between two ticks");
    refused("every = \"3d\"\ntime = \"9:00\"", "`9:00` is no time of day such as `09:00` or `23:59:30`");
    refused("every = \"3d\"\ntime = 9", "`time` must be a time of day in quotes, not an integer");
    refused(
        "cron = \"0 9 * * *\"\ntime = \"09:00\"",
        "`time` belongs to `every`, and this schedule has `cron`",
    );
    refused("at = \"2026-12-24\"\ntime = \"09:00\"", "`time` belongs to `every`, and this schedule has `at`");
    refused("time = \"09:00\"", "this schedule never ticks");
}

fn name() -> RoutineName {
    RoutineName::parse("r").unwrap()
}

fn text(lines: &str) -> String {
    format!("title = \"x\"\n[on.schedule]\n{lines}\n[item]\nqueue = \"q\"\ntitle = \"t\"\n")
}

#[track_caller]
fn refused(lines: &str, want: &str) {
    let problems = check(&name(), "r.toml", &text(lines)).1;
    let got = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>();
    assert_eq!(got, [want], "{lines}");
}
