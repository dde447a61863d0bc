//! Which days tick, and when.

use super::super::policy::{GapPolicy, RepeatPolicy};
use super::super::zone::parse_zone;
use super::super::{Schedule, Timing};
use super::*;
use proptest::prelude::*;

#[test]
fn days_are_counted_from_1970() {
    // 1 January 1970 and 3 days, again and again: 2026-03-02 is day 20,514.
    check("3d", "UTC", None, "2026-03-01T00:00:00Z", &["2026-03-02T09:00:00Z", "2026-03-05T09:00:00Z"]);
    check("1d", "UTC", None, "2026-03-01T09:00:00Z", &["2026-03-02T09:00:00Z", "2026-03-03T09:00:00Z"]);
    // That day was a Thursday.
    check("1w", "UTC", None, "2026-03-01T00:00:00Z", &["2026-03-05T09:00:00Z"]);
}

#[test]
fn days_are_counted_from_the_day_of_from() {
    let from = Some("2026-01-30T20:00:00Z");
    let want = ["2026-02-09T09:00:00Z", "2026-02-19T09:00:00Z", "2026-03-01T09:00:00Z"];
    // On its own day nine o'clock is over.
    check("10d", "UTC", from, "2026-01-01T00:00:00Z", &want);
    // In Tokyo it was the 31st already.
    check("10d", "Asia/Tokyo", from, "2026-01-01T00:00:00Z", &["2026-01-31T00:00:00Z"]);
}

#[test]
fn the_time_stays_when_the_clock_changes() {
    let want = ["2026-03-28T08:00:00Z", "2026-03-30T07:00:00Z"];
    check("2d", "Europe/Berlin", Some("2026-03-28T00:00:00Z"), "2026-03-28T00:00:00Z", &want);
}

#[test]
fn changes_of_the_clock_obey_the_policy() {
    let berlin = |time, dst| Schedule {
        tz: parse_zone("Europe/Berlin").unwrap(),
        dst,
        ..Schedule::new(Timing::Days(days("1d", time)))
    };
    let dst = DstPolicy::default();
    let spring = "2026-03-28T12:00:00Z";
    assert_eq!(next(&berlin("02:30", dst), spring), "2026-03-29T01:00:00Z");
    assert_eq!(
        next(&berlin("02:30", DstPolicy { gap: GapPolicy::Skip, ..dst }), spring),
        "2026-03-30T00:30:00Z"
    );
    let autumn = "2026-10-24T12:00:00Z";
    assert_eq!(next(&berlin("02:30", dst), autumn), "2026-10-25T00:30:00Z");
    let second = DstPolicy { repeat: RepeatPolicy::Second, ..dst };
    assert_eq!(next(&berlin("02:30", second), autumn), "2026-10-25T01:30:00Z");
    let both = berlin("02:30", DstPolicy { repeat: RepeatPolicy::Both, ..dst });
    assert_eq!(next(&both, "2026-10-25T00:30:00Z"), "2026-10-25T01:30:00Z");
    assert_eq!(next(&both, "2026-10-25T01:30:00Z"), "2026-10-26T01:30:00Z");
}

#[test]
fn a_day_which_was_left_out_ticks_once_at_its_end() {
    let apia = Schedule {
        tz: parse_zone("Pacific/Apia").unwrap(),
        ..Schedule::new(Timing::Days(days("1d", "00:00")))
    };
    let ticks = apia.ticks_after(at("2011-12-28T12:00:00Z")).take(3).map(|tick| tick.at.to_string());
    // The 29th, the 31st for which the 30th was left out, and the 1st.
    let want = ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"];
    assert_eq!(ticks.collect::<Vec<_>>(), want);
}

#[test]
fn a_time_of_day_has_two_or_three_parts() {
    for (text, want) in [("09:00", "09:00:00"), ("23:59:30", "23:59:30"), ("00:00", "00:00:00")] {
        assert_eq!(parse_time(text).unwrap().to_string(), want);
    }
    for text in ["", "9:00", "09", "24:00", "09:60", "09:00:60", "09:00:00.5", "0900", "+9:00", "09:00 "] {
        assert_eq!(parse_time(text), Err(TimeError(text.to_owned())));
    }
}

#[test]
fn only_whole_days_have_a_time() {
    let nine = parse_time("09:00").unwrap();
    let new = |period| Days::new(Every::parse(period).unwrap(), nine);
    assert_eq!(new("36h"), Err(DaysError::NotWhole));
    assert_eq!(new("1d 1ms"), Err(DaysError::NotWhole));
    assert_eq!(new("3661d"), Err(DaysError::TooMany));
    assert_eq!(new("72h"), new("3 days"));
    assert_eq!(new("3d").unwrap().to_string(), "3d at 09:00:00");
}

#[test]
fn time_ends_with_the_calendar() {
    let schedule = Schedule::new(Timing::Days(days("1d", "23:59")));
    assert_eq!(schedule.next_after(Timestamp::MAX), None);
    assert!(schedule.next_after(Timestamp::MIN).is_some());
}

proptest! {
    /// Ticks are strictly after, strictly increasing, and the next one does not
    /// depend on where one began to look.
    #[test]
    fn ticks_increase_wherever_one_begins(
        days in 1_u16..40, minute in 0_i8..60, hour in 0_i8..24,
        second in -2_000_000_000_i64..8_000_000_000, zone in 0_usize..4, repeat in 0_usize..3,
    ) {
        let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"];
        let repeat = [RepeatPolicy::First, RepeatPolicy::Second, RepeatPolicy::Both][repeat];
        let timing = Timing::Days(Days { days, time: Time::new(hour, minute, 0, 0).unwrap() });
        let dst = DstPolicy { repeat, ..DstPolicy::default() };
        let schedule = Schedule { tz: parse_zone(zones[zone]).unwrap(), dst, ..Schedule::new(timing) };
        let after = Timestamp::from_second(second).unwrap();
        let mut before = after;
        for tick in schedule.ticks_after(after).take(5) {
            prop_assert!(tick.at > before);
            prop_assert_eq!(schedule.next_after(before).map(|tick| tick.at), Some(tick.at));
            before = tick.at;
        }
        prop_assert!(before > after);
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn days(period: &str, time: &str) -> Days {
    Days::new(Every::parse(period).unwrap(), parse_time(time).unwrap()).unwrap()
}

fn next(schedule: &Schedule, after: &str) -> String {
    schedule.next_after(at(after)).unwrap().at.to_string()
}

/// Compares the first ticks, at nine o'clock of the zone.
#[track_caller]
fn check(period: &str, tz: &str, from: Option<&str>, after: &str, want: &[&str]) {
    let schedule = Schedule {
        tz: parse_zone(tz).unwrap(),
        from: from.map(at),
        ..Schedule::new(Timing::Days(days(period, "09:00")))
    };
    let ticks = schedule.ticks_after(at(after)).take(want.len()).map(|tick| tick.at.to_string());
    assert_eq!(ticks.collect::<Vec<_>>(), want);
}
