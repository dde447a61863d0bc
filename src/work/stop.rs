//! How a worker is told to stop.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Told once, a worker ends what is under way; told twice, it ends at once.
#[derive(Clone, Debug)]
pub struct Stop {
    gently: watch::Receiver<bool>,
    at_once: watch::Receiver<bool>,
}

impl Stop {
    /// It stops, gently, when the value becomes true.
    #[must_use]
    pub fn when(gently: watch::Receiver<bool>) -> Self {
        let (_, at_once) = watch::channel(false);
        Self { gently, at_once }
    }

    /// It never stops.
    #[must_use]
    pub fn never() -> Self {
        let (_, gently) = watch::channel(false);
        Self::when(gently)
    }

    /// It stops gently when either value becomes true, and at once when the second does.
    #[must_use]
    pub fn in_two_steps(gently: watch::Receiver<bool>, at_once: watch::Receiver<bool>) -> Self {
        Self { gently, at_once }
    }

    /// It stops on SIGTERM or SIGINT, and at once on the second of them.
    ///
    /// # Errors
    ///
    /// If the signals cannot be caught.
    pub fn on_signals() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (to_stop, gently) = watch::channel(false);
        let (to_end, at_once) = watch::channel(false);
        tokio::spawn(async move {
            for told in [to_stop, to_end] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                told.send_replace(true);
            }
        });
        Ok(Self { gently, at_once })
    }

    /// Waits until it is told to stop.
    pub async fn wanted(&self) {
        tokio::select! {
            () = told(self.gently.clone()) => {}
            () = self.at_once() => {}
        }
    }

    /// Waits until it is told to stop at once.
    pub async fn at_once(&self) {
        told(self.at_once.clone()).await;
    }

    /// Whether it is told to stop.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        *self.gently.borrow() || *self.at_once.borrow()
    }
}

/// Waits until the value is true; for ever, if nobody is left who could say so.
async fn told(mut value: watch::Receiver<bool>) {
    let alone = value.wait_for(|told| *told).await.is_err();
    if alone {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn nobody_who_could_stop_it_means_never() {
        let stop = Stop::never();
        assert!(stop.wanted().now_or_never().is_none());
        assert!(stop.at_once().now_or_never().is_none());
        assert!(!stop.is_wanted());
    }

    #[tokio::test]
    async fn at_once_is_also_a_wish_to_stop() {
        let (to_stop, gently) = watch::channel(false);
        let (to_end, at_once) = watch::channel(false);
        let stop = Stop::in_two_steps(gently, at_once);
        to_end.send_replace(true);
        stop.wanted().await;
        stop.at_once().await;
        drop(to_stop);
        // Whoever said so may be gone by now.
        drop(to_end);
        assert!(stop.is_wanted());
        stop.wanted().await;
    }
}
