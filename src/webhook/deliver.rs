//! Delivers items which are webhooks: one attempt of one item at a time, many at once.
//!
//! ```text
//! item ──▶ where to? ──▶ gate ──▶ secrets ──▶ request ──▶ answer ──▶ ending
//!            │ row of     │ paused, or                      │
//!            │ a table    │ all slots taken                 ├──▶ log
//!            ▼            ▼                                 └──▶ breaker
//!          never        later
//! ```
//!
//! Nothing here knows how items are leased and answered; that is a worker's business,
//! and this module says what became of the item ([`Ending`]).
//!
//! # Endpoints do not hold each other up
//!
//! 1. To one endpoint so many requests go at once, and no more. A few wait for a moment;
//!    others are sent away (`gate`) and come back as fast as the endpoint takes them
//!    (`pace`). That does not count as an attempt.
//! 2. An endpoint which fails several times in a row is paused (`breaker`), and all its
//!    items are sent away until then. After the pause one of them goes, and decides.
//! 3. If so many items of such endpoints stand at the front of the queue that leasing each
//!    to send it away would take long, they are put off by a few statements (`way`).
//!    Meanwhile some of other endpoints are moved ahead, whatever is before them.
//!
//! # Several deliverers
//!
//! They share the inbox by its leases, and what they know of endpoints in
//! `hearken.endpoints`: written when an endpoint is paused, tried, or well again, never
//! for a success among others, and read every three seconds while there is work
//! (`news`). Failures in a row are counted by each for itself; the trial after a pause
//! is taken by an update, so that there is one.
//!
//! # What holds
//!
//! - An item is delivered at least once, and with the same `webhook-id` each time.
//! - Secrets are read for the request (`find`), and in no item, error, log or table.
//! - The log has each attempt, but those of the last moment before a crash (`log`).

mod account;
mod breaker;
mod ending;
mod find;
mod gate;
mod key;
mod line;
mod log;
mod news;
mod pace;
mod settings;
mod way;

pub use self::breaker::Patience;
pub use self::ending::Ending;
pub use self::key::key_of;
pub use self::settings::Settings;

use self::account::{Attempt, Sent};
use self::find::{Finder, Found, Missing, Place};
use self::gate::{Entry, Gate, Pass, Paused, Why};
use self::line::Line;
use self::log::Log;
use self::news::News;
use super::answer::{DeliveryError, Fault, Outcome};
use super::client::Client;
use super::request::{Outgoing, Request};
use crate::pg::connect::ConnectOptions;
use crate::pg::endpoints::{self, Pause};
use crate::pg::work::Leased;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// A trial which takes so much longer than its request is taken for lost.
const TRIAL_MARGIN: Duration = Duration::from_secs(10);
/// The end must not wait longer for the log.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);
/// An item which could not be read comes again after this.
const READ_AGAIN: Duration = Duration::from_secs(5);

/// Delivers.
pub struct Deliverer {
    client: Client,
    gate: Arc<Gate>,
    finder: Finder,
    news: News,
    line: Arc<Line>,
    log: Log,
    in_flight: Semaphore,
    way: JoinHandle<()>,
}

impl Deliverer {
    /// A deliverer with a session of its own, which is opened when it is needed.
    #[must_use]
    pub fn start(options: ConnectOptions, settings: Settings, client: Client) -> Self {
        let line = Arc::new(Line::new(options));
        let gate = Arc::new(Gate::new(settings.per_endpoint, settings.waiting(), settings.patience));
        let queues = settings.queues.iter().map(ToString::to_string).collect();
        let way = way::make_way(gate.clone(), line.clone(), queues, settings.in_flight);
        Self {
            client,
            gate,
            finder: Finder::new(settings.endpoints, line.clone()),
            news: News::default(),
            log: Log::start(line.clone(), settings.worker),
            line,
            in_flight: Semaphore::new(settings.in_flight.max(1) as usize),
            way: tokio::spawn(way),
        }
    }

    /// Makes one attempt to deliver an item, and says what is to become of it. May be
    /// dropped at any point; then nobody knows whether it arrived.
    pub async fn deliver(&self, item: &Leased) -> Ending {
        let Some(more) = &item.more else {
            let note = "the item could not be read whole".to_owned();
            return Ending::Later { pause: READ_AGAIN, note };
        };
        let delivery = match account::read(item, more) {
            Ok(delivery) => delivery,
            Err(why) => {
                self.log.record(Instant::now(), account::never_sent(item, None, &why)).await;
                return Ending::Never(why);
            }
        };
        let attempt = Attempt { item, more, delivery: &delivery, key: key_of(&delivery.to) };
        match self.finder.place(&delivery.to).await {
            Ok(place) => self.enter(&attempt, &place).await,
            Err(Missing::Never(why)) => {
                self.log.record(Instant::now(), account::never_sent(item, Some(&attempt.key), &why)).await;
                Ending::Never(why)
            }
            Err(Missing::Later { pause, note }) => Ending::Later { pause, note },
        }
    }

