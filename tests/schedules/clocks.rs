//! Changes of the clock, told by looking at the clock.
//!
//! A zone is asked what its clock shows in each minute of some days, nothing
//! else. From that table follows how often each time of day exists, and from the
//! documented policies when a schedule must tick.

use super::changes::{CHANGES, EXPRESSIONS};
use super::crontab::{Crontab, Day};
use super::expressions::expression;
use super::support::{cases, cron, later, minutes, run};
use hearken::rules::schedule::Schedule;
use hearken::rules::schedule::cron::Cron;
use hearken::rules::schedule::policy::{DstPolicy, GapPolicy, RepeatPolicy};
use hearken::rules::schedule::zone::parse_zone;
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

const MINUTES_OF_DAY: i64 = 1440;

/// How far around a change the clock is looked at. Ticks are compared a day less
/// far: at the edges the table does not know how often a time exists.
const DAYS_AROUND: i64 = 2;

/// What a zone's clock shows around a moment.
struct Clock {
    tz: TimeZone,
    start: Timestamp,
    /// In each minute from `start` on, as a number of minutes.
    shown: Vec<i64>,
    /// When each of them is shown: places in `shown`.
    passes: BTreeMap<i64, Vec<usize>>,
}

impl Clock {
    fn around(zone: &str, change: Timestamp) -> Self {
        let tz = parse_zone(zone).expect("a zone");
        let start = later(change, -DAYS_AROUND * MINUTES_OF_DAY * 60);
        let mut shown = Vec::new();
        let mut passes: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for minute in 0..=2 * DAYS_AROUND * MINUTES_OF_DAY {
            let now = later(start, minute * 60);
            let seconds = now.as_second() + i64::from(tz.to_offset(now).seconds());
            assert_eq!(seconds % 60, 0, "{zone} is not in whole minutes at {now}");
            passes.entry(seconds / 60).or_default().push(shown.len());
            shown.push(seconds / 60);
        }
        Self { tz, start, shown, passes }
    }

    /// By how many minutes it jumps, and when it first does.
    fn jump(&self) -> Option<(Timestamp, i64)> {
        let place = self.shown.windows(2).position(|pair| pair[1] != pair[0] + 1)?;
        Some((self.moment(place + 1), self.shown[place + 1] - self.shown[place] - 1))
    }

    fn moment(&self, place: usize) -> Timestamp {
        later(self.start, 60 * i64::try_from(place).expect("few minutes"))
    }

    /// When it first shows a time after one which it never shows.
    fn after_gap(&self, missing: i64) -> Option<usize> {
        let place = self.shown.windows(2).position(|pair| pair[0] < missing && pair[1] > missing)?;
        Some(place + 1)
    }

    /// The places at which a schedule of these times must tick, by the
    /// documented policies.
    fn due(&self, text: &str, times: &[i64], dst: DstPolicy) -> Vec<usize> {
        let wildcard = Crontab::is_wildcard(text);
        let mut due = Vec::new();
        for time in times {
            let passes = self.passes.get(time).map_or(&[][..], Vec::as_slice);
            match *passes {
                // Follows elapsed time: whenever the clock shows it.
                _ if wildcard => due.extend_from_slice(passes),
                [] if dst.gap == GapPolicy::After => due.extend(self.after_gap(*time)),
                [] => {}
                [only] => due.push(only),
                [first, second] => match dst.repeat {
                    RepeatPolicy::First => due.push(first),
                    RepeatPolicy::Second => due.push(second),
                    RepeatPolicy::Both => due.extend([first, second]),
                },
                _ => panic!("a time which exists thrice"),
            }
        }
        due.sort_unstable();
        due.dedup();
        due
    }

    /// The times of the days it shows which an expression names, those which it
    /// leaves out among them.
    fn times(&self, text: &str) -> Vec<i64> {
        let crontab = Crontab::read(text);
        let (first, _) = self.passes.first_key_value().expect("a table of some days");
        let (last, _) = self.passes.last_key_value().expect("a table of some days");
        let mut times = Vec::new();
        for number in first.div_euclid(MINUTES_OF_DAY)..=last.div_euclid(MINUTES_OF_DAY) {
            let epoch = date(1970, 1, 1);
            let today = epoch.checked_add(SignedDuration::from_hours(24 * number)).expect("a date");
            if !crontab.has_day(Day::new(today.year(), today.month(), today.day())) {
                continue;
            }
            for hour in 0..24_i8 {
                for minute in (0..60_i8).filter(|minute| crontab.has_time(hour, *minute, 0)) {
                    times.push(number * MINUTES_OF_DAY + i64::from(hour) * 60 + i64::from(minute));
                }
            }
        }
        times.retain(|time| (*first..=*last).contains(time));
        times
    }

