//! Slots by hand, and beside a twin which looks at the clock each minute.

use super::super::hours::clocks::{CHANGES, Clock};
use super::*;
use crate::rules::schedule::zone::parse_zone;
use jiff::civil::Weekday;
use proptest::prelude::*;

fn slots(period: &str, zone: &str) -> Slots {
    Slots::parse(period, parse_zone(zone).unwrap()).unwrap()
}

/// The slot of an instant, from its beginning to that of the next one.
#[track_caller]
fn check(period: &str, zone: &str, at: &str, start: &str, next: &str) {
    let slots = slots(period, zone);
    let at: Timestamp = at.parse().unwrap();
    assert_eq!(slots.start(at), start.parse().unwrap(), "start");
    assert_eq!(slots.next(at), next.parse().unwrap(), "next");
}

#[test]
fn parts_of_a_day_are_counted_from_midnight() {
    let at = "2026-03-02T08:17:30.5Z";
    check("15m", "UTC", at, "2026-03-02T08:15:00Z", "2026-03-02T08:30:00Z");
    check("6h", "UTC", at, "2026-03-02T06:00:00Z", "2026-03-02T12:00:00Z");
    check("1s", "UTC", at, "2026-03-02T08:17:30Z", "2026-03-02T08:17:31Z");
    check("12h", "Europe/Berlin", at, "2026-03-02T00:00:00+01:00", "2026-03-02T12:00:00+01:00");
    check("1h", "Asia/Kathmandu", at, "2026-03-02T08:15:00Z", "2026-03-02T09:15:00Z");
    check("1h", "UTC", "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z");
}

