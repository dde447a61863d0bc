//! Hours by hand, and random ones beside a twin which looks at the clock each
//! minute.

use super::clocks::{CHANGES, Clock};
use super::*;
use crate::rules::schedule::zone::parse_zone;
use jiff::civil::{DateTime, Time};
use proptest::prelude::*;

const MON_FRI: &[[&str; 3]] = &[["mon-fri", "08:00", "18:00"]];

fn hours(zone: &str, open: &[[&str; 3]]) -> Hours {
    let interval = |[days, from, to]: &[&str; 3]| Interval {
        days: Days::parse(days).unwrap(),
        from: ClockTime::parse(from).unwrap(),
        to: ClockTime::parse(to).unwrap(),
    };
    Hours {
        tz: parse_zone(zone).unwrap(),
        open: open.iter().map(interval).collect(),
        outside: Outside::default(),
    }
}

/// The instant is open, or the hours begin at the other one.
#[track_caller]
fn check(hours: &Hours, at: &str, want: &str) {
    let at: Timestamp = at.parse().unwrap();
    let want: Timestamp = want.parse().unwrap();
    assert_eq!(hours.next_open(at), Some(want), "{}", hours.describe());
    assert_eq!(hours.is_open(at), at == want);
}

#[track_caller]
fn check_open(hours: &Hours, at: &str) {
    check(hours, at, at);
}

// The second of March 2026 is a Monday.

#[test]
fn the_beginning_is_in_and_the_end_is_out() {
    let office = hours("Europe/Berlin", MON_FRI);
    check(&office, "2026-03-02T07:59:59.999999999+01:00", "2026-03-02T08:00:00+01:00");
    check_open(&office, "2026-03-02T08:00:00+01:00");
    check_open(&office, "2026-03-02T12:34:56.000000789+01:00");
    check_open(&office, "2026-03-02T17:59:59.999999999+01:00");
    check(&office, "2026-03-02T18:00:00+01:00", "2026-03-03T08:00:00+01:00");
}

#[test]
fn days_which_are_not_named_are_closed() {
    let office = hours("Europe/Berlin", MON_FRI);
    check(&office, "2026-03-06T18:00:00+01:00", "2026-03-09T08:00:00+01:00");
    check(&office, "2026-03-07T12:00:00+01:00", "2026-03-09T08:00:00+01:00");
    // The clock changes over the week-end.
    check(&office, "2026-03-28T12:00:00+01:00", "2026-03-30T08:00:00+02:00");
}

#[test]
fn an_interval_over_midnight_belongs_to_the_day_it_begins_on() {
    let night = hours("UTC", &[["sat,sun", "22:00", "02:00"]]);
    check(&night, "2026-03-07T01:00:00Z", "2026-03-07T22:00:00Z");
    check_open(&night, "2026-03-07T23:00:00Z");
    check_open(&night, "2026-03-08T01:59:59Z");
    check(&night, "2026-03-08T02:00:00Z", "2026-03-08T22:00:00Z");
    check_open(&night, "2026-03-09T01:00:00Z");
    check(&night, "2026-03-09T02:00:00Z", "2026-03-14T22:00:00Z");
}

#[test]
fn a_day_may_be_whole() {
    for [from, to] in [["00:00", "24:00"], ["00:00", "00:00"]] {
        let monday = hours("UTC", &[["mon", from, to]]);
        check(&monday, "2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z");
        check_open(&monday, "2026-03-02T23:59:59.999999999Z");
        check(&monday, "2026-03-03T00:00:00Z", "2026-03-09T00:00:00Z");
    }
    let around = hours("UTC", &[["mon", "08:00", "08:00"]]);
    check_open(&around, "2026-03-03T07:59:59Z");
    check(&around, "2026-03-03T08:00:00Z", "2026-03-09T08:00:00Z");
    let always = hours("America/New_York", &[["mon-sun", "00:00", "24:00"]]);
    check_open(&always, "2026-03-08T07:00:00Z");
}

