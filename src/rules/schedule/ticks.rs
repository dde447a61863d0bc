//! Plans what becomes of the ticks of a window.
//!
//! Planning is pure. It takes schedules and a window and reads no clock, so a
//! restart, a clock which jumped and a test are one case: a window which starts
//! earlier. Every tick of the window ends in the plan, either among those to run
//! or in a [`MissedRun`] which says why not; the cursor then moves to the
//! window's end, once, with the items.
//!
//! A tick was *missed* if it fell due while nobody was on duty, or more than
//! [`MISSED_AFTER`] before the window's end: the clock jumped, or the database
//! stood still. All others are on time. Ticks on time run; of missed ones the
//! policy of their schedule says which. Two limits hold for both: `within`, and
//! [`TICKS_MAX`] for a routine and plan.
//!
//! Missed ticks are counted and not kept: a plan holds at most [`TICKS_MAX`] of
//! them, however long the outage. The ticks of a lone `every` are not even
//! visited one by one.

use super::every::Every;
use super::policy::Missed;
use super::{Schedule, Timing, just_before, merged};
use crate::rules::name::RoutineName;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeInclusive;

/// The most ticks one plan runs, so that a long outage cannot flood the inbox.
/// Who needs each of more than a hundred old ticks needs a loop over them, in
/// one item.
pub const TICKS_MAX: usize = 100;

/// How long after its time a tick still counts as on time. Far more than a pass
/// takes under load, and less than anybody would call an outage.
pub const MISSED_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// The half-open window `(after, until]`. Windows which share an edge neither
/// overlap nor leave a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Up to here everything is planned.
    pub after: Timestamp,
    /// The present, by the database's clock.
    pub until: Timestamp,
}

/// Why ticks were not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MissedReason {
    /// They were missed, and the schedule says `missed = "skip"`.
    Skip,
    /// They were missed, the schedule says `missed = "latest"`, and a later one ran.
    Superseded,
    /// They were older than the schedule's `within`.
    Within,
    /// [`TICKS_MAX`] newer ones ran.
    Cap,
}

impl fmt::Display for MissedReason {
    /// For people: the reason of a decision.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip => f.write_str("missed, and `missed = \"skip\"`"),
            Self::Superseded => f.write_str("missed, and `missed = \"latest\"` runs a later tick"),
            Self::Within => f.write_str("older than `within`"),
            Self::Cap => write!(f, "over the limit: only the newest {TICKS_MAX} ticks are run at once"),
        }
    }
}

/// Ticks which were not run for one reason. Others may lie between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissedRun {
    /// The oldest of them.
    pub first: Timestamp,
    /// The newest of them.
    pub last: Timestamp,
    /// How many they are.
    pub count: u64,
    /// Why they were not run.
    pub reason: MissedReason,
}

/// What becomes of the ticks of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickPlan {
    /// The ticks to run, in order; at most [`TICKS_MAX`].
    pub run: Vec<Timestamp>,
    /// The others, one entry a reason, in the order of their first tick.
    pub missed: Vec<MissedRun>,
    /// Up to here everything is planned now.
    pub planned_until: Timestamp,
}

/// Plans the ticks of a routine's schedules in `window`. Ticks up to and
/// including `on_duty_since` fell due while nobody was on duty.
///
/// If the clock went back and `until` is not after `after`, the plan is empty
/// and `planned_until` stays at `after`: the cursor never moves back.
///
/// The time it takes grows with the number of ticks in the window, unless there
/// is one schedule and it is `every`.
#[must_use]
pub fn plan_ticks(schedules: &[Schedule], window: Window, on_duty_since: Timestamp) -> TickPlan {
    if window.until <= window.after {
        return TickPlan { run: Vec::new(), missed: Vec::new(), planned_until: window.after };
    }
    let mut planner = Planner::new(window, on_duty_since);
    let after = match schedules {
        [Schedule { timing: Timing::Every(every), .. }] => planner.skip_ahead(&schedules[0], *every),
        _ => window.after,
    };
    for (schedule, tick) in merged(schedules, after) {
        if tick.at > window.until {
            break;
        }
        planner.take(schedule, tick.at);
    }
    planner.finish()
}

struct Planner {
    window: Window,
    /// The newest moment at which a tick counts as missed.
    missed_until: Timestamp,
    run: VecDeque<Timestamp>,
    /// The newest missed tick of `missed = "latest"`, while nothing newer runs.
    latest: Option<Timestamp>,
    missed: Vec<MissedRun>,
}

impl Planner {
    fn new(window: Window, on_duty_since: Timestamp) -> Self {
        let late = just_before(window.until.checked_sub(MISSED_AFTER).unwrap_or(Timestamp::MIN));
        let missed_until = on_duty_since.max(late).min(window.until);
        Self { window, missed_until, run: VecDeque::new(), latest: None, missed: Vec::new() }
    }

