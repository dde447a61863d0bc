//! Hears the bells of the queues, as long as notifications arrive.
//!
//! That they do is proven at the start of each session: the listener rings its own
//! bell and must hear it. Through a pooler which hands every statement to another
//! connection it does not, and the engine polls. After each new session there is
//! one look, for what rang while nobody listened.

use super::backoff::Backoff;
use super::bell::{Bell, Hears};
use crate::pg::connect::ConnectOptions;
use crate::pg::doorbell::ping;
use crate::pg::error::PgError;
use crate::pg::session::{OnNotify, Session, SessionRole};
use crate::pg::work::{is_own_echo, listen_to_queues, ring_own_bell};
use crate::rules::name::QueueName;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;

/// A listener which does not hear itself within this is deaf.
const ECHO_WITHIN: Duration = Duration::from_secs(5);
/// Between two proofs that the session lives.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long to poll before listening is tried again where it was in vain.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// A session which lived this long was a good one: the next pause is short again.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// Why a listener ended.
enum End {
    /// It does not hear itself.
    Deaf,
    /// It is lost.
    Lost(PgError),
}

impl From<PgError> for End {
    fn from(error: PgError) -> Self {
        Self::Lost(error)
    }
}

/// Listens, and again whenever the session is lost. Never ends.
pub(super) async fn listen(options: ConnectOptions, queues: Vec<QueueName>, bell: Arc<Bell>) {
    let mut backoff = Backoff::new();
    let mut told = false;
    loop {
        let began = Instant::now();
        let end = hear(&options, &queues, &bell).await;
        if bell.is_heard() {
            bell.hears(Hears::No);
        }
        match end {
            Err(End::Deaf) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!("notifications do not arrive, as through a pooler; polling every second");
                }
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            Err(End::Lost(error)) => {
                tracing::warn!(error = %error, "lost the listener; polling until there is one again");
                if began.elapsed() >= GOOD_AFTER {
                    backoff.reset();
                }
                backoff.pause().await;
            }
            Ok(never) => match never {},
        }
    }
}

async fn hear(
    options: &ConnectOptions,
    queues: &[QueueName],
    bell: &Arc<Bell>,
) -> Result<std::convert::Infallible, End> {
    let (echo, mut echoed) = watch::channel(false);
    let rung = bell.clone();
    let on_notify: OnNotify = Arc::new(move |notification| {
        if is_own_echo(notification.channel()) {
            echo.send_replace(true);
        } else {
            rung.ring();
        }
    });
    let session =
        Session::open(options, SessionRole::Listener, Some(on_notify)).await.map_err(PgError::from)?;
    answered(listen_to_queues(&session, queues)).await?;
    answered(ring_own_bell(&session)).await?;
    let deaf = timeout(ECHO_WITHIN, echoed.wait_for(|heard| *heard)).await.is_err();
    if deaf {
        return Err(End::Deaf);
    }
    bell.hears(Hears::Yes);
    loop {
        tokio::select! {
            () = session.closed() => return Err(PgError::lost("the listener").into()),
            () = tokio::time::sleep(PING_EVERY) => answered(ping(&session)).await?,
        }
    }
}

/// An answer, which on a connection that only listens has nothing to wait for.
async fn answered(asking: impl Future<Output = Result<(), PgError>>) -> Result<(), PgError> {
    let silence = |_| Err(PgError::lost("a listener which does not answer any more"));
    timeout(ECHO_WITHIN, asking).await.unwrap_or_else(silence)
}
