//! A hundred thousand schedules: what they keep.

use super::support::at;
use hearken::rules::schedule::cron::Cron;
use hearken::rules::schedule::{Schedule, Timing};
use jiff::civil::date;
use std::collections::HashSet;

const SCHEDULES: usize = 100_000;

/// Each is an allocation for its two texts, and 64 bytes; what it means is kept
/// in these.
#[test]
fn a_hundred_thousand_expressions_are_small() {
    assert_eq!(size_of::<Cron>(), 64);
    let crons: Vec<Cron> =
        (0..SCHEDULES).map(|number| Cron::parse(&expression(number)).expect("an expression")).collect();
    let distinct: HashSet<&str> = crons.iter().map(Cron::canonical).collect();
    assert_eq!(distinct.len(), SCHEDULES);
    for cron in &crons {
        // The canonical text lies right behind the one as it was written.
        assert_eq!(cron.as_str().as_bytes().as_ptr_range().end, cron.canonical().as_ptr());
    }
    // A clone shares them.
    let clone = crons[0].clone();
    assert_eq!(clone.as_str().as_ptr(), crons[0].as_str().as_ptr());
}

/// That they are not read wrongly for being many.
#[test]
fn each_of_them_has_its_time() {
    for number in (0..SCHEDULES).step_by(97) {
        let cron = Cron::parse(&expression(number)).expect("an expression");
        let next = cron.civil_after(date(2025, 12, 31).at(23, 59, 59, 0)).expect("a time");
        let (minute, hour, day, month) = parts(number);
        let got = (next.minute(), next.hour(), next.day(), next.month());
        assert_eq!(got.0 as usize, minute);
        assert_eq!(got.1 as usize, hour);
        assert_eq!(got.2 as usize, day);
        assert_eq!(got.3 as usize, month);
        let schedule = Schedule::new(Timing::Cron(cron));
        let tick = schedule.next_after(at("2025-12-31T23:59:59Z")).expect("a tick");
        assert_eq!(tick.at.to_string(), format!("{next}Z"));
    }
}

/// Minute, hour, day and month of one of them.
fn parts(number: usize) -> (usize, usize, usize, usize) {
    (number % 60, number / 60 % 24, number / 1440 % 28 + 1, number / 40_320 % 12 + 1)
}

fn expression(number: usize) -> String {
    let (minute, hour, day, month) = parts(number);
    format!("{minute} {hour} {day} {month} *")
}
