//! Which partitions a table by weeks should have. Pure: what there is and what
//! time it is go in, what to do comes out.
//!
//! The partitions cover all of time, from minvalue to maxvalue. The last one
//! begins in the future, so that it is empty and can be cut without anybody
//! noticing. If the daemon was away so long that the last one is in use, it is
//! left as one large partition and the next boundary comes after it.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// How far ahead the last partition must begin.
pub const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 21);
const WEEK: SignedDuration = SignedDuration::from_hours(24 * 7);

/// A partition: `[from, to)`, where none is minvalue or maxvalue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its table, as SQL.
    pub name: String,
    /// Its lower bound.
    pub from: Option<Timestamp>,
    /// Its upper bound.
    pub to: Option<Timestamp>,
}

/// The bounds of a partition which is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The lower bound, minvalue if none.
    pub from: Option<Timestamp>,
    /// The upper bound, maxvalue if none.
    pub to: Option<Timestamp>,
}

/// What to do about the end of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// It begins far enough ahead.
    Fine,
    /// It is in the future and empty: replace it by these.
    Cut {
        /// Its name.
        name: String,
        /// The weeks and the new last one.
        into: Vec<Bounds>,
    },
    /// It is in use: end it at `at`, and begin the last one there.
    Close {
        /// Its name.
        name: String,
        /// Its lower bound.
        from: Option<Timestamp>,
        /// Its new end.
        at: Timestamp,
    },
}

/// The Monday on which the week of `time` began, in UTC.
#[must_use]
pub fn week_of(time: Timestamp) -> Timestamp {
    let day = time.to_zoned(TimeZone::UTC).date();
    let monday = day.weekday().since(jiff::civil::Weekday::Monday);
    let start = day.checked_sub(jiff::Span::new().days(monday)).unwrap_or(day);
    start.to_zoned(TimeZone::UTC).map_or(time, |zoned| zoned.timestamp())
}

/// The gaps between partitions, which must be sorted by their lower bound.
#[must_use]
pub fn gaps(partitions: &[Partition]) -> Vec<Bounds> {
    let mut gaps = Vec::new();
    let mut covered: Option<Timestamp> = None;
    for partition in partitions {
        if partition.from != covered {
            gaps.push(Bounds { from: covered, to: partition.from });
        }
        covered = partition.to;
        if covered.is_none() {
            return gaps;
        }
    }
    gaps.push(Bounds { from: covered, to: None });
    gaps
}

/// What to do about the last partition.
#[must_use]
pub fn tail(partitions: &[Partition], now: Timestamp) -> Tail {
    let Some(last) = partitions.last().filter(|last| last.to.is_none()) else { return Tail::Fine };
    let horizon = week_of(now + AHEAD) + WEEK;
    match last.from {
        Some(from) if from > now + AHEAD => Tail::Fine,
        Some(from) if from > now => {
            let mut into = Vec::new();
            let mut start = from;
            while start < horizon {
                let end = week_of(start) + WEEK;
                into.push(Bounds { from: Some(start), to: Some(end) });
                start = end;
            }
            into.push(Bounds { from: Some(start), to: None });
            Tail::Cut { name: last.name.clone(), into }
        }
        from => Tail::Close { name: last.name.clone(), from, at: week_of(now + WEEK) + WEEK },
    }
}

/// The partitions which ended before `before`, oldest first; none if all there
/// is to drop is the empty floor which dropping leaves behind.
#[must_use]
pub fn expired(partitions: &[Partition], before: Timestamp) -> &[Partition] {
    let count = partitions.iter().take_while(|partition| partition.to.is_some_and(|to| to <= before)).count();
    &partitions[..count]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn part(from: &str, to: &str) -> Partition {
        let bound = |text: &str| (!text.is_empty()).then(|| time(text));
        Partition { name: format!("p_{from}"), from: bound(from), to: bound(to) }
    }

    const MON: [&str; 5] = [
        "2026-03-02T00:00Z",
        "2026-03-09T00:00Z",
        "2026-03-16T00:00Z",
        "2026-03-23T00:00Z",
        "2026-03-30T00:00Z",
    ];

    #[test]
    fn a_week_begins_on_monday() {
        assert_eq!(week_of(time("2026-03-08T23:59:59Z")), time(MON[0]));
        assert_eq!(week_of(time("2026-03-09T00:00:00Z")), time(MON[1]));
    }

    #[test]
    fn gaps_are_found_at_both_ends_and_between() {
        let found = gaps(&[part(MON[0], MON[1]), part(MON[2], MON[3])]);
        let want = [("", MON[0]), (MON[1], MON[2]), (MON[3], "")]
            .map(|(from, to)| part(from, to))
            .map(|p| Bounds { from: p.from, to: p.to });
        assert_eq!(found, want);
        assert_eq!(gaps(&[part("", MON[0]), part(MON[0], "")]), []);
    }

    #[test]
    fn a_tail_far_ahead_is_left_alone() {
        let parts = [part("", MON[0]), part(MON[4], "")];
        assert_eq!(tail(&parts, time("2026-03-04T00:00Z")), Tail::Fine);
    }

    #[test]
    fn a_tail_in_the_future_is_cut_into_weeks() {
        let parts = [part("", MON[1]), part(MON[1], "")];
        let Tail::Cut { into, .. } = tail(&parts, time("2026-03-04T00:00Z")) else { panic!("no cut") };
        assert_eq!(into.first(), Some(&Bounds { from: Some(time(MON[1])), to: Some(time(MON[2])) }));
        let last = into.last().expect("a last one");
        assert_eq!(last.to, None);
        assert!(last.from.expect("a bound") > time("2026-03-04T00:00Z") + AHEAD);
        assert!(into.windows(2).all(|pair| pair[0].to == pair[1].from));
    }

    #[test]
    fn a_tail_in_use_is_closed_after_next_week_began() {
        let parts = [part("", MON[0]), part(MON[0], "")];
        let now = time("2026-05-06T12:00Z");
        let Tail::Close { at, .. } = tail(&parts, now) else { panic!("not closed") };
        assert!(at > now + WEEK, "writers must not meet the boundary soon");
        assert_eq!(week_of(at), at);
    }

    #[test]
    fn only_whole_partitions_expire() {
        let parts = [part("", MON[0]), part(MON[0], MON[1]), part(MON[1], "")];
        assert_eq!(expired(&parts, time("2026-03-08T00:00Z")).len(), 1);
        assert_eq!(expired(&parts, time(MON[1])).len(), 2);
        assert_eq!(expired(&parts, time("2036-03-08T00:00Z")).len(), 2);
    }
}
