//! From civil times to moments: what a zone's clock does to a schedule.
//!
//! The walk goes one offset period at a time, a period being the time between
//! two changes of a zone's offset. Inside a period civil times and moments
//! advance together, so all that is special happens at its edges:
//!
//! - Before its first moment the clock may have gone forward and left civil
//!   times out. If a fixed schedule names one of them, `gap = "after"` puts one
//!   tick, however many are missing, at the period's first moment.
//! - The clock may have gone back instead. Then the period begins with civil
//!   times which the period before had too: the second pass of them. There the
//!   first pass was, at its end.
//!
//! A wildcard schedule ([`Cron::is_wildcard`](super::cron::Cron::is_wildcard))
//! ticks whenever the clock shows one of its times, in both passes, and misses
//! nothing in a gap. A fixed one ticks in the passes that
//! [`RepeatPolicy`] wants. This is the rule of Debian's cron, without its limit
//! of three hours: gaps may be as long as they like, and Samoa's lasted a day.
//!
//! Ticks come out strictly increasing, since periods follow each other and
//! civil times increase within one; a tick which was moved to a period's first
//! moment and one which is due there anyway are the same tick.

use super::cron::Cron;
use super::policy::{DstPolicy, GapPolicy, RepeatPolicy};
use super::{Tick, TickNote};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A change of offset, and the offset on its other side.
#[derive(Clone, Copy, Debug)]
struct Edge {
    at: Timestamp,
    beyond: Offset,
}

/// The time between two changes of offset: from `start` to before `end`.
#[derive(Clone, Copy, Debug)]
struct Period {
    start: Option<Edge>,
    end: Option<Edge>,
    offset: Offset,
}

/// How often a civil time exists, and which time this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Only,
    First,
    Second,
}

impl Period {
    fn containing(tz: &TimeZone, at: Timestamp) -> Self {
        let mut changes = tz.preceding(later(at)).map(|change| whole_second_from(change.timestamp()));
        let start = changes.find(|start| *start <= at);
        let start = start.map(|at| Edge { at, beyond: tz.to_offset(earlier(at)) });
        Self { start, end: Self::end_after(tz, at), offset: tz.to_offset(at) }
    }

    /// The change after `at`. The new offset is asked of the zone itself: jiff's
    /// list of changes holds some, of zones whose rules run out, which are none.
    fn end_after(tz: &TimeZone, at: Timestamp) -> Option<Edge> {
        let change = tz.following(at).next()?;
        let at = whole_second_from(change.timestamp());
        Some(Edge { at, beyond: tz.to_offset(at) })
    }

    /// The period after this one.
    fn following(self, tz: &TimeZone) -> Option<Self> {
        let end = self.end?;
        let start = Some(Edge { at: end.at, beyond: self.offset });
        Some(Self { start, end: Self::end_after(tz, end.at), offset: end.beyond })
    }

    /// Which pass of a civil time of this period this is.
    fn pass(self, civil: DateTime) -> Pass {
        if self.start.is_some_and(|start| civil < start.beyond.to_datetime(start.at)) {
            return Pass::Second;
        }
        if self.end.is_some_and(|end| civil >= end.beyond.to_datetime(end.at)) {
            return Pass::First;
        }
        Pass::Only
    }
}

/// The ticks of a cron expression in a zone, after a moment.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    cron: &'a Cron,
    tz: &'a TimeZone,
    dst: DstPolicy,
    period: Period,
    after: Timestamp,
}

enum Step {
    Tick(Tick),
    PeriodOver,
    Never,
}

impl<'a> Walk<'a> {
    pub(super) fn new(cron: &'a Cron, tz: &'a TimeZone, dst: DstPolicy, after: Timestamp) -> Self {
        // Ticks are in whole seconds, so what is after a moment is also after
        // the second it lies in.
        let after = whole_second(after);
        Self { cron, tz, dst, period: Period::containing(tz, after), after }
    }

