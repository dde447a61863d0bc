//! One tick, once: `at = "2026-12-24T18:00:00"`.

use super::Tick;
use super::civil;
use super::policy::DstPolicy;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::fmt;

/// A text which is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time such as `2026-12-24T18:00:00`, in the schedule's zone, or with an offset or `Z`")]
pub struct AtError(pub String);

/// When a schedule ticks which ticks once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// When the clocks of the schedule's zone show this time. It may not exist,
    /// or exist twice: the schedule's `dst` decides, as for fixed times of cron.
    Local(DateTime),
    /// At this moment, whatever clocks show.
    Exact(Timestamp),
}

impl At {
    /// Reads a time, with or without an offset.
    ///
    /// # Errors
    ///
    /// If it is no time.
    pub fn parse(text: &str) -> Result<Self, AtError> {
        // In this order: a civil time would ignore the offset.
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::Exact(at));
        }
        text.parse::<DateTime>().map(Self::Local).map_err(|_| AtError(text.to_owned()))
    }

    /// Its ticks in a zone: one; two, if the time exists twice and both are
    /// wanted; none, if it does not exist and is to be skipped.
    #[must_use]
    pub fn ticks(self, tz: &TimeZone, dst: DstPolicy) -> Vec<Tick> {
        match self {
            Self::Local(time) => civil::ticks_at(time, tz, dst),
            Self::Exact(at) => vec![Tick { at, note: None }],
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(time) => write!(f, "{time}"),
            Self::Exact(at) => write!(f, "{at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::{GapPolicy, RepeatPolicy};
    use super::super::zone::parse_zone;
    use super::*;

    const FIRST: DstPolicy = DstPolicy { gap: GapPolicy::After, repeat: RepeatPolicy::First };

    #[test]
    fn a_local_time_is_meant_in_the_zone() {
        check("2026-12-24T18:00:00", FIRST, &["2026-12-24T17:00:00Z"]);
        check("2026-07-24T18:00:00", FIRST, &["2026-07-24T16:00:00Z"]);
        check("2026-12-24", FIRST, &["2026-12-23T23:00:00Z"]);
    }

    #[test]
    fn an_offset_makes_it_exact() {
        check("2026-12-24T18:00:00Z", FIRST, &["2026-12-24T18:00:00Z"]);
        check("2026-12-24T18:00:00-05:00", FIRST, &["2026-12-24T23:00:00Z"]);
    }

    #[test]
    fn a_time_which_does_not_exist_obeys_gap() {
        check("2026-03-29T02:30:00", FIRST, &["2026-03-29T01:00:00Z"]);
        check("2026-03-29T02:00:00", FIRST, &["2026-03-29T01:00:00Z"]);
        check("2026-03-29T02:30:00", DstPolicy { gap: GapPolicy::Skip, ..FIRST }, &[]);
    }

    #[test]
    fn a_time_which_exists_twice_obeys_repeat() {
        let repeat = |repeat| DstPolicy { repeat, ..FIRST };
        check("2026-10-25T02:30:00", FIRST, &["2026-10-25T00:30:00Z"]);
        check("2026-10-25T02:30:00", repeat(RepeatPolicy::Second), &["2026-10-25T01:30:00Z"]);
        let both = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"];
        check("2026-10-25T02:30:00", repeat(RepeatPolicy::Both), &both);
    }

    #[test]
    fn a_skipped_day_ends_at_the_next_one() {
        let tz = parse_zone("Pacific/Apia").unwrap();
        let ticks = At::parse("2011-12-30T09:30:00").unwrap().ticks(&tz, FIRST);
        assert_eq!(ticks[0].at.to_string(), "2011-12-30T10:00:00Z");
        assert_eq!(
            ticks[0].note.unwrap().to_string(),
            "2011-12-30 09:30 does not exist, moved to 2011-12-31 00:00"
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "tomorrow", "18:00", "2026-02-30T00:00:00"] {
            assert!(At::parse(text).is_err(), "{text}");
        }
    }

    /// Compares the ticks in Berlin.
    #[track_caller]
    fn check(text: &str, dst: DstPolicy, want: &[&str]) {
        let tz = parse_zone("Europe/Berlin").unwrap();
        let ticks = At::parse(text).unwrap().ticks(&tz, dst);
        let got: Vec<String> = ticks.iter().map(|tick| tick.at.to_string()).collect();
        assert_eq!(got, want);
    }
}
