//! The session of a worker, and how there is always one again.

use super::backoff::Backoff;
use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::pg::work::{STATEMENT_TIMEOUT, WorkSession};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// The server ends statements which take too long, so that silence this long
/// beyond it means that the network swallows what we send.
const SILENCE: Duration = Duration::from_secs(5);
/// A session which lived this long was a good one: the next pause is short again.
const GOOD_AFTER: Duration = Duration::from_secs(10);
/// A standby, or a server which was made one under us.
const READ_ONLY: &str = "25006";

/// One session, as long as it is good.
#[derive(Debug)]
pub(super) struct Live {
    /// The session.
    pub(super) session: WorkSession,
    broken: Notify,
}

impl Live {
    /// An answer of the session. An error which means that another one is needed
    /// gives this one up.
    pub(super) async fn settle<T>(
        &self,
        asking: impl Future<Output = Result<T, PgError>>,
    ) -> Result<T, PgError> {
        let silence = |_| Err(PgError::lost("a session which does not answer any more"));
        let answer = tokio::time::timeout(STATEMENT_TIMEOUT + SILENCE, asking).await.unwrap_or_else(silence);
        if let Err(error) = &answer
            && (error.is_closed() || error.sqlstate() == Some(READ_ONLY))
        {
            self.broken.notify_one();
        }
        answer
    }
}

/// The way to the session there is. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Link {
    current: watch::Receiver<Option<Arc<Live>>>,
}

/// What keeps a link; see [`Keeper::keep`].
#[derive(Debug)]
pub(super) struct Keeper {
    options: ConnectOptions,
    current: watch::Sender<Option<Arc<Live>>>,
}

impl Link {
    /// Connects. If that fails for reasons which may pass, there is a link without a
    /// session so far, unless `first` says otherwise.
    ///
    /// # Errors
    ///
    /// If waiting will not help.
    pub(super) async fn open(options: ConnectOptions, first: First) -> Result<(Self, Keeper), PgError> {
        let live = match WorkSession::open(&options).await {
            Ok(session) => Some(live(session)),
            Err(error) if first == First::MayWait && error.is_of_the_moment() => {
                tracing::warn!(error = %error, database = %options.describe(), "waiting for the database");
                None
            }
            Err(error) => return Err(error),
        };
        let (sender, current) = watch::channel(live);
        Ok((Self { current }, Keeper { options, current: sender }))
    }

    /// The session, if there is one now.
    pub(super) fn now(&self) -> Option<Arc<Live>> {
        self.current.borrow().clone()
    }

    /// The session; waits until there is one. At once, if there is: what is sent
    /// over it then goes before whatever is sent later.
    pub(super) async fn get(&self) -> Arc<Live> {
        let mut current = self.current.clone();
        loop {
            if let Some(live) = self.now() {
                return live;
            }
            let gone = current.changed().await.is_err();
            if gone {
                // The engine has ended, and whoever waits here is about to.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Whether a worker may begin without a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// It waits for one.
    MayWait,
    /// It may not.
    MustBe,
}

impl Keeper {
    /// Connects again whenever the session is lost. Never ends.
    pub(super) async fn keep(self) {
        let mut backoff = Backoff::new();
        let mut since = Instant::now();
        loop {
            let held = self.current.borrow().clone();
            if let Some(current) = held {
                tokio::select! {
                    () = current.session.closed() => {}
                    () = current.broken.notified() => {}
                }
                self.current.send_replace(None);
                tracing::warn!(database = %self.options.describe(), "lost the database; connecting again");
                if since.elapsed() >= GOOD_AFTER {
                    backoff.reset();
                }
            }
            backoff.pause().await;
            match WorkSession::open(&self.options).await {
                Ok(session) => {
                    since = Instant::now();
                    self.current.send_replace(Some(live(session)));
                    tracing::info!(database = %self.options.describe(), "connected");
                }
                Err(error) => tracing::warn!(error = %error, "no connection to the database yet"),
            }
        }
    }
}

fn live(session: WorkSession) -> Arc<Live> {
    Arc::new(Live { session, broken: Notify::new() })
}
