//! Hours and slots of calendars, read off the clock minute by minute.

use super::spec::Hours;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, AmbiguousTimestamp, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// How far a search goes, in minutes.
pub const SEARCH: i64 = 366 * 24 * 60;

/// So many minutes later.
pub fn later(at: Timestamp, minutes: i64) -> Timestamp {
    at + SignedDuration::from_mins(minutes)
}

/// The zone of a name.
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a zone")
}

/// Whether it is open at this instant, in this zone.
pub fn is_open(hours: &Hours, tz: &TimeZone, at: Timestamp) -> bool {
    let today = tz.to_datetime(at).date();
    // An interval over midnight may have begun yesterday.
    let days = [today.yesterday().expect("a day"), today];
    let mut intervals = hours.open.iter().flat_map(|open| days.map(|day| (day, *open)));
    intervals.any(|(day, (names, from, to))| {
        let over_midnight = minute_of(to) <= minute_of(from);
        let last = if over_midnight { day.tomorrow().expect("a day") } else { day };
        let (begin, end) = (begin(tz, day, from), end(tz, last, to));
        is_among(names, day.weekday()) && begin <= at && at < end
    })
}

/// The first minute from `at` on at which it is open.
pub fn next_open(hours: &Hours, tz: &TimeZone, at: Timestamp) -> Option<Timestamp> {
    (0..=SEARCH).map(|minutes| later(at, minutes)).find(|at| is_open(hours, tz, *at))
}

/// A repeated time begins the first time it comes; one which is left out, when
/// the clock shows the next one.
fn begin(tz: &TimeZone, day: Date, time: &str) -> Timestamp {
    shown(tz, day, time).earlier().expect("an instant")
}

/// A repeated time ends the last time it comes.
fn end(tz: &TimeZone, day: Date, time: &str) -> Timestamp {
    shown(tz, day, time).later().expect("an instant")
}

/// The time, or the first minute after it which the clock shows.
fn shown(tz: &TimeZone, day: Date, time: &str) -> AmbiguousTimestamp {
    let wanted = civil(day, time);
    let minute = |n: i64| tz.to_ambiguous_timestamp(wanted + SignedDuration::from_mins(n));
    let is_shown = |at: &AmbiguousTimestamp| !matches!(at.offset(), AmbiguousOffset::Gap { .. });
    (0..).map(minute).find(is_shown).expect("a minute")
}

fn civil(day: Date, time: &str) -> DateTime {
    let minute = minute_of(time);
    let (day, minute) = if minute == 1440 { (day.tomorrow().expect("a day"), 0) } else { (day, minute) };
    let part = |number: i64| i8::try_from(number).expect("a small number");
    day.at(part(minute / 60), part(minute % 60), 0, 0)
}

fn minute_of(time: &str) -> i64 {
    let (hours, minutes) = time.split_once(':').expect("a time");
    hours.parse::<i64>().expect("hours") * 60 + minutes.parse::<i64>().expect("minutes")
}

/// Whether a text such as `mon-fri,sun` names the day.
fn is_among(names: &str, day: Weekday) -> bool {
    let place = |name: &str| {
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        days.iter().position(|day| *day == name).expect("a day")
    };
    let day = usize::try_from(day.to_monday_zero_offset()).expect("a day of the week");
    names.split(',').any(|range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        (place(from)..=place(to)).contains(&day)
    })
}

/// The name of the slot in which an instant lies: instants with equal names are
/// in one slot.
pub fn slot(period: &str, tz: &TimeZone, at: Timestamp) -> String {
    let zoned = at.to_zoned(tz.clone());
    let date = zoned.date();
    let minutes = match period {
        "1d" => return format!("day {date}"),
        "1w" => {
            let week = date.iso_week_date();
            return format!("week {} of {}", week.week(), week.year());
        }
        "1month" => return format!("month {} of {}", date.month(), date.year()),
        "15m" => 15,
        "1h" => 60,
        other => panic!("no period of the model: {other}"),
    };
    let midnight = zoned.start_of_day().expect("midnight").timestamp();
    let since = at.duration_since(midnight).as_mins();
    format!("slot {} of {minutes} minutes on {date}", since / minutes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Outside, Source};

    #[test]
    fn nights_belong_to_the_day_they_begin_on() {
        let open = vec![("sat", "22:00", "02:00")];
        let hours = Hours { tz: "UTC", from: Source::Fixed, open, outside: Outside::Hold, unless: None };
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let is_open = |text: &str| is_open(&hours, &TimeZone::UTC, at(text));
        // 2026-03-28 is a Saturday.
        assert!(is_open("2026-03-28T22:00:00Z") && is_open("2026-03-29T01:59:00Z"));
        assert!(!is_open("2026-03-29T02:00:00Z") && !is_open("2026-03-28T01:00:00Z"));
        let next = next_open(&hours, &TimeZone::UTC, at("2026-03-27T09:00:00Z"));
        assert_eq!(next, Some(at("2026-03-28T22:00:00Z")));
    }

    #[test]
    fn slots_are_told_apart_by_their_names() {
        let berlin = zone("Europe/Berlin");
        let slot = |period: &str, text: &str| slot(period, &berlin, text.parse().expect("an instant"));
        assert_eq!(slot("1d", "2026-03-28T23:00:00Z"), "day 2026-03-29");
        assert_eq!(slot("1d", "2026-03-29T21:59:00Z"), "day 2026-03-29");
        assert_ne!(slot("15m", "2026-03-29T00:00:00Z"), slot("15m", "2026-03-29T00:15:00Z"));
    }
}