    /// Compares the ticks of a schedule with what the clock says, a day around
    /// the change.
    #[track_caller]
    fn check(&self, text: &str, policies: &[DstPolicy]) {
        let times = self.times(text);
        let (after, until) = (MINUTES_OF_DAY, (2 * DAYS_AROUND - 1) * MINUTES_OF_DAY);
        let (after, until) = (later(self.start, after * 60), later(self.start, until * 60));
        for dst in policies {
            let schedule = Schedule { tz: self.tz.clone(), dst: *dst, ..cron(text) };
            let due = self.due(text, &times, *dst).into_iter().map(|place| self.moment(place));
            let want: Vec<Timestamp> = due.filter(|at| *at > after && *at <= until).collect();
            let ticks = schedule.ticks_after(after).map(|tick| tick.at);
            let got: Vec<Timestamp> = ticks.take_while(|at| *at <= until).collect();
            let DstPolicy { gap, repeat } = dst;
            assert_eq!(got, want, "{text} in {}, gap {gap}, repeat {repeat}", schedule.tz_name());
        }
    }
}

fn policies() -> Vec<DstPolicy> {
    let gaps = [GapPolicy::After, GapPolicy::Skip];
    let repeats = [RepeatPolicy::First, RepeatPolicy::Second, RepeatPolicy::Both];
    gaps.into_iter().flat_map(|gap| repeats.map(|repeat| DstPolicy { gap, repeat })).collect()
}

#[test]
fn a_change_of_the_clock_does_what_the_policies_say() {
    for (zone, change, minutes) in CHANGES {
        let change = change.parse().expect("a moment");
        let clock = Clock::around(zone, change);
        assert_eq!(clock.jump(), Some((change, minutes)), "{zone} at {change}");
        for text in EXPRESSIONS {
            clock.check(text, &policies());
        }
    }
}

/// All changes of these zones in seventy years, or as many as there is time for.
#[test]
fn changes_through_the_decades_do_what_the_policies_say() {
    let mut zones: Vec<&str> = CHANGES.iter().map(|(zone, _, _)| *zone).collect();
    zones.sort_unstable();
    zones.dedup();
    let changes: Vec<(&str, Timestamp)> =
        zones.into_iter().flat_map(|zone| changes(zone).into_iter().map(move |at| (zone, at))).collect();
    assert!(changes.len() > 1000, "only {} changes were found", changes.len());
    let minutes_each = 2 * DAYS_AROUND * MINUTES_OF_DAY * 2;
    let cases = cases(minutes() / 4, minutes_each.unsigned_abs());
    let case = (0..changes.len(), expression(), prop::sample::select(policies()));
    run(cases, &case, |(place, text, dst)| {
        let (zone, change) = changes[place];
        let clock = Clock::around(zone, change);
        // Days which never come are `calendar`'s affair.
        if Cron::parse(&text).is_ok() {
            clock.check(&text, &[dst]);
        }
        Ok(())
    });
}

/// The changes of a zone from 1969 to 2039, found by looking at its clock twice a
/// day.
fn changes(zone: &str) -> Vec<Timestamp> {
    let tz = parse_zone(zone).expect("a zone");
    let offset = |second: i64| tz.to_offset(Timestamp::from_second(second).expect("a moment"));
    let half_day = 12 * 3600;
    let mut changes = Vec::new();
    let mut second = -365 * 86_400;
    while second < 70 * 365 * 86_400 {
        let (mut before, mut after) = (second, second + half_day);
        if offset(before) != offset(after) {
            let old = offset(before);
            while after - before > 1 {
                let middle = before + (after - before) / 2;
                if offset(middle) == old {
                    before = middle;
                } else {
                    after = middle;
                }
            }
            changes.push(Timestamp::from_second(after).expect("a moment"));
        }
        second += half_day;
    }
    changes
}

/// Ticks increase strictly, and each is found alone from the one before it and
/// from the moment before it.
#[test]
fn ticks_increase_and_are_found_alone_wherever_a_walk_begins() {
    let case = (0..CHANGES.len(), expression(), prop::sample::select(policies()), 0..4 * 86_400_i64);
    run(300, &case, |(place, text, dst, seconds)| {
        let (zone, change, _) = CHANGES[place];
        if Cron::parse(&text).is_err() {
            return Ok(());
        }
        let schedule = Schedule { tz: parse_zone(zone).expect("a zone"), dst, ..cron(&text) };
        let after = later(change.parse().expect("a moment"), seconds - 2 * 86_400);
        let ticks: Vec<Timestamp> = schedule.ticks_after(after).take(30).map(|tick| tick.at).collect();
        prop_assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]), "{}: {:?}", text, ticks);
        let mut last = after;
        for tick in ticks {
            prop_assert_eq!(schedule.next_after(last).map(|found| found.at), Some(tick), "{}", text);
            prop_assert_eq!(schedule.next_after(later(tick, -1)).map(|found| found.at), Some(tick));
            last = tick;
        }
        Ok(())
    });
}
