//! What becomes of the ticks of a window, told again from `docs/schedules.md`.
//!
//! The naive planner takes all ticks of a window, gives each its fate, and sums
//! them up. So every tick is run, or is covered by a decision which says why
//! not, whatever `missed`, `within`, `jitter` and the limit say together.

use super::support::{at, cases, cron, every, later, minutes, run};
use hearken::rules::name::RoutineName;
use hearken::rules::schedule::Schedule;
use hearken::rules::schedule::policy::Missed;
use hearken::rules::schedule::ticks::{
    MISSED_AFTER, MissedReason, MissedRun, TICKS_MAX, TickPlan, Window, jitter, plan_ticks,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What becomes of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Runs,
    /// It runs if it is the newest such tick, and none is on time.
    RunsIfLatest,
    Not(MissedReason),
}

/// The plan which the manual describes.
fn expected(schedules: &[Schedule], window: Window, on_duty_since: Timestamp) -> TickPlan {
    let mut owners: BTreeMap<Timestamp, &Schedule> = BTreeMap::new();
    for schedule in schedules {
        for tick in schedule.ticks_after(window.after).take_while(|tick| tick.at <= window.until) {
            owners.entry(tick.at).or_insert(schedule);
        }
    }
    let mut is_any_on_time = false;
    let mut fates: BTreeMap<Timestamp, Fate> = BTreeMap::new();
    for (tick, owner) in owners {
        let age = window.until.duration_since(tick);
        let was_missed = tick <= on_duty_since || age > MISSED_AFTER;
        let fate = match owner.missed {
            _ if owner.within.is_some_and(|within| age > within) => Fate::Not(MissedReason::Within),
            _ if !was_missed => Fate::Runs,
            Missed::All => Fate::Runs,
            Missed::Skip => Fate::Not(MissedReason::Skip),
            Missed::Latest => Fate::RunsIfLatest,
        };
        is_any_on_time |= !was_missed && fate == Fate::Runs;
        fates.insert(tick, fate);
    }
    let mut is_latest = !is_any_on_time;
    let mut running = 0;
    for fate in fates.values_mut().rev() {
        if *fate == Fate::RunsIfLatest {
            *fate = if is_latest { Fate::Runs } else { Fate::Not(MissedReason::Superseded) };
            is_latest = false;
        }
        if *fate == Fate::Runs {
            running += 1;
            if running > TICKS_MAX {
                *fate = Fate::Not(MissedReason::Cap);
            }
        }
    }
    summed_up(&fates, window)
}

fn summed_up(fates: &BTreeMap<Timestamp, Fate>, window: Window) -> TickPlan {
    let mut run = Vec::new();
    let mut missed: Vec<MissedRun> = Vec::new();
    for (tick, fate) in fates {
        let Fate::Not(reason) = *fate else {
            run.push(*tick);
            continue;
        };
        match missed.iter_mut().find(|run| run.reason == reason) {
            Some(run) => (run.last, run.count) = (*tick, run.count + 1),
            None => missed.push(MissedRun { first: *tick, last: *tick, count: 1, reason }),
        }
    }
    TickPlan { run, missed, planned_until: window.until }
}

/// Schedules of all kinds with all policies.
fn schedule() -> impl Strategy<Value = Schedule> {
    let crons = prop::sample::select(vec![
        "*/10 * * * *",
        "0 * * * *",
        "30 */2 * * *",
        "0,1,2 9 * * *",
        "*/20 30 * * * *",
        "15 9 * * MON-FRI",
    ]);
    let timing = prop_oneof![
        crons.prop_map(cron),
        prop::sample::select(vec!["1m", "7m", "90s", "1h", "1h 1s"]).prop_map(every),
    ];
    let missed = prop::sample::select(vec![Missed::All, Missed::Latest, Missed::Skip]);
    let within = prop::sample::select(vec![None, None, Some(30), Some(60), Some(600), Some(21_600)]);
    let bound = || prop_oneof![3 => Just(None), 1 => (-86_400..3 * 86_400_i64).prop_map(Some)];
    let jitter = prop::option::of(1..600_i64);
    (timing, missed, within, bound(), bound(), jitter).prop_map(
        |(timing, missed, within, from, until, jitter)| Schedule {
            missed,
            within: within.map(SignedDuration::from_secs),
            from: from.map(|seconds| later(base(), seconds)),
            until: until.map(|seconds| later(base(), seconds)),
            jitter: jitter.map(SignedDuration::from_secs),
            ..timing
        },
    )
}

fn base() -> Timestamp {
    at("2026-03-01T00:00:00Z")
}

/// A window, and since when somebody was on duty: long before, within or after it.
fn window() -> impl Strategy<Value = (Window, Timestamp)> {
    let length = prop_oneof![
        3 => 1..600_000_i64,
        3 => 1..6 * 3_600_000_i64,
        1 => 1..2 * 86_400_000_i64,
    ];
    let duty = prop_oneof![Just(-1000_i64), 0..=1000_i64, Just(1001_i64)];
    (0..86_400_000_i64, length, duty, any::<bool>()).prop_map(|(after, length, duty, whole)| {
        let milliseconds = |count: i64| {
            // Edges on whole minutes, where ticks are, matter most.
            let count = if whole { count - count % 60_000 } else { count };
            base().checked_add(SignedDuration::from_millis(count)).expect("a moment")
        };
        let window = Window { after: milliseconds(after), until: milliseconds(after + length) };
        (window, milliseconds(after + length * duty / 1000))
    })
}

#[test]
fn every_tick_is_run_or_covered_by_a_decision() {
    let schedules = prop::collection::vec(schedule(), 1..4);
    run(cases(minutes() / 25_000, 1), &(schedules, window()), |(schedules, (window, on_duty))| {
        let plan = plan_ticks(&schedules, window, on_duty);
        if window.until <= window.after {
            prop_assert!(plan.run.is_empty() && plan.missed.is_empty());
            prop_assert_eq!(plan.planned_until, window.after);
            return Ok(());
        }
        prop_assert!(plan.run.len() <= TICKS_MAX);
        prop_assert_eq!(plan, expected(&schedules, window, on_duty));
        Ok(())
    });
}

/// What is skipped without being visited is told as if it had been.
#[test]
fn a_lone_period_is_planned_as_its_ticks_are() {
    run(cases(minutes() / 25_000, 1), &(schedule(), window()), |(schedule, (window, on_duty))| {
        if window.until > window.after {
            let schedules = [schedule];
            let want = expected(&schedules, window, on_duty);
            prop_assert_eq!(plan_ticks(&schedules, window, on_duty), want);
        }
        Ok(())
    });
}

/// `jitter` lets items fall due later, by less than it says; it moves no tick.
#[test]
fn jitter_delays_and_moves_nothing() {
    let name = RoutineName::parse("delayed").expect("a name");
    run(200, &(schedule(), window()), |(schedule, (window, on_duty))| {
        let plain = Schedule { jitter: None, ..schedule.clone() };
        let plan = plan_ticks(std::slice::from_ref(&schedule), window, on_duty);
        prop_assert_eq!(&plan, &plan_ticks(&[plain], window, on_duty));
        let Some(max) = schedule.jitter else { return Ok(()) };
        for tick in plan.run {
            let delay = jitter(&name, tick, max);
            prop_assert!(delay >= SignedDuration::ZERO && delay < max);
            prop_assert_eq!(delay, jitter(&name, tick, max));
        }
        Ok(())
    });
}
