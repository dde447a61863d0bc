//! Sets of bits against days which are looked at one by one.

use super::*;
use jiff::civil::date;
use proptest::prelude::*;

const NEVER: Weekdays = Weekdays { every: 0, nth: [0; 5], last: 0 };

/// All of everything.
const ALWAYS: Calendar = Calendar {
    seconds: (1 << 60) - 1,
    minutes: (1 << 60) - 1,
    hours: (1 << 24) - 1,
    days: u32::MAX - 1,
    months: 0x1ffe,
    weekdays: Weekdays { every: 0x7f, ..NEVER },
    join: Join::Both,
};

/// A calendar owns nothing, so a hundred thousand of them are a block of memory.
#[test]
fn a_calendar_is_a_handful_of_integers() {
    fn copied<T: Copy>(value: T) -> (T, T) {
        (value, value)
    }
    let (one, other) = copied(ALWAYS);
    assert_eq!(one, other);
    assert_eq!(size_of::<Calendar>(), 40);
}

#[test]
fn the_next_value_of_a_set_is_at_or_after() {
    for (set, from, want) in [
        (0b1010, 0, Some(1)),
        (0b1010, 1, Some(1)),
        (0b1010, 2, Some(3)),
        (0b1010, 4, None),
        (0, 0, None),
        (1 << 59, 59, Some(59)),
        (1 << 59, 60, None),
        (u64::MAX, 63, Some(63)),
        (u64::MAX, 64, None),
        (u64::MAX, -1, None),
    ] {
        assert_eq!(next(set, from), want, "{set:b} from {from}");
    }
}

#[test]
fn a_time_within_a_second_is_before_the_next() {
    let half = date(2026, 3, 1).at(10, 0, 0, 500_000_000);
    let next = date(2026, 3, 1).at(10, 0, 1, 0);
    assert_eq!(ALWAYS.at_or_after(half), Some(next));
    assert_eq!(ALWAYS.after(half), Some(next));
    assert_eq!(ALWAYS.at_or_after(next), Some(next));
    assert_eq!(ALWAYS.after(next), Some(date(2026, 3, 1).at(10, 0, 2, 0)));
}

#[test]
fn time_has_two_ends() {
    let (first, last) = (date(-9999, 1, 1).at(0, 0, 0, 0), date(9999, 12, 31).at(23, 59, 59, 0));
    assert_eq!(ALWAYS.at_or_after(first), Some(first));
    assert_eq!(ALWAYS.at_or_after(last), Some(last));
    assert_eq!(ALWAYS.after(last), None);
    assert_eq!(ALWAYS.after(DateTime::MAX), None);
    assert_eq!(ALWAYS.at_or_after(DateTime::MAX), None);
    // The last leap day is in 9996, and 31 December is over.
    let leap = Calendar { days: 1 << 29, months: 1 << 2, ..ALWAYS };
    assert_eq!(leap.after(date(9996, 3, 1).at(0, 0, 0, 0)), None);
}

/// Nothing that comes is farther away than a search looks, wherever it begins.
#[test]
fn a_leap_day_on_each_weekday_is_found_from_every_year() {
    for weekday in 0..7 {
        let leap = Calendar {
            days: 1 << 29,
            months: 1 << 2,
            weekdays: Weekdays { every: 1 << weekday, ..NEVER },
            ..ALWAYS
        };
        assert!(leap.comes());
        for year in 1600..2400 {
            let found = leap.day_from(date(year, 3, 1)).unwrap();
            assert_eq!((found.month(), found.day()), (2, 29));
            assert_eq!(found.weekday().to_sunday_zero_offset(), weekday);
            assert!(found.year() - year <= 40, "{found} from {year}");
        }
    }
}

fn calendars() -> impl Strategy<Value = Calendar> {
    let weekdays = (0..0x80_u8, prop::array::uniform5(0..0x80_u8), 0..0x80_u8);
    // Few days of the month, and mostly few of the week, so that some of them
    // seldom meet or never.
    let sparse = (0..0x80_u8, 0..0x80_u8, 0..0x80_u8).prop_map(|(one, other, third)| one & other & third);
    let one_kind = (sparse, 0..7_usize).prop_map(|(days, kind)| {
        let mut weekdays = NEVER;
        match kind {
            0 => weekdays.every = days,
            1 => weekdays.last = days,
            week => weekdays.nth[week - 2] = days,
        }
        weekdays
    });
    let all_kinds = weekdays.prop_map(|(every, nth, last)| Weekdays { every, nth, last });
    let weekdays = prop_oneof![3 => one_kind, 1 => all_kinds];
    let days = prop::collection::vec(0..32_u32, 0..4)
        .prop_map(|days| days.into_iter().fold(0_u32, |set, day| set | (1 << day)));
    let join = prop_oneof![Just(Join::Both), Just(Join::Either)];
    let months = (1..0x1000_u16).prop_map(|months| months << 1);
    (days, months, weekdays, join).prop_map(|(days, months, weekdays, join)| Calendar {
        days,
        months,
        weekdays,
        join,
        ..ALWAYS
    })
}

/// What a day matches, said without bits of months.
fn has_day(calendar: &Calendar, day: Date) -> bool {
    let bit = |set: u8| set & (1 << day.weekday().to_sunday_zero_offset()) != 0;
    let is_last_day = day.month() != day.tomorrow().unwrap().month();
    let week_later = day + SignedDuration::from_hours(24 * 7);
    let is_last_week = week_later.month() != day.month();
    let by_date = calendar.days & (1 << day.day()) != 0 || (is_last_day && calendar.days & 1 != 0);
    let nth = calendar.weekdays.nth[usize::try_from((day.day() - 1) / 7).unwrap()];
    let by_last = is_last_week && bit(calendar.weekdays.last);
    let by_weekday = bit(calendar.weekdays.every) || bit(nth) || by_last;
    let matches = match calendar.join {
        Join::Both => by_date && by_weekday,
        Join::Either => by_date || by_weekday,
    };
    matches && calendar.months & (1 << day.month()) != 0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn days_are_those_found_one_by_one(calendar in calendars(), year in 1890..2110_i16) {
        let (mut day, end) = (date(year, 1, 1), date(year + 3, 1, 1));
        let mut found = calendar.day_from(day).filter(|day| *day < end);
        while day < end {
            prop_assert_eq!(found == Some(day), has_day(&calendar, day), "{:?} on {}", calendar, day);
            if found == Some(day) {
                found = calendar.day_from(day.tomorrow().unwrap()).filter(|day| *day < end);
            }
            day = day.tomorrow().unwrap();
        }
    }

    /// No search is in vain, and nothing is refused which comes after all.
    #[test]
    fn what_comes_is_found_and_what_does_not_is_not(calendar in calendars(), year in 1890..2110_i16) {
        let found = calendar.day_from(date(year, 1, 1));
        prop_assert_eq!(found.is_some(), calendar.comes(), "{:?}: {:?}", calendar, found);
    }
}
