//! When a zone's clock reaches a civil time.
//!
//! Hours and slots have edges which are civil times, and an edge must be one
//! instant. Where the clock goes forward and leaves the civil time out, that is
//! the first instant behind the gap: there the clock shows a later time, as it
//! does at any other instant after an edge. Where the clock goes back and shows
//! the time twice, there are two, and the caller says which one is meant.
//!
//! Both functions rise with the civil time, and the last instant is never before
//! the first, so an interval whose civil ends are in order never ends before it
//! begins.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The first instant at which the clock shows `civil` or later; none beyond the
/// range of timestamps. `civil` is in whole seconds.
pub(in crate::rules::gate) fn first_reached(tz: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    match tz.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
        AmbiguousOffset::Gap { after, .. } => behind_gap(tz, civil, after),
    }
}

/// The instant from which on the clock never again shows a time before `civil`;
/// none beyond the range of timestamps. `civil` is in whole seconds.
pub(in crate::rules::gate) fn last_reached(tz: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    match tz.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
        // The first time which is shown twice: what is before it is shown once.
        AmbiguousOffset::Fold { before, .. } if begins_fold(tz, civil) => before.to_timestamp(civil).ok(),
        AmbiguousOffset::Fold { after, .. } => after.to_timestamp(civil).ok(),
        AmbiguousOffset::Gap { after, .. } => behind_gap(tz, civil, after),
    }
}

/// Whether a time which is shown twice is the first of its kind.
fn begins_fold(tz: &TimeZone, civil: DateTime) -> bool {
    let before = civil.checked_sub(SignedDuration::from_secs(1));
    before.is_ok_and(|before| {
        matches!(tz.to_ambiguous_timestamp(before).offset(), AmbiguousOffset::Unambiguous { .. })
    })
}

/// `at` and a while, or the end of time.
pub(in crate::rules::gate) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `at` less a while, or the beginning of time.
pub(in crate::rules::gate) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// The first instant behind the gap in which `civil` lies. Taken by the new
/// offset a missing time lies before the change, so the change is the next one.
/// It is looked at, since jiff lists some changes which change nothing.
fn behind_gap(tz: &TimeZone, civil: DateTime, after: Offset) -> Option<Timestamp> {
    let before = after.to_timestamp(civil).ok()?;
    tz.following(before).map(|change| change.timestamp()).find(|at| tz.to_datetime(*at) >= civil)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::schedule::zone::parse_zone;

    #[test]
    fn a_time_which_is_shown_once_is_reached_once() {
        check("Europe/Berlin", "2026-03-02T08:00:00", "2026-03-02T07:00:00Z", "2026-03-02T07:00:00Z");
        check("UTC", "2026-03-02T08:00:00", "2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z");
    }

    #[test]
    fn a_time_in_a_gap_is_reached_at_its_end() {
        for civil in ["2026-03-29T02:00:00", "2026-03-29T02:30:00", "2026-03-29T03:00:00"] {
            check("Europe/Berlin", civil, "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z");
        }
        for civil in ["2011-12-30T00:00:00", "2011-12-30T18:00:00", "2011-12-31T00:00:00"] {
            check("Pacific/Apia", civil, "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z");
        }
    }

    #[test]
    fn a_time_which_is_shown_twice_is_reached_twice() {
        check("Europe/Berlin", "2026-10-25T02:00:00", "2026-10-25T00:00:00Z", "2026-10-25T00:00:00Z");
        check("Europe/Berlin", "2026-10-25T02:00:01", "2026-10-25T00:00:01Z", "2026-10-25T01:00:01Z");
        check("Europe/Berlin", "2026-10-25T02:59:59", "2026-10-25T00:59:59Z", "2026-10-25T01:59:59Z");
        check("Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z");
    }

    #[test]
    fn a_time_out_of_range_is_never_reached() {
        let far = DateTime::MAX.date().at(0, 0, 0, 0);
        assert_eq!(first_reached(&parse_zone("America/New_York").unwrap(), far), None);
    }

    #[track_caller]
    fn check(zone: &str, civil: &str, first: &str, last: &str) {
        let tz = parse_zone(zone).unwrap();
        let civil: DateTime = civil.parse().unwrap();
        assert_eq!(first_reached(&tz, civil), Some(first.parse().unwrap()), "first");
        assert_eq!(last_reached(&tz, civil), Some(last.parse().unwrap()), "last");
    }
}
