//! Pauses which grow.

use std::time::Duration;

/// The first pause, doubled each time.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause.
const MAX: Duration = Duration::from_secs(5);

/// Growing pauses with jitter, so that many workers do not come back in step.
#[derive(Debug)]
pub struct Backoff {
    pause: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// Begins with the shortest pause.
    #[must_use]
    pub fn new() -> Self {
        Self { pause: FIRST }
    }

    /// What was in the way is not any more.
    pub fn reset(&mut self) {
        self.pause = FIRST;
    }

    /// The next pause: from a tenth of a second to five, give or take a quarter.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.pause.mul_f64(rand::random_range(0.75..1.25));
        self.pause = (self.pause * 2).min(MAX);
        pause
    }

    /// Waits for the next pause.
    pub async fn pause(&mut self) {
        tokio::time::sleep(self.next()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_five_seconds_and_begin_again() {
        let mut backoff = Backoff::new();
        let pauses: Vec<Duration> = (0..10).map(|_| backoff.next()).collect();
        assert!(pauses[0] <= FIRST.mul_f64(1.25), "{pauses:?}");
        assert!(pauses[9] >= MAX.mul_f64(0.75) && pauses[9] <= MAX.mul_f64(1.25), "{pauses:?}");
        backoff.reset();
        assert!(backoff.next() <= FIRST.mul_f64(1.25));
    }
}