#[test]
fn intervals_are_a_union() {
    let day =
        hours("UTC", &[["mon", "10:00", "14:00"], ["mon", "08:00", "12:00"], ["mon", "20:00", "21:00"]]);
    check(&day, "2026-03-02T07:00:00Z", "2026-03-02T08:00:00Z");
    check_open(&day, "2026-03-02T11:00:00Z");
    check_open(&day, "2026-03-02T13:00:00Z");
    check(&day, "2026-03-02T14:00:00Z", "2026-03-02T20:00:00Z");
}

// Berlin, 2026: 29 March, 01:00Z, 02:00 becomes 03:00; 25 October, 01:00Z,
// 03:00 becomes 02:00. Both are Sundays.

#[test]
fn an_end_in_a_gap_is_the_first_instant_behind_it() {
    let morning = hours("Europe/Berlin", &[["sun", "02:30", "04:00"]]);
    check(&morning, "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z");
    check_open(&morning, "2026-03-29T01:59:59Z");
    check(&morning, "2026-03-29T02:00:00Z", "2026-04-05T00:30:00Z");
    let before = hours("Europe/Berlin", &[["sun", "01:00", "02:30"]]);
    check_open(&before, "2026-03-29T00:59:59Z");
    check(&before, "2026-03-29T01:00:00Z", "2026-04-04T23:00:00Z");
}

#[test]
fn an_interval_inside_a_gap_does_not_exist() {
    let lost = hours("Europe/Berlin", &[["sun", "02:10", "02:50"]]);
    check(&lost, "2026-03-29T00:00:00Z", "2026-04-05T00:10:00Z");
    // Samoa had no 30 December 2011, a Friday.
    let friday = hours("Pacific/Apia", &[["fri", "08:00", "18:00"]]);
    check(&friday, "2011-12-29T23:00:00Z", "2012-01-05T18:00:00Z");
}

#[test]
fn of_repeated_times_the_first_begins_and_the_last_ends() {
    let short = hours("Europe/Berlin", &[["sun", "02:15", "02:30"]]);
    check(&short, "2026-10-25T00:00:00Z", "2026-10-25T00:15:00Z");
    check_open(&short, "2026-10-25T00:45:00Z");
    check_open(&short, "2026-10-25T01:29:59.999999999Z");
    check(&short, "2026-10-25T01:30:00Z", "2026-11-01T01:15:00Z");
}

#[test]
fn without_intervals_it_is_never_open() {
    let never = hours("UTC", &[]);
    assert_eq!(never.next_open(Timestamp::UNIX_EPOCH), None);
    assert_eq!(never.describe(), "never UTC");
}

#[test]
fn the_ends_of_time_are_borne() {
    let office = hours("Pacific/Apia", MON_FRI);
    assert_eq!(office.next_open(Timestamp::MAX).filter(|at| *at < Timestamp::MAX), None);
    assert!(office.next_open(Timestamp::MIN).is_some());
}

#[test]
fn hours_are_described_for_people() {
    assert_eq!(hours("Europe/Berlin", MON_FRI).describe(), "mon-fri 08:00-18:00 Europe/Berlin");
    let two = hours("UTC", &[["mon-fri", "08:00", "12:00"], ["sat,sun", "22:00", "02:00:30"]]);
    assert_eq!(two.describe(), "mon-fri 08:00-12:00; sat,sun 22:00-02:00:30 UTC");
}