#[test]
fn days_weeks_and_months_are_those_of_the_zone() {
    let at = "2026-03-04T23:30:00Z";
    check("1d", "UTC", at, "2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z");
    check("1d", "Europe/Berlin", at, "2026-03-05T00:00:00+01:00", "2026-03-06T00:00:00+01:00");
    check("1w", "UTC", at, "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z");
    check("1month", "UTC", at, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z");
    check("1month", "Europe/Berlin", at, "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00");
    // The week of the turn of the year, and a month of 29 days.
    check("1w", "UTC", "2027-01-01T00:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z");
    check("1month", "UTC", "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
}

#[test]
fn a_slot_begins_with_its_first_instant() {
    check("1d", "UTC", "2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z");
    let before = "2026-03-01T23:59:59.999999999Z";
    check("1d", "UTC", before, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z");
}

// Berlin, 2026: 29 March has 23 hours, 25 October has 25.

#[test]
fn the_last_part_of_a_day_is_cut_by_the_next_midnight() {
    let zone = "Europe/Berlin";
    check("6h", zone, "2026-03-29T20:00:00Z", "2026-03-29T17:00:00Z", "2026-03-29T22:00:00Z");
    check("6h", zone, "2026-10-25T22:30:00Z", "2026-10-25T22:00:00Z", "2026-10-25T23:00:00Z");
    check("1d", zone, "2026-10-25T22:30:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
}

#[test]
fn a_day_which_is_shown_again_has_begun_once() {
    // 2010-11-07, 02:31Z: 00:01 becomes 23:01 of the day before.
    let zone = "America/St_Johns";
    check("1d", zone, "2010-11-07T02:45:00Z", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z");
    check("1d", zone, "2010-11-07T02:29:59Z", "2010-11-06T02:30:00Z", "2010-11-07T02:30:00Z");
}

#[test]
fn a_day_which_does_not_exist_has_no_slot() {
    // Samoa went from 29 to 31 December 2011, at 10:00Z.
    let zone = "Pacific/Apia";
    check("1d", zone, "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z");
    check("1d", zone, "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z");
    check("1w", zone, "2011-12-30T10:00:00Z", "2011-12-26T10:00:00Z", "2012-01-01T10:00:00Z");
}

#[test]
fn the_ends_of_time_are_borne() {
    for period in ["15m", "1d", "1w", "1month"] {
        for zone in ["UTC", "Pacific/Apia", "America/New_York"] {
            let slots = slots(period, zone);
            assert_eq!(slots.next(Timestamp::MAX), Timestamp::MAX, "{period} {zone}");
            assert_eq!(slots.start(Timestamp::MIN), Timestamp::MIN, "{period} {zone}");
            assert!(slots.next(Timestamp::MIN) > Timestamp::MIN, "{period} {zone}");
        }
    }
}

#[test]
fn periods_are_those_of_a_calendar() {
    for (text, written) in [
        ("15m", "15m"),
        ("90s", "1m 30s"),
        ("86400s", "1d"),
        ("24h", "1d"),
        ("7d", "1w"),
        (" 1w ", "1w"),
        ("1 month", "1month"),
    ] {
        assert_eq!(slots(text, "UTC").to_string(), format!("{written} (UTC)"), "{text}");
    }
    for text in ["7h", "0s", "500ms", "2d", "2w", "2months", "1year", "1M", "90m 1s"] {
        assert_eq!(Slots::parse(text, TimeZone::UTC), Err(SlotsError::Uneven(text.to_owned())), "{text}");
    }
    let error = Slots::parse("daily", TimeZone::UTC).unwrap_err().to_string();
    assert!(error.starts_with("`daily` is not a period such as `15m`, `1d`, `1w` or `1month`: "), "{error}");
    let error = Slots::parse("7h", TimeZone::UTC).unwrap_err().to_string();
    assert_eq!(error, "`7h` is no period of a calendar, which divides a day, or is `1d`, `1w` or `1month`");
}

#[test]
fn slots_are_stored_as_they_are_written() {
    let slots = slots("90s", "Europe/Berlin");
    let text = serde_json::to_string(&slots).unwrap();
    assert_eq!(text, r#"{"period":"1m 30s","tz":"Europe/Berlin"}"#);
    assert_eq!(serde_json::from_str::<Slots>(&text).unwrap(), slots);
}

/// What tells the slots of a clock's minutes apart. A day is the latest one the
/// clock has shown so far, and the minutes of a day are counted one by one.
fn naive(period: Period, clock: &Clock) -> Vec<(Date, i64)> {
    let mut day = clock.shown[0].date();
    // How many minutes of its first day are gone by when the window begins; it
    // begins two days before the clock changes.
    let midnight = day.to_datetime(Time::midnight());
    let mut minute = clock.shown[0].duration_since(midnight).as_mins() - 1;
    let mut slots = Vec::new();
    for shown in &clock.shown {
        minute = if shown.date() > day { 0 } else { minute + 1 };
        day = day.max(shown.date());
        slots.push(match period {
            Period::Part(length) => (day, minute / length.as_mins()),
            Period::Day => (day, 0),
            Period::Week => (monday(day), 0),
            Period::Month => (day.first_of_month(), 0),
        });
    }
    slots
}

/// Counted down day by day.
fn monday(mut day: Date) -> Date {
    while day.weekday() != Weekday::Monday {
        day = day.yesterday().unwrap();
    }
    day
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn slots_are_what_the_clock_shows(
        period in prop::sample::select(vec!["1m", "15m", "40m", "1h", "6h", "12h", "1d", "1w", "1month"]),
        change in 0..CHANGES.len(),
        within in 0..60_000_000_000_i64,
    ) {
        let clock = Clock::around(change);
        let slots = Slots::parse(period, clock.tz.clone()).unwrap();
        let naive = naive(slots.period, &clock);
        for minute in 1..naive.len() {
            let (last, at) = (clock.minutes[minute - 1], clock.minutes[minute]);
            let any = last + SignedDuration::from_nanos(within);
            prop_assert_eq!(slots.start(any), slots.start(last), "{} is in its minute", any);
            if naive[minute] == naive[minute - 1] {
                prop_assert_eq!(slots.start(at), slots.start(last), "{} begins nothing", at);
            } else {
                prop_assert_eq!(slots.start(at), at, "{} begins a slot", at);
                prop_assert_eq!(slots.next(any), at, "{} ends a slot", at);
            }
        }
    }

    /// Each instant is in one slot, which begins where the last one ends.
    #[test]
    fn slots_follow_each_other(
        period in prop::sample::select(vec!["1s", "15m", "8h", "1d", "1w", "1month"]),
        change in 0..CHANGES.len(),
        after in 0..432_000_000_000_000_i64,
    ) {
        let clock = Clock::around(change);
        let slots = Slots::parse(period, clock.tz.clone()).unwrap();
        let at = clock.minutes[0] + SignedDuration::from_nanos(after);
        let (start, next) = (slots.start(at), slots.next(at));
        prop_assert!(start <= at && at < next);
        prop_assert_eq!((slots.start(start), slots.next(start)), (start, next));
        let last = next - SignedDuration::from_nanos(1);
        prop_assert_eq!((slots.start(last), slots.next(last)), (start, next));
        prop_assert_eq!(slots.start(next), next);
    }
}