    /// Takes the next tick; they come in order.
    fn take(&mut self, schedule: &Schedule, tick: Timestamp) {
        if tick <= self.expired_until(schedule) {
            return self.miss(tick, MissedReason::Within);
        }
        if tick > self.missed_until {
            if let Some(older) = self.latest.take() {
                self.miss(older, MissedReason::Superseded);
            }
            return self.run(tick);
        }
        match schedule.missed {
            Missed::All => self.run(tick),
            Missed::Skip => self.miss(tick, MissedReason::Skip),
            Missed::Latest => {
                if let Some(older) = self.latest.replace(tick) {
                    self.miss(older, MissedReason::Superseded);
                }
            }
        }
    }

    /// Records, without visiting them, missed ticks of a lone schedule which
    /// cannot run, whatever comes: there are [`TICKS_MAX`] newer ones. Returns
    /// where to go on.
    fn skip_ahead(&mut self, schedule: &Schedule, every: Every) -> Timestamp {
        let anchor = schedule.anchor();
        let after = schedule.from.map_or(self.window.after, |from| self.window.after.max(just_before(from)));
        let end = schedule.until.map_or(self.missed_until, |until| until.min(self.missed_until));
        let first = every.index_at(anchor, after) + 1;
        let last = every.index_at(anchor, end) - TICKS_MAX as i128;
        if last < first {
            return self.window.after;
        }
        let expired = every.index_at(anchor, self.expired_until(schedule)).clamp(first - 1, last);
        let reason = match schedule.missed {
            Missed::All => MissedReason::Cap,
            Missed::Latest => MissedReason::Superseded,
            Missed::Skip => MissedReason::Skip,
        };
        self.miss_range(every, anchor, first..=expired, MissedReason::Within);
        self.miss_range(every, anchor, expired + 1..=last, reason);
        every.tick(anchor, last).unwrap_or(self.window.after)
    }

    /// The newest moment at which a tick is older than `within`.
    fn expired_until(&self, schedule: &Schedule) -> Timestamp {
        let edge = schedule.within.and_then(|within| self.window.until.checked_sub(within).ok());
        edge.map_or(Timestamp::MIN, just_before)
    }

    fn run(&mut self, tick: Timestamp) {
        self.run.push_back(tick);
        self.trim();
    }

    /// Gives up the oldest tick to run if there is one too many.
    fn trim(&mut self) {
        if self.run.len() > TICKS_MAX
            && let Some(oldest) = self.run.pop_front()
        {
            self.miss(oldest, MissedReason::Cap);
        }
    }

    fn miss(&mut self, tick: Timestamp, reason: MissedReason) {
        self.record(MissedRun { first: tick, last: tick, count: 1, reason });
    }

    fn miss_range(
        &mut self,
        every: Every,
        anchor: Timestamp,
        indices: RangeInclusive<i128>,
        reason: MissedReason,
    ) {
        let (start, end) = indices.into_inner();
        let Ok(count @ 1..) = u64::try_from(end - start + 1) else { return };
        if let (Some(first), Some(last)) = (every.tick(anchor, start), every.tick(anchor, end)) {
            self.record(MissedRun { first, last, count, reason });
        }
    }

    fn record(&mut self, run: MissedRun) {
        match self.missed.iter_mut().find(|known| known.reason == run.reason) {
            Some(known) => {
                known.first = known.first.min(run.first);
                known.last = known.last.max(run.last);
                known.count += run.count;
            }
            None => self.missed.push(run),
        }
    }

    fn finish(mut self) -> TickPlan {
        if let Some(latest) = self.latest.take() {
            let place = self.run.partition_point(|tick| *tick < latest);
            self.run.insert(place, latest);
            self.trim();
        }
        self.missed.sort_by_key(|run| run.first);
        TickPlan { run: self.run.into(), missed: self.missed, planned_until: self.window.until }
    }
}

/// By how much the items of a tick fall due later, so that a thousand routines
/// of one minute do not all fall due in its first second. Less than `max`, not
/// negative, in whole microseconds, and always the same for a routine and tick.
#[must_use]
pub fn jitter(routine: &RoutineName, tick: Timestamp, max: SignedDuration) -> SignedDuration {
    let Ok(span @ 1..) = u128::try_from(max.as_micros()) else { return SignedDuration::ZERO };
    let mut hash = Sha256::new();
    hash.update(b"hearken jitter\0");
    hash.update(routine.as_str().as_bytes());
    hash.update(b"\0");
    hash.update(tick.as_nanosecond().to_be_bytes());
    let random = hash.finalize().iter().take(8).fold(0, |number: u64, byte| (number << 8) | u64::from(*byte));
    // Scales without the bias of a remainder.
    let micros = (u128::from(random) * span) >> 64;
    SignedDuration::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