    /// The next tick in the present period.
    fn step(&self) -> Step {
        let entered = self.period.start.filter(|start| self.after < start.at);
        let mut next = match entered {
            Some(start) => {
                if let Some(tick) = self.moved(start) {
                    return Step::Tick(tick);
                }
                self.cron.civil_at_or_after(self.period.offset.to_datetime(start.at))
            }
            None => self.cron.civil_after(self.period.offset.to_datetime(self.after)),
        };
        loop {
            let Some(civil) = next else { return Step::Never };
            let Ok(at) = self.period.offset.to_timestamp(civil) else { return Step::Never };
            if self.period.end.is_some_and(|end| at >= end.at) {
                return Step::PeriodOver;
            }
            let pass = self.period.pass(civil);
            if self.wants(pass) {
                return Step::Tick(Tick { at, note: note(pass, civil) });
            }
            next = self.cron.civil_after(civil);
        }
    }

    /// The tick for civil times which the clock left out before this period.
    fn moved(&self, start: Edge) -> Option<Tick> {
        if self.cron.is_wildcard() || self.dst.gap == GapPolicy::Skip {
            return None;
        }
        let (from, to) = (start.beyond.to_datetime(start.at), self.period.offset.to_datetime(start.at));
        let missing = self.cron.civil_at_or_after(from).filter(|civil| *civil < to)?;
        let note = if self.cron.civil_at_or_after(to) == Some(to) {
            TickNote::Merged { missing, with: to }
        } else {
            TickNote::Moved { missing, to }
        };
        Some(Tick { at: start.at, note: Some(note) })
    }

    fn wants(&self, pass: Pass) -> bool {
        self.cron.is_wildcard()
            || match pass {
                Pass::Only => true,
                Pass::First => self.dst.repeat != RepeatPolicy::Second,
                Pass::Second => self.dst.repeat != RepeatPolicy::First,
            }
    }
}

impl Iterator for Walk<'_> {
    type Item = Tick;

    fn next(&mut self) -> Option<Tick> {
        loop {
            match self.step() {
                Step::Tick(tick) => {
                    self.after = tick.at;
                    return Some(tick);
                }
                Step::PeriodOver => self.period = self.period.following(self.tz)?,
                Step::Never => return None,
            }
        }
    }
}

/// The moments of one civil time: two at most, and none if it is skipped.
pub(super) fn ticks_at(civil: DateTime, tz: &TimeZone, dst: DstPolicy) -> Vec<Tick> {
    let tick = |offset: Offset, pass: Pass| {
        let at = offset.to_timestamp(civil).ok()?;
        Some(Tick { at, note: note(pass, civil) })
    };
    let ticks = match tz.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => [tick(offset, Pass::Only), None],
        AmbiguousOffset::Gap { before, .. } => [after_gap(civil, before, tz, dst.gap), None],
        AmbiguousOffset::Fold { before, after } => match dst.repeat {
            RepeatPolicy::First => [tick(before, Pass::First), None],
            RepeatPolicy::Second => [tick(after, Pass::Second), None],
            RepeatPolicy::Both => [tick(before, Pass::First), tick(after, Pass::Second)],
        },
    };
    ticks.into_iter().flatten().collect()
}

fn after_gap(civil: DateTime, before: Offset, tz: &TimeZone, gap: GapPolicy) -> Option<Tick> {
    if gap == GapPolicy::Skip {
        return None;
    }
    // By the old offset a missing time lies at or just behind the change.
    let behind = before.to_timestamp(civil).ok()?;
    let at = whole_second_from(tz.preceding(later(behind)).next()?.timestamp());
    Some(Tick { at, note: Some(TickNote::Moved { missing: civil, to: tz.to_datetime(at) }) })
}

fn note(pass: Pass, time: DateTime) -> Option<TickNote> {
    match pass {
        Pass::Only => None,
        Pass::First => Some(TickNote::First { time }),
        Pass::Second => Some(TickNote::Second { time }),
    }
}

/// The second `at` lies in. Rounds down before 1970 too.
fn whole_second(at: Timestamp) -> Timestamp {
    let second = i64::try_from(at.as_nanosecond().div_euclid(1_000_000_000));
    second.ok().and_then(|second| Timestamp::from_second(second).ok()).unwrap_or(Timestamp::MIN)
}

/// The first whole second from `at` on.
fn whole_second_from(at: Timestamp) -> Timestamp {
    let second = whole_second(at);
    if second < at { later(second) } else { second }
}

fn later(at: Timestamp) -> Timestamp {
    at.checked_add(SECOND).unwrap_or(Timestamp::MAX)
}

fn earlier(at: Timestamp) -> Timestamp {
    at.checked_sub(SECOND).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
