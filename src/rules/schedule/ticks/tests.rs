//! What is run and what is recorded as missed.

use super::super::cron::Cron;
use super::*;

/// On duty since long before the window.
const LONG: &str = "2020-01-01T00:00:00Z";

#[test]
fn a_window_excludes_its_start_and_includes_its_end() {
    let plan = plan(&[every("15m", Missed::All)], "2026-03-01T00:00:00Z", "2026-03-01T00:15:00Z", LONG);
    check(&plan, &["2026-03-01T00:15:00Z"], &[]);
}

#[test]
fn a_clock_which_went_back_plans_nothing() {
    for until in ["2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z"] {
        let plan = plan(&[every("15m", Missed::All)], "2026-03-01T02:00:00Z", until, LONG);
        check(&plan, &[], &[]);
        assert_eq!(plan.planned_until, at("2026-03-01T02:00:00Z"));
    }
}

#[test]
fn an_empty_window_moves_the_cursor() {
    let plan = plan(&[every("1h", Missed::All)], "2026-03-01T00:10:00Z", "2026-03-01T00:20:00Z", LONG);
    check(&plan, &[], &[]);
    assert_eq!(plan.planned_until, at("2026-03-01T00:20:00Z"));
}

#[test]
fn a_tick_on_time_runs_whatever_the_policy() {
    for missed in [Missed::All, Missed::Latest, Missed::Skip] {
        let plan = plan(&[every("15m", missed)], "2026-03-01T00:01:00Z", "2026-03-01T00:16:00Z", LONG);
        check(&plan, &["2026-03-01T00:15:00Z"], &[]);
    }
}

#[test]
fn a_tick_nobody_was_on_duty_for_is_missed() {
    let (after, until) = ("2026-03-01T00:01:00Z", "2026-03-01T00:15:01Z");
    for on_duty in ["2026-03-01T00:15:00Z", "2026-03-01T00:15:01Z", "2026-03-01T09:00:00Z"] {
        let plan = plan(&[every("15m", Missed::Skip)], after, until, on_duty);
        check(&plan, &[], &[("00:15:00", "00:15:00", 1, MissedReason::Skip)]);
    }
    let plan = plan(&[every("15m", Missed::Skip)], after, until, "2026-03-01T00:14:59Z");
    check(&plan, &["2026-03-01T00:15:00Z"], &[]);
}

#[test]
fn a_tick_is_on_time_for_a_minute() {
    let plan = |until| plan(&[every("15m", Missed::Skip)], "2026-03-01T00:01:00Z", until, LONG);
    check(&plan("2026-03-01T00:16:00Z"), &["2026-03-01T00:15:00Z"], &[]);
    check(&plan("2026-03-01T00:16:00.000001Z"), &[], &[("00:15:00", "00:15:00", 1, MissedReason::Skip)]);
}

#[test]
fn all_runs_each_missed_tick() {
    let plan = plan(&[every("1h", Missed::All)], "2026-03-01T00:00:00Z", "2026-03-01T03:30:00Z", LONG);
    check(&plan, &["2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z", "2026-03-01T03:00:00Z"], &[]);
}

#[test]
fn skip_runs_no_missed_tick() {
    let plan = plan(&[every("1h", Missed::Skip)], "2026-03-01T00:00:00Z", "2026-03-01T04:00:30Z", LONG);
    check(&plan, &["2026-03-01T04:00:00Z"], &[("01:00:00", "03:00:00", 3, MissedReason::Skip)]);
}

#[test]
fn latest_runs_the_newest_missed_tick() {
    let plan = plan(&[every("1h", Missed::Latest)], "2026-03-01T00:00:00Z", "2026-03-01T03:30:00Z", LONG);
    check(&plan, &["2026-03-01T03:00:00Z"], &[("01:00:00", "02:00:00", 2, MissedReason::Superseded)]);
}

#[test]
fn a_tick_on_time_supersedes_the_missed_ones() {
    let plan = plan(&[every("1h", Missed::Latest)], "2026-03-01T00:00:00Z", "2026-03-01T03:00:30Z", LONG);
    check(&plan, &["2026-03-01T03:00:00Z"], &[("01:00:00", "02:00:00", 2, MissedReason::Superseded)]);
}

