//! Random expressions, with all that the language has.

use proptest::prelude::*;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 8] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

/// Five fields.
pub fn expression() -> impl Strategy<Value = String> {
    (field(0, 59), field(0, 23), days(), months(), weekdays())
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

/// Midnight on certain days, since the days are all that matters.
pub fn midnight() -> impl Strategy<Value = String> {
    (days(), months(), weekdays()).prop_map(|(day, month, weekday)| format!("0 0 {day} {month} {weekday}"))
}

/// Six fields, on most days: who wants to see seconds need not wait for a day.
pub fn with_seconds() -> impl Strategy<Value = String> {
    let day = prop_oneof![9 => Just("*".to_owned()), 1 => days()];
    (field(0, 59), field(0, 59), field(0, 23), day)
        .prop_map(|(second, minute, hour, day)| format!("{second} {minute} {hour} {day} * *"))
}

fn days() -> BoxedStrategy<String> {
    let last = prop_oneof![Just("L".to_owned()), Just("l".to_owned()), Just("1,L".to_owned())];
    let question = Just("?".to_owned());
    prop_oneof![8 => field(1, 31), 1 => last, 1 => question, 2 => Just("*".to_owned())].boxed()
}

fn months() -> BoxedStrategy<String> {
    let named = (0..12_usize, 0..12_usize, any::<bool>()).prop_map(|(one, other, range)| {
        let (first, last) = (MONTHS[one.min(other)], MONTHS[one.max(other)]);
        if range { format!("{first}-{last}") } else { format!("{},{last}", first.to_lowercase()) }
    });
    prop_oneof![3 => Just("*".to_owned()), 3 => field(1, 12), 2 => named].boxed()
}

fn weekdays() -> BoxedStrategy<String> {
    let last = (0..8_usize, any::<bool>())
        .prop_map(|(day, name)| if name { format!("{}L", WEEKDAYS[day]) } else { format!("{day}L") });
    let nth = (0..8_usize, 1..=5_u8, any::<bool>()).prop_map(|(day, nth, name)| {
        if name { format!("{}#{nth}", WEEKDAYS[day].to_lowercase()) } else { format!("{day}#{nth}") }
    });
    let named = (1..7_usize, 1..8_usize).prop_map(|(one, other)| {
        let (first, last) = (one.min(other), one.max(other));
        format!("{}-{}", WEEKDAYS[first], WEEKDAYS[last])
    });
    // Sunday may be 7 in front, and 0 at the end.
    let around = prop_oneof![
        (0..7_u8).prop_map(|last| format!("7-{last}")),
        (1..7_u8).prop_map(|first| format!("{first}-0")),
        (1..7_u8, 1..4_u8).prop_map(|(first, step)| format!("{first}-SUN/{step}")),
    ];
    let special = prop_oneof![2 => last, 2 => nth, 2 => named, 1 => around].boxed();
    let several = prop::collection::vec(special.clone(), 2..4).prop_map(|parts| parts.join(","));
    let mixed = (special.clone(), field(0, 7)).prop_map(|(special, plain)| format!("{special},{plain}"));
    prop_oneof![
        4 => Just("*".to_owned()),
        1 => Just("?".to_owned()),
        4 => field(0, 7),
        4 => special,
        1 => several,
        1 => mixed,
    ]
    .boxed()
}

/// What any field may say.
fn field(min: u8, max: u8) -> BoxedStrategy<String> {
    let star = Just("*".to_owned());
    // A little beyond the end: then the first value is left.
    let steps = (1..=max + 3).prop_map(|step| format!("*/{step}"));
    let list = prop::collection::vec(part(min, max), 1..4).prop_map(|parts| parts.join(","));
    let star_first = part(min, max).prop_map(|part| format!("*,{part}"));
    let star_last = part(min, max).prop_map(|part| format!("{part},*"));
    prop_oneof![6 => star, 4 => steps, 12 => list, 1 => star_first, 1 => star_last].boxed()
}

/// A value, a range or a range with a step.
fn part(min: u8, max: u8) -> BoxedStrategy<String> {
    let ends = (min..=max, min..=max).prop_map(|(one, other)| (one.min(other), one.max(other)));
    let value = prop_oneof![
        4 => (min..=max).prop_map(|value| value.to_string()),
        1 => (min..=max).prop_map(|value| format!("{value:02}")),
    ];
    let range = ends.clone().prop_map(|(first, last)| format!("{first}-{last}"));
    let steps = (ends, 1..=max + 3).prop_map(|((first, last), step)| format!("{first}-{last}/{step}"));
    prop_oneof![4 => value, 1 => range, 1 => steps].boxed()
}
