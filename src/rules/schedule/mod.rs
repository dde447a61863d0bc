//! When a routine is due: schedules and their ticks.
//!
//! A tick is one moment at which a schedule is due. It is worked out from the
//! schedule alone: a tick is the first one *after* another moment, and nobody
//! ever asks whether "now" matches. So a restart, a missed wake-up and a test
//! are one case, and where the last plan ended is all there is to remember.
//!
//! - [`cron`] says which civil times an expression names, [`every`] counts equal
//!   distances, [`days`] a time of day every so many days, [`at`] is a single time.
//! - `civil` turns civil times into moments, changes of the clock included.
//! - [`ticks`] decides what becomes of the ticks of a window: which are run,
//!   and which were missed and why.
//!
//! Ticks of one schedule are strictly increasing. Several schedules of one
//! routine are merged: equal moments are one tick, which belongs to the schedule
//! that comes first in the file.

pub mod at;
mod calendar;
mod civil;
pub mod cron;
pub mod days;
pub mod every;
mod field;
pub mod policy;
#[cfg(test)]
mod properties;
pub mod ticks;
pub mod zone;

use self::at::At;
use self::civil::Walk;
use self::cron::Cron;
use self::days::Days;
use self::every::Every;
use self::policy::{DstPolicy, Missed};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::iter::Peekable;

/// What places the ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timing {
    /// The times of day and date which an expression names.
    Cron(Cron),
    /// Equal distances, from the schedule's `from`, else from the Unix epoch.
    Every(Every),
    /// A time of day every so many days, from the day of `from`, else of the epoch.
    Days(Days),
    /// One time, once.
    At(At),
}

impl fmt::Display for Timing {
    /// The same for two spellings of the same ticks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron) => write!(f, "cron {}", cron.canonical()),
            Self::Every(every) => write!(f, "every {every}"),
            Self::Days(days) => write!(f, "every {days}"),
            Self::At(at) => write!(f, "at {at}"),
        }
    }
}

/// One schedule of a routine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What places the ticks.
    pub timing: Timing,
    /// The zone whose clocks are meant; from [`zone::parse_zone`].
    pub tz: TimeZone,
    /// No tick before this moment; one at it counts.
    pub from: Option<Timestamp>,
    /// No tick after this moment; one at it counts.
    pub until: Option<Timestamp>,
    /// What becomes of fixed times when the clock changes.
    pub dst: DstPolicy,
    /// What becomes of ticks which nobody ran when they fell due.
    pub missed: Missed,
    /// A tick older than this is not run any more.
    pub within: Option<SignedDuration>,
    /// Items of a tick fall due up to this much later, see [`ticks::jitter`].
    pub jitter: Option<SignedDuration>,
}

impl Schedule {
    /// A schedule in UTC which has nothing else to say.
    #[must_use]
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            tz: TimeZone::UTC,
            from: None,
            until: None,
            dst: DstPolicy::default(),
            missed: Missed::default(),
            within: None,
            jitter: None,
        }
    }

    /// The IANA name of the zone.
    #[must_use]
    pub fn tz_name(&self) -> &str {
        self.tz.iana_name().unwrap_or("unnamed")
    }

    /// The first tick after `after`, and not at it; none if there is no more.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Tick> {
        self.ticks_after(after).next()
    }

    /// All ticks after `after`, worked out one at a time.
    #[must_use]
    pub fn ticks_after(&self, after: Timestamp) -> Ticks<'_> {
        let after = self.from.map_or(after, |from| after.max(just_before(from)));
        let source = match &self.timing {
            Timing::Cron(cron) => Source::Cron(Walk::new(cron, &self.tz, self.dst, after)),
            Timing::Every(every) => Source::Every { every: *every, anchor: self.anchor(), after },
            Timing::Days(days) => {
                let first = self.from.map_or(days::FIRST_DAY, |from| self.tz.to_datetime(from).date());
                Source::Days(days::Walk::new(*days, first, &self.tz, self.dst, after))
            }
            Timing::At(at) => {
                let mut ticks = at.ticks(&self.tz, self.dst);
                ticks.retain(|tick| tick.at > after);
                Source::At(ticks.into_iter())
            }
        };
        Ticks { source, until: self.until }
    }

    /// What places the ticks, as text: while it is the same, a schedule keeps
    /// its place; once it differs, the schedule starts afresh. Limits and
    /// policies for missed ticks are no part of it, and neither is spelling.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let from = self.from.map_or_else(|| "-".to_owned(), |from| from.to_string());
        let DstPolicy { gap, repeat } = self.dst;
        format!("{}; tz {}; from {from}; gap {gap}; repeat {repeat}", self.timing, self.tz_name())
    }

    /// From where `every` counts.
    fn anchor(&self) -> Timestamp {
        self.from.unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// One moment at which a schedule is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The moment.
    pub at: Timestamp,
    /// What a change of the clock has to do with it, if anything.
    pub note: Option<TickNote>,
}

