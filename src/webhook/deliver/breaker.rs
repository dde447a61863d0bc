//! The circuit breaker of one endpoint: how often it failed in a row, and what follows.
//!
//! Pure: the time comes in as an argument. A pause is as long as the first one, doubled
//! for each failure beyond those which led to it, up to a limit; after it *one* delivery
//! goes out, and its outcome decides for all.

use std::time::{Duration, Instant};

/// While a trial is under way, others look again so often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// When an endpoint is paused, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// After so many failures in a row.
    pub failures: u32,
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Patience {
    /// The pause after so many failures in a row.
    fn pause(&self, failures: u32) -> Duration {
        // Thirty doublings of a second are longer than any pause.
        let doublings = failures.saturating_sub(self.failures).min(30);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

/// What kind of attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// One of many.
    Plain,
    /// The one which finds out whether the endpoint answers again.
    Trial,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Active,
    /// Nothing goes out.
    Paused {
        until: Instant,
    },
    /// One is out; if nobody has heard of it by then, another one may go.
    Trying {
        until: Instant,
    },
}

/// Whether a delivery may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It may.
    Go,
    /// It may, if it gets the trial.
    Trial,
    /// Not before this.
    Wait(Instant),
}

/// Another deliverer's word about an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is active.
    Active,
    /// It is paused until then.
    Paused {
        /// Failures in a row.
        failures: u32,
        /// When somebody may try.
        until: Instant,
    },
    /// Somebody tries.
    Trying {
        /// Failures in a row.
        failures: u32,
        /// When somebody else may try.
        until: Instant,
    },
}

/// The breaker of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    state: State,
    /// When it was last changed here.
    changed: Option<Instant>,
}

impl Breaker {
    /// The breaker of an endpoint of which nothing is known.
    pub fn new() -> Self {
        Self { failures: 0, state: State::Active, changed: None }
    }

    /// Whether a delivery may go out.
    pub fn ask(&self, now: Instant) -> Asked {
        match self.state {
            State::Active => Asked::Go,
            State::Paused { until } | State::Trying { until } if until <= now => Asked::Trial,
            State::Paused { until } => Asked::Wait(until),
            State::Trying { until } => Asked::Wait(until.min(now + LOOK_AGAIN)),
        }
    }

    /// Whether nothing is to be remembered of it.
    pub fn is_blank(&self) -> bool {
        self.failures == 0 && self.state == State::Active
    }

    /// We have the trial, for so long.
    pub fn trying(&mut self, now: Instant, within: Duration) {
        self.state = State::Trying { until: now + within };
        self.changed = Some(now);
    }

    /// Somebody else has the trial: we look again in a moment.
    pub fn beaten(&mut self, now: Instant) {
        self.state = State::Trying { until: now + LOOK_AGAIN };
    }

    /// The endpoint answered. True, if that is news.
    pub fn answered(&mut self, now: Instant) -> bool {
        self.failures = 0;
        let news = self.state != State::Active;
        if news {
            self.state = State::Active;
            self.changed = Some(now);
        }
        news
    }

