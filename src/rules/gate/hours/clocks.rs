//! Clocks which change, shown minute by minute, for naive twins.

use crate::rules::schedule::zone::parse_zone;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// Zones, and the day in UTC on which they change their clocks: an hour, half of
/// one, two, a whole day; at midnight, and back over it.
pub(in crate::rules::gate) const CHANGES: [(&str, &str); 15] = [
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("Australia/Lord_Howe", "2026-04-04"),
    ("Australia/Lord_Howe", "2026-10-03"),
    ("Africa/Casablanca", "2025-02-23"),
    ("Africa/Casablanca", "2025-04-06"),
    ("Pacific/Apia", "2011-12-30"),
    ("America/Sao_Paulo", "2018-02-18"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),
    ("America/St_Johns", "2010-11-07"),
    ("Antarctica/Troll", "2026-10-25"),
];

/// What a zone's clock shows at each minute, from two days before a change on.
#[derive(Clone)]
pub(in crate::rules::gate) struct Clock {
    pub(in crate::rules::gate) tz: TimeZone,
    pub(in crate::rules::gate) minutes: Vec<Timestamp>,
    pub(in crate::rules::gate) shown: Vec<DateTime>,
}

impl Clock {
    /// Five days around one of [`CHANGES`].
    pub(in crate::rules::gate) fn around(change: usize) -> Self {
        let (zone, day) = CHANGES[change];
        let tz = parse_zone(zone).unwrap();
        let change: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
        let minute = |minute| change + SignedDuration::from_mins(minute);
        let minutes: Vec<Timestamp> = (-2 * 1_440..3 * 1_440).map(minute).collect();
        let shown = minutes.iter().map(|at| tz.to_datetime(*at)).collect();
        Self { tz, minutes, shown }
    }
}

impl fmt::Debug for Clock {
    /// Not the minutes: there are thousands of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} from {:?} on", self.tz.iana_name(), self.minutes.first())
    }
}

#[test]
fn each_clock_changes_in_its_window() {
    for (change, (zone, _)) in CHANGES.iter().enumerate() {
        let clock = Clock::around(change);
        let minute = SignedDuration::from_mins(1);
        let steady = clock.shown.windows(2).all(|pair| pair[1].duration_since(pair[0]) == minute);
        assert!(!steady, "{zone}");
    }
}
