//! Random expressions before both readings.

use super::crontab::{Crontab, Day};
use super::expressions::{expression, midnight, with_seconds};
use super::support::{cases, minutes, run};
use hearken::rules::schedule::cron::Cron;
use jiff::civil::DateTime;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use std::cell::Cell;

/// How many days are gone through minute by minute.
const DAYS: i16 = 14;

/// How many hours are gone through second by second.
const HOURS: i8 = 3;

/// How many years are gone through day by day.
const YEARS: i16 = 4;

/// Days around which the calendar has its corners, and any others.
fn day() -> impl Strategy<Value = Day> {
    let any = (1950..2150_i16, 1..=12_i8, 1..=28_i8);
    let corner = prop_oneof![
        (1950..2150_i16, Just(12_i8), Just(27_i8)),
        (1950..2150_i16, Just(2_i8), Just(24_i8)),
        (1950..2150_i16, 1..=12_i8, Just(26_i8)),
        // 2000 was a leap year, 1900 and 2100 are none.
        (prop::sample::select(vec![1899_i16, 1999, 2000, 2099, 2100, 2104]), Just(2_i8), Just(20_i8)),
    ];
    prop_oneof![any, corner].prop_map(|(year, month, day)| Day::new(year, month, day))
}

#[test]
fn minutes_are_those_a_naive_cron_finds() {
    let found = Cell::new(0_u64);
    let each = 1440 * DAYS.unsigned_abs();
    let cases = cases(minutes() / 2, each.into());
    let probes = prop::collection::vec(0..86_400 * i64::from(DAYS), 20);
    run(cases, &(expression(), day(), probes), |(text, first, probes)| {
        let Some(cron) = read(&text)? else { return Ok(()) };
        let crontab = Crontab::read(&text);
        let mut times = Vec::new();
        let mut today = first;
        for _ in 0..DAYS {
            let is_day = crontab.has_day(today);
            for hour in 0..24 {
                for minute in 0..60 {
                    if is_day && crontab.has_time(hour, minute, 0) {
                        times.push(today.at(hour, minute, 0));
                    }
                }
            }
            today = today.tomorrow();
        }
        found.set(found.get() + times.len() as u64);
        compare(&text, &cron, first.at(0, 0, 0), &times, today.at(0, 0, 0))?;
        probe(&text, &cron, first.at(0, 0, 0), &times, &probes)
    });
    assert!(found.get() > u64::from(cases), "hardly anything was found: {}", found.get());
}

#[test]
fn seconds_are_those_a_naive_cron_finds() {
    let found = Cell::new(0_u64);
    let cases = cases(minutes() / 4, 3600 * u64::from(HOURS.unsigned_abs()));
    run(cases, &(with_seconds(), day(), 0..24 - HOURS), |(text, day, first)| {
        let Some(cron) = read(&text)? else { return Ok(()) };
        let crontab = Crontab::read(&text);
        let is_day = crontab.has_day(day);
        let mut times = Vec::new();
        for hour in first..first + HOURS {
            for minute in 0..60 {
                for second in 0..60 {
                    if is_day && crontab.has_time(hour, minute, second) {
                        times.push(day.at(hour, minute, second));
                    }
                }
            }
        }
        found.set(found.get() + times.len() as u64);
        let end = day.at(first + HOURS - 1, 59, 59).checked_add(jiff::SignedDuration::from_secs(1));
        compare(&text, &cron, day.at(first, 0, 0), &times, end.expect("a time"))
    });
    assert!(found.get() > u64::from(cases), "hardly anything was found: {}", found.get());
}

#[test]
fn days_are_those_a_naive_cron_finds() {
    let found = Cell::new(0_u64);
    let cases = cases(minutes() / 8, 366 * 24);
    run(cases, &(midnight(), day()), |(text, first)| {
        let Some(cron) = read(&text)? else { return Ok(()) };
        let crontab = Crontab::read(&text);
        let mut times = Vec::new();
        let mut today = first;
        while today.year < first.year + YEARS {
            if crontab.has_day(today) {
                times.push(today.at(0, 0, 0));
            }
            today = today.tomorrow();
        }
        found.set(found.get() + times.len() as u64);
        compare(&text, &cron, first.at(0, 0, 0), &times, today.at(0, 0, 0))
    });
    assert!(found.get() > u64::from(cases), "hardly anything was found: {}", found.get());
}

/// Whether two texts are one schedule is decided by this text, and the database
/// keeps it.
#[test]
fn the_canonical_text_means_what_was_written() {
    run(2000, &prop_oneof![expression(), with_seconds()], |text| {
        let Some(cron) = read(&text)? else { return Ok(()) };
        let again = Cron::parse(cron.canonical());
        prop_assert!(again.is_ok(), "{}: {:?}", text, again);
        let Ok(again) = again else { return Ok(()) };
        prop_assert_eq!(again.canonical(), cron.canonical());
        prop_assert_eq!(again.is_wildcard(), cron.is_wildcard());
        prop_assert_eq!(cron.is_wildcard(), Crontab::is_wildcard(&text));
        let mut time = Day::new(2023, 12, 20).at(0, 0, 0);
        for _ in 0..30 {
            prop_assert_eq!(again.civil_after(time), cron.civil_after(time), "{}", text);
            let Some(next) = cron.civil_after(time) else { break };
            time = next;
        }
        Ok(())
    });
}

/// The expression, unless it names only days which never come. Then no day of
/// 28 years is one: in these every date falls on every weekday, leap days too.
fn read(text: &str) -> Result<Option<Cron>, TestCaseError> {
    match Cron::parse(text) {
        Ok(cron) => {
            prop_assert_eq!(cron.as_str(), text);
            Ok(Some(cron))
        }
        Err(error) => {
            prop_assert!(error.message.starts_with("such a day never comes"), "{}: {}", text, error);
            let crontab = Crontab::read(text);
            let mut day = Day::new(2000, 1, 1);
            while day.year < 2028 {
                prop_assert!(!crontab.has_day(day), "{} comes on {:?}", text, day);
                day = day.tomorrow();
            }
            Ok(None)
        }
    }
}

/// The times from `first` to before `end` are these, one after another.
fn compare(text: &str, cron: &Cron, first: DateTime, times: &[DateTime], end: DateTime) -> TestCaseResult {
    let mut next = cron.civil_at_or_after(first);
    for time in times {
        prop_assert_eq!(next, Some(*time), "{}", text);
        next = cron.civil_after(*time);
    }
    prop_assert!(next.is_none_or(|next| next >= end), "{}: {:?} before {}", text, next, end);
    Ok(())
}

/// So many seconds after `first` the next of the times is found at once, without
/// going through those before.
fn probe(text: &str, cron: &Cron, first: DateTime, times: &[DateTime], probes: &[i64]) -> TestCaseResult {
    for seconds in probes {
        let from = first.checked_add(jiff::SignedDuration::from_secs(*seconds)).expect("a time");
        if let Some(want) = times.get(times.partition_point(|time| *time <= from)) {
            prop_assert_eq!(cron.civil_after(from), Some(*want), "{} after {}", text, from);
        }
        if let Some(want) = times.get(times.partition_point(|time| *time < from)) {
            prop_assert_eq!(cron.civil_at_or_after(from), Some(*want), "{} from {}", text, from);
        }
    }
    Ok(())
}