#[test]
fn what_is_older_than_within_is_not_run() {
    let within = |missed, minutes| {
        let within = Some(SignedDuration::from_mins(minutes));
        let schedule = Schedule { within, ..every("1h", missed) };
        plan(&[schedule], "2026-03-01T00:00:00Z", "2026-03-01T04:30:00Z", LONG)
    };
    // At 04:30, 90 minutes back is 03:00 exactly, which is not older.
    check(
        &within(Missed::All, 90),
        &["2026-03-01T03:00:00Z", "2026-03-01T04:00:00Z"],
        &[("01:00:00", "02:00:00", 2, MissedReason::Within)],
    );
    check(
        &within(Missed::Latest, 90),
        &["2026-03-01T04:00:00Z"],
        &[
            ("01:00:00", "02:00:00", 2, MissedReason::Within),
            ("03:00:00", "03:00:00", 1, MissedReason::Superseded),
        ],
    );
    check(&within(Missed::Latest, 20), &[], &[("01:00:00", "04:00:00", 4, MissedReason::Within)]);
    // It holds for ticks which are on time, too.
    let strict = Schedule { within: Some(SignedDuration::from_secs(5)), ..every("1h", Missed::All) };
    let plan = plan(&[strict], "2026-03-01T00:30:00Z", "2026-03-01T01:00:10Z", LONG);
    check(&plan, &[], &[("01:00:00", "01:00:00", 1, MissedReason::Within)]);
}

#[test]
fn a_long_outage_runs_the_newest_hundred() {
    let window = ("2026-03-01T00:00:02Z", "2026-03-15T00:00:02Z");
    for schedule in [every("5s", Missed::All), cron("*/5 * * * * *", Missed::All)] {
        let plan = plan(&[schedule], window.0, window.1, window.1);
        assert_eq!(plan.run.len(), TICKS_MAX);
        assert_eq!(plan.run[0], at("2026-03-14T23:51:45Z"));
        assert_eq!(plan.run[TICKS_MAX - 1], at("2026-03-15T00:00:00Z"));
        let capped = MissedRun {
            first: at("2026-03-01T00:00:05Z"),
            last: at("2026-03-14T23:51:40Z"),
            count: 14 * 17_280 - 100,
            reason: MissedReason::Cap,
        };
        assert_eq!(plan.missed, [capped]);
        assert_eq!(plan.planned_until, at(window.1));
    }
}

#[test]
fn ticks_on_time_are_capped_too() {
    let schedules = ["00.0", "00.1", "00.2"].map(|second| {
        let from = Some(at(&format!("2026-03-01T00:00:{second}Z")));
        Schedule { from, ..every("1s", Missed::Latest) }
    });
    let plan = plan(&schedules, "2026-03-01T01:00:00.9Z", "2026-03-01T01:00:40.9Z", LONG);
    assert_eq!(plan.run.len(), TICKS_MAX);
    assert_eq!(plan.missed.len(), 1);
    assert_eq!((plan.missed[0].count, plan.missed[0].reason), (20, MissedReason::Cap));
}

/// Counting instead of visiting must make no difference.
#[test]
fn a_lone_every_is_planned_as_the_same_cron_is() {
    let within = [None, Some(SignedDuration::from_mins(30)), Some(SignedDuration::from_hours(48))];
    for missed in [Missed::All, Missed::Latest, Missed::Skip] {
        for within in within {
            for on_duty in [LONG, "2026-03-01T23:00:00Z", "2026-03-03T00:00:00Z"] {
                for until in ["2026-03-01T00:59:30Z", "2026-03-01T02:30:00Z", "2026-03-02T12:00:05Z"] {
                    let every = Schedule { within, ..every("1m", missed) };
                    let cron = Schedule { within, ..cron("* * * * *", missed) };
                    let after = "2026-03-01T00:00:00Z";
                    assert_eq!(plan(&[every], after, until, on_duty), plan(&[cron], after, until, on_duty));
                }
            }
        }
    }
}

#[test]
fn counting_respects_from_and_until() {
    let bounded = Schedule {
        from: Some(at("2026-03-01T06:00:00Z")),
        until: Some(at("2026-03-01T18:00:00Z")),
        ..every("1m", Missed::Skip)
    };
    let plan = plan(&[bounded], "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", LONG);
    check(&plan, &[], &[("06:00:00", "18:00:00", 721, MissedReason::Skip)]);
}

