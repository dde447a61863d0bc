//! Random schedules against evaluators which know nothing of ours.
//!
//! An expression is made as text and, beside it, as the plain sets of values it
//! means, so that the naive evaluators read no cron. They go through the minutes
//! of a calendar, or of a zone's clock, one after another.

use super::cron::Cron;
use super::policy::{GapPolicy, RepeatPolicy};
use super::zone::parse_zone;
use super::*;
use jiff::civil::{Date, date};
use proptest::prelude::*;

/// A field as text, and the values it stands for.
type Field = (String, Vec<i8>);

/// Five fields.
#[derive(Clone, Debug)]
struct Naive {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Naive {
    fn text(&self) -> String {
        let fields = [&self.minute, &self.hour, &self.day, &self.month, &self.weekday];
        fields.map(|(text, _)| text.as_str()).join(" ")
    }

    /// Vixie's rule: both day fields if either begins with a star, else either.
    fn has_day(&self, day: Date) -> bool {
        let weekday = day.weekday().to_sunday_zero_offset();
        let by_day = self.day.1.contains(&day.day());
        let by_weekday = self.weekday.1.iter().any(|value| value % 7 == weekday);
        let starred = self.day.0.starts_with('*') || self.weekday.0.starts_with('*');
        let matches = if starred { by_day && by_weekday } else { by_day || by_weekday };
        matches && self.month.1.contains(&day.month())
    }

    fn has(&self, time: DateTime) -> bool {
        let by_clock = self.minute.1.contains(&time.minute()) && self.hour.1.contains(&time.hour());
        by_clock && self.has_day(time.date())
    }

    fn is_wildcard(&self) -> bool {
        self.minute.0.starts_with('*') || self.hour.0.starts_with('*')
    }

    /// All minutes of some days which match.
    fn minutes(&self, first: Date, days: usize) -> Vec<DateTime> {
        let mut found = Vec::new();
        let mut day = first;
        for _ in 0..days {
            if self.has_day(day) {
                for hour in (0..24).filter(|hour| self.hour.1.contains(hour)) {
                    for minute in (0..60).filter(|minute| self.minute.1.contains(minute)) {
                        found.push(day.at(hour, minute, 0, 0));
                    }
                }
            }
            day = day.tomorrow().unwrap();
        }
        found
    }
}

/// A value, a range or a range with a step.
fn value(min: i8, max: i8) -> impl Strategy<Value = Field> {
    (min..=max, min..=max, 1..=max, 0..3_u8).prop_map(|(one, other, step, form)| {
        let (first, last) = (one.min(other), one.max(other));
        match form {
            0 => (format!("{first}"), vec![first]),
            1 => (format!("{first}-{last}"), (first..=last).collect()),
            _ => (format!("{first}-{last}/{step}"), stepped(first, last, step)),
        }
    })
}

/// What a field may say.
fn field(min: i8, max: i8) -> impl Strategy<Value = Field> {
    let star = Just(("*".to_owned(), (min..=max).collect::<Vec<i8>>()));
    let step = (1..=max).prop_map(move |step| (format!("*/{step}"), stepped(min, max, step)));
    let list = proptest::collection::vec(value(min, max), 1..4).prop_map(|values| {
        let (texts, values): (Vec<String>, Vec<Vec<i8>>) = values.into_iter().unzip();
        (texts.join(","), values.concat())
    });
    prop_oneof![2 => star, 1 => step, 3 => list]
}

fn stepped(first: i8, last: i8, step: i8) -> Vec<i8> {
    (first..=last).filter(|value| (value - first) % step == 0).collect()
}

fn naive() -> impl Strategy<Value = Naive> {
    let fields = (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7));
    fields.prop_map(|(minute, hour, day, month, weekday)| Naive { minute, hour, day, month, weekday })
}

