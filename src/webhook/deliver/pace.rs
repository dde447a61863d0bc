//! When items of a busy endpoint may come again.
//!
//! They are given times in a row, as far apart as the endpoint takes for one, so that
//! they come back as fast as it can have them, and not all at once. Beyond a span the
//! row begins anew: nobody is sent away for an hour by a guess.

use std::time::{Duration, Instant};

/// The longest row. Whoever comes back too early is sent away once more, so a short one
/// costs writes; a long one is slow to see that the endpoint has become faster.
pub const SPAN: Duration = Duration::from_secs(120);

/// The share of what was measured: rather a little too soon, so that the endpoint is
/// never idle while items wait.
const SHARE: f64 = 0.8;
/// How much the last request counts against all before.
const WEIGHT: f64 = 0.1;
/// A request to an endpoint of which nothing is known takes so long, in seconds.
const GUESS: f64 = 0.05;
/// The time between two items, at least and at most.
const STEP: (Duration, Duration) = (Duration::from_micros(200), Duration::from_secs(30));

/// How long requests to an endpoint take, and the end of the row before it.
#[derive(Clone, Debug)]
pub struct Pace {
    seconds: f64,
    at_once: u32,
    tail: Option<Instant>,
}

impl Pace {
    /// That of an endpoint which takes so many requests at once.
    pub fn new(at_once: u32) -> Self {
        Self { seconds: GUESS, at_once: at_once.max(1), tail: None }
    }

    /// A request took so long.
    pub fn took(&mut self, duration: Duration) {
        self.seconds += (duration.as_secs_f64() - self.seconds) * WEIGHT;
    }

    /// The time between two items.
    pub fn step(&self) -> Duration {
        let step = self.seconds * SHARE / f64::from(self.at_once);
        Duration::try_from_secs_f64(step).unwrap_or(STEP.1).clamp(STEP.0, STEP.1)
    }

    /// How far on the end of the row is, if it begins at `base`.
    pub fn head(&self, base: Instant) -> Duration {
        let head = self.tail.map_or(Duration::ZERO, |tail| tail.saturating_duration_since(base));
        if head < SPAN { head } else { Duration::ZERO }
    }

    /// So many items were put into the row; gives the time of the last one.
    pub fn put(&mut self, base: Instant, count: u32) -> Instant {
        let row = (self.head(base) + self.step().saturating_mul(count)).as_secs_f64() % SPAN.as_secs_f64();
        let tail = base + Duration::try_from_secs_f64(row).unwrap_or(SPAN);
        self.tail = Some(tail);
        tail
    }

    /// How long one has to wait who is behind so many others.
    pub fn wait(&self, others: u32) -> Duration {
        self.step().saturating_mul(others.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_as_fast_as_the_endpoint_takes_them() {
        let mut pace = Pace::new(8);
        for _ in 0..200 {
            pace.took(Duration::from_secs(1));
        }
        let step = pace.step();
        assert!(step > Duration::from_millis(95) && step < Duration::from_millis(105), "{step:?}");
        let now = Instant::now();
        let first = pace.put(now, 1) - now;
        assert!(first > step.mul_f64(0.99) && first < step.mul_f64(1.01), "{first:?}");
        let second = pace.put(now, 1) - now;
        assert!(second > step.mul_f64(1.99) && second < step.mul_f64(2.01), "{second:?}");
        // What is past is no longer in the row.
        let later = now + Duration::from_secs(60);
        let next = pace.put(later, 1) - later;
        assert!(next > step.mul_f64(0.99) && next < step.mul_f64(1.01), "{next:?}");
    }

    #[test]
    fn a_row_does_not_grow_beyond_its_span() {
        let mut pace = Pace::new(1);
        for _ in 0..200 {
            pace.took(Duration::from_secs(15));
        }
        let now = Instant::now();
        for _ in 0..1_000 {
            let at = pace.put(now, 7);
            assert!(at >= now && at <= now + SPAN, "{:?}", at - now);
        }
        assert!(pace.put(now, u32::MAX) <= now + SPAN);
    }

    #[test]
    fn no_duration_is_too_long_or_too_short() {
        let mut pace = Pace::new(0);
        pace.took(Duration::MAX);
        assert_eq!(pace.step(), STEP.1);
        for _ in 0..10_000 {
            pace.took(Duration::ZERO);
        }
        assert_eq!(pace.step(), STEP.0);
    }
}