/// Each tick obeys the schedule which has it, and of equal ones the first.
#[test]
fn schedules_of_one_routine_keep_their_policies() {
    let schedules = [cron("0 * * * *", Missed::Skip), cron("*/30 * * * *", Missed::All)];
    let plan = plan(&schedules, "2026-03-01T00:10:00Z", "2026-03-01T02:10:00Z", LONG);
    check(
        &plan,
        &["2026-03-01T00:30:00Z", "2026-03-01T01:30:00Z"],
        &[("01:00:00", "02:00:00", 2, MissedReason::Skip)],
    );
}

#[test]
fn the_latest_is_put_in_order_among_others() {
    let schedules = [cron("30 0 * * *", Missed::Latest), cron("0 * * * *", Missed::All)];
    let plan = plan(&schedules, "2026-03-01T00:10:00Z", "2026-03-01T02:10:00Z", LONG);
    check(&plan, &["2026-03-01T00:30:00Z", "2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z"], &[]);
}

#[test]
fn no_schedule_plans_nothing() {
    let plan = plan(&[], "2026-03-01T00:10:00Z", "2026-03-01T02:10:00Z", LONG);
    check(&plan, &[], &[]);
    assert_eq!(plan.planned_until, at("2026-03-01T02:10:00Z"));
}

#[test]
fn jitter_is_the_same_each_time_and_below_its_limit() {
    let (one, other) = (RoutineName::parse("one").unwrap(), RoutineName::parse("other").unwrap());
    let max = SignedDuration::from_secs(30);
    let tick = |minute: i64| Timestamp::from_second(1_772_323_200 + 60 * minute).unwrap();
    assert_eq!(jitter(&one, tick(0), max), jitter(&one, tick(0), max));
    assert_ne!(jitter(&one, tick(0), max), jitter(&other, tick(0), max));
    assert_ne!(jitter(&one, tick(0), max), jitter(&one, tick(1), max));
    let all: Vec<SignedDuration> = (0..3000).map(|minute| jitter(&one, tick(minute), max)).collect();
    assert!(all.iter().all(|jitter| *jitter >= SignedDuration::ZERO && *jitter < max));
    // Spread evenly: each third gets about a third.
    for third in 0..3 {
        let bounds = SignedDuration::from_secs(10 * third)..SignedDuration::from_secs(10 * (third + 1));
        let count = all.iter().filter(|jitter| bounds.contains(*jitter)).count();
        assert!((900..1100).contains(&count), "{count} of 3000 in {bounds:?}");
    }
}

#[test]
fn no_jitter_is_zero() {
    let name = RoutineName::parse("one").unwrap();
    for max in [SignedDuration::ZERO, SignedDuration::from_nanos(999), SignedDuration::from_secs(-1)] {
        assert_eq!(jitter(&name, Timestamp::UNIX_EPOCH, max), SignedDuration::ZERO);
    }
}

fn every(period: &str, missed: Missed) -> Schedule {
    Schedule { missed, ..Schedule::new(Timing::Every(Every::parse(period).unwrap())) }
}

fn cron(text: &str, missed: Missed) -> Schedule {
    Schedule { missed, ..Schedule::new(Timing::Cron(Cron::parse(text).unwrap())) }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plan(schedules: &[Schedule], after: &str, until: &str, on_duty_since: &str) -> TickPlan {
    plan_ticks(schedules, Window { after: at(after), until: at(until) }, at(on_duty_since))
}

/// Compares a plan: the ticks to run, and first, last, count and reason of those
/// which were missed on 1 March.
#[track_caller]
fn check(plan: &TickPlan, run: &[&str], missed: &[(&str, &str, u64, MissedReason)]) {
    let got: Vec<String> = plan.run.iter().map(Timestamp::to_string).collect();
    assert_eq!(got, run);
    let day = |time: &str| at(&format!("2026-03-01T{time}Z"));
    let want: Vec<MissedRun> = missed
        .iter()
        .map(|&(first, last, count, reason)| MissedRun { first: day(first), last: day(last), count, reason })
        .collect();
    assert_eq!(plan.missed, want);
}
