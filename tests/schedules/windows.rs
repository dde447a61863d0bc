//! Clocks which jump: by an hour, a day, a year, both ways.
//!
//! A daemon is a cursor and a clock: it plans from where it stopped to what the
//! clock says. Whatever the clock does, each tick is planned once.

use super::support::{at, cases, cron, every, later, minutes, run};
use hearken::rules::schedule::policy::{DstPolicy, Missed, RepeatPolicy};
use hearken::rules::schedule::ticks::{MissedReason, TickPlan, Window, plan_ticks};
use hearken::rules::schedule::zone::parse_zone;
use hearken::rules::schedule::{Schedule, merged};
use jiff::Timestamp;
use proptest::prelude::*;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Plans from a cursor to whatever the clock says.
struct Daemon {
    schedules: Vec<Schedule>,
    planned_until: Timestamp,
    on_duty_since: Timestamp,
}

impl Daemon {
    /// On duty, and everything planned, at noon.
    fn new(schedules: Vec<Schedule>) -> Self {
        let noon = at("2026-03-01T12:00:10Z");
        Self { schedules, planned_until: noon, on_duty_since: noon }
    }

    fn plan(&mut self, now: Timestamp) -> TickPlan {
        let window = Window { after: self.planned_until, until: now };
        let plan = plan_ticks(&self.schedules, window, self.on_duty_since);
        self.planned_until = plan.planned_until;
        plan
    }
}

#[test]
fn a_clock_which_jumps_ahead_obeys_missed() {
    // How many run, and how many do not and why, of four an hour.
    jump(HOUR, Missed::All, 4, None);
    jump(HOUR, Missed::Latest, 1, Some((3, MissedReason::Superseded)));
    jump(HOUR, Missed::Skip, 1, Some((3, MissedReason::Skip)));
    jump(DAY, Missed::All, 96, None);
    jump(DAY, Missed::Latest, 1, Some((95, MissedReason::Superseded)));
    jump(DAY, Missed::Skip, 1, Some((95, MissedReason::Skip)));
    jump(YEAR, Missed::All, 100, Some((34_940, MissedReason::Cap)));
    jump(YEAR, Missed::Latest, 1, Some((35_039, MissedReason::Superseded)));
    jump(YEAR, Missed::Skip, 1, Some((35_039, MissedReason::Skip)));
    // Ten minutes past the last tick none is on time.
    jump(HOUR + 600, Missed::Latest, 1, Some((3, MissedReason::Superseded)));
    jump(HOUR + 600, Missed::Skip, 0, Some((4, MissedReason::Skip)));
}

#[test]
fn a_clock_which_jumps_back_repeats_nothing() {
    for seconds in [1, HOUR, DAY, YEAR] {
        let mut daemon = Daemon::new(vec![cron("*/15 * * * *"), every("1h")]);
        let noon = daemon.planned_until;
        for seconds in [seconds, seconds / 2, 1, 0] {
            let plan = daemon.plan(later(noon, -seconds));
            assert!(plan.run.is_empty() && plan.missed.is_empty(), "{seconds}: {plan:?}");
            assert_eq!(daemon.planned_until, noon);
        }
        // It goes on from where it had been.
        assert_eq!(daemon.plan(later(noon, 900)).run, [at("2026-03-01T12:15:00Z")]);
    }
}

#[test]
fn a_clock_which_jumps_ahead_and_back_goes_on_where_it_had_been() {
    for seconds in [HOUR, DAY, YEAR] {
        let mut daemon = Daemon::new(vec![cron("*/15 * * * *")]);
        let noon = daemon.planned_until;
        daemon.plan(later(noon, seconds));
        let plan = daemon.plan(later(noon, 900));
        assert!(plan.run.is_empty() && plan.missed.is_empty(), "{plan:?}");
        assert_eq!(daemon.planned_until, later(noon, seconds));
        let plan = daemon.plan(later(noon, seconds + 900));
        assert_eq!(plan.run.len(), 1);
        assert!(plan.run[0] > later(noon, seconds) && plan.missed.is_empty(), "{plan:?}");
    }
}

fn schedules() -> impl Strategy<Value = Vec<Schedule>> {
    let night = Schedule {
        tz: parse_zone("America/New_York").expect("a zone"),
        dst: DstPolicy { repeat: RepeatPolicy::Both, ..DstPolicy::default() },
        ..cron("30 1,2 * * *")
    };
    let one = prop::sample::select(vec![every("1h"), every("3h"), cron("30 */6 * * *"), night]);
    let missed = prop::sample::select(vec![Missed::All, Missed::Latest, Missed::Skip]);
    let one = (one, missed).prop_map(|(schedule, missed)| Schedule { missed, ..schedule });
    prop::collection::vec(one, 1..4)
}

/// By how much the clock moves from one look to the next, in seconds.
fn steps() -> impl Strategy<Value = Vec<i64>> {
    let step = prop_oneof![
        12 => 0..600_i64,
        3 => prop::sample::select(vec![HOUR, -HOUR, HOUR + 1, 1 - HOUR]),
        2 => prop::sample::select(vec![DAY, -DAY]),
        1 => prop::sample::select(vec![YEAR, -YEAR]),
    ];
    prop::collection::vec(step, 1..12)
}

/// Windows which share an edge neither overlap nor leave a gap, whatever the
/// clock says in between.
#[test]
fn each_tick_is_planned_once_whatever_the_clock_does() {
    run(cases(minutes() / 50_000, 1), &(schedules(), steps()), |(schedules, steps)| {
        let mut daemon = Daemon::new(schedules);
        let start = daemon.planned_until;
        let (mut now, mut run, mut not_run) = (start, Vec::new(), 0);
        for step in steps {
            now = later(now, step);
            let before = daemon.planned_until;
            let plan = daemon.plan(now);
            prop_assert_eq!(daemon.planned_until, before.max(now));
            let within = |tick: &Timestamp| *tick > before && *tick <= daemon.planned_until;
            prop_assert!(plan.run.iter().all(within), "{:?}", plan);
            prop_assert!(plan.missed.iter().all(|missed| within(&missed.first) && within(&missed.last)));
            not_run += plan.missed.iter().map(|missed| missed.count).sum::<u64>();
            run.extend(plan.run);
        }
        prop_assert!(run.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", run);
        let ticks = merged(&daemon.schedules, start).map(|(_, tick)| tick.at);
        let ticks: Vec<Timestamp> = ticks.take_while(|tick| *tick <= daemon.planned_until).collect();
        prop_assert!(run.iter().all(|tick| ticks.binary_search(tick).is_ok()));
        prop_assert_eq!(run.len() as u64 + not_run, ticks.len() as u64);
        Ok(())
    });
}

/// Compares what becomes of the ticks of every fifteen minutes.
#[track_caller]
fn jump(seconds: i64, missed: Missed, runs: usize, not: Option<(u64, MissedReason)>) {
    for schedule in [cron("*/15 * * * *"), every("15m")] {
        let mut daemon = Daemon::new(vec![Schedule { missed, ..schedule }]);
        let plan = daemon.plan(later(daemon.planned_until, seconds));
        assert_eq!(plan.run.len(), runs, "{seconds} {missed}");
        let got: Vec<(u64, MissedReason)> =
            plan.missed.iter().map(|missed| (missed.count, missed.reason)).collect();
        assert_eq!(got, not.into_iter().collect::<Vec<_>>(), "{seconds} {missed}");
    }
}