    /// The endpoint failed. A pause, if it begins one.
    pub fn failed(&mut self, attempt: Attempt, now: Instant, patience: &Patience) -> Option<Duration> {
        match (self.state, attempt) {
            (State::Active, _) => {}
            (State::Paused { .. } | State::Trying { .. }, Attempt::Trial) => {}
            // Those which were out when the pause began say nothing new.
            (State::Paused { .. } | State::Trying { .. }, Attempt::Plain) => return None,
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures < patience.failures {
            // A trial fails only here if others' count was lower than ours would be.
            if self.state == State::Active {
                return None;
            }
            self.failures = patience.failures;
        }
        let pause = patience.pause(self.failures);
        self.state = State::Paused { until: now + pause };
        self.changed = Some(now);
        Some(pause)
    }

    /// How many failures there were in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Takes over what others know, as it was read at `read`. What was changed here
    /// since is newer.
    pub fn hear(&mut self, heard: Heard, read: Instant) {
        if self.changed.is_some_and(|changed| changed >= read) {
            return;
        }
        match heard {
            Heard::Active if self.state == State::Active => {}
            Heard::Active => {
                self.failures = 0;
                self.state = State::Active;
            }
            Heard::Paused { failures, until } => {
                self.failures = failures;
                self.state = State::Paused { until };
            }
            Heard::Trying { failures, until } => {
                self.failures = failures;
                self.state = State::Trying { until };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PATIENCE: Patience = Patience { failures: 3, first: SECOND, longest: Duration::from_secs(5) };

    fn failed(breaker: &mut Breaker, at: Instant, attempt: Attempt) -> Option<Duration> {
        breaker.failed(attempt, at, &PATIENCE)
    }

    #[test]
    fn after_some_failures_in_a_row_an_endpoint_is_paused() {
        let (mut breaker, now) = (Breaker::new(), Instant::now());
        assert_eq!(failed(&mut breaker, now, Attempt::Plain), None);
        assert_eq!(failed(&mut breaker, now, Attempt::Plain), None);
        assert!(!breaker.answered(now));
        assert_eq!(failed(&mut breaker, now, Attempt::Plain), None);
        assert_eq!(failed(&mut breaker, now, Attempt::Plain), None);
        assert_eq!(breaker.ask(now), Asked::Go);
        assert_eq!(failed(&mut breaker, now, Attempt::Plain), Some(SECOND));
        assert_eq!(breaker.ask(now), Asked::Wait(now + SECOND));
        // Those which were under way change nothing.
        assert_eq!(failed(&mut breaker, now, Attempt::Plain), None);
        assert_eq!(breaker.ask(now + SECOND), Asked::Trial);
    }

    #[test]
    fn pauses_double_up_to_the_longest_while_trials_fail() {
        let (mut breaker, mut now) = (Breaker::new(), Instant::now());
        for _ in 0..2 {
            failed(&mut breaker, now, Attempt::Plain);
        }
        let mut pauses = vec![failed(&mut breaker, now, Attempt::Plain)];
        for _ in 0..4 {
            now += 10 * SECOND;
            breaker.trying(now, 20 * SECOND);
            assert!(matches!(breaker.ask(now), Asked::Wait(_)));
            pauses.push(failed(&mut breaker, now, Attempt::Trial));
        }
        let want = [1, 2, 4, 5, 5].map(|seconds| Some(seconds * SECOND));
        assert_eq!(pauses, want);
    }

    #[test]
    fn a_trial_which_is_answered_ends_the_pause() {
        let (mut breaker, now) = (Breaker::new(), Instant::now());
        for _ in 0..3 {
            failed(&mut breaker, now, Attempt::Plain);
        }
        breaker.trying(now + SECOND, SECOND);
        assert!(breaker.answered(now + SECOND));
        assert!(breaker.is_blank());
        assert_eq!(breaker.ask(now + SECOND), Asked::Go);
    }

    #[test]
    fn a_trial_of_which_nobody_hears_is_followed_by_another() {
        let (mut breaker, now) = (Breaker::new(), Instant::now());
        breaker.trying(now, 10 * SECOND);
        assert_eq!(breaker.ask(now), Asked::Wait(now + LOOK_AGAIN));
        assert_eq!(breaker.ask(now + 10 * SECOND), Asked::Trial);
    }

    #[test]
    fn what_others_say_holds_unless_ours_is_newer() {
        let (mut breaker, now) = (Breaker::new(), Instant::now());
        let until = now + 60 * SECOND;
        breaker.hear(Heard::Paused { failures: 7, until }, now);
        assert_eq!((breaker.ask(now), breaker.failures()), (Asked::Wait(until), 7));
        breaker.hear(Heard::Active, now);
        assert_eq!((breaker.ask(now), breaker.failures()), (Asked::Go, 0));
        // A count which is not yet a pause is ours alone.
        failed(&mut breaker, now, Attempt::Plain);
        breaker.hear(Heard::Active, now);
        assert_eq!(breaker.failures(), 1);
        for _ in 0..2 {
            failed(&mut breaker, now + SECOND, Attempt::Plain);
        }
        breaker.hear(Heard::Active, now);
        assert!(matches!(breaker.ask(now + SECOND), Asked::Wait(_)));
    }
}
