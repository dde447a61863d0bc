//! What is odd about the intervals of a week taken together.

use super::IntervalSpec;
use crate::rules::gate::hours::{ClockTime, Interval};
use crate::rules::problem::Problem;
use crate::rules::routine::table::Findings;
use jiff::civil::Weekday;
use std::ops::Range;

/// A point in two weeks: a day, and a time on it.
type Point = (u8, ClockTime);

/// Two weeks, so that what goes over the end of the first is seen.
const DAYS: u8 = 14;

/// Warns of intervals which overlap, and of hours which exclude nothing. Nothing
/// is said if an event or a row has a say in them.
pub(super) fn review(findings: &mut Findings, open: &[(&IntervalSpec, Range<usize>)]) {
    let Some((midnight, end_of_day)) = ClockTime::parse("00:00").ok().zip(ClockTime::parse("24:00").ok())
    else {
        return;
    };
    let mut spans: Vec<(usize, Point, Point)> = Vec::new();
    for (number, (spec, _)) in open.iter().enumerate() {
        let Some(interval) = spec.fixed() else { return };
        let on_day = |day: u8| {
            let (begin, end) = ends(&interval, day, midnight, end_of_day);
            (number, begin, end)
        };
        spans.extend((0..DAYS).filter(|day| interval.days.contains(weekday(*day))).map(on_day));
    }
    overlaps(findings, open, &spans);
    let mut reach = (DAYS / 2, midnight);
    spans.sort_by_key(|(_, begin, _)| *begin);
    for (_, begin, end) in spans {
        if begin <= reach {
            reach = reach.max(end);
        }
    }
    if reach >= (DAYS, midnight)
        && let Some((_, place)) = open.first()
    {
        let problem =
            Problem::warning(place.clone(), "these hours are always open").label("excludes nothing");
        findings.push(problem.help("leave `hours` out, or shorten them"));
    }
}

/// Warns, once for each interval, where it shares time with one above it.
fn overlaps(
    findings: &mut Findings,
    open: &[(&IntervalSpec, Range<usize>)],
    spans: &[(usize, Point, Point)],
) {
    for (number, (_, place)) in open.iter().enumerate() {
        let own = move || spans.iter().filter(move |(of, _, _)| *of == number);
        let above = move || spans.iter().filter(move |(of, _, _)| *of < number);
        if own().any(|(_, begin, end)| above().any(|(_, other, until)| begin < until && other < end)) {
            let problem = Problem::warning(place.clone(), "this interval overlaps one above it");
            findings.push(problem.label("open twice").help("make one of the two, or shorten one"));
        }
    }
}

/// Where an interval begins and ends which begins on `day`. The end of a day is
/// the beginning of the next.
fn ends(interval: &Interval, day: u8, midnight: ClockTime, end_of_day: ClockTime) -> (Point, Point) {
    let end = match interval.to {
        to if to == end_of_day => (day + 1, midnight),
        to if to <= interval.from => (day + 1, to),
        to => (day, to),
    };
    ((day, interval.from), end)
}

fn weekday(day: u8) -> Weekday {
    const WEEK: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    WEEK[usize::from(day % 7)]
}
