//! Long absences: what they cost is bounded.

use super::support::{at, cron, every, later};
use hearken::rules::schedule::policy::{DstPolicy, GapPolicy, Missed};
use hearken::rules::schedule::ticks::{MissedReason, TICKS_MAX, TickPlan, Window, plan_ticks};
use hearken::rules::schedule::zone::parse_zone;
use hearken::rules::schedule::{Schedule, next_after};
use jiff::{SignedDuration, Timestamp};

const TWO_WEEKS: i64 = 14 * 86_400;

/// The ticks of five seconds in two weeks.
const TICKS: u64 = 14 * 17_280;

#[test]
fn two_weeks_of_every_five_seconds_are_a_hundred_items_at_most() {
    let with = |missed, within| [Schedule { missed, within, ..every("5s") }];
    check(&with(Missed::All, None), TICKS_MAX, &[(TICKS - 100, MissedReason::Cap)]);
    check(&with(Missed::Latest, None), 1, &[(TICKS - 1, MissedReason::Superseded)]);
    check(&with(Missed::Skip, None), 0, &[(TICKS, MissedReason::Skip)]);
    // They are 2, 7 … 122 seconds old: 25 of them are not too old.
    let recent = Some(SignedDuration::from_secs(122));
    check(&with(Missed::All, recent), 25, &[(TICKS - 25, MissedReason::Within)]);
    let latest = [(TICKS - 25, MissedReason::Within), (24, MissedReason::Superseded)];
    check(&with(Missed::Latest, recent), 1, &latest);
}

/// The ticks of an expression are visited, but a plan keeps no more of them.
#[test]
fn two_weeks_of_an_expression_are_no_more() {
    let schedule = Schedule { missed: Missed::All, ..cron("*/5 * * * * *") };
    check(&[schedule], TICKS_MAX, &[(TICKS - 100, MissedReason::Cap)]);
}

/// The limit is the routine's: it may have as many schedules as it likes.
#[test]
fn all_schedules_of_a_routine_share_the_limit() {
    let schedules: Vec<Schedule> = (0..3)
        .map(|second| {
            let from = Some(later(at("2026-01-01T00:00:00Z"), second));
            Schedule { missed: Missed::All, from, ..every("1m") }
        })
        .collect();
    check(&schedules, TICKS_MAX, &[(3 * 14 * 1440 - 100, MissedReason::Cap)]);
}

/// Ten thousand years of seconds are more than could be visited: that this ends
/// shows that a period's ticks are counted.
#[test]
fn the_ticks_of_a_period_are_counted_and_not_visited() {
    let (after, until) = (at("0001-01-01T00:00:00Z"), at("9999-01-01T00:00:00Z"));
    let ticks = u64::try_from(until.as_second() - after.as_second()).expect("ten thousand years");
    for (missed, runs, reason) in [
        (Missed::All, TICKS_MAX, MissedReason::Cap),
        (Missed::Latest, 1, MissedReason::Superseded),
        (Missed::Skip, 0, MissedReason::Skip),
    ] {
        let schedules = [Schedule { missed, ..every("1s") }];
        let plan = plan_ticks(&schedules, Window { after, until }, until);
        assert_eq!(plan.run.len(), runs);
        assert_eq!(plan.missed.len(), 1, "{:?}", plan.missed);
        assert_eq!(plan.missed[0].count, ticks - runs as u64);
        assert_eq!(plan.missed[0].reason, reason);
    }
}

/// A schedule whose only time falls into each year's gap never ticks. That is
/// found out once, at the end of the calendar, and not sought for ever.
#[test]
fn a_search_in_vain_comes_to_an_end() {
    let second_sunday = Schedule {
        tz: parse_zone("America/New_York").expect("a zone"),
        dst: DstPolicy { gap: GapPolicy::Skip, ..DstPolicy::default() },
        ..cron("30 2 * 3 SUN#2")
    };
    assert_eq!(next_after(std::slice::from_ref(&second_sunday), at("2026-01-01T00:00:00Z")), None);
    // With the default it ticks each year.
    let moved = Schedule { dst: DstPolicy::default(), ..second_sunday };
    let next = next_after(&[moved], at("2026-01-01T00:00:00Z"));
    assert_eq!(next, Some(at("2026-03-08T07:00:00Z")));
}

/// An idle schedule costs its next tick, however far away that is.
#[test]
fn the_next_tick_is_found_across_decades() {
    let next = |text: &str| next_after(&[cron(text)], at("2072-03-01T00:00:00Z"));
    assert_eq!(next("0 0 */28 2 MON#5"), Some(at("2112-02-29T00:00:00Z")));
    assert_eq!(next("59 59 23 31 12 *"), Some(at("2072-12-31T23:59:59Z")));
}

/// Plans two weeks in which nobody was on duty, and compares how many ticks run,
/// and how many do not and why.
#[track_caller]
fn check(schedules: &[Schedule], runs: usize, not: &[(u64, MissedReason)]) {
    let after = at("2026-03-01T00:00:02Z");
    let until = later(after, TWO_WEEKS);
    let plan = plan_ticks(schedules, Window { after, until }, until);
    assert_eq!(plan.run.len(), runs);
    assert_eq!(plan.planned_until, until);
    let TickPlan { run, missed, .. } = &plan;
    let got: Vec<(u64, MissedReason)> = missed.iter().map(|missed| (missed.count, missed.reason)).collect();
    assert_eq!(got, not);
    // What runs is the newest there is.
    let last: Option<&Timestamp> = run.last();
    assert!(last.is_none_or(|last| until.duration_since(*last) < SignedDuration::from_mins(1)));
}
