//! Sparing a database which is under pressure: one whose budget of IO is nearly
//! spent, say, and which would be throttled for everybody.
//!
//! The settings have a query that says so. While it says true, passes take small
//! pages with pauses between them; nothing is lost by that but time. A query which
//! fails says nothing, and is told of once.

use crate::config::{Config, Pressure};
use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::pg::pressure::{PressureError, ask};
use crate::pg::session::{Session, SessionRole};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The pause between two pages under pressure.
pub(super) const EASE: Duration = Duration::from_millis(250);

/// Whether the database is under pressure, as last heard.
#[derive(Debug, Default)]
pub struct Gauge(AtomicBool);

impl Gauge {
    /// Whether it is.
    #[must_use]
    pub fn is_high(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// So many rows of a page, or no more than `least` under pressure.
    #[must_use]
    pub fn ease(&self, rows: i64, least: u32) -> i64 {
        if self.is_high() { rows.min(i64::from(least)) } else { rows }
    }

    /// Waits a little under pressure.
    pub async fn pause(&self) {
        if self.is_high() {
            tokio::time::sleep(EASE).await;
        }
    }
}

/// Asks again and again, as long as the term lasts; returns at once if the settings
/// have no such query.
pub(super) async fn watch(config: Arc<Config>, options: ConnectOptions, gauge: Arc<Gauge>) {
    let Some(pressure) = &config.pressure else { return };
    let mut session = None;
    let mut complained = None;
    loop {
        match look(pressure, &options, &mut session).await {
            Ok(high) => {
                complained = None;
                tell(&gauge, high);
            }
            Err(error) => {
                let why = error.to_string();
                if complained.as_ref() != Some(&why) {
                    tracing::warn!(error = %why, "the query of [pressure] says nothing");
                    complained = Some(why);
                }
                session = None;
                tell(&gauge, false);
            }
        }
        tokio::time::sleep(pressure.every).await;
    }
}

async fn look(
    pressure: &Pressure,
    options: &ConnectOptions,
    session: &mut Option<Session>,
) -> Result<bool, PressureError> {
    let open = match session.take().filter(|session| !session.is_closed()) {
        Some(open) => open,
        None => Session::open(options, SessionRole::Query, None).await.map_err(PgError::from)?,
    };
    let high = ask(&open, &pressure.sql).await?;
    *session = Some(open);
    Ok(high)
}

fn tell(gauge: &Gauge, high: bool) {
    if gauge.0.swap(high, Ordering::Relaxed) == high {
        return;
    }
    if high {
        tracing::warn!("the database is under pressure: pages are small and pauses long until it is not");
    } else {
        tracing::info!("the database is not under pressure any more");
    }
}