/// Zones and the day in UTC on which they change their clocks.
const CHANGES: [(&str, &str); 14] = [
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("Australia/Lord_Howe", "2026-04-04"),
    ("Australia/Lord_Howe", "2026-10-03"),
    ("Africa/Casablanca", "2025-02-23"),
    ("Africa/Casablanca", "2025-04-06"),
    ("Pacific/Apia", "2011-12-30"),
    ("Asia/Kathmandu", "1985-12-31"),
    ("America/Sao_Paulo", "2018-02-18"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("Antarctica/Troll", "2026-03-29"),
    ("Antarctica/Troll", "2026-10-25"),
];

fn dst() -> impl Strategy<Value = DstPolicy> {
    let gap = prop_oneof![Just(GapPolicy::After), Just(GapPolicy::Skip)];
    let repeat = prop_oneof![Just(RepeatPolicy::First), Just(RepeatPolicy::Second), Just(RepeatPolicy::Both)];
    (gap, repeat).prop_map(|(gap, repeat)| DstPolicy { gap, repeat })
}

/// A random schedule in a zone, and the midnight in UTC two days before a change.
fn around_a_change() -> impl Strategy<Value = (Naive, Schedule, Timestamp)> {
    (naive(), dst(), 0..CHANGES.len()).prop_filter_map("days which never come", |(naive, dst, change)| {
        let (zone, day) = CHANGES[change];
        let timing = Timing::Cron(Cron::parse(&naive.text()).ok()?);
        let schedule = Schedule { tz: parse_zone(zone).ok()?, dst, ..Schedule::new(timing) };
        let change: Timestamp = format!("{day}T00:00:00Z").parse().ok()?;
        Some((naive, schedule, change.checked_sub(SignedDuration::from_hours(48)).ok()?))
    })
}

fn later(at: Timestamp, minutes: usize) -> Timestamp {
    at.checked_add(SignedDuration::from_mins(i64::try_from(minutes).unwrap())).unwrap()
}

fn ticks(schedule: &Schedule, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    schedule.ticks_after(after).map(|tick| tick.at).take_while(|at| *at <= until).collect()
}

/// The minutes in which a zone's clock makes a schedule tick, told by looking at
/// the clock each minute. `after` itself is looked at and does not count.
fn naive_ticks(naive: &Naive, schedule: &Schedule, after: Timestamp, minutes: usize) -> Vec<Timestamp> {
    let DstPolicy { gap, repeat } = schedule.dst;
    let shown: Vec<DateTime> =
        (0..=minutes).map(|minute| schedule.tz.to_datetime(later(after, minute))).collect();
    let fires = |minute: usize| {
        let (before, now) = (shown[minute - 1], shown[minute]);
        if naive.is_wildcard() {
            return naive.has(now);
        }
        // No repeated time is farther from its twin than three hours.
        let in_pass = || match repeat {
            RepeatPolicy::First => !shown[minute.saturating_sub(180)..minute].contains(&now),
            RepeatPolicy::Second => !shown[minute + 1..].iter().take(180).any(|other| *other == now),
            RepeatPolicy::Both => true,
        };
        let mut skipped = before + SignedDuration::from_mins(1);
        let mut was_skipped = false;
        while skipped < now {
            was_skipped |= naive.has(skipped);
            skipped += SignedDuration::from_mins(1);
        }
        (naive.has(now) && in_pass()) || (was_skipped && gap == GapPolicy::After)
    };
    (1..=minutes).filter(|minute| fires(*minute)).map(|minute| later(after, minute)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Some eight million minutes.
    #[test]
    fn cron_means_what_a_naive_evaluator_says(naive in naive(), start in 0..4000_i64) {
        let first = date(2020, 1, 1) + SignedDuration::from_hours(24 * start);
        match Cron::parse(&naive.text()) {
            Ok(cron) => {
                let schedule = Schedule::new(Timing::Cron(cron));
                let want: Vec<Timestamp> = naive
                    .minutes(first, 22)
                    .into_iter()
                    .map(|minute| TimeZone::UTC.to_timestamp(minute).unwrap())
                    .collect();
                let after = just_before(TimeZone::UTC.to_timestamp(first.at(0, 0, 0, 0)).unwrap());
                let until = later(after, 22 * 1440);
                prop_assert_eq!(ticks(&schedule, after, until), want, "{}", naive.text());
            }
            // Refused because no day of it ever comes: none does in 28 years.
            Err(error) => {
                prop_assert!(error.message.starts_with("such a day never comes"), "{}", error);
                let mut day = date(2000, 1, 1);
                while day < date(2028, 1, 1) {
                    prop_assert!(!naive.has_day(day), "{} comes on {day}", naive.text());
                    day = day.tomorrow().unwrap();
                }
            }
        }
    }

    /// Both directions, all policies, against the clock on the wall.
    #[test]
    fn a_change_of_the_clock_does_what_its_clock_shows((naive, schedule, after) in around_a_change()) {
        let minutes = 5 * 1440;
        let mut want = naive_ticks(&naive, &schedule, after, minutes);
        // What is shown again after the window is not known to the naive one.
        let until = later(after, minutes - 180);
        want.retain(|at| *at <= until);
        prop_assert_eq!(ticks(&schedule, after, until), want, "{} in {}", naive.text(), schedule.tz_name());
    }

    /// Ticks increase strictly, and each is found from the moment before it.
    #[test]
    fn ticks_increase_and_are_found_alone((_, schedule, after) in around_a_change()) {
        let ticks: Vec<Tick> = schedule.ticks_after(after).take(60).collect();
        prop_assert!(ticks.windows(2).all(|pair| pair[0].at < pair[1].at));
        for tick in ticks {
            prop_assert_eq!(schedule.next_after(just_before(tick.at)), Some(tick));
        }
    }

    /// A window is planned as its two parts are.
    #[test]
    fn windows_may_be_split(
        (_, schedule, after) in around_a_change(),
        split in 0..5 * 86_400_000_i64,
    ) {
        let until = later(after, 5 * 1440);
        let middle = after.checked_add(SignedDuration::from_millis(split)).unwrap();
        let mut parts = ticks(&schedule, after, middle);
        parts.extend(ticks(&schedule, middle, until));
        prop_assert_eq!(parts, ticks(&schedule, after, until));
    }
}
