//! Schedules and several of them together.

use super::policy::{GapPolicy, RepeatPolicy};
use super::zone::parse_zone;
use super::*;

#[test]
fn a_tick_is_strictly_after() {
    let schedule = cron("0 9 * * *");
    assert_eq!(next(&schedule, "2026-03-01T08:59:59.999Z"), "2026-03-01T09:00:00Z");
    assert_eq!(next(&schedule, "2026-03-01T09:00:00Z"), "2026-03-02T09:00:00Z");
}

#[test]
fn from_and_until_bound_the_ticks() {
    let hourly = Schedule { from: Some(at("2026-03-01T10:00:00Z")), ..cron("0 * * * *") };
    assert_eq!(next(&hourly, "2026-01-01T00:00:00Z"), "2026-03-01T10:00:00Z");
    assert_eq!(next(&hourly, "2026-03-01T10:00:00Z"), "2026-03-01T11:00:00Z");
    let until = Schedule { until: Some(at("2026-03-01T11:00:00Z")), ..hourly };
    assert_eq!(next(&until, "2026-03-01T10:00:00Z"), "2026-03-01T11:00:00Z");
    assert_eq!(until.next_after(at("2026-03-01T11:00:00Z")), None);
}

#[test]
fn every_counts_from_from() {
    let plain = every("1h");
    assert_eq!(next(&plain, "2026-03-01T10:20:00Z"), "2026-03-01T11:00:00Z");
    let anchored = Schedule { from: Some(at("2026-03-01T10:07:00Z")), ..plain };
    assert_eq!(next(&anchored, "2026-01-01T00:00:00Z"), "2026-03-01T10:07:00Z");
    assert_eq!(next(&anchored, "2026-03-01T10:20:00Z"), "2026-03-01T11:07:00Z");
}

#[test]
fn at_ticks_once() {
    let timing = Timing::At(At::parse("2026-12-24T18:00:00").unwrap());
    let schedule = Schedule { tz: parse_zone("Europe/Berlin").unwrap(), ..Schedule::new(timing) };
    assert_eq!(next(&schedule, "2026-03-01T00:00:00Z"), "2026-12-24T17:00:00Z");
    assert_eq!(schedule.next_after(at("2026-12-24T17:00:00Z")), None);
}

#[test]
fn a_cron_of_leap_days_finds_them_through_decades() {
    let schedule = Schedule { tz: parse_zone("America/New_York").unwrap(), ..cron("0 0 29 2 */7") };
    assert_eq!(next(&schedule, "2032-03-01T00:00:00Z"), "2060-02-29T05:00:00Z");
}

#[test]
fn equal_moments_of_several_schedules_are_one_tick() {
    let schedules = [cron("0 */2 * * *"), every("1h"), cron("30 5 * * *")];
    let ticks: Vec<(usize, String)> = merged(&schedules, at("2026-03-01T03:00:00Z"))
        .take(4)
        .map(|(owner, tick)| {
            let index = schedules.iter().position(|schedule| std::ptr::eq(schedule, owner)).unwrap();
            (index, tick.at.to_string())
        })
        .collect();
    let want = [(0, "04:00"), (1, "05:00"), (2, "05:30"), (0, "06:00")];
    assert_eq!(ticks, want.map(|(index, time)| (index, format!("2026-03-01T{time}:00Z"))));
    assert_eq!(next_after(&schedules, at("2026-03-01T05:00:00Z")), Some(at("2026-03-01T05:30:00Z")));
    assert_eq!(next_after(&[], at("2026-03-01T05:00:00Z")), None);
}

#[test]
fn a_fingerprint_changes_with_what_places_ticks() {
    let plain = cron("0 9 * * MON");
    assert_eq!(plain.fingerprint(), "cron 0 0 9 * * 1; tz UTC; from -; gap after; repeat first");
    let others = [
        cron("0 10 * * MON"),
        every("1h"),
        Schedule { tz: parse_zone("Europe/Berlin").unwrap(), ..plain.clone() },
        Schedule { from: Some(at("2026-03-01T00:00:00Z")), ..plain.clone() },
        Schedule { dst: DstPolicy { gap: GapPolicy::Skip, ..plain.dst }, ..plain.clone() },
        Schedule { dst: DstPolicy { repeat: RepeatPolicy::Both, ..plain.dst }, ..plain.clone() },
    ];
    for other in &others {
        assert_ne!(other.fingerprint(), plain.fingerprint());
    }
}

#[test]
fn a_fingerprint_stays_when_nothing_moves() {
    let plain = cron("0 9 * * MON");
    let same = [
        cron("00  9 * * 1"),
        cron("0 0 9 * * mon"),
        Schedule { until: Some(at("2027-01-01T00:00:00Z")), ..plain.clone() },
        Schedule { missed: Missed::All, ..plain.clone() },
        Schedule { within: Some(SignedDuration::from_hours(6)), ..plain.clone() },
        Schedule { jitter: Some(SignedDuration::from_secs(30)), ..plain.clone() },
    ];
    for same in &same {
        assert_eq!(same.fingerprint(), plain.fingerprint());
    }
    let (one, other) = (cron("0 9 * * *"), every("15m"));
    assert_eq!(fingerprint(&[one.clone(), other.clone()]), fingerprint(&[other, one.clone()]));
    assert_eq!(fingerprint(&[one.clone(), one.clone()]), fingerprint(&[one]));
}

fn cron(text: &str) -> Schedule {
    Schedule::new(Timing::Cron(Cron::parse(text).unwrap()))
}

fn every(text: &str) -> Schedule {
    Schedule::new(Timing::Every(Every::parse(text).unwrap()))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn next(schedule: &Schedule, after: &str) -> String {
    schedule.next_after(at(after)).unwrap().at.to_string()
}
