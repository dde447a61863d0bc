//! Running random cases, and what the tests share.

use hearken::rules::schedule::cron::Cron;
use hearken::rules::schedule::every::Every;
use hearken::rules::schedule::{Schedule, Timing};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestError, TestRunner};

/// How many minutes are looked at if nothing else is said.
const MINUTES: u64 = 10_000_000;

/// How many minutes to look at.
pub fn minutes() -> u64 {
    let wanted = std::env::var("HEARKEN_MINUTES").ok();
    wanted.map_or(MINUTES, |text| text.parse().expect("HEARKEN_MINUTES is a number"))
}

/// The number of cases with so many minutes each which make up a share of them.
pub fn cases(share: u64, minutes_each: u64) -> u32 {
    u32::try_from((share / minutes_each).max(1)).expect("at most 4 billion cases")
}

/// Runs a property and panics with the smallest case which breaks it.
#[track_caller]
pub fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> TestCaseResult) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    match TestRunner::new(config).run(strategy, test) {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!("{reason}\nwith {case:?}"),
        Err(TestError::Abort(reason)) => panic!("no cases: {reason}"),
    }
}

/// A schedule of an expression, in UTC.
#[track_caller]
pub fn cron(text: &str) -> Schedule {
    let cron = Cron::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Schedule::new(Timing::Cron(cron))
}

/// A schedule of a period.
#[track_caller]
pub fn every(text: &str) -> Schedule {
    Schedule::new(Timing::Every(Every::parse(text).expect("a period")))
}

/// A moment.
#[track_caller]
pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

/// A moment so many seconds later.
pub fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).expect("within the years which are counted")
}