#[test]
fn hours_are_stored_as_they_are_written() {
    let hours = hours("Europe/Berlin", MON_FRI);
    let text = serde_json::to_string(&hours).unwrap();
    let want =
        r#"{"tz":"Europe/Berlin","open":[{"days":"mon-fri","from":"08:00","to":"18:00"}],"outside":"hold"}"#;
    assert_eq!(text, want);
    assert_eq!(serde_json::from_str::<Hours>(&text).unwrap(), hours);
    let moved = text.replace("Europe/Berlin", "Middle-earth/Shire");
    let error = serde_json::from_str::<Hours>(&moved).unwrap_err().to_string();
    assert!(error.starts_with("there is no time zone `Middle-earth/Shire`"), "{error}");
    let nameless = Hours { tz: TimeZone::fixed(jiff::tz::offset(2)), ..hours };
    assert!(serde_json::to_string(&nameless).is_err());
}

/// Whether each minute of a clock is open. An interval begins with the first
/// minute which shows its beginning or later, and ends behind the last minute
/// which shows a time before its end.
fn naive(hours: &Hours, clock: &Clock) -> Vec<bool> {
    let time = |day: Date, time: ClockTime| -> DateTime {
        day.to_datetime(Time::midnight()) + SignedDuration::from_secs(i64::from(time.0))
    };
    let mut open = vec![false; clock.minutes.len()];
    let mut day = clock.shown[0].date() - SignedDuration::from_hours(72);
    for _ in 0..12 {
        for interval in hours.open.iter().filter(|interval| interval.days.contains(day.weekday())) {
            let last = if interval.to <= interval.from { day.tomorrow().unwrap() } else { day };
            let (from, to) = (time(day, interval.from), time(last, interval.to));
            let begin = clock.shown.iter().position(|shown| *shown >= from).unwrap_or(open.len());
            let end = clock.shown.iter().rposition(|shown| *shown < to).map_or(0, |minute| minute + 1);
            open.iter_mut().take(end).skip(begin).for_each(|open| *open = true);
        }
        day = day.tomorrow().unwrap();
    }
    open
}

fn interval() -> impl Strategy<Value = Interval> {
    (1..=Days::ALL.0, 0..=1_440_u32, 0..=1_440_u32).prop_map(|(days, from, to)| Interval {
        days: Days(days),
        from: ClockTime(from * 60),
        to: ClockTime(to * 60),
    })
}

fn around_a_change() -> impl Strategy<Value = (Hours, Clock)> {
    (proptest::collection::vec(interval(), 1..4), 0..CHANGES.len()).prop_map(|(open, change)| {
        let clock = Clock::around(change);
        (Hours { tz: clock.tz.clone(), open, outside: Outside::Hold }, clock)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Any instant, in any minute.
    #[test]
    fn the_next_open_instant_is_what_the_clock_shows(
        (hours, clock) in around_a_change(),
        offset in 0..11_usize,
        within in 0..60_000_000_000_i64,
    ) {
        let open = naive(&hours, &clock);
        for minute in (offset..open.len()).step_by(11) {
            let at = clock.minutes[minute] + SignedDuration::from_nanos(within);
            let next = (minute..open.len()).find(|next| open[*next]);
            match next {
                Some(next) => prop_assert_eq!(hours.next_open(at), Some(clock.minutes[next].max(at))),
                None => prop_assert!(hours.next_open(at).is_none_or(|at| at > clock.minutes[open.len() - 1])),
            }
        }
    }

    /// No nanosecond is on the wrong side of an end.
    #[test]
    fn ends_are_exact((hours, clock) in around_a_change()) {
        let open = naive(&hours, &clock);
        for minute in (1..open.len()).filter(|minute| open[*minute] != open[*minute - 1]) {
            let edge = clock.minutes[minute];
            let before = edge - SignedDuration::from_nanos(1);
            prop_assert_eq!(hours.is_open(edge), open[minute], "{} of {}", edge, hours.describe());
            prop_assert_eq!(hours.is_open(before), !open[minute], "{} of {}", before, hours.describe());
        }
    }

    #[test]
    fn hours_are_read_as_they_are_stored((hours, _) in around_a_change()) {
        let text = serde_json::to_string(&hours).unwrap();
        prop_assert_eq!(serde_json::from_str::<Hours>(&text).unwrap(), hours);
    }
}