    /// Writes what is still to be written of the log, if that does not take long.
    pub async fn finish(&self) {
        // What is lost of it is said in its module doc.
        let _ = tokio::time::timeout(FLUSH_WITHIN, self.log.flush()).await;
    }

    /// Waits at the gate, and goes.
    async fn enter(&self, attempt: &Attempt<'_>, place: &Place) -> Ending {
        if self.news.tell(&self.gate, &self.line).await {
            self.finder.forget_old();
        }
        let entry = match self.gate.enter(&attempt.key).await {
            Entry::Trial => self.try_trial(attempt).await,
            entry => entry,
        };
        match entry {
            Entry::Go(pass) => self.go(attempt, place, pass).await,
            Entry::Later(at, why) => account::later(at, why),
            // It was taken just now, and what follows is not worth a second look.
            Entry::Trial => account::later(Instant::now(), Why::Paused),
        }
    }

    async fn try_trial(&self, attempt: &Attempt<'_>) -> Entry {
        let within = Duration::from_millis(attempt.delivery.timeout_ms) + TRIAL_MARGIN;
        let taken = async { endpoints::take_trial(&*self.line.session().await?, &attempt.key, within).await };
        match taken.await {
            Ok(true) => {
                tracing::info!(endpoint = %attempt.key, "a paused endpoint is tried again");
                Entry::Go(self.gate.begin_trial(&attempt.key, within))
            }
            Ok(false) => self.gate.lose_trial(&attempt.key),
            Err(error) => {
                tracing::debug!(error = %error, "a paused endpoint could not be tried");
                self.gate.lose_trial(&attempt.key)
            }
        }
    }

    async fn go(&self, attempt: &Attempt<'_>, place: &Place, pass: Pass) -> Ending {
        // Never closed; and without a permit one more is on its way, no harm else.
        let _permit = self.in_flight.acquire().await.ok();
        let sent = self.send(attempt, place).await;
        let paused = self.settle(&pass, &sent).await;
        // The slot is free before anybody waits for the log.
        drop(pass);
        let (item, outcome) = (attempt.item, &sent.outcome);
        let ending = ending::ending(attempt.delivery, item.attempt, outcome, rand::random());
        account::tell(attempt, outcome, &ending);
        let entry = account::logged(attempt, &sent, &ending, paused.as_ref());
        self.log.record(sent.began, entry).await;
        ending
    }

    async fn send(&self, attempt: &Attempt<'_>, place: &Place) -> Sent {
        let began = Instant::now();
        let failed = |error: DeliveryError, url: Option<String>| {
            let (duration, body) = (Duration::ZERO, String::new());
            let outcome = Outcome { status: None, duration, body, error: Some(error), retry_after: None };
            Sent { began, outcome, url }
        };
        let Found { url, secret, headers } = match find::found(attempt.delivery, place).await {
            Ok(found) => found,
            Err(error) => return failed(error, None),
        };
        let shown = Some(key::shown(&url));
        let sent_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let request = Request::new(&Outgoing {
            url: &url,
            id: &attempt.more.dedup_key,
            sent_at: sent_at.as_secs(),
            event: &attempt.item.context,
            mode: attempt.delivery.mode,
            timeout: Duration::from_millis(attempt.delivery.timeout_ms),
            headers: &headers,
            secret: secret.as_ref(),
        });
        match request {
            Ok(request) => Sent { began, outcome: self.client.send(request).await, url: shown },
            Err(error) => failed(error, shown),
        }
    }

    /// Tells the breaker, and others if it is news. What follows, if the endpoint is
    /// paused for it.
    async fn settle(&self, pass: &Pass, sent: &Sent) -> Option<Paused> {
        let Outcome { duration, error, status, .. } = &sent.outcome;
        match error.as_ref().map(|error| (error.fault(), error)) {
            None | Some((Fault::Request, _)) => {
                if self.gate.answered(pass, *duration) {
                    tracing::info!(endpoint = pass.key(), "a paused endpoint answers again");
                    let session = self.line.session();
                    let told = async { endpoints::recovered(&*session.await?, pass.key()).await };
                    account::told(told.await);
                }
                None
            }
            Some((Fault::Ours, _)) => None,
            Some((Fault::Endpoint, error)) => {
                let paused = self.gate.failed(pass, *duration)?;
                let pause = Pause {
                    key: pass.key().to_owned(),
                    failures: paused.failures,
                    pause: paused.pause,
                    status: *status,
                    error: account::storable(&error.to_string()),
                };
                account::tell_of_pause(&pause);
                let session = self.line.session();
                let told = async { endpoints::pause(&*session.await?, &pause).await };
                account::told(told.await);
                Some(paused)
            }
        }
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        self.way.abort();
    }
}