/// What a change of the clock did to a tick; `Display` says it to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickNote {
    /// Its time does not exist on that day.
    Moved {
        /// The first of the times which do not exist.
        missing: DateTime,
        /// What clocks show instead.
        to: DateTime,
    },
    /// It is due at this time anyway, and stands for another which does not exist.
    Merged {
        /// The first of the times which do not exist.
        missing: DateTime,
        /// Its own time.
        with: DateTime,
    },
    /// Its time exists twice, and this is the first.
    First {
        /// The time.
        time: DateTime,
    },
    /// Its time exists twice, and this is the second.
    Second {
        /// The time.
        time: DateTime,
    },
}

impl fmt::Display for TickNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (missing, fate, instead) = match *self {
            Self::First { time } => return write!(f, "{} exists twice, first of two", clock(time)),
            Self::Second { time } => return write!(f, "{} exists twice, second of two", clock(time)),
            Self::Moved { missing, to } => (missing, "moved to", to),
            Self::Merged { missing, with } => (missing, "one tick with", with),
        };
        if missing.date() == instead.date() {
            write!(f, "{} does not exist on this day, {fate} {}", clock(missing), clock(instead))
        } else {
            let (day, instead_day) = (missing.date(), instead.date());
            write!(f, "{day} {} does not exist, {fate} {instead_day} {}", clock(missing), clock(instead))
        }
    }
}

/// The time of day, with seconds if there are any.
fn clock(time: DateTime) -> String {
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    if second == 0 { format!("{hour:02}:{minute:02}") } else { format!("{hour:02}:{minute:02}:{second:02}") }
}

/// The ticks of a schedule, see [`Schedule::ticks_after`].
#[derive(Clone, Debug)]
pub struct Ticks<'a> {
    source: Source<'a>,
    until: Option<Timestamp>,
}

#[derive(Clone, Debug)]
enum Source<'a> {
    Cron(Walk<'a>),
    Every { every: Every, anchor: Timestamp, after: Timestamp },
    Days(days::Walk<'a>),
    At(std::vec::IntoIter<Tick>),
}

impl Iterator for Ticks<'_> {
    type Item = Tick;

    fn next(&mut self) -> Option<Tick> {
        let tick = match &mut self.source {
            Source::Cron(walk) => walk.next()?,
            Source::Every { every, anchor, after } => {
                *after = every.next_after(*anchor, *after)?;
                Tick { at: *after, note: None }
            }
            Source::Days(walk) => walk.next()?,
            Source::At(ticks) => ticks.next()?,
        };
        self.until.is_none_or(|until| tick.at <= until).then_some(tick)
    }
}

/// The first tick after `after` of any of a routine's schedules.
#[must_use]
pub fn next_after(schedules: &[Schedule], after: Timestamp) -> Option<Timestamp> {
    schedules.iter().filter_map(|schedule| Some(schedule.next_after(after)?.at)).min()
}

/// What places the ticks of a routine, see [`Schedule::fingerprint`]. The order
/// of its schedules places none.
#[must_use]
pub fn fingerprint(schedules: &[Schedule]) -> String {
    let mut lines: Vec<String> = schedules.iter().map(Schedule::fingerprint).collect();
    lines.sort();
    lines.dedup();
    lines.join("\n")
}

/// The ticks of all of a routine's schedules after `after`, in order. Equal
/// moments are one tick, of the first schedule which has it.
#[must_use]
pub fn merged(schedules: &[Schedule], after: Timestamp) -> Merged<'_> {
    let heads = schedules.iter().map(|schedule| (schedule, schedule.ticks_after(after).peekable()));
    Merged { heads: heads.collect() }
}

/// The ticks of several schedules, see [`merged`].
#[derive(Clone, Debug)]
pub struct Merged<'a> {
    heads: Vec<(&'a Schedule, Peekable<Ticks<'a>>)>,
}

impl<'a> Iterator for Merged<'a> {
    type Item = (&'a Schedule, Tick);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.heads.iter_mut().filter_map(|(_, ticks)| Some(ticks.peek()?.at)).min()?;
        let mut found: Option<(&'a Schedule, Tick)> = None;
        for (schedule, ticks) in &mut self.heads {
            if let Some(tick) = ticks.next_if(|tick| tick.at == at) {
                match &mut found {
                    Some((_, first)) => first.note = first.note.or(tick.note),
                    None => found = Some((*schedule, tick)),
                }
            }
        }
        found
    }
}

/// The last moment before `at`.
fn just_before(at: Timestamp) -> Timestamp {
    at.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
